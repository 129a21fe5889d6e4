"""What the retrospective gets: body of `retrospective-inputs.json` (F26, RIN-01, RIN-02, C44)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, maybe_time, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Improvement:
    """Something to do better, with its owner; `source` names what of the run led to it."""

    text: str
    owner: str
    source: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Something that is still owed after the release."""

    text: str
    owner: str
    state: str


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the run cost."""

    duration: timedelta
    halts: int
    failed_gates: int
    waivers: int
    waiting_for_people: timedelta


@dataclass(frozen=True, slots=True)
class RetrospectiveSeen:
    """Summary, improvements and open ends of one run."""

    summary: str
    improvements: tuple[Improvement, ...]
    follow_ups: tuple[FollowUp, ...]
    figures: RunFigures


def retrospective_body(seen: RetrospectiveSeen) -> Body:
    """Body of the retrospective inputs (F26)."""
    raw: Body = {
        "retrospective": {"summary": seen.summary},
        "improvements": [
            without_none({"text": item.text, "owner": item.owner, "due": maybe_time(item.due), "source": item.source})
            for item in seen.improvements
        ],
        "follow_ups": [{"text": item.text, "owner": item.owner, "state": item.state} for item in seen.follow_ups],
        "figures": {
            "duration": duration_text(seen.figures.duration),
            "halts": seen.figures.halts,
            "failed_gates": seen.figures.failed_gates,
            "waivers": seen.figures.waivers,
            "waiting_for_people": duration_text(seen.figures.waiting_for_people),
        },
    }
    return filled(raw, derived_retrospective(raw))


def derived_retrospective(body: Mapping[str, Tree]) -> Derived:
    """Whether the inputs are documented: a summary, at least one improvement, and an owner for everything (III.2)."""
    fields = Fields(body)
    improvements, follow_ups = fields.rows("improvements"), fields.rows("follow_ups")
    owned = all(row.filled("text") and row.filled("owner") for row in (*improvements, *follow_ups))
    return {
        "/retrospective/documented": fields.part("retrospective").filled("summary") and bool(improvements) and owned
    }
