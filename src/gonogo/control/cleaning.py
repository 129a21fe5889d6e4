"""Cleaning up: stored files go when their time is over, digests and logs stay for ever (ARC-02 to ARC-06, ARC-09, F33).

The inventory is stored, logged and written before the first file is deleted. A file that several runs use goes only
when its time is over for each of them; what a plan is compiled from never goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from gonogo.adapters.durable import read_small
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.policy_files import in_force
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json, read_object
from gonogo.evidence.filing import expected_files
from gonogo.evidence.ledger import Entry, time_of
from gonogo.evidence.retention import (
    GONE,
    Held,
    Holding,
    Override,
    Row,
    cleanup_entry,
    cleanup_log,
    inventory,
    read_override,
)
from gonogo.ports import Draft
from gonogo.run.site import CLOSED, DELETED, ERASED
from gonogo.terms import Actor, Digest
from gonogo.values import dataclass

OVERRIDES: Final = "config/retention"
LOG: Final = "cleanup-log.json"
EVERY: Final = timedelta(days=90)
"""Clean-ups are quarterly (ARC-03)."""

DEPLOYED: Final = frozenset({"released", "rolled_back"})
MOST: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What a clean-up does, or would do; `last` is when the one before was, None where there was none."""

    rows: tuple[Row, ...]
    overrides: tuple[Override, ...]
    last: datetime | None
    due: bool

    @property
    def doomed(self) -> tuple[Row, ...]:
        """The rows of files that are deleted or erased."""
        return tuple(row for row in self.rows if row.action in GONE)


def preview(door: Door, now: datetime) -> Cleaning:
    """What a clean-up at `now` would do; nothing is changed. Refused or BadInput where an override does not count."""
    overrides = tuple(_overrides(door, now))
    held = [item for run in door.runs() for item in _held(door, door.load(run))]
    rows = _shared(inventory(held, overrides, now), _needed(door))
    past = [time_of(str(entry.data["at"])) for entry in _cleanups(door) if "at" in entry.data]
    last = max(past, default=None)
    first = min((item.stored_at for item in held), default=now)
    return Cleaning(rows, overrides, last, due=now - (last or first) >= EVERY)


def clean(door: Door, now: datetime, actor: Actor) -> Cleaning:
    """Store and log the inventory, then delete what its time is over for."""
    found = preview(door, now)
    entry = cleanup_entry(found.rows, found.overrides, str(actor), now)
    written = cleanup_log([*_earlier(door), entry])
    stored = door.world.vault.put(written)
    gone = sorted({row.held.digest for row in found.doomed})
    note: dict[str, str | int] = {"inventory_sha256": stored, "files": len(gone), "at": str(entry["at"])}
    erased = sorted({row.held.digest for row in found.doomed if row.action == "erased"})
    drafts = [Draft(DELETED, note), *(Draft(ERASED, {"sha256": digest, "at": str(entry["at"])}) for digest in erased)]
    door.world.journal.note(drafts, actor=actor, now=now)
    _write(door, written)
    if door.store is not None:
        vault = door.store.vault_for(None)
        for digest in gone:
            vault.delete(digest)
    return found


def expired(door: Door) -> dict[Digest, int]:
    """Files that a clean-up deleted, by digest, with the number of the entry of the site's log that says so."""
    found: dict[Digest, int] = {}
    for entry in _cleanups(door):
        for row in _rows(door, Digest(str(entry.data.get("inventory_sha256")))):
            if row.get("action") in GONE:
                found.setdefault(Digest(str(row.get("sha256"))), entry.seq)
    return found


def _cleanups(door: Door) -> list[Entry]:
    return [entry for entry in door.world.journal.site() if entry.type == DELETED]


def _rows(door: Door, stored: Digest) -> Iterator[dict[str, Tree]]:
    body = read_object(door.world.vault.read(stored), name=LOG, limit=MOST)
    cleanups = body.get("cleanups")
    for cleanup in cleanups if isinstance(cleanups, list | tuple) else ():
        listed = cleanup.get("inventory") if isinstance(cleanup, Mapping) else None
        yield from (dict(row) for row in listed if isinstance(row, Mapping)) if isinstance(listed, list | tuple) else ()


def _held(door: Door, opened: Opened) -> Iterator[Held]:
    deployed, ended = _deployed_at(door, opened), _project_closed_at(door)
    seen: set[Digest] = set()
    times = {str(value): entry.ts for entry in reversed(opened.entries) for value in entry.data.values()}
    for path, digest in expected_files(opened.entries).items():
        if digest not in seen:
            seen.add(digest)
            stored = times.get(digest, opened.entries[0].ts)
            size = _size(door, digest)
            if size is not None:
                yield Held(f"{opened.run}/{path}", digest, size, stored, Holding.ACTIVE, deployed, ended)
    for sealed in opened.state.packages.values():
        size = _size(door, sealed.sha256)
        if size is not None:
            stored = times.get(sealed.sha256, opened.entries[0].ts)
            yield Held(f"{opened.run}/{sealed.name}", sealed.sha256, size, stored, Holding.ARCHIVED, deployed, ended)


def _size(door: Door, digest: Digest) -> int | None:
    path = door.world.vault.path(digest)
    return path.stat().st_size if path.is_file() else None


def _deployed_at(door: Door, opened: Opened) -> datetime | None:
    """When this run's release was deployed, by any run for the same manifest; None where by none."""
    site = door.world.journal.site()
    release = opened.plan.release.digest
    same = {entry.data.get("run") for entry in site if entry.data.get("release_digest") == release}
    ends = [
        entry.ts
        for entry in site
        if entry.type == CLOSED and entry.data.get("outcome") in DEPLOYED and entry.data.get("run") in same
    ]
    return max(ends, default=None)


def _project_closed_at(door: Door) -> datetime | None:
    """When the project was closed, where the newest release manifest says so (`project_closed_at`)."""
    for run in reversed(door.runs()):
        opened = door.load(run)
        body = read_json(door.world.vault.read(opened.plan.sources["manifest"]), name="release-manifest.json")
        said = body.get("project_closed_at") if isinstance(body, Mapping) else None
        return time_of(said) if isinstance(said, str) else None
    return None


def _needed(door: Door) -> frozenset[Digest]:
    """What the plans of all runs are compiled from, and the inventories of earlier clean-ups."""
    inputs = {digest for run in door.runs() for digest in door.load(run).plan.sources.values()}
    return frozenset(inputs | {Digest(str(entry.data.get("inventory_sha256"))) for entry in _cleanups(door)})


def _shared(rows: Sequence[Row], needed: frozenset[Digest]) -> tuple[Row, ...]:
    kept = {row.held.digest for row in rows if row.action == "kept"} | needed
    return tuple(
        Row(row.held, row.age_days, "kept", "another run, or a plan, still needs it")
        if row.action in GONE and row.held.digest in (needed if row.action == "erased" else kept)
        else row
        for row in rows
    )


def _overrides(door: Door, now: datetime) -> Iterator[Override]:
    folder = door.workspace.root / OVERRIDES
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if paths:
        # Only people who hold by the trust files may say how long evidence lives.
        in_force(door.workspace, now)
    for path in paths:
        signature = read_small(path.with_name(f"{path.name}.sig"))
        if signature is None:
            raise BadInput(
                "the override is not signed, and counts for nothing",
                where=str(path),
                next_step=f"ssh-keygen -Y sign -n gonogo/retention/v1 -f KEY {path}",
            )
        yield read_override(read_small(path) or b"", signature, door.world.ring(), now)


def _earlier(door: Door) -> list[dict[str, Tree]]:
    past = _cleanups(door)
    if not past:
        return []
    newest = Digest(str(past[-1].data.get("inventory_sha256")))
    cleanups = read_object(door.world.vault.read(newest), name=LOG, limit=MOST).get("cleanups")
    return [dict(item) for item in cleanups if isinstance(item, Mapping)] if isinstance(cleanups, list | tuple) else []


def _write(door: Door, data: bytes) -> None:
    door.world.views.write_bytes(f"protocol-14/{LOG}", data)
