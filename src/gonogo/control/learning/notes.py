"""What people learn from runs: lessons, improvements, retrospectives, noted in the log of the site (LRN-01 to LRN-14).

Each record has an author and a stored body, can be made long after a run is over, and opens no gate. The files that
show them are made from the log and never read.
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
from gonogo.terms import Actor, Digest, Json, RunId

LESSON: Final = "lesson.learned"
IMPROVEMENT: Final = "improvement.logged"
RETRO: Final = "retrospective.held"
KNOWLEDGE: Final = "knowledge.updated"
FILES: Final[Mapping[str, str]] = {
    LESSON: "lessons-learned.json",
    IMPROVEMENT: "improvement-log.json",
    RETRO: "retrospective-report.json",
    KNOWLEDGE: "knowledge-base.json",
}
"""The file that shows the records of a kind about one run (F46)."""

MOST_TEXT: Final = 10_000
MOST_BYTES: Final = 1 << 22


def noted(door: Door, kind: str, run: RunId | None = None) -> tuple[Mapping[str, Tree], ...]:
    """Every record of a kind, oldest first, with time and author; of one run where it is named."""
    found: list[Mapping[str, Tree]] = []
    for entry in door.world.journal.site():
        if entry.type == kind and run in {None, entry.data.get("run")}:
            data = door.world.vault.read(Digest(str(entry.data.get("body_sha256"))))
            body = read_object(data, name=kind, limit=MOST_BYTES)
            found.append({"at": time_text(entry.ts), "by": str(entry.actor), "run": str(entry.data.get("run")), **body})
    return tuple(found)


def note_down(door: Door, kind: str, opened: Opened, body: Mapping[str, Tree], actor: Actor) -> str:
    """Note a record about a run and write its file anew; BadInput for empty or endless words. Gives the file's name."""
    for name, value in body.items():
        if isinstance(value, str) and not 0 < len(value.strip()) <= MOST_TEXT:
            flag = name.replace("_", "-")
            raise BadInput(f"`{name}` has between 1 and {MOST_TEXT} letters", next_step=f"say --{flag} TEXT")
    stored: dict[str, Json] = {"run": opened.run, "body_sha256": door.world.vault.put(write_json(dict(body)))}
    door.world.journal.note([Draft(kind, stored)], actor=actor, now=door.world.clock.now())
    file = FILES[kind]
    door.world.views.write(dict.fromkeys(view_paths(opened.plan.name, file), _file(door, kind, opened)))
    return file


def _file(door: Door, kind: str, opened: Opened) -> Digest:
    rows: list[Tree] = [dict(row) for row in noted(door, kind, opened.run)]
    schema = FILES[kind].removesuffix(".json")
    return door.world.vault.put(write_json({"schema": f"gonogo/{schema}/1", "run_id": opened.run, "records": rows}))


def files_about(door: Door, opened: Opened) -> dict[str, Digest]:
    """The files about a run that were made after its end, by name, as the log says they are (LRN-03)."""
    return {FILES[kind]: _file(door, kind, opened) for kind in FILES if noted(door, kind, opened.run)}
