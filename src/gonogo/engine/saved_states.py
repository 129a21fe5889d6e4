"""What the commands of a rehearsal have to show beyond their exit status (REH-03, SNP-01, SNP-02)."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.engine.bench import Bench
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure.log_errors import printed_errors
from gonogo.plan.model import Execute
from gonogo.ports import Sealed
from gonogo.run.state import TaskState
from gonogo.terms import Digest

SNAPSHOT_FILE = "snapshot.json"
REHEARSED = frozenset({"deploy", "redeploy", "rollback", "snapshot", "restore"})
MOST_SHOWN = 3


def rehearsal_faults(bench: Bench, stderr: Digest, files: Sequence[Sealed]) -> list[str]:
    """What is wrong with a command of a rehearsal that ended well: unexpected errors, a snapshot without a name.

    In production the same line stops nothing: the script was rehearsed, and the judge looks at what it did.
    """
    act = bench.task.act
    if not isinstance(act, Execute):
        return []
    nameless = [_nameless(bench, files)] if act.purpose == "snapshot" else []
    if act.purpose not in REHEARSED or bench.plan.project.environments[act.environment].kind != "staging":
        return [fault for fault in nameless if fault]
    printed = bench.world.vault.read(stderr).decode("utf-8", "replace")
    found = printed_errors(printed, bench.plan.project.commands[act.command].tolerates).unexpected
    shown = [f"it printed an unexpected error (stderr line {number}): {text}" for number, text in found[:MOST_SHOWN]]
    return [*shown, *(fault for fault in nameless if fault)]


def _nameless(bench: Bench, files: Sequence[Sealed]) -> str:
    digest = next((file.digest for file in files if file.path == SNAPSHOT_FILE), None)
    if digest is None:
        return f"it left no {SNAPSHOT_FILE}, so that nobody could name the snapshot"
    try:
        return "" if _named(bench, digest) else f"{SNAPSHOT_FILE} holds no `id`"
    except GonogoError as error:
        return f"{SNAPSHOT_FILE} cannot be read: {error.what}"


def _named(bench: Bench, digest: Digest) -> str:
    found = read_object(bench.world.vault.read(digest), name=SNAPSHOT_FILE).get("id")
    return found if isinstance(found, str) else ""


def saved_state(bench: Bench, environment: str) -> str:
    """The id of the snapshot that this run took of an environment; BadInput where it took none."""
    for task, known in bench.commands_run("snapshot"):
        if isinstance(task.act, Execute) and task.act.environment == environment:
            digest = snapshot_digest(known)
            if digest is not None:
                return _named(bench, digest)
    raise BadInput(
        f"this run saved no state of {environment} that could be brought back",
        where="snapshot.take",
        next_step=f"let the command leave {SNAPSHOT_FILE} with an `id` in GONOGO_OUT",
    )


def snapshot_digest(known: TaskState) -> Digest | None:
    """The digest of what a snapshot command said of its snapshot."""
    files = known.facts.get("out")
    found = files.get(SNAPSHOT_FILE) if isinstance(files, dict) else None
    return Digest(found) if isinstance(found, str) else None
