"""Anchors: checkpoints of our logs that somebody else keeps, and what is said where nobody does (EVS-16).

The checkpoint that each package was sealed with, and the log of the site as it is now, are handed to a witness (another
host over HTTP, or a folder that others own), to a branch that others protect, or to an authority for time stamps. Our
copies lie in `.gonogo/anchors/`, a folder for each keeper; the log of the site says which reply came from whom.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from gonogo.adapters.anchors.git import GitBranch, Signer
from gonogo.adapters.anchors.tsa import ask
from gonogo.adapters.anchors.witness_folder import FolderWitness, vkey_line
from gonogo.adapters.anchors.witness_http import PATH
from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.adapters.http_calls import call
from gonogo.control.door import Door
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.errors import Broken, GonogoError, Tampered, WrongUsage
from gonogo.evidence.anchor_rules import BRANCH
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import consistency_proof, leaf_digest
from gonogo.evidence.note import Checkpoint, read_note
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.witnessing import OK, STALE, Answer, Submission
from gonogo.ports import Draft
from gonogo.run.events import CheckpointMade, recorded
from gonogo.run.site import ANCHORED
from gonogo.terms import Actor, Digest, RunId, digest_of
from gonogo.values import dataclass

ANCHORS: Final = "anchors"
GIT: Final = "git:"
TSA: Final = "tsa:"
MOST: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Anchored:
    """A checkpoint that somebody keeps now, where our copy lies, and the digest of the raw reply if one is new."""

    checkpoint: Checkpoint
    keeper: Keeper
    path: Path
    reply: Digest | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether what a run sealed is anchored; `detail` says how, or what to do."""

    run: RunId
    anchored: bool
    detail: str


def anchor(door: Door, run: RunId, place: str, actor: Actor) -> tuple[Anchored, ...]:
    """Hand every checkpoint of a run, and the site's log, to whoever keeps them; Tampered where they saw another log.

    `place` is the address or folder of a witness, `git:REMOTE`, or `tsa:NAME`; nothing means every branch and authority
    that the trust files name.
    """
    opened = door.load(run)
    site = opened.plan.ring.site
    handed = [(door.world.vault.read(event.note_sha256), opened.entries) for event in _of_sealings(opened.entries)]
    log = door.world.journal.site()
    if log:
        handed.append((signed_checkpoint(door.world, site, site, log), log))
    made: list[Anchored] = []
    for one in (place,) if place else _named(door):
        keeper = _keeper(door, one)
        for note, entries in handed:
            found = _kept_by(door, keeper, note, entries)
            if found is not None:
                made.append(found)
                _record(door, found, actor)
    return tuple(made)


def _of_sealings(entries: Sequence[Entry]) -> list[CheckpointMade]:
    """The checkpoints that packages were sealed with: the entry right before that of the package."""
    found = [recorded(entry).event for entry, after in pairwise(entries) if after.type == "package.sealed"]
    return [event for event in found if isinstance(event, CheckpointMade)]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Somebody who keeps checkpoints: what kind, under which name, and how a note is handed in.

    `keep` gives the raw reply; None where it was handed in before. `ending` is that of the file with the reply.
    """

    kind: str
    name: str
    keep: Callable[[bytes, Sequence[Entry]], bytes | None]
    ending: str


def _named(door: Door) -> tuple[str, ...]:
    rules = door.world.ring().anchors
    found = ((f"{GIT}{rules.git.remote}",) if rules.git else ()) + tuple(f"{TSA}{item.name}" for item in rules.tsa)
    if not found:
        raise WrongUsage(
            "the trust files name no branch and no authority",
            next_step="say where: --to http://127.0.0.1:8733, a folder, or git:REMOTE; or list them under `anchors:`",
        )
    return found


def _keeper(door: Door, place: str) -> Keeper:
    rules = door.world.ring().anchors
    if place.startswith(GIT):
        remote = place.removeprefix(GIT)
        branch = GitBranch(remote, rules.git.branch if rules.git else BRANCH, door.world.environ)
        signer = Signer(public_key(door.world.key.public_line()), door.world.key.sign)
        now = door.world.clock.now()
        return Keeper("git", place, lambda note, _entries: branch.add(note, signer, now).encode(), "commit")
    if place.startswith(TSA):
        name = place.removeprefix(TSA)
        rule = next((item for item in rules.tsa if item.name == name), None)
        if rule is None:
            known = ", ".join(item.name for item in rules.tsa) or "none"
            raise WrongUsage(f"the trust files name no authority `{name}`", next_step=f"known: {known}")
        return Keeper("tsa", place, lambda note, _entries: ask(rule.url, note), "tsr")
    return Keeper("witness", place, lambda note, entries: _cosigned(place, note, entries), "note")


def _kept_by(door: Door, keeper: Keeper, note: bytes, entries: Sequence[Entry]) -> Anchored | None:
    checkpoint = read_note(note).checkpoint
    path = _path(door, keeper, checkpoint)
    reply_path = path.with_name(f"{path.name}.{keeper.ending}")
    if keeper.kind == "tsa" and path.exists() and reply_path.exists():
        return Anchored(checkpoint, keeper, path, digest_of(read_small(reply_path, MOST) or b""))
    reply = keeper.keep(note, entries)
    if reply is None:
        return Anchored(checkpoint, keeper, path, None) if path.exists() else None
    make_folder(path.parent)
    cosigned = keeper.kind == "witness"
    write_file(path, note + reply if cosigned else note, 0o644)
    if not cosigned:
        write_file(reply_path, reply, 0o644)
    return Anchored(checkpoint, keeper, path, door.world.vault.put(reply))


def _record(door: Door, found: Anchored, actor: Actor) -> None:
    told: dict[str, str | int] = {
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "kind": found.keeper.kind,
        "keeper": _word(found.keeper.name),
    }
    if found.reply is not None:
        told["reply_sha256"] = found.reply
    if any(entry.type == ANCHORED and dict(entry.data) == told for entry in door.world.journal.site()):
        return
    door.world.journal.note([Draft(ANCHORED, told)], actor=actor, now=door.world.clock.now())


def _cosigned(place: str, note: bytes, entries: Sequence[Entry]) -> bytes | None:
    """The cosignature line of a witness; None where it is further and this note can only have been handed in before."""
    checkpoint = read_note(note).checkpoint
    leaves = [leaf_digest(entry.line) for entry in entries[: checkpoint.size]]
    answer = _send(place, Submission(0, (), note))
    if answer.status == STALE and answer.text.strip().isdigit():
        old = int(answer.text)
        if old > checkpoint.size:
            return None
        answer = _send(place, Submission(old, consistency_proof(leaves, old), note))
    if answer.status != OK:
        raise Tampered(
            f"the witness refused the checkpoint of {checkpoint.origin} ({answer.status}): {answer.text.strip()}",
            where=place,
            next_step="compare the log with another copy; where the witness lacks our key: gonogo witness know VKEY",
        )
    return answer.text.encode()


def _send(place: str, sent: Submission) -> Answer:
    if not place.startswith(("http://", "https://")):
        return FolderWitness(Path(place), "folder").add(sent.data)
    found = call("POST", place.rstrip("/") + PATH, body=sent.data)
    return Answer(found.status, found.body.decode("utf-8", "replace"))


def _path(door: Door, keeper: Keeper, checkpoint: Checkpoint) -> Path:
    """Where the copy is kept: a folder for each keeper, because each of them counts."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", checkpoint.origin)
    place = digest_of(keeper.name.encode())[:12]
    folder = door.workspace.root / STATE_FOLDER / ANCHORS / f"{keeper.kind}-{place}"
    return folder / f"{name}-{checkpoint.size}.note"


def _word(place: str) -> str:
    return place[:200] if place.isascii() and place.isprintable() else "another place"


def log_key(door: Door) -> str:
    """The vkey under which this engine signs checkpoints; a witness has to know it."""
    return vkey_line(door.world.ring().site, door.world.key.public_line())


def standings(door: Door, newest: int | None = None) -> tuple[Standing, ...]:
    """Each run that sealed a package, and whether the checkpoint that it was sealed with is kept elsewhere.

    With `newest` only so many of the newest runs are looked at.
    """
    runs = door.runs()
    return tuple(_standing(door, run) for run in runs[-(newest or len(runs)) :] if _sealed(door, run))


def _sealed(door: Door, run: RunId) -> bool:
    try:
        return any(entry.type == "package.sealed" for entry in door.world.journal.entries(run))
    except GonogoError:
        return True


def _standing(door: Door, run: RunId) -> Standing:
    try:
        entries = door.world.journal.entries(run)
        made = _of_sealings(entries)
    except GonogoError as error:
        return Standing(run, anchored=False, detail=error.what)
    kept = list(_kept(door))
    ring = door.world.ring()
    needed = ring.anchors.needed
    for event in made:
        by = {place for place, *seen in kept if seen == [f"{ring.site}/{run}", event.size, event.root]}
        if len(by) < needed:
            few = f" ({len(by)} of {needed} anchors)" if by else ""
            what = f"unanchored at entry {event.size - 1}{few}: whoever has the engine's key could cut what came after"
            return Standing(run, anchored=False, detail=f"{what}; gonogo witness add {run} --to PLACE")
    return Standing(run, anchored=True, detail=f"{len(made)} checkpoints are kept elsewhere")


def _kept(door: Door) -> Iterator[tuple[str, str, int, str]]:
    """Our copies: the folder of the keeper, origin, size and root."""
    folder = door.workspace.root / STATE_FOLDER / ANCHORS
    for path in sorted(folder.glob("*/*.note")) if folder.is_dir() else []:
        try:
            checkpoint = read_note(read_small(path, MOST) or b"").checkpoint
        except (Tampered, Broken):
            continue
        yield path.parent.name, checkpoint.origin, checkpoint.size, checkpoint.root.hex()
