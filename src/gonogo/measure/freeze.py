"""The change freeze: body of `change-freeze-confirmation.json` and its Markdown twin (F13, FRZ-01..05, DG2-02, NB-16).

An acknowledgement counts once for a required person, when it is signed and was given after this freeze was announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, share, time_text
from gonogo.measure.markdown import page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One verified, personal acknowledgement."""

    person: str
    role: str
    at: datetime
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True)
class BranchLock:
    """What a probe said about the lock of the deployment branch."""

    branch: str
    locked: bool
    probe_at: datetime


@dataclass(frozen=True, slots=True)
class QueuedChange:
    """A change that waits; whether it conflicts is a recorded answer."""

    id: str
    conflicts: bool


@dataclass(frozen=True, slots=True)
class FreezeSeen:
    """One freeze, from its announcement on, with everybody who has to acknowledge it.

    `branch_lock` is None where the project binds no probe: the freeze then rests on the acknowledgements alone.
    """

    announced_at: datetime
    started_at: datetime
    ends_at: datetime
    stakeholders: tuple[str, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    branch_lock: BranchLock | None
    queued_changes: tuple[QueuedChange, ...] = ()


def freeze_body(seen: FreezeSeen) -> Body:
    """Body of the freeze confirmation (F13); BadInput for an empty list of stakeholders (DG2-02)."""
    if not seen.stakeholders:
        raise BadInput("nobody is listed to acknowledge the freeze", next_step="list freeze stakeholders or approvers")
    raw: Body = {
        "freeze": {
            "announced_at": time_text(seen.announced_at),
            "started_at": time_text(seen.started_at),
            "ends_at": time_text(seen.ends_at),
        },
        "stakeholders": sorted(set(seen.stakeholders)),
        "queued_changes": [{"id": change.id, "conflicts": change.conflicts} for change in seen.queued_changes],
        "acknowledgements": [
            {
                "person": one.person,
                "role": one.role,
                "at": time_text(one.at),
                "key_id": one.key_id,
                "signature": one.signature,
            }
            for one in seen.acknowledgements
        ],
    }
    if seen.branch_lock is not None:
        raw["branch_lock"] = {
            "branch": seen.branch_lock.branch,
            "locked": seen.branch_lock.locked,
            "probe_at": time_text(seen.branch_lock.probe_at),
        }
    return filled(raw, derived_freeze(raw))


def derived_freeze(body: Mapping[str, Tree]) -> Derived:
    """Counts, acknowledgement rate, and whether the freeze is in effect (III.2, FRZ-02, FRZ-03)."""
    fields = Fields(body)
    required = set(fields.texts("stakeholders"))
    acknowledged = required - set(waiting_for(body))
    lock = fields.maybe_part("branch_lock")
    quiet = not any(change.flag("conflicts") for change in fields.rows("queued_changes"))
    started_at = fields.part("freeze").moment("started_at")
    held = lock is None or (lock.flag("locked") and lock.moment("probe_at") >= started_at)
    return {
        "/freeze/required": len(required),
        "/freeze/acknowledged": len(acknowledged),
        "/freeze/acknowledgement_rate": share(len(acknowledged), len(required)),
        "/freeze/in_effect": bool(required) and acknowledged == required and quiet and held,
    }


def waiting_for(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Stakeholders who have not acknowledged this freeze yet (FRZ-04)."""
    fields = Fields(body)
    announced_at = fields.part("freeze").moment("announced_at")
    given = {
        row.text("person")
        for row in fields.rows("acknowledgements")
        if row.filled("signature") and row.filled("key_id") and row.moment("at") >= announced_at
    }
    return tuple(sorted(set(fields.texts("stakeholders")) - given))


def freeze_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `change-freeze-confirmation.md`, rendered from the body (FRZ-05)."""
    fields = Fields(body)
    freeze, lock = fields.part("freeze"), fields.maybe_part("branch_lock")
    locks = [(lock.text("branch"), lock.flag("locked"), lock.text("probe_at"))] if lock else []
    given = [
        (row.text("person"), row.text("role"), row.text("at"), row.text("key_id"))
        for row in fields.rows("acknowledgements")
    ]
    changes = [(row.text("id"), row.flag("conflicts")) for row in fields.rows("queued_changes")]
    return page(
        "Change freeze",
        f"From {freeze.text('started_at')} to {freeze.text('ends_at')}; in effect: "
        f"{'yes' if freeze.flag('in_effect') else 'no'}; "
        f"{freeze.count('acknowledged')} of {freeze.count('required')} acknowledged.",
        section("Branch", table(("Branch", "Locked", "Probed at"), locks)),
        section("Acknowledgements", table(("Person", "Role", "At", "Key"), given)),
        section("Waiting for", table(("Person",), [(person,) for person in waiting_for(body)])),
        section("Queued changes", table(("Change", "Conflicts"), changes)),
    )
