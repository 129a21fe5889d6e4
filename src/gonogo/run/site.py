"""What the log of the site says about runs: the whole population of changes, for an auditor (P9).

An entry stands in the site's log for each run that was opened or closed, and each package that was sealed; it names the
run by id and its log by digest, so that neither can be exchanged without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.run.events import Event, PackageSealed, RunClosed, RunOpened
from gonogo.terms import Digest, Json, RunId

OPENED = "run.opened"
CLOSED = "run.closed"
SEALED = "package.sealed"
TRUST_CHANGED = "trust.changed"
TRUST_REFUSED = "trust.refused"
LIMITS_CHANGED = "limits.changed"
DELETED = "retention.deleted"
ERASED = "retention.erased"
HELD = "retention.held"
ANCHORED = "anchor.made"
ROOT_CAUSE = "rootcause.recorded"
HANDOFF_SIGNED = "handoff.signed"
"""Owner or receiver signed for the package that a run hands over."""

DRY_RUN_PROVED = "script.proved"
"""A trial at a fake target showed that the dry run of a command, with exactly these scripts, changes nothing."""


ADOPTED = "workspace.adopted"
STOPPED = "environment.stopped"
RELEASED = "environment.released"
"""Every run is stopped before its next effect on an environment, and that stop is lifted."""


def hold_note(environment: str, reason: str | None) -> tuple[str, dict[str, Json]]:
    """Type and data of the entry that an environment was stopped (a reason), or its stop lifted (None)."""
    if reason is None:
        return RELEASED, {"environment": environment}
    return STOPPED, {"environment": environment, "reason": reason}


def stops_on_record(site: Iterable[Entry], before: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """The environments that are stopped for everybody, each with the entry that says so; `before` were so already."""
    found = dict(before or {})
    for entry in site:
        environment = str(entry.data.get("environment", ""))
        if entry.type == STOPPED:
            found[environment] = entry
        elif entry.type == RELEASED:
            found.pop(environment, None)
    return found


def is_any_open(site: Iterable[Entry]) -> bool:
    """Whether a run was opened that is not closed."""
    entries = tuple(site)
    closed = {entry.data.get("run") for entry in entries if entry.type == CLOSED}
    return any(entry.type == OPENED and entry.data.get("run") not in closed for entry in entries)


def is_received(site: Iterable[Entry], run: RunId) -> bool:
    """Whether the newest receipt for what a run handed over says that it is ready, without a question (HND-07)."""
    receipts = [
        entry.data
        for entry in site
        if entry.type == HANDOFF_SIGNED and entry.data.get("run") == run and entry.data.get("part") == "receiver"
    ]
    return bool(receipts) and receipts[-1].get("ready") is True


def proved_fields(command: str, argv: Iterable[str], scripts: Mapping[str, Digest]) -> dict[str, Json]:
    """What stands in the entry that a dry run was shown to change nothing: arguments and scripts, by digest."""
    return {
        "command": command,
        "argv": list(argv),
        "scripts": {path: scripts[path] for path in sorted(scripts)},
    }


def is_proved(site: Iterable[Entry], fields: Mapping[str, Json]) -> bool:
    """Whether the site's log shows a trial of exactly this command with exactly these scripts."""
    return any(
        entry.type == DRY_RUN_PROVED and all(_plain(entry.data.get(name)) == fields[name] for name in fields)
        for entry in site
    )


def _plain(value: Tree | None) -> Json | None:
    match value:
        case Mapping():
            return {name: str(item) for name, item in value.items()}
        case list() | tuple():
            return [str(item) for item in value]
        case _:
            return str(value)


def opening_note(run: RunId, event: RunOpened, plan_sha256: str) -> tuple[str, dict[str, Json]]:
    """Type and data of the entry that says that a run was opened."""
    return OPENED, {
        "run": run,
        "protocol": event.protocol,
        "release": event.release,
        "version": event.version,
        "release_digest": event.release_digest,
        "environment": event.environment,
        "requested_by": event.requested_by,
        "plan_sha256": plan_sha256,
    }


def site_note(run: RunId, event: Event, entry: Entry) -> tuple[str, dict[str, Json]] | None:
    """Type and data of the entry that an event of a run brings with it; None where it brings none.

    `entry` is the event's own line: its number and digest fix the whole log of the run before it.
    """
    place: dict[str, Json] = {"run": run, "size": entry.seq + 1, "head": entry.digest}
    match event:
        case PackageSealed():
            what: dict[str, Json] = {"package": event.package, "name": event.name, "sha256": event.sha256}
            return SEALED, {**place, **what}
        case _:
            return None


def closing_note(run: RunId, event: RunClosed, entry: Entry, checkpoint: Digest) -> tuple[str, dict[str, Json]]:
    """Type and data of the entry that says that a run is over; `checkpoint` is the stored note over its whole log."""
    place: dict[str, Json] = {"run": run, "size": entry.seq + 1, "head": entry.digest}
    return CLOSED, {**place, "outcome": event.outcome, "checkpoint_sha256": checkpoint}
