"""Duty calendars as RFC 5545 feeds: who is on call when (OPS-02). What is not understood is refused, never skipped.

A shift without a zone is refused, because it means another moment on each machine. Recurring shifts, their exceptions
and moved instances are followed; cancelled ones are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from gonogo.errors import BadInput
from gonogo.values import dataclass

MOST_BYTES: Final = 4 << 20
MOST_EVENTS: Final = 20_000
_LINE: Final = re.compile(r'(?P<name>[A-Za-z0-9-]+)(?P<params>(?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:]*))*):(?P<value>.*)')
_PARAM: Final = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)')
_MOMENT: Final = re.compile(r"(\d{8})T(\d{6})(Z?)")
_DAY: Final = re.compile(r"\d{8}")
_LENGTH: Final = re.compile(r"P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,6})S)?)?)")
_TOO_FINE: Final = re.compile(r"FREQ=(SECONDLY|MINUTELY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shift:
    """One person on duty, from `begins` up to `ends`."""

    person: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class _Property:
    """One content line: its parameters in upper case, its value as it stands."""

    params: Mapping[str, str]
    value: str


_Event = Mapping[str, Sequence[_Property]]


def read_shifts(data: bytes, name: str, begin: datetime, end: datetime) -> tuple[Shift, ...]:
    """The shifts of a calendar that touch the time from `begin` to `end`. BadInput where it is no usable calendar."""
    if len(data) > MOST_BYTES:
        _refuse(name, f"it has more than {MOST_BYTES >> 20} MiB")
    events = [event for event in _events(data, name) if _text(event, "STATUS").upper() != "CANCELLED"]
    moved = {
        (_text(event, "UID"), _moment(event["RECURRENCE-ID"][0], name)) for event in events if "RECURRENCE-ID" in event
    }
    found = [shift for event in events for shift in _shifts(event, moved, name, (begin, end))]
    return tuple(sorted(found, key=lambda shift: (shift.begins, shift.person)))


def _refuse(name: str, what: str) -> NoReturn:
    raise BadInput(
        f"{name} is not a usable calendar: {what}", where=name, next_step="export it again as iCalendar (.ics)"
    )


def _events(data: bytes, name: str) -> Iterator[_Event]:
    """The events of the one calendar in `data`; other components are known by name only."""
    open_parts: list[str] = []
    event: dict[str, list[_Property]] = {}
    count = 0
    for key, found in _lines(data, name):
        if key == "BEGIN":
            open_parts.append(found.value.upper())
            event = {} if found.value.upper() == "VEVENT" else event
        elif key == "END":
            if not open_parts or open_parts.pop() != found.value.upper():
                _refuse(name, f"END:{found.value[:40]} closes nothing")
            if found.value.upper() == "VEVENT":
                count += 1
                yield event
        elif open_parts[-1:] == ["VEVENT"]:
            event.setdefault(key, []).append(found)
        if (not open_parts and key != "END") or count > MOST_EVENTS:
            _refuse(
                name,
                "it does not begin with BEGIN:VCALENDAR" if not open_parts else f"it has over {MOST_EVENTS} events",
            )
    if open_parts:
        _refuse(name, f"it is cut off inside {open_parts[-1]}")


def _lines(data: bytes, name: str) -> Iterator[tuple[str, _Property]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(name, "it is not UTF-8")
    if not text.upper().startswith("BEGIN:VCALENDAR"):
        _refuse(name, "it does not begin with BEGIN:VCALENDAR")
    for number, line in enumerate(re.sub(r"\r?\n[ \t]", "", text).splitlines(), start=1):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            _refuse(name, f"line {number} is no content line: {line[:60]!r}")
        params = {key.upper(): value.strip('"') for key, value in _PARAM.findall(found["params"])}
        yield found["name"].upper(), _Property(params, found["value"])


def _shifts(
    event: _Event, moved: set[tuple[str, datetime]], name: str, span: tuple[datetime, datetime]
) -> Iterator[Shift]:
    if "DTSTART" not in event:
        _refuse(name, "a shift has no DTSTART")
    if "RDATE" in event:
        _refuse(name, "a shift uses RDATE, which is not followed")
    start = _moment(event["DTSTART"][0], name)
    length = _length(event, start, name)
    excluded = {
        _moment(_Property(item.params, part), name)
        for item in event.get("EXDATE", ())
        for part in item.value.split(",")
    }
    uid = _text(event, "UID")
    for begins in _begins(event, start, length, name, span):
        overridden = "RECURRENCE-ID" not in event and (uid, begins) in moved
        if begins not in excluded and not overridden and begins < span[1] and begins + length > span[0]:
            yield Shift(_person(event, name), begins.astimezone(UTC), (begins + length).astimezone(UTC))


def _begins(
    event: _Event, start: datetime, length: timedelta, name: str, span: tuple[datetime, datetime]
) -> Sequence[datetime]:
    if "RRULE" not in event:
        return (start,)
    rule = event["RRULE"][0].value
    if _TOO_FINE.search(rule):
        _refuse(name, f"the rule {rule[:60]!r} recurs too often")
    try:
        # Wall-clock arithmetic in the shift's own zone: eight in the morning stays eight when clocks change.
        return tuple(rrulestr(rule, dtstart=start).between(span[0] - length, span[1], inc=True))
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{name}: the rule {rule[:60]!r} cannot be followed: {error}",
            where=name,
            next_step="write it as RFC 5545 says",
        ) from error


def _moment(found: _Property, name: str) -> datetime:
    if found.params.get("VALUE", "").upper() == "DATE" or _DAY.fullmatch(found.value):
        return _dated(f"{found.value}T000000", found.params.get("TZID", ""), name)
    match = _MOMENT.fullmatch(found.value)
    if match is None:
        _refuse(name, f"{found.value[:40]!r} is no moment")
    return _dated(f"{match[1]}T{match[2]}", "UTC" if match[3] else found.params.get("TZID", ""), name)


def _dated(text: str, zone: str, name: str) -> datetime:
    if not zone:
        _refuse(name, f"{text} has no zone, so it is another moment on each machine")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        _refuse(name, f"{text} in the zone {zone[:40]!r} cannot be understood")


def _length(event: _Event, start: datetime, name: str) -> timedelta:
    if "DTEND" in event:
        length = _moment(event["DTEND"][0], name) - start
    elif "DURATION" in event:
        found = _LENGTH.fullmatch(event["DURATION"][0].value)
        if found is None or not any(found.groups()):
            _refuse(name, "a shift has a DURATION that is none")
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    else:
        length = timedelta(days=1) if _DAY.fullmatch(event["DTSTART"][0].value) else timedelta(0)
    if length <= timedelta(0):
        _refuse(name, f"the shift that begins at {start.isoformat()} has no length")
    return length


def _person(event: _Event, name: str) -> str:
    """Who has the shift: the one attendee by address, else the summary."""
    attendees = [item.value.removeprefix("mailto:").removeprefix("MAILTO:") for item in event.get("ATTENDEE", ())]
    said = attendees[0] if len(attendees) == 1 else _text(event, "SUMMARY")
    if len(attendees) > 1 or not said.strip():
        _refuse(name, "a shift names nobody, or several people at once")
    return re.sub(r"\\(.)", r"\1", said).strip()


def _text(event: _Event, key: str) -> str:
    return event[key][0].value if event.get(key) else ""
