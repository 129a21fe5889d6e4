"""The rollback snapshot of production: body of `rollback-snapshot.json` (F17, SNP-01, SNP-02, NB-09)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, time_text
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """One service inside a snapshot."""

    service: str
    version: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class SnapshotSeen:
    """A snapshot; `readable` is true only after it was read back and its digest was the recorded one."""

    id: str
    taken_at: datetime
    environment: str
    digest: Digest
    readable: bool
    restore_command: tuple[str, ...]
    contents: tuple[SnapshotContent, ...]


def snapshot_body(seen: SnapshotSeen) -> Body:
    """Body of the snapshot record (F17)."""
    raw: Body = {
        "snapshot": {
            "id": seen.id,
            "taken_at": time_text(seen.taken_at),
            "environment": seen.environment,
            "digest": seen.digest,
            "readable": seen.readable,
            "restore_command": list(seen.restore_command),
        },
        "contents": [
            {"service": content.service, "version": content.version, "digest": content.digest}
            for content in seen.contents
        ],
    }
    return filled(raw, derived_snapshot(raw))


def derived_snapshot(body: Mapping[str, Tree]) -> Derived:
    """Whether a deployment may rely on the snapshot: named, read back, not empty, with a way to restore it (III.2)."""
    fields = Fields(body)
    about = fields.part("snapshot")
    named = about.filled("id") and about.filled("digest")
    usable = named and about.flag("readable") and bool(about.texts("restore_command")) and bool(fields.rows("contents"))
    return {"/snapshot/usable": usable}
