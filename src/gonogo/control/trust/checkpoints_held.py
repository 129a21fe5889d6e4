"""Whether the signed checkpoints of a run say what its log says: one that does not shows a rewritten log (EVS-16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gonogo.control.door import Door
from gonogo.errors import GonogoError, Tampered
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import leaf_digest, prefix_roots
from gonogo.evidence.note import Checkpoint, NoteKey, verify_note
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.verifying import Check
from gonogo.evidence.wire import strings
from gonogo.run.events import CheckpointMade, recorded
from gonogo.run.site import CLOSED
from gonogo.terms import Digest, RunId


def checkpoints_held(door: Door, run: RunId, site: str, entries: Sequence[Entry]) -> Check:
    """Every checkpoint that was signed while the run went on, and the one at its close, against the log as it is."""
    wanted = list(_named(door, run, entries))
    roots = prefix_roots((leaf_digest(entry.line) for entry in entries), {size for size, _ in wanted})
    keys = _keys(door, site) if wanted else ()
    wrong = []
    for size, digest in wanted:
        try:
            found = _read(door, keys, digest)
        except GonogoError as error:
            wrong.append(f"the checkpoint at entry {size - 1} cannot be used: {error.what}")
            continue
        if found != Checkpoint(f"{site}/{run}", size, roots.get(size, b"")):
            wrong.append(f"the log differs from what was signed at entry {size - 1}")
    detail = "; ".join(wrong[:3]) or f"{len(wanted)} signed checkpoints agree with the log"
    return Check("checkpoints", ok=not wrong, detail=detail)


def _named(door: Door, run: RunId, entries: Sequence[Entry]) -> Iterator[tuple[int, Digest]]:
    for entry in entries:
        if isinstance(event := recorded(entry).event, CheckpointMade):
            yield event.size, event.note_sha256
    for entry in door.world.journal.site():
        note, size = entry.data.get("checkpoint_sha256"), entry.data.get("size")
        if entry.type == CLOSED and entry.data.get("run") == run and isinstance(note, str) and isinstance(size, int):
            yield size, Digest(note)


def _keys(door: Door, site: str) -> tuple[NoteKey, ...]:
    """The engine's own key, and those that the trust files list: it may have been exchanged."""
    keys = (public_key(door.world.key.public_line()), *(engine.key for engine in door.world.ring().engines))
    return tuple(NoteKey(site, strings(key.blob, 2, "the engine key")[1]) for key in keys)


def _read(door: Door, keys: Sequence[NoteKey], digest: Digest) -> Checkpoint:
    """The signed note, by one of the keys."""
    data = door.world.vault.read(digest)
    for key in keys:
        try:
            return verify_note(data, key)
        except Tampered:
            continue
    raise Tampered("no engine that is known here signed it")
