"""What is kept, how long, and what a clean-up may delete (ARC-02 to ARC-06, ARC-09, F33, C50).

Active files stay 90 days from the recorded deployment, archived packages three years from the recorded closure of the
project. An unknown start means keep. Longer by a signed statement of a release manager, shorter never, but for a signed
erasure of personal data. The inventory is written before anything is deleted; digests and log stay for ever.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.closed import closed, moment_text, names
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.signers import ROLE, Ring
from gonogo.evidence.sshsig import verify
from gonogo.terms import Digest
from gonogo.values import dataclass

ACTIVE: Final = timedelta(days=90)
ARCHIVED_YEARS: Final = 3
NAMESPACE: Final = "gonogo/retention/v1"
MOST_STATEMENT: Final = 1 << 20

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
EXTEND: Final = "extend"
RELEASE: Final = "release"
ERASE: Final = "erase"
ACTIONS: Final = (EXTEND, RELEASE, ERASE)
GONE: Final = frozenset({"deleted", "erased"})
"""What an inventory says of files that are no more."""

_ACTION: Final = re.compile("|".join(ACTIONS))
_FIELDS: Final = names("schema objects action until justification signer signed_at")


class Holding(enum.Enum):
    """How a file is held: in the working store, or as an archived package."""

    ACTIVE = "active"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Held:
    """A stored file, with the facts that its time counts from; None is not known."""

    path: str
    digest: Digest
    size: int
    stored_at: datetime
    holding: Holding
    deployed_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Override:
    """A signed wish: keep files until a time, let an earlier wish go, or erase them now."""

    objects: frozenset[Digest]
    action: str
    until: datetime
    approver: str
    reason: str
    at: datetime
    signature: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the inventory: what happens to a file, and why."""

    held: Held
    age_days: int
    action: str
    why: str


def read_override(data: bytes, signature: bytes, ring: Ring, now: datetime) -> Override:
    """A retention statement, verified. Raises Refused where it does not count, BadInput where it cannot be read."""
    key = verify(signature, data, NAMESPACE)
    fields = closed(read_object(data, name="retention.json", limit=MOST_STATEMENT), "retention.json", _FIELDS)
    signer = fields.part("signer", names("person role"))
    person, role = ring.person(signer.text("person", HANDLE)), signer.text("role", ROLE)
    rule = ring.rule("retention")
    listed = person is not None and role in person.roles and any(one.key.blob == key.blob for one in person.keys)
    if person is None or rule is None or not listed or role not in rule.roles or ring.revocation(key) is not None:
        able = ", ".join(one.handle for need in sorted(rule.roles if rule else ()) for one in ring.holding(need))
        raise Refused(
            "a retention override is not signed by somebody who may", next_step=f"let one of these sign: {able}"
        )
    objects = frozenset(Digest(text) for text in fields.texts("objects") if _DIGEST.fullmatch(text))
    reason = fields.text("justification").strip()
    if not objects or len(objects) != len(fields.texts("objects")) or not reason:
        raise BadInput("names no files, or no reason", where="retention.json", next_step="name digests and a reason")
    signed_at = fields.moment("signed_at")
    if signed_at > now + timedelta(minutes=10):
        raise Refused("a retention override is dated in the future", next_step="set the clock right and sign again")
    return Override(
        objects, fields.text("action", _ACTION), fields.moment("until"), person.handle, reason, signed_at, signature
    )


def inventory(files: Sequence[Held], overrides: Sequence[Override], now: datetime) -> tuple[Row, ...]:
    """What a clean-up at `now` does with every file, in their order. Nothing is deleted on a guess."""
    return tuple(_row(held, overrides, now) for held in files)


def _row(held: Held, overrides: Sequence[Override], now: datetime) -> Row:
    age = (now - held.stored_at).days
    wish = _wish(held, overrides)
    if wish is not None and wish.action == ERASE:
        return Row(held, age, "erased", f"erasure ordered by {wish.approver} at {moment_text(wish.at)}: {wish.reason}")
    if wish is not None and wish.until > now:
        return Row(held, age, "kept", f"until {moment_text(wish.until)} by {wish.approver}: {wish.reason}")
    end = end_of(held)
    if end is None:
        missing = "deployment" if held.holding is Holding.ACTIVE else "closure of the project"
        return Row(held, age, "kept", f"the {missing} is not recorded, so its time has not begun")
    if now < end:
        return Row(held, age, "kept", f"until {moment_text(end)}")
    return Row(held, age, "deleted", f"its time ended at {moment_text(end)}")


def _wish(held: Held, overrides: Sequence[Override]) -> Override | None:
    """The newest statement about the file decides; releasing only ends an earlier wish, never the time itself."""
    about = sorted((item for item in overrides if held.digest in item.objects), key=lambda item: item.at)
    return about[-1] if about and about[-1].action != RELEASE else None


def end_of(held: Held) -> datetime | None:
    """When the time of a file ends; None where its start is not recorded."""
    if held.holding is Holding.ACTIVE:
        return None if held.deployed_at is None else held.deployed_at + ACTIVE
    return None if held.closed_at is None else _years_later(held.closed_at, ARCHIVED_YEARS)


def _years_later(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # The 29th of February: the day after, so that nothing goes a day too early.
        return moment.replace(year=moment.year + years, month=3, day=1)


def row_tree(row: Row) -> Mapping[str, str | int]:
    """A row of the inventory as it stands in `cleanup-log.json` and on the command line (F33)."""
    return {
        "path": row.held.path,
        "sha256": row.held.digest,
        "size": row.held.size,
        "age_days": row.age_days,
        "action": row.action,
        "why": row.why,
    }


def cleanup_entry(rows: Sequence[Row], overrides: Sequence[Override], actor: str, now: datetime) -> Mapping[str, Tree]:
    """One clean-up as it stands in `cleanup-log.json`; written before anything is deleted (ARC-04)."""
    return {
        "at": moment_text(now),
        "actor": actor,
        "policy": {"active_days": ACTIVE.days, "archive_years": ARCHIVED_YEARS},
        "inventory": [row_tree(row) for row in rows],
        "overrides": [
            {
                "objects": sorted(item.objects),
                "action": item.action,
                "until": moment_text(item.until),
                "approver": item.approver,
                "reason": item.reason,
                "at": moment_text(item.at),
                "signature": item.signature.decode("ascii"),
            }
            for item in overrides
        ],
    }


def cleanup_log(entries: Sequence[Mapping[str, Tree]]) -> bytes:
    """The bytes of `cleanup-log.json`."""
    return write_json({"cleanups": list(entries)})


def override_bytes(override: Mapping[str, Tree]) -> bytes:
    """The bytes of a retention statement that a release manager signs, with namespace `gonogo/retention/v1`."""
    data = write_json({"schema": "gonogo/retention/1", **override})
    closed(read_object(data, name="retention.json"), "retention.json", _FIELDS)
    return data
