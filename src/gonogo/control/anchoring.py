"""Anchors: checkpoints of our logs that somebody else keeps, and what is said where nobody does (EVS-16).

The checkpoint that each package was sealed with, and the log of the site as it is now, are handed to a witness: another
host over HTTP, or a folder that others own. What it cosigned is kept in `.gonogo/anchors/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.adapters.http_calls import call
from gonogo.adapters.witness_folder import FolderWitness, vkey_line
from gonogo.adapters.witness_http import PATH
from gonogo.control.assembling import STATE_FOLDER
from gonogo.control.door import Door
from gonogo.engine.placing import signed_checkpoint
from gonogo.errors import Broken, GonogoError, Tampered
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import consistency_proof, leaf_digest
from gonogo.evidence.note import Checkpoint, read_note
from gonogo.evidence.witnessing import OK, STALE, Answer, Submission
from gonogo.ports import Draft
from gonogo.run.events import CheckpointMade, recorded
from gonogo.terms import Actor, RunId

ANCHORS: Final = "anchors"
MADE: Final = "anchor.made"
MOST: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Anchored:
    """A checkpoint that a witness cosigned: of which log, how long it was, and where it is kept here."""

    origin: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether what a run sealed is anchored; `detail` says how, or what to do."""

    run: RunId
    anchored: bool
    detail: str


def anchor(door: Door, run: RunId, place: str, actor: Actor) -> tuple[Anchored, ...]:
    """Hand every checkpoint of a run, and the site's log, to a witness; Tampered where it saw another log."""
    opened = door.load(run)
    site = opened.plan.ring.site
    notes = [
        door.world.vault.read(event.note_sha256)
        for entry in opened.entries
        if isinstance(event := recorded(entry).event, CheckpointMade)
    ]
    found = [_handed_in(door, place, note, opened.entries) for note in notes]
    log = door.world.journal.site()
    if log:
        found.append(_handed_in(door, place, signed_checkpoint(door.world, site, site, log), log))
    made = [item for item in found if item is not None]
    for item in made:
        told: dict[str, str | int] = {"origin": item.origin, "size": item.size, "witness": _word(place)}
        door.world.journal.note([Draft(MADE, told)], actor=actor, now=door.world.clock.now())
    return tuple(made)


def _handed_in(door: Door, place: str, note: bytes, entries: Sequence[Entry]) -> Anchored | None:
    checkpoint = read_note(note).checkpoint
    leaves = [leaf_digest(entry.line) for entry in entries[: checkpoint.size]]
    path = _path(door, checkpoint)
    answer = _send(place, Submission(0, (), note))
    if answer.status == STALE and answer.text.strip().isdigit():
        old = int(answer.text)
        if old > checkpoint.size:
            # The witness is further: this one was handed in before, or never can be.
            return Anchored(checkpoint.origin, checkpoint.size, path) if path.exists() else None
        answer = _send(place, Submission(old, consistency_proof(leaves, old), note))
    if answer.status != OK:
        raise Tampered(
            f"the witness refused the checkpoint of {checkpoint.origin} ({answer.status}): {answer.text.strip()}",
            where=place,
            next_step="compare the log with another copy; where the witness lacks our key: gonogo witness know VKEY",
        )
    make_folder(path.parent)
    write_file(path, note + answer.text.encode(), 0o644)
    return Anchored(checkpoint.origin, checkpoint.size, path)


def _send(place: str, sent: Submission) -> Answer:
    if not place.startswith(("http://", "https://")):
        return FolderWitness(Path(place), "folder").add(sent.data)
    found = call("POST", place.rstrip("/") + PATH, body=sent.data)
    return Answer(found.status, found.body.decode("utf-8", "replace"))


def _path(door: Door, checkpoint: Checkpoint) -> Path:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", checkpoint.origin)
    return door.workspace.root / STATE_FOLDER / ANCHORS / f"{name}-{checkpoint.size}.note"


def _word(place: str) -> str:
    return place[:200] if place.isascii() and place.isprintable() else "another place"


def log_key(door: Door) -> str:
    """The vkey under which this engine signs checkpoints; a witness has to know it."""
    return vkey_line(door.world.ring().site, door.world.key.public_line())


def standings(door: Door) -> tuple[Standing, ...]:
    """Each run that sealed a package, and whether the checkpoint that it was sealed with is kept elsewhere."""
    return tuple(_standing(door, run) for run in door.runs() if _sealed(door, run))


def _sealed(door: Door, run: RunId) -> bool:
    try:
        return any(entry.type == "package.sealed" for entry in door.world.journal.entries(run))
    except GonogoError:
        return True


def _standing(door: Door, run: RunId) -> Standing:
    try:
        entries = door.world.journal.entries(run)
        made = [event for entry in entries if isinstance(event := recorded(entry).event, CheckpointMade)]
    except GonogoError as error:
        return Standing(run, anchored=False, detail=error.what)
    kept = set(_kept(door))
    site = door.world.ring().site
    lacking = [event.size for event in made if (f"{site}/{run}", event.size, event.root) not in kept]
    if lacking:
        what = f"unanchored at entry {lacking[0] - 1}: whoever has the engine's key could cut what came after"
        return Standing(run, anchored=False, detail=f"{what}; gonogo witness add {run} --to PLACE")
    return Standing(run, anchored=True, detail=f"{len(made)} checkpoints are kept elsewhere")


def _kept(door: Door) -> Iterator[tuple[str, int, str]]:
    folder = door.workspace.root / STATE_FOLDER / ANCHORS
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            checkpoint = read_note(read_small(path, MOST) or b"").checkpoint
        except (Tampered, Broken):
            continue
        yield checkpoint.origin, checkpoint.size, checkpoint.root.hex()
