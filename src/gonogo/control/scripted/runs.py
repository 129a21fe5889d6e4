"""Scripts that act: they drive the run of a protocol, through the same door and the same gates as `gonogo run`.

`run_protocol_gates.py` executes the whole protocol; the rehearsals drive it until their own report is on file, and not
one act further (CMD-06, CMD-07, CMD-42, CMD-58, CMD-69).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.control.opening import Opened
from gonogo.control.scripted.workplace import (
    RELEASE,
    Asked,
    Ended,
    bench_of,
    beside,
    file_away,
    newest_run,
    remember_attempt,
    stored_digest,
    task_that,
)
from gonogo.control.sources import releases_of
from gonogo.control.viewing import text_of, view
from gonogo.errors import BadInput, Broken, Busy, GonogoError, Refused
from gonogo.evidence.canonical import Found, Tree, read_object, resolve_pointer
from gonogo.evidence.ledger import time_text
from gonogo.plan.limits import seconds_of, time_limit
from gonogo.plan.reading import duration_of
from gonogo.ports import Notice
from gonogo.reports.workflow import log_lines
from gonogo.run.events import Recorded, type_of
from gonogo.run.state import RunState
from gonogo.terms import Digest, Occasion, RunId

SUPERVISOR: Final = ("release_manager",)
RERUNS: Final = 3
"""So often Command 2 is tried again after a transient fault (C25)."""

REPORTS: Final = {
    "rehearsal": ("rehearsal-report.json", "/deployment_status", "success"),
    "rollback-proof": ("rollback-verification-report.json", "/rollback_verification/status", "pass"),
}


class _Reached(GonogoError):
    """The run has come to where it was to be driven."""


def _release(asked: Asked) -> str:
    named = asked.door.world.environ.get(RELEASE, "")
    known = releases_of(asked.door.workspace)
    if named or len(known) == 1:
        return named or known[0]
    what = "several releases have a manifest" if known else "no release has a manifest yet"
    raise BadInput(what, where=asked.door.workspace.project.manifest, next_step=f"export {RELEASE}=VERSION")


def _run(asked: Asked) -> Opened:
    """The newest run of the protocol; a new one where there is none."""
    return newest_run(asked) or asked.door.open(asked.about, _release(asked), asked.actor)


def step(asked: Asked) -> Ended:
    """Drive the run until a step of staging is done; the report that the step wrote decides."""
    if asked.given.get("env", "staging") != "staging":
        raise Refused(f"{asked.script.name} touches staging only", next_step="--env staging")
    what = asked.script.subject
    name, pointer, wanted = REPORTS[what]
    opened = _run(asked)
    task = task_that(opened.plan, what)
    if stored_digest(opened, name) is None:
        _drive_until(asked, opened, task.id)
        opened = asked.door.load(opened.run)
    if stored_digest(opened, name) is None:
        return _kept_out(asked, opened)
    return _reported(asked, opened, (name, pointer, wanted))


def _drive_until(asked: Asked, opened: Opened, task: str) -> None:
    def heard(state: RunState, event: Recorded) -> None:
        asked.tell(type_of(event.event))
        known = state.tasks.get(task)
        if known is not None and known.outcome:
            raise _Reached(task)

    try:
        asked.door.drive(opened.run, patient=False, listener=heard)
    except _Reached:
        return


def _kept_out(asked: Asked, opened: Opened) -> Ended:
    seen = view(asked.door.world, opened)
    waiting = tuple(f"waits at `{item.point}` for {'; '.join(item.missing)}" for item in seen.waiting)
    lines = (*((f"why: {seen.halt}",) if seen.halt else ()), *waiting, f"next: {seen.next_step}")
    return Ended(1 if seen.halt else 2, f"{opened.run} did not come to this step", lines)


def _reported(asked: Asked, opened: Opened, report: tuple[str, str, str]) -> Ended:
    name, pointer, wanted = report
    bench = bench_of(asked, opened)
    body = read_object(bench.stored(name), name=name, limit=1 << 24)
    found = resolve_pointer(body, pointer)
    status = str(found.value) if isinstance(found, Found) else "unknown"
    told = ("recorded by", opened.run, "at", time_text(opened.state.evidence[name].at))
    faults = _slower(asked, body) if "rto" in asked.given else ()
    code = 0 if status == wanted and not faults else 1
    return Ended(code, f"{name} says {status}", (" ".join(told), *faults), tuple(_copies(asked, opened)))


def _slower(asked: Asked, body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Why the recovery took longer than a command line asked for; the configured objective holds besides (C12)."""
    found = resolve_pointer(body, "/rollback_verification/recovery_time")
    measured = duration_of(found.value) if isinstance(found, Found) and isinstance(found.value, str) else None
    limit = time_limit(asked.given["rto"])
    if measured is None or limit is None:
        return ("the recovery time was not measured",)
    if measured > seconds_of(limit):
        return (f"recovery took {measured} s, asked for at most {limit.total_seconds():g} s",)
    return ()


def _copies(asked: Asked, opened: Opened) -> Iterator[str]:
    """The files of the step under the names that were asked for; bytes of the store."""
    output = asked.given.get("output", "")
    if not output:
        return
    world = asked.door.world
    for written in asked.script.writes:
        digest = stored_digest(opened, written)
        if digest is not None:
            path = output if written.rpartition(".")[2] == output.rpartition(".")[2] else beside(output, written)
            yield file_away(asked, world.vault.read(digest), path)


def execute(asked: Asked) -> Ended:
    """Execute the protocol: open or go on with its run, as far as it goes; 0 success, 1 error, 2 a gate failed."""
    opened = _run(asked)
    _inputs(asked, opened)
    try:
        tries = _driven(asked, opened.run)
    except (Busy, Broken) as error:
        lines = (str(error), *_escalated(asked, opened.run, str(error)))
        return Ended(1, "execution error", lines, _log(asked, asked.door.load(opened.run)))
    done = asked.door.load(opened.run)
    files = (*_log(asked, done), *_outputs(asked, done))
    seen = view(asked.door.world, done)
    code = _code(done)
    told = [f"{opened.run}: {seen.outcome or seen.status}", *tries]
    told += [f"why: {seen.halt}"] if seen.halt else []
    told += [f"waits at `{item.point}` for {'; '.join(item.missing)}" for item in seen.waiting]
    told += [f"next: {seen.next_step}"] if seen.next_step else []
    told += _escalated(asked, opened.run, seen.halt or "a gate failed") if seen.halt else ()
    return Ended(code, {0: "success", 1: "execution error"}.get(code, "gates not passed"), tuple(told), files)


def _driven(asked: Asked, run: RunId) -> list[str]:
    """Drive; after a fault of disk, lock or target again, up to three times. A halt is never lifted by this."""
    told: list[str] = []
    most = RERUNS if asked.given["error-handling"] == "retry" else 0
    for attempt in range(most + 1):
        try:
            asked.door.drive(run, patient=False, listener=lambda _state, event: asked.tell(type_of(event.event)))
        except (Busy, Broken) as error:
            if attempt == most:
                raise
            told.append(f"rerun {attempt + 1} of {most}: {error.what}")
            remember_attempt(asked, attempt + 1, most, error.what)
            continue
        break
    return told


def _code(done: Opened) -> int:
    """0 where the protocol ended well; 2 where a gate did not pass or people are awaited; else 1."""
    if done.state.outcome in {"ready", "released"}:
        return 0
    halted = done.state.halted
    at_gate = halted is not None and halted.stage.startswith("gate/")
    if at_gate or (halted is None and not done.state.outcome):
        return 2
    return 1


def _escalated(asked: Asked, run: RunId, why: str) -> tuple[str, ...]:
    if asked.given["error-handling"] != "escalate":
        return ()
    levels = [f"level {level.level}: {level.contact}" for level in asked.door.workspace.project.operations.escalation]
    opened = asked.door.load(run)
    notice = Notice(
        run=run,
        number=-1,
        at=asked.door.world.clock.now(),
        sender=str(asked.actor),
        project=opened.plan.project.name,
        release=opened.plan.release.version,
        phase=0,
        severity="CRITICAL",
        to=SUPERVISOR,
        prefix=f"[PROTOCOL {asked.script.number} ERROR]",
        text=f"{run} needs a person: {why}",
        occasion=Occasion.HALTED,
        environment=opened.plan.environment,
    )
    asked.door.world.announcer.say(notice)
    return (f"escalated to {', '.join(levels) or 'nobody: `operations.escalation` is empty'}; it waits for a person",)


def _inputs(asked: Asked, opened: Opened) -> None:
    """Lay the inputs out in the input folder; a file of the same name with other bytes is an error (C2, WFS-08)."""
    folder = asked.given.get("input", "")
    if not folder:
        return
    world = asked.door.world
    for name, binding in opened.plan.project.artifacts.items():
        seen, given = world.files.see(binding.path), world.files.see(f"{folder.rstrip('/')}/{name}")
        if seen.digest is None:
            continue
        if given.digest not in {None, seen.digest}:
            raise BadInput(
                f"{given.path} is another file than {binding.path}", next_step="keep one; gonogo.yaml names the second"
            )
        file_away(asked, world.files.read(binding.path), f"{folder.rstrip('/')}/{name}")


def _outputs(asked: Asked, done: Opened) -> tuple[str, ...]:
    folder = asked.given.get("output", "").rstrip("/")
    if not folder:
        return ()
    vault = asked.door.world.vault
    digests = {item.name: item.digest for item in done.state.evidence.values()}
    digests |= {item.name: item.sha256 for item in done.state.packages.values()}
    paths = []
    for name, digest in sorted(digests.items()):
        paths.append(file_away(asked, vault.read(digest, limit=1 << 30), f"{folder}/{name}"))
    return tuple(paths)


def _log(asked: Asked, done: Opened) -> tuple[str, ...]:
    """The execution log: what the ledger of the run says, a line each (WFS-07, F50)."""
    path = asked.given.get("log-file", "")
    if not path:
        return ()
    details = {str(entry.data.get("detail")) for entry in done.entries if entry.data.get("detail")}
    texts = {digest: text_of(asked.door.world, Digest(digest)) for digest in details}
    lines = "".join(f"{line}\n" for _, line in log_lines(done.entries, texts))
    return (file_away(asked, lines.encode(), path),)
