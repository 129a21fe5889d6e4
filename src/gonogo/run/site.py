"""What the log of the site says about runs: the whole population of changes, for an auditor (P9).

An entry stands in the site's log for each run that was opened or closed, and each package that was sealed; it names the
run by id and its log by digest, so that neither can be exchanged without the other.
"""

from __future__ import annotations

from gonogo.evidence.ledger import Entry
from gonogo.run.events import Event, PackageSealed, RunClosed, RunOpened
from gonogo.terms import Json, RunId

OPENED = "run.opened"
CLOSED = "run.closed"
SEALED = "package.sealed"
TRUST_CHANGED = "trust.changed"
TRUST_REFUSED = "trust.refused"
LIMITS_CHANGED = "limits.changed"
DELETED = "retention.deleted"


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
        case RunClosed():
            return CLOSED, {**place, "outcome": event.outcome}
        case PackageSealed():
            what: dict[str, Json] = {"package": event.package, "name": event.name, "sha256": event.sha256}
            return SEALED, {**place, **what}
        case _:
            return None
