"""State, status, metrics and logs of a run, written while it is driven; nothing ever reads them back to decide.

Each is written whole or not at all. One that says otherwise than the log was edited: that is reported, and the next
drive writes it anew (WFS-03, WFS-05 to WFS-07, C2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSet
from dataclasses import field
from typing import Final, TypeAlias

from gonogo.control.opening import Opened
from gonogo.control.root_causing import of_run, read_record
from gonogo.engine.bench import World
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.ledger import time_text
from gonogo.plan.model import Plan
from gonogo.plan.script_defaults import LOG_LEVELS
from gonogo.reports.workflow import METRICS, STATE, STATUS, Told, log_lines, metrics_body, state_body, status_body
from gonogo.run.events import recorded
from gonogo.run.state import fold
from gonogo.terms import Digest, RunId, digest_of
from gonogo.values import dataclass

PAUSE: Final = 1.0
"""So many seconds lie at least between two writings while a run is driven; the last one is always written."""

BODIES: Final[Mapping[str, Callable[[Told], dict[str, Tree]]]] = {
    STATE: state_body,
    STATUS: status_body,
    METRICS: metrics_body,
}
Judged: TypeAlias = MutableSet[tuple[RunId, str, Digest]]
"""Bytes by digest that, as the named file of a run, say what its log says."""
PAST_THE_END = 1 << 40
"""No log is as long: whoever asks for entries after it learns whether there is such a log."""


def folder_of(plan: Plan) -> str:
    """Where the workflow files of a protocol lie below `.artifacts/`: `protocol-14` for the document of that number."""
    return f"protocol-{plan.number or plan.name}"


@dataclass(slots=True)
class WorkflowFiles:
    """The workflow files of one run that is driven."""

    world: World
    plan: Plan
    run: RunId
    written_at: float = field(default=float("-inf"), init=False)

    def follow(self) -> None:
        """Write them where the last writing is long enough ago."""
        now = self.world.clock.monotonic()
        if now - self.written_at >= PAUSE:
            self.written_at = now
            self._write(_told(self.world, self.plan, self.run))

    def finish(self) -> None:
        """Write them and the logs as the run is now."""
        told = _told(self.world, self.plan, self.run)
        self._write(told)
        for name, lines in self._logs(told).items():
            text = "\n".join(lines) + "\n" if lines else ""
            self._put(name, text.encode())

    def _write(self, told: Told) -> None:
        for name, body in BODIES.items():
            self._put(name, write_json(body(told)))

    def _put(self, name: str, data: bytes) -> None:
        self.world.views.write_bytes(f"{folder_of(self.plan)}/{name}", data)

    def _logs(self, told: Told) -> dict[str, list[str]]:
        """The logs by name, at the level of LOG_LEVEL; `error.log` only where there is an error (WFS-07)."""
        least = LOG_LEVELS.index(_level(self.world.environ))
        rows = log_lines(told.entries, self._texts(told))
        shown = [(level, line) for level, line in rows if LOG_LEVELS.index(level) >= least]
        errors = [line for level, line in rows if level == "ERROR"]
        first = [line for _, line in shown if " prerequisites" in line or " run.opened" in line]
        found = {
            "execution.log": [*(line for _, line in shown), *self._root_causes()],
            "validation.log": [line for _, line in shown if " gate." in line or " gate/" in line],
            "workflow-logs/initialisation.log": first,
            f"workflow-logs/{self.run}.log": [line for _, line in shown],
        }
        return found | ({"error.log": errors} if errors else {})

    def _root_causes(self) -> list[str]:
        """The records of root causes with their four fields, after the entries (RSN-05)."""
        found = []
        for entry in of_run(self.world, self.run):
            try:
                words = read_record(self.world, entry).markdown()
            except GonogoError:
                # A record that a clean-up deleted leaves nothing to show.
                continue
            found += [f"{time_text(entry.ts)} INFO {entry.type} {entry.actor}", *words.splitlines()]
        return found

    def _texts(self, told: Told) -> dict[str, str]:
        named = {str(entry.data.get("detail")) for entry in told.entries if entry.data.get("detail")}
        return {digest: self._text(Digest(digest)) for digest in named}

    def _text(self, digest: Digest) -> str:
        try:
            return self.world.vault.read(digest).decode("utf-8", "replace")
        except GonogoError:
            # A text that a clean-up deleted leaves its line without words.
            return ""


def _level(environ: Mapping[str, str]) -> str:
    wanted = environ.get("LOG_LEVEL", "INFO").upper()
    return wanted if wanted in LOG_LEVELS else "INFO"


def _told(world: World, plan: Plan, run: RunId, upto: int | None = None) -> Told:
    entries = world.journal.entries(run)
    if upto is not None:
        entries = entries[: upto + 1]
    return Told(run, plan, fold(plan, (recorded(entry) for entry in entries)), entries)


def edited_files(world: World, opened: Opened, known: Judged | None = None) -> tuple[str, ...]:
    """Workflow files of a run that are not what its log says they were, one sentence each.

    `known` keeps what was found right: a log only grows, so the same bytes are right for ever.
    """
    judged = set() if known is None else known
    return tuple(
        f"{folder_of(opened.plan)}/{name} was edited by hand"
        for name in BODIES
        if _is_edited(world, opened, name, judged)
    )


def has_metrics(world: World, opened: Opened) -> bool:
    """Whether the metrics of a run are there, about this very run, as its log says they are (HND-02)."""
    data = world.views.read_bytes(f"{folder_of(opened.plan)}/{METRICS}")
    if data is None or _is_edited(world, opened, METRICS, set()):
        return False
    return read_object(data, name=METRICS, limit=1 << 24).get("run_id") == opened.run


def _is_run(world: World, name: object) -> bool:
    """Whether a run of this name is in the journal; asked for by its end alone, however many runs there are."""
    try:
        world.journal.entries(RunId(str(name)), PAST_THE_END)
    except BadInput:
        return False
    return True


def _is_edited(world: World, opened: Opened, name: str, judged: Judged) -> bool:
    data = world.views.read_bytes(f"{folder_of(opened.plan)}/{name}")
    if data is None:
        return False
    key = opened.run, name, digest_of(data)
    if key in judged:
        return False
    if _says_otherwise(world, opened, name, data):
        return True
    judged.add(key)
    return False


def _says_otherwise(world: World, opened: Opened, name: str, data: bytes) -> bool:
    try:
        body = read_object(data, name=name, limit=1 << 24)
    except BadInput:
        return True
    if body.get("run_id") != opened.run:
        # The newest run of a protocol has the files; where they are about another one, that one answers for them.
        return not _is_run(world, body.get("run_id"))
    revision = body.get("revision")
    if not isinstance(revision, int) or not 0 <= revision < len(opened.entries):
        return True
    told = _told(world, opened.plan, opened.run, revision)
    return write_json(BODIES[name](told)) != data
