"""How often people are told, whether or not anything happened: `cadence` of `gonogo.yaml` (COM-25)."""

from __future__ import annotations

from decimal import Decimal

from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.values import dataclass

DAY = Decimal(86400)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two statuses of an open run, and between two summaries; how long after its end it is reviewed.

    `leadership` are the roles that the summaries are for; empty for everybody. `template_review` and `calibration` are
    seconds between two reviews of a document, and of gates, automation and patterns (LRN-19). `capacity` is in
    person-days a week for improvements, `buffer` the share of each length that is kept free (LRN-14).
    """

    status: Decimal
    summary: Decimal
    retrospective: Decimal
    leadership: tuple[str, ...]
    template_review: Decimal = 180 * DAY
    calibration: Decimal = 90 * DAY
    capacity: Decimal = Decimal(2)
    buffer: Decimal = Decimal("0.2")


DAILY = Cadence(status=DAY, summary=7 * DAY, retrospective=DAY, leadership=())
"""What holds where a project says nothing."""


def read_cadence(section: Section) -> Cadence:
    """Read `cadence`; everything in it has a default."""
    found = Cadence(
        status=section.seconds("status", DAILY.status),
        summary=section.seconds("summary", DAILY.summary),
        retrospective=section.seconds("retrospective", DAILY.retrospective),
        leadership=section.texts("leadership", DAILY.leadership),
        template_review=section.seconds("template_review", DAILY.template_review),
        calibration=section.seconds("calibration", DAILY.calibration),
        capacity=_days_a_week(section),
        buffer=section.ratio("buffer", DAILY.buffer),
    )
    section.finish()
    return found


def _days_a_week(section: Section) -> Decimal:
    written = section.text("capacity", str(DAILY.capacity), pattern=r"[0-9]{1,3}(\.[0-9]{1,2})?", kind="days a week")
    found = Decimal(written or DAILY.capacity)
    if found <= 0:
        section.notes.error(WRONG_VALUE, "`cadence.capacity` must be above zero", section.origin_of("capacity"))
        return DAILY.capacity
    return found
