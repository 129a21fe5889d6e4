"""What the release report holds: body of `deployment-report.json` (F48, REP-01, REP-03, C80).

A section is present only when it was generated from evidence that it names: free text makes no section.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, share
from gonogo.measure.header import RawFile, raw_rows
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

RunOutcome: TypeAlias = Literal["released", "rolled_back", "aborted"]


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A section of the report with the evidence that it was generated from."""

    name: str
    required: bool
    sources: tuple[RawFile, ...]


def report_index_body(sections: tuple[ReportSection, ...], outcome: RunOutcome) -> Body:
    """Body of the index of the release report (F48)."""
    raw: Body = {
        "sections": [
            {
                "name": section.name,
                "required": section.required,
                "present": bool(section.sources),
                "from": raw_rows(section.sources),
            }
            for section in sections
        ],
        "outcome": outcome,
    }
    return filled(raw, derived_report_index(raw))


def derived_report_index(body: Mapping[str, Tree]) -> Derived:
    """Completeness of required and of all sections (III.2)."""
    sections = Fields(body).rows("sections")
    required = [section for section in sections if section.flag("required")]
    return {
        "/report/completeness/required": share(sum(map(_is_there, required)), len(required)),
        "/report/completeness/all": share(sum(map(_is_there, sections)), len(sections)),
    }


def _is_there(section: Fields) -> bool:
    return section.flag("present") and any(source.filled("sha256") for source in section.rows("from"))
