"""What people did and saw where automation was not there: body of `manual-validation-log.json` (F47, MAN-01..MAN-06).

The log is built from signed statements alone. It is marked manual and never stands for a measurement: a gate that needs
a measured value does not take one from here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body, time_text, without_none
from gonogo.measure.header import RawFile, raw_rows
from gonogo.measure.markdown import page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

SEPARATOR: Final = " // "
COLUMNS: Final = ("at", "person", "command", "result")
MOST_ROWS: Final = 10_000
_NUMBERED: Final = re.compile(r"(\d{1,3})\. (.*)")


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """One answer to one question about a step; `observer` is who saw it, where that is not the person who signed."""

    step: str
    question: str
    answer: str
    observed_at: datetime
    person: str
    reason_no_automation: str
    attachments: tuple[RawFile, ...]
    signature: str
    observer: str | None = None


@dataclass(frozen=True, slots=True)
class ObservedCommand:
    """A line of a war-room log: when who ran which command, and how it ended."""

    at: datetime
    person: str
    command: str
    result: str


def numbered(texts: Sequence[str]) -> str:
    """Texts as one, on one line with their numbers: the form in which questions are asked and answers are signed."""
    plain = (" ".join(text.split()).replace(SEPARATOR.strip(), "/ /") for text in texts)
    return SEPARATOR.join(f"{number}. {text}" for number, text in enumerate(plain, start=1))


def unnumbered(text: str) -> tuple[str, ...]:
    """The texts of `numbered`; BadInput where the numbers do not run from 1 on."""
    found = [_NUMBERED.fullmatch(line) for line in text.split(SEPARATOR)]
    texts = tuple(match[2] for number, match in enumerate(found, start=1) if match and int(match[1]) == number)
    if len(texts) != len(found):
        raise BadInput(
            "questions or answers of a manual record are not numbered from 1 on", next_step="record it again"
        )
    return texts


def read_war_room(data: bytes, name: str) -> tuple[ObservedCommand, ...]:
    """A log that was kept in a spreadsheet: CSV with the columns at, person, command, result (MAN-04).

    BadInput names the line that cannot be used; none is left out.
    """
    try:
        rows = list(csv.reader(data.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{name} is no CSV in UTF-8: {error}", where=name, next_step=_EXPORT) from error
    head = tuple(cell.strip().casefold() for cell in rows[0]) if rows else ()
    if head != COLUMNS or not 1 < len(rows) <= MOST_ROWS:
        what = f"{name} does not hold the columns {', '.join(COLUMNS)} and at least one line below"
        raise BadInput(what, where=name, next_step=_EXPORT)
    return tuple(_observed(row, f"{name}:{number}") for number, row in enumerate(rows[1:], start=2))


_EXPORT: Final = "export the sheet as CSV (UTF-8) with these four columns"


def _observed(row: list[str], where: str) -> ObservedCommand:
    if len(row) != len(COLUMNS) or not all(cell.strip() for cell in row):
        raise BadInput(f"{where} has an empty cell, or not {len(COLUMNS)} of them", where=where, next_step=_EXPORT)
    try:
        at = datetime.fromisoformat(row[0].strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput(
            f"{where}: `{row[0][:40]}` is no moment with a zone", where=where, next_step="such as 2026-11-21T10:00:00Z"
        )
    return ObservedCommand(at, row[1].strip(), row[2].strip(), row[3].strip())


def manual_body(entries: Sequence[ManualEntry]) -> Body:
    """Body of the manual log (F47)."""
    return {
        "entries": [
            without_none(
                {
                    "step": entry.step,
                    "question": entry.question,
                    "answer": entry.answer,
                    "observed_at": time_text(entry.observed_at),
                    "person": entry.person,
                    "observer": entry.observer,
                    "reason_no_automation": entry.reason_no_automation,
                    "attachments": raw_rows(entry.attachments),
                    "signature": entry.signature,
                }
            )
            for entry in entries
        ]
    }


def manual_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `manual-validation-log.md`, rendered from the body."""
    rows = Fields(body).rows("entries")
    steps = dict.fromkeys(row.text("step") for row in rows)
    parts = [section(step, _step([row for row in rows if row.text("step") == step])) for step in steps]
    return page("Manual validation log", "Stated and signed by people; nothing here was measured.", *parts)


def _step(rows: Sequence[Fields]) -> str:
    cells = [
        (
            row.text("observed_at"),
            row.maybe_text("observer") or row.text("person"),
            row.text("question"),
            row.text("answer"),
            row.text("reason_no_automation"),
        )
        for row in rows
    ]
    return table(("Observed", "By", "Question", "Answer", "Why by hand"), cells)


QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "parity": (
        "Which dashboards of staging and of production did you compare, and when?",
        "Which differences did you see, and how severe is each?",
        "Who answers for each difference, and until when?",
    ),
    "rehearsal": (
        "Which runbook did you follow, in which revision?",
        "Which version does staging answer with now, and where did you see it?",
    ),
    "rollback-proof": (
        "When did the rollback begin, and when did the old version answer again?",
        "How did you see that staging is back in its old state?",
    ),
    "checklist": ("Which items of the checklist are open, and who owns each?",),
    "readiness-approval": ("Which approvals did you see, and where are they documented?",),
    "readiness": ("Which evidence did you review by hand, and what did it show?",),
    "deployment": ("Who was in the war room, and where are its notes?",),
}
"""What is asked about a step in place of its measurement."""


def questions_about(title: str, measurements: Sequence[str], commands: Sequence[str]) -> tuple[str, ...]:
    """The form of a step: its own questions, and one for each command that it would have run (MAN-01..MAN-04)."""
    own = [question for name in measurements for question in QUESTIONS.get(name.partition(":")[0], ())]
    runs = [f"When did you run `{command}`, and how did it end?" for command in commands]
    return (*runs, *own) or (f"What did you do in place of `{title}`?", "What did you observe?")
