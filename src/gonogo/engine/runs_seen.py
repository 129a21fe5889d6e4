"""Finished commands of this run, as the evidence files list them, and what earlier runs sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gonogo.engine.bench import Bench
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.ledger import Entry, time_of
from gonogo.measure.command_runs import CommandRun
from gonogo.plan.model import Execute, Task
from gonogo.run.events import EvidenceSealed, recorded
from gonogo.run.state import TaskState
from gonogo.terms import Digest, RunId, argv_digest
from gonogo.values import dataclass


def when(known: TaskState | None, name: str) -> datetime | None:
    """A moment that a task's facts hold."""
    value = known.facts.get(name) if known else None
    return time_of(value) if isinstance(value, str) else None


def text(known: TaskState | None, name: str) -> str:
    """A text that a task's facts hold; empty where there is none."""
    value = known.facts.get(name) if known else None
    return value if isinstance(value, str) else ""


def command_run(bench: Bench, task: Task, known: TaskState, log_range: tuple[int, int] = (0, 0)) -> CommandRun:
    """A finished command: its argument list, the script it ran by digest, when, and how it ended."""
    assert isinstance(task.act, Execute)
    binding = bench.plan.project.commands[task.act.command]
    argv = (*binding.run, *task.act.extra)
    pinned = next((bench.plan.scripts[argument] for argument in argv if argument in bench.plan.scripts), None)
    script = pinned or argv_digest(argv)
    code = known.facts.get("exit_code")
    # Whatever its exit status was, it is lost: that it took effect was found by a probe, or stated by a signature.
    settled = known.facts.get("settled") in {"probe", "person"}
    return CommandRun(
        argv=argv,
        script_sha256=script,
        started_at=when(known, "started_at") or known.began,
        ended_at=when(known, "ended_at") or known.ended,
        exit_code=code if isinstance(code, int) else (0 if settled else None),
        repeatable=task.act.repeatable,
        log_range=log_range,
    )


def output(bench: Bench, known: TaskState, name: str) -> bytes:
    """The captured output `stdout` or `stderr` of a finished command."""
    digest = text(known, name)
    return bench.world.vault.read(Digest(digest)) if digest else b""


MOST_SEALED = 16 << 20


@dataclass(frozen=True, slots=True)
class SealedBefore:
    """A JSON file that an earlier run sealed; `body` is None where it was deleted since, or cannot be read."""

    run: RunId
    digest: Digest
    body: Mapping[str, Tree] | None


def sealed_before(bench: Bench, name: str, counts: Callable[[Bench, Sequence[Entry]], bool]) -> SealedBefore | None:
    """The file `name` as the newest earlier run sealed it last, among the runs whose entries count."""
    for run in reversed(bench.world.journal.runs()):
        entries = bench.world.journal.entries(run) if run != bench.run else ()
        if not entries or not counts(bench, entries):
            continue
        for entry in reversed(entries):
            event = recorded(entry).event
            if isinstance(event, EvidenceSealed) and event.name == name:
                return SealedBefore(run, event.sha256, _body(bench, name, event.sha256))
    return None


def _body(bench: Bench, name: str, digest: Digest) -> Mapping[str, Tree] | None:
    try:
        return read_object(bench.world.vault.read(digest), name=name, limit=MOST_SEALED)
    except GonogoError:
        return None


PRINTED = "stdout"
"""The name by which a project binds what a command printed as its report."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A file that a command of the present attempt left in its output folder, and what is known of that command."""

    digest: Digest
    data: bytes
    began_at: datetime
    ended_at: datetime | None
    exit_code: int | None


def left_behind(bench: Bench, command: str, name: str) -> LeftBehind | None:
    """The file `name` (or PRINTED) that `command` left in this step and attempt; never an earlier attempt's.

    Raises BadInput, naming the file, where it is larger than what is read.
    """
    known = ended_here(bench, command)
    files = known.facts.get("out") if known else None
    digest = files.get(name) if isinstance(files, Mapping) else None
    if known and digest is None and name == PRINTED:
        digest = known.facts.get(PRINTED)
    if known is None or not isinstance(digest, str):
        return None
    try:
        data = bench.world.vault.read(Digest(digest))
    except BadInput as error:
        raise BadInput(
            f"{name}, which `{command}` left: {error.what}",
            where=name,
            next_step="let it write less, or several reports",
        ) from error
    code = known.facts.get("exit_code")
    began_at = when(known, "started_at") or known.began
    exit_code = code if isinstance(code, int) else None
    return LeftBehind(Digest(digest), data, began_at, when(known, "ended_at"), exit_code)


def ended_here(bench: Bench, command: str) -> TaskState | None:
    """The finished task of this step and attempt that ran `command`; None where it did not run, or not now."""
    for task in bench.stage.tasks:
        known = bench.state.tasks.get(task.id)
        if isinstance(task.act, Execute) and task.act.command == command and known and known.attempt == bench.attempt:
            return known
    return None


def left_nothing(bench: Bench, command: str, name: str) -> str:
    """Why there is no report: that the command did not write it, how it ended, and its last words where stored."""
    known = ended_here(bench, command)
    code = known.facts.get("exit_code") if known else None
    status = f" and ended with exit status {code}" if isinstance(code, int) else ""
    words = output(bench, known, "stderr") if known else b""
    last = " ".join(words.decode("utf-8", "replace").split())[-160:]
    said = f" (its last words: {last})" if last else ""
    return f"`{command}` left no {name}{status}{said}; let it write {name} into GONOGO_OUT"


def stage_began(bench: Bench) -> datetime:
    """When the first act of the present step began; now, where none did."""
    own = {task.id for task in bench.stage.tasks}
    return min((known.began for name, known in bench.state.tasks.items() if name in own), default=bench.now)


def log_of(bench: Bench, runs: tuple[tuple[Task, TaskState], ...]) -> tuple[str, tuple[CommandRun, ...]]:
    """The log of several commands with every output whole, and the commands with their line ranges in it (REH-02)."""
    lines: list[str] = []
    found = []
    for task, known in runs:
        first = len(lines) + 1
        run = command_run(bench, task, known)
        lines.append(f"$ {' '.join(run.argv)}")
        lines.append(f"# started {run.started_at.isoformat()}")
        for name in ("stdout", "stderr"):
            printed = output(bench, known, name).decode("utf-8", "replace").splitlines()
            lines += [f"{name}| {line}" for line in printed]
        ended = run.ended_at.isoformat() if run.ended_at else "never seen"
        lines.append(f"# ended {ended}, exit status {run.exit_code}")
        found.append(command_run(bench, task, known, (first, len(lines))))
    return "\n".join(lines) + "\n", tuple(found)
