"""How often people are told, whether or not anything happened: `cadence` of `gonogo.yaml` (COM-25)."""

from __future__ import annotations

from decimal import Decimal

from gonogo.plan.reading import Section
from gonogo.values import dataclass

DAY = Decimal(86400)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two statuses of an open run, and between two summaries; how long after its end it is reviewed.

    `leadership` are the roles that the summaries are for; empty for everybody.
    """

    status: Decimal
    summary: Decimal
    retrospective: Decimal
    leadership: tuple[str, ...]


DAILY = Cadence(status=DAY, summary=7 * DAY, retrospective=DAY, leadership=())
"""What holds where a project says nothing."""


def read_cadence(section: Section) -> Cadence:
    """Read `cadence`; everything in it has a default."""
    found = Cadence(
        status=section.seconds("status", DAILY.status),
        summary=section.seconds("summary", DAILY.summary),
        retrospective=section.seconds("retrospective", DAILY.retrospective),
        leadership=section.texts("leadership", DAILY.leadership),
    )
    section.finish()
    return found
