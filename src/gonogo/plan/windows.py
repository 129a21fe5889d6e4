"""When production may be touched: windows that allow and periods that deny, once or by recurrence (WIN-01, WIN-02).

A period is a begin and an end, or a recurrence rule of RFC 5545 (section 3.3.10) with a first begin, a time zone and a
length. What is denied wins over what is allowed; where nothing allows, all that is not denied is allowed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from gonogo.values import dataclass

HORIZON = timedelta(days=400)
"""How far an opening is looked for: a window that does not open within it is said to have none."""


@dataclass(frozen=True, slots=True)
class Period:
    """`start` is wall time of `zone`. `recurs` is a rule of RFC 5545; empty for a period that is there once."""

    name: str
    start: datetime
    length: timedelta
    zone: str = "UTC"
    recurs: str = ""

    def spans(self, after: datetime, before: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Begin and end, in UTC, of every occurrence that touches `after` to `before`."""
        zone = ZoneInfo(self.zone)
        begins = [self.start]
        if self.recurs:
            margin = self.length + timedelta(days=1)
            low, high = ((moment.astimezone(zone)).replace(tzinfo=None) for moment in (after - margin, before))
            begins = rrulestr(self.recurs, dtstart=self.start, ignoretz=True).between(low, high, inc=True)
        found = ((begin.replace(tzinfo=zone).astimezone(UTC)) for begin in begins)
        return tuple((at, at + self.length) for at in found if at < before and at + self.length > after)


@dataclass(frozen=True, slots=True)
class Windows:
    """`at_end` says what happens to a rollout that the end of a window catches: `finish` or `roll_back`."""

    allow: tuple[Period, ...]
    deny: tuple[Period, ...]
    at_end: str = "finish"
    channel: str = ""


def denied_by(windows: Windows, now: datetime) -> str:
    """Why production may not be touched at `now`, for people; empty where it may."""
    moment = timedelta(microseconds=1)
    for period in windows.deny:
        spans = period.spans(now, now + moment)
        if spans:
            return f"`{period.name}` denies changes until {_text(max(end for _, end in spans))}"
    if not windows.allow or any(period.spans(now, now + moment) for period in windows.allow):
        return ""
    return f"no deployment window is open ({', '.join(f'`{period.name}`' for period in windows.allow)})"


def next_opening(windows: Windows, now: datetime) -> datetime | None:
    """The first moment from `now` on at which production may be touched; None where there is none in 400 days."""
    if not denied_by(windows, now):
        return now
    return next((moment for moment in _boundaries(windows, now) if not denied_by(windows, moment)), None)


def closing(windows: Windows, now: datetime) -> datetime | None:
    """When the window that is open at `now` closes; None where it does not within 400 days."""
    return next((moment for moment in _boundaries(windows, now) if denied_by(windows, moment)), None)


def _boundaries(windows: Windows, now: datetime) -> list[datetime]:
    spans = [span for period in (*windows.allow, *windows.deny) for span in period.spans(now, now + HORIZON)]
    return sorted({moment for span in spans for moment in span if moment > now})


def said(windows: Windows, now: datetime) -> tuple[str, ...]:
    """The windows in lines for people, with what holds at `now` (WIN-01)."""
    lines = [f"- Deployment window: {_period(period)}" for period in windows.allow]
    lines += [f"- No changes: {_period(period)}" for period in windows.deny]
    end = {"finish": "is finished", "roll_back": "is rolled back"}[windows.at_end]
    lines.append(f"- A rollout that the end of a window catches {end}.")
    why = denied_by(windows, now)
    opening, ends = next_opening(windows, now), closing(windows, now)
    if why:
        lines.append(f"- Now: {why}; {f'opens {_text(opening)}' if opening else 'does not open within 400 days'}.")
    else:
        lines.append(f"- Now: open{f' until {_text(ends)}' if ends else ''}.")
    return tuple(lines)


def _period(period: Period) -> str:
    if period.recurs:
        return f"{period.name}: {period.recurs} from {period.start:%Y-%m-%d %H:%M} {period.zone}, {period.length} long"
    begin = period.start.replace(tzinfo=ZoneInfo(period.zone)).astimezone(UTC)
    end = begin + period.length
    shown = f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{period.name}: {begin:%Y-%m-%d %H:%M}-{shown} UTC"


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
