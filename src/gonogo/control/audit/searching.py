"""Who may read what runs taught, and searching it (LRN-13).

`readers` of the approvers file, which admins sign where a site has admins, keeps a kind to some roles. Who somebody is
follows from the surface: an agent has no role and reads by the scope of its token, on the command line a person is who
they say. Files are another matter: whoever may read the folder reads them, unless `encryption` keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gonogo.control.door import Door
from gonogo.control.learning.notes import IMPROVEMENT, LESSON, RETRO, noted
from gonogo.control.learning.runs import known_patterns
from gonogo.control.root_causing import read_record
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import time_text
from gonogo.evidence.signers import LEARNED
from gonogo.reports.knowledge import pattern_row
from gonogo.reports.searching import Hit, Learned, search
from gonogo.run.site import ROOT_CAUSE
from gonogo.terms import Actor, Person

RECORDS: Final = {"lessons": LESSON, "improvements": IMPROVEMENT, "retrospectives": RETRO}
MOST_HITS: Final = 50


def withheld(door: Door, actor: Actor) -> dict[str, tuple[str, ...]]:
    """The kinds that somebody may not read, each with the roles that may; nothing where no kind is kept to roles."""
    ring = door.world.ring()
    person = ring.person(actor.handle) if isinstance(actor, Person) else None
    roles = person.roles if person is not None else frozenset[str]()
    return {kind: readers for kind, readers in ring.readers.items() if not roles & set(readers)}


def demand_reader(door: Door, actor: Actor, kind: str) -> None:
    """Refused where this kind is kept to roles that `actor` does not have."""
    readers = withheld(door, actor).get(kind)
    if readers is not None:
        raise Refused(
            f"{kind} are for {' and '.join(readers)}, and {actor} is neither"
            if len(readers) > 1
            else f"{kind} are for {readers[0]}, which {actor} is not",
            where=door.workspace.project.approvers,
            next_step=f"ask one of them, or have `readers.{kind}` changed by review",
        )


def found_for(door: Door, actor: Actor, words: Sequence[str], kinds: Sequence[str] = ()) -> tuple[Hit, ...]:
    """What somebody finds by words among the kinds that they may read; nothing shows of the others."""
    hidden = withheld(door, actor)
    return found_in(door, words, [kind for kind in kinds or LEARNED if kind not in hidden])


def found_in(door: Door, words: Sequence[str], kinds: Sequence[str] = LEARNED) -> tuple[Hit, ...]:
    """What is found by words among these kinds, best first; for a caller that was admitted to them."""
    records = [record for kind in kinds for record in _records(door, kind)]
    return search(records, words)[:MOST_HITS]


def found_on_file(door: Door, actor: Actor, words: Sequence[str], kind: str = "") -> tuple[Hit, ...]:
    """As `found_for`, without the blockers that are worked out from all runs: what people wrote down, found at once."""
    hidden = withheld(door, actor)
    kinds = [one for one in ((kind,) if kind else LEARNED) if one not in hidden]
    records = [item for one in kinds for item in (_causes(door) if one == "knowledge" else _records(door, one))]
    return search(records, words)[:MOST_HITS]


def _records(door: Door, kind: str) -> Iterator[Learned]:
    if kind != "knowledge":
        for row in noted(door, RECORDS[kind]):
            said = {name: _text(value) for name, value in row.items() if name not in {"at", "by", "run"}}
            yield Learned(kind, str(row["run"]), str(row["at"]), str(row["by"]), said)
        return
    yield from _blockers(door)
    yield from _causes(door)


def _blockers(door: Door) -> Iterator[Learned]:
    found, words = known_patterns(door)
    for item in found:
        row = pattern_row(item, words)
        said = {name: _text(row[name]) for name in ("protocol", "stage", "cause", "symptoms", "resolutions")}
        yield Learned("knowledge", item.blockers[-1].run, "", "gonogo", said)


def _causes(door: Door) -> Iterator[Learned]:
    for entry in door.world.journal.site():
        if entry.type != ROOT_CAUSE:
            continue
        try:
            record = read_record(door.world, entry)
        except GonogoError:
            # What was erased after its time is found no more.
            continue
        said = {
            "stage": record.stage,
            "blocker": record.blocker,
            "root cause": record.root_cause,
            "resolution": record.resolution,
            "prevention": record.prevention,
        }
        yield Learned("knowledge", str(entry.data.get("run")), time_text(entry.ts), str(entry.actor), said)


def _text(value: Tree) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return "" if value is None else str(value)
