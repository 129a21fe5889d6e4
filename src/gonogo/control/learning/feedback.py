"""Feedback on what a run delivered: asked after each sealed package, kept for who comes next (COM-14, LRN-16, F34).

An entry is noted in the site's log with its author, so that it can be given long after a run is over; the file
`feedback-log.json` is made from the log and never read. Feedback opens no gate and stops nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.engine.writing import view_paths
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.ledger import time_text
from gonogo.ports import Draft
from gonogo.terms import Actor, Digest, Json
from gonogo.values import dataclass

GIVEN: Final = "feedback.given"
FILE: Final = "feedback-log.json"
KINDS: Final = ("concern", "suggestion", "rework", "praise")
MOST_TEXT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says about a run: in which role, for which protocol, about what, and how good it is (1 to 5)."""

    role: str
    protocol: str
    about: str
    kind: str
    text: str
    rating: int | None = None
    follow_up: str = ""


def give(door: Door, opened: Opened, said: Feedback, actor: Actor) -> Digest:
    """Note an entry and write the log anew; BadInput for text that is empty or too long. Gives the log's digest."""
    if not said.text.strip() or len(said.text) > MOST_TEXT:
        raise BadInput(f"feedback has between 1 and {MOST_TEXT} letters", next_step="say --text TEXT, or the answers")
    body: dict[str, Tree] = {
        "from": {"person": str(actor), "role": said.role, "protocol": said.protocol},
        "about": said.about,
        "kind": said.kind,
        "text": said.text,
    }
    body |= {"rating": said.rating} if said.rating is not None else {}
    body |= {"follow_up": said.follow_up} if said.follow_up else {}
    data: dict[str, Json] = {"run": opened.run, "entry_sha256": door.world.vault.put(write_json(body))}
    door.world.journal.note([Draft(GIVEN, data)], actor=actor, now=door.world.clock.now())
    return _write(door, opened)


def entries_of(door: Door, opened: Opened) -> tuple[Mapping[str, Tree], ...]:
    """Every entry about a run, oldest first."""
    found = []
    for entry in door.world.journal.site():
        if entry.type == GIVEN and entry.data.get("run") == opened.run:
            said = read_object(door.world.vault.read(Digest(str(entry.data.get("entry_sha256")))), name=FILE)
            found.append({"at": time_text(entry.ts), **said})
    return tuple(found)


def _write(door: Door, opened: Opened) -> Digest:
    body: dict[str, Tree] = {
        "schema": "gonogo/feedback-log/1",
        "run_id": opened.run,
        "entries": [dict(entry) for entry in entries_of(door, opened)],
    }
    digest = door.world.vault.put(write_json(body))
    door.world.views.write(dict.fromkeys(view_paths(opened.plan.name, FILE), digest))
    return digest
