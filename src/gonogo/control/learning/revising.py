"""The versions of a protocol document: in which runs each was used, why it changed, the way back (LRN-07 to LRN-09).

A version is the pair of document and bindings, by digest. What changed is noted with a reason and an impact in the log
of the site; a change without them is refused. Going back writes stored bytes in place of the present ones: open runs
keep the version that they began with, because each is bound to the bytes that it stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.adapters.durable import write_file
from gonogo.control.door import Door
from gonogo.control.learning.trending import figures_of
from gonogo.control.sources import protocol_sources
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.ledger import time_text
from gonogo.ports import Draft, Notice
from gonogo.run.events import PlanBound, RunOpened, recorded
from gonogo.terms import Actor, Digest, Json, RunId, digest_of
from gonogo.values import dataclass

CHANGED: Final = "protocol.changed"
MOST_BYTES: Final = 1 << 20
SHORT: Final = 12
NOBODY: Final = RunId("site")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a protocol: both digests, when it was first and last used, and by which runs."""

    document: Digest
    sidecar: Digest
    first: str
    last: str
    runs: tuple[RunId, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Why a version came: reason, evidence, expected impact, who said so and when; `kind` is change or back."""

    at: str
    by: str
    kind: str
    document: Digest
    sidecar: Digest
    body: Mapping[str, Tree]


@dataclass(frozen=True, slots=True)
class History:
    """The present version of a protocol, the earlier ones, the changes, and whether the present one was explained."""

    protocol: str
    present: tuple[Digest, Digest]
    versions: tuple[Version, ...]
    changes: tuple[Change, ...]

    @property
    def explained(self) -> bool:
        """Whether the present version is the first one, or its change is on record."""
        told = {(change.document, change.sidecar) for change in self.changes}
        return self.present in told or {(each.document, each.sidecar) for each in self.versions} <= {self.present}


def history_of(door: Door, protocol: str) -> History:
    """Everything that is known about the versions of a protocol."""
    document, sidecar = protocol_sources(door.workspace, protocol)
    present = (digest_of(document.data), digest_of(sidecar.data))
    return History(protocol, present, _versions(door, protocol), tuple(_changes(door, protocol)))


def _versions(door: Door, protocol: str) -> tuple[Version, ...]:
    found: dict[tuple[Digest, Digest], list[tuple[str, RunId]]] = {}
    for run in door.runs():
        try:
            entries = [recorded(entry) for entry in door.world.journal.entries(run)[:MOST_OPENING]]
        except GonogoError:
            # A run that cannot be read tells nothing about versions; `gonogo audit` names it.
            continue
        opened = next((entry.event for entry in entries if isinstance(entry.event, RunOpened)), None)
        bound = next((entry for entry in entries if isinstance(entry.event, PlanBound)), None)
        if opened is not None and opened.protocol == protocol and bound is not None:
            assert isinstance(bound.event, PlanBound)
            key = (bound.event.inputs["document"], bound.event.inputs["sidecar"])
            found.setdefault(key, []).append((time_text(bound.at), run))
    return tuple(
        Version(*key, first=used[0][0], last=used[-1][0], runs=tuple(run for _, run in used))
        for key, used in found.items()
    )


MOST_OPENING: Final = 8


def _changes(door: Door, protocol: str) -> Iterator[Change]:
    for entry in door.world.journal.site():
        if entry.type == CHANGED and entry.data.get("protocol") == protocol:
            body = read_object(door.world.vault.read(_digest(entry.data, "body_sha256")), name=CHANGED)
            digests = _digest(entry.data, "document"), _digest(entry.data, "sidecar")
            yield Change(time_text(entry.ts), str(entry.actor), str(entry.data.get("kind")), *digests, body)


def _digest(data: Mapping[str, Tree], name: str) -> Digest:
    return Digest(str(data.get(name)))


def note_change(door: Door, protocol: str, said: Mapping[str, str], actor: Actor) -> History:
    """Note why the present version is another one; BadInput without reason or impact, Refused where nothing changed."""
    _require_words(said)
    known = history_of(door, protocol)
    before = known.changes[-1] if known.changes else None
    if before is not None and (before.document, before.sidecar) == known.present:
        raise Refused(f"{protocol} is the version that is on record already", next_step="change it first")
    _note(door, known, "change", said, actor)
    return history_of(door, protocol)


def note_outcome(door: Door, protocol: str, held: str, said: Mapping[str, str], actor: Actor) -> History:
    """Note what the last change came to: measured before and after, and whether what was expected held (LRN-08)."""
    known = history_of(door, protocol)
    used = {(each.document, each.sidecar): each for each in known.versions}
    present = used.get(known.present)
    if present is None or len(used) < 2:
        raise Refused(f"{protocol} has no two versions that runs used", next_step="run the new version first")
    before = [each for each in known.versions if each is not present][-1]
    body: dict[str, Tree] = {name: words for name, words in said.items() if words}
    body |= {"held": held, "before": _plain(door, before), "after": _plain(door, present)}
    _note(door, known, "outcome", body, actor)
    return history_of(door, protocol)


def _plain(door: Door, version: Version) -> dict[str, Tree]:
    found = figures_of(door, version.runs)
    return {"document": version.document, **{name: f"{value:.2f}" for name, value in found.items()}}


def go_back(door: Door, protocol: str, beginning: str, said: Mapping[str, str], actor: Actor) -> History:
    """Put an earlier version in place of the present one, note it and tell the stakeholders; open runs keep theirs."""
    _require_words(said)
    known = history_of(door, protocol)
    fitting = [each for each in known.versions if each.document.startswith(beginning) and len(beginning) >= SHORT]
    if len(fitting) != 1:
        names = ", ".join(each.document[:SHORT] for each in known.versions) or "none was used by a run"
        what = f"`{beginning}` names {len(fitting)} versions"
        raise BadInput(what, next_step=f"give at least {SHORT} letters of one: {names}")
    (wanted,) = fitting
    sources = protocol_sources(door.workspace, protocol)
    for source, digest in zip(sources, (wanted.document, wanted.sidecar), strict=True):
        path = door.workspace.root / source.name
        if not path.is_file():
            raise Refused(f"{protocol} is built in, and no file of this project", next_step="gonogo init writes it")
        door.world.vault.put(source.data)
        write_file(path, door.world.vault.read(digest, limit=MOST_BYTES), 0o644)
    _note(door, history_of(door, protocol), "back", said, actor)
    _tell(door, protocol, wanted, said, actor)
    return history_of(door, protocol)


def _require_words(said: Mapping[str, str]) -> None:
    for name in ("reason", "impact"):
        if not said.get(name, "").strip():
            raise BadInput(f"a change of a protocol needs its {name}", next_step=f"say --{name} TEXT")


def _note(door: Door, known: History, kind: str, said: Mapping[str, Tree], actor: Actor) -> None:
    body: dict[str, Tree] = {name: words for name, words in said.items() if words}
    data: dict[str, Json] = {
        "protocol": known.protocol,
        "kind": kind,
        "document": known.present[0],
        "sidecar": known.present[1],
        "body_sha256": door.world.vault.put(write_json(body)),
    }
    door.world.journal.note([Draft(CHANGED, data)], actor=actor, now=door.world.clock.now())


def _tell(door: Door, protocol: str, wanted: Version, said: Mapping[str, str], actor: Actor) -> None:
    project = door.workspace.project
    notice = Notice(
        run=NOBODY,
        number=-1,
        at=door.world.clock.now(),
        sender=str(actor),
        project=project.name,
        release="",
        phase=0,
        severity="WARNING",
        to=project.notify or ("stakeholders",),
        prefix="[PROTOCOL VERSION]",
        text=f"{protocol} went back to {wanted.document[:SHORT]}: {said['reason']}; open runs keep their version",
    )
    door.world.announcer.say(notice)
