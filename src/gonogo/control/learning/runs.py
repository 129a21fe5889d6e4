"""What runs themselves say to those who learn from them: agenda, due date, known blockers (LRN-01, LRN-02, LRN-11)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.control.door import Door
from gonogo.control.learning.feedback import entries_of
from gonogo.control.opening import Opened
from gonogo.control.viewing import text_of
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.reports.agenda import Question, agenda
from gonogo.reports.knowledge import Blocker, Pattern, blockers_of, patterns
from gonogo.reports.trouble import first_line
from gonogo.run.events import recorded
from gonogo.run.events_of_halts import RetrospectiveOpened
from gonogo.terms import Digest

SYMPTOM_LINES = 3


def agenda_of(door: Door, opened: Opened) -> tuple[tuple[Question, ...], RetrospectiveOpened | None]:
    """The prefilled agenda of a run's retrospective, and when it is due; None while the run goes on."""
    rework = [str(row.get("text")) for row in entries_of(door, opened) if row.get("kind") == "rework"]
    events = [recorded(entry) for entry in opened.entries]
    return agenda(opened.plan, opened.state, events, rework), opened.state.retrospective


def known_patterns(door: Door) -> tuple[tuple[Pattern, ...], Mapping[Digest, str]]:
    """Every blocker of every run that can be read, by protocol, step and cause, with the words that belong to them."""
    found: list[Blocker] = []
    for run in door.runs():
        try:
            found += blockers_of(run, [recorded(entry) for entry in door.world.journal.entries(run)])
        except GonogoError:
            # A run that cannot be read teaches nothing; `gonogo audit` names it.
            continue
    words = {item.detail: _symptom(text_of(door.world, item.detail)) for item in found if item.detail}
    reasons = {item.resolution: _reason(door, item.resolution) for item in found if item.resolution}
    return patterns(found), words | reasons


def _symptom(text: str) -> str:
    """The first lines of a text, on one."""
    return "; ".join(first_line(line) for line in text.splitlines()[:SYMPTOM_LINES] if line.strip())


def _reason(door: Door, statement: Digest) -> str:
    try:
        body = read_object(door.world.vault.read(statement), name="statement", limit=1 << 20)
    except GonogoError:
        return ""
    said = body.get("predicate")
    return str(said.get("reason", "")) if isinstance(said, Mapping) else ""
