"""Reads the `window` section of a project: one window, or recurring ones, and periods without changes (WIN-01)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.plan.windows import Period, Windows

ZONE = r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}"
_TOO_FINE = re.compile(r"FREQ=(SECONDLY|MINUTELY)", re.IGNORECASE)
_RULE = re.compile(r"(RRULE:)?FREQ=[A-Za-z0-9=;,+:-]{4,200}\Z", re.IGNORECASE)


def read_windows(section: Section | None) -> Windows | None:
    """The windows, or None where the project plans none; what cannot be read is a finding and denies everything."""
    if section is None:
        return None
    zone = _zone(section, "UTC")
    own = (_period(section, zone, "the window"),) if {"start", "recurs"} & set(section.names()) else ()
    allow = tuple(_named(child, zone) for child in section.sections("allow"))
    deny = tuple(_named(child, zone) for child in section.sections("deny"))
    at_end = section.choice("at_end", ("finish", "roll_back"), "finish")
    found = Windows((*own, *allow), deny, at_end, section.text("channel", ""))
    if not found.allow and not found.deny:
        section.notes.error(WRONG_VALUE, f"`{section.path}` names no window: give `start` and `end`", section.origin)
    section.finish()
    return found


def _named(section: Section, zone: str) -> Period:
    found = _period(section, _zone(section, zone), section.text("name"))
    section.finish()
    return found


def _zone(section: Section, default: str) -> str:
    name = section.text("zone", default, pattern=ZONE, kind="a time zone such as Europe/Berlin")
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        section.notes.error(
            WRONG_VALUE,
            f"`{section.path}.zone`: no time zone `{name}` is known here",
            section.origin,
        )
        return "UTC"
    return name


def _period(section: Section, zone: str, name: str) -> Period:
    start = _moment(section, "start", zone)
    rule = section.text("recurs", "")
    if not rule:
        end = _moment(section, "end", zone)
        length = _instant(end, zone) - _instant(start, zone)
        if length <= timedelta(0):
            section.notes.error(WRONG_VALUE, f"`{section.path}.end` is not after its start", section.origin_of("end"))
        return Period(name, start, max(length, timedelta(0)), zone)
    length = timedelta(seconds=float(section.seconds("length")))
    _check_rule(section, rule, start)
    return Period(name, start, length, zone, rule)


def _instant(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _check_rule(section: Section, rule: str, start: datetime) -> None:
    where = section.origin_of("recurs")
    if not _RULE.match(rule) or _TOO_FINE.search(rule):
        section.notes.error(
            WRONG_VALUE,
            f"`{section.path}.recurs` is `{rule}`; it must be a rule of RFC 5545, at the finest FREQ=HOURLY,"
            " such as FREQ=WEEKLY;BYDAY=TU,WE",
            where,
        )
        return
    try:
        rrulestr(rule, dtstart=start, ignoretz=True)
    except (ValueError, TypeError, KeyError) as error:
        section.notes.error(WRONG_VALUE, f"`{section.path}.recurs` is no rule of RFC 5545: {error}", where)


def _moment(section: Section, key: str, zone: str) -> datetime:
    """Wall time of `zone`; a text with an offset of its own is brought there."""
    raw = section.text(key)
    try:
        found = datetime.fromisoformat(raw)
    except ValueError:
        if raw:
            section.notes.error(
                WRONG_VALUE,
                f"`{section.path}.{key}` is `{raw}`; it must be a time such as 2026-12-01T02:00",
                section.origin_of(key),
            )
        return datetime(1970, 1, 1)  # noqa: DTZ001 - wall time of the zone
    return found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if found.tzinfo else found
