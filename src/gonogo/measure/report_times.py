"""When a report of a test run was made, as far as it says: a report of another time is no result of this run (TR-06).

Runners write the start of their suites in local time without a zone, in UTC without a zone, or with one. A time without
a zone may be any of the day around it, so that only a report of another day is found out; one with a zone is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gonogo.values import dataclass

ZONES = timedelta(hours=14)
"""No zone of the earth is further from UTC."""

_FRACTION = re.compile(r"\.\d+")


@dataclass(frozen=True, slots=True)
class MadeWithin:
    """The earliest and the latest moment at which the oldest and the newest part of a report may have been made."""

    earliest: datetime
    latest: datetime


def made_within(stamps: Iterable[str]) -> MadeWithin | None:
    """The span of the times that a report states; None where it states none that can be read.

    `latest` is the last moment that its oldest part allows, `earliest` the first that its newest part allows: a report
    is old where `latest` is, and from the future where `earliest` is.
    """
    spans = [span for stamp in stamps if (span := _span(stamp)) is not None]
    if not spans:
        return None
    return MadeWithin(max(first for first, _ in spans), min(last for _, last in spans))


def _span(stamp: str) -> tuple[datetime, datetime] | None:
    try:
        found = datetime.fromisoformat(_FRACTION.sub("", stamp.strip()))
    except ValueError:
        return None
    if found.tzinfo is not None:
        return found, found
    return found.replace(tzinfo=UTC) - ZONES, found.replace(tzinfo=UTC) + ZONES
