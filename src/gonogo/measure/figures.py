"""Figures as every evidence file writes them: ratios, durations and times (III.1, C16).

Ratios are decimals on a grid of 10^-12, rounded towards the side that cannot pass: a share downwards, a burden upwards.
A limit with at most twelve decimals is therefore judged as the exact fraction would be judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.terms import Severity

Body: TypeAlias = dict[str, Tree]
"""An evidence file without its header."""

GRID = 10**12
"""Ratios are multiples of one in this number."""

_EXACT = Context(prec=60)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z", re.ASCII)
_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?"
    r"(?:(?P<seconds>\d{1,9})(?:\.(?P<part>\d{1,6}))?S)?)?",
    re.ASCII,
)


def share(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """`part / whole`, rounded down; None for an empty whole, which is never a pass (C16)."""
    scaled = _scaled(part, whole)
    return None if scaled is None else _on_grid(scaled.numerator // scaled.denominator)


def burden(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """`part / whole`, rounded up; None for an empty whole, which is never a pass (C16)."""
    scaled = _scaled(part, whole)
    return None if scaled is None else _on_grid(-(-scaled.numerator // scaled.denominator))


def rest(ratio: Decimal | None) -> Decimal | None:
    """One minus `ratio`; None stays None."""
    return None if ratio is None else trimmed(_EXACT.subtract(Decimal(1), ratio))


def trimmed(number: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent, so that equal numbers are equal bytes."""
    short = number.normalize(_EXACT)
    return short if int(short.as_tuple().exponent) <= 0 else short.quantize(Decimal(1), context=_EXACT)


def total(numbers: Iterable[Decimal | int]) -> Decimal:
    """Exact sum of decimals."""
    answer = Decimal(0)
    for number in numbers:
        answer = _EXACT.add(answer, Decimal(number))
    return trimmed(answer)


def _scaled(part: Decimal | int, whole: Decimal | int) -> Fraction | None:
    return None if whole <= 0 else Fraction(part) / Fraction(whole) * GRID


def _on_grid(steps: int) -> Decimal:
    return trimmed(Decimal(steps).scaleb(-12, context=_EXACT))


def time_text(moment: datetime) -> str:
    """`moment` in UTC as `2026-11-21T10:00:00Z`, with a fraction only where there is one; BadInput without a zone."""
    if moment.tzinfo is None:
        raise BadInput("a time without a zone", next_step="give every time in UTC")
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}".rstrip("0") if utc.microsecond else ""
    return f"{utc:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def maybe_time(moment: datetime | None) -> str | None:
    """As `time_text`; None stays None."""
    return None if moment is None else time_text(moment)


def read_time(text: str) -> datetime:
    """The moment that `2026-11-21T10:00:00Z` names; BadInput for every other spelling."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise BadInput(f"`{text[:40]}` is not a time", next_step="write it in UTC, as in 2026-11-21T10:00:00Z")
    try:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInput(f"`{text}` is not a day or time of the calendar", next_step="correct it") from error
    return whole + timedelta(microseconds=int((found[2] or "0").ljust(6, "0")))


def duration_text(duration: timedelta) -> str:
    """`duration` in seconds as ISO 8601, e.g. `PT1.25S`; BadInput below zero, which only a broken clock yields."""
    if duration < timedelta(0):
        raise BadInput(f"a duration of {duration.total_seconds()} s", next_step="check the clocks of the measurement")
    seconds = duration.days * 86400 + duration.seconds
    fraction = f".{duration.microseconds:06d}".rstrip("0") if duration.microseconds else ""
    return f"PT{seconds}{fraction}S"


def read_duration(text: str) -> timedelta:
    """The time span that `PT10M`, `PT1.25S` or `P1DT2H` names; BadInput for every other spelling."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groupdict().values()) or text.endswith("T"):
        raise BadInput(f"`{text[:40]}` is not a duration", next_step="write it as in PT10M or PT1.25S")
    return timedelta(
        days=int(found["days"] or 0),
        hours=int(found["hours"] or 0),
        minutes=int(found["minutes"] or 0),
        seconds=int(found["seconds"] or 0),
        microseconds=int((found["part"] or "0").ljust(6, "0")),
    )


def hours(duration: timedelta) -> Decimal:
    """`duration` in hours, rounded up on the grid."""
    microseconds = (duration.days * 86400 + duration.seconds) * 10**6 + duration.microseconds
    answer = burden(microseconds, 3600 * 10**6)
    return Decimal(0) if answer is None else answer


def worst_severity(severities: Iterable[Severity]) -> Severity:
    """The worst of `severities`, UNKNOWN counted as CRITICAL (C14); NONE where there are none at all."""
    worst = max(severities, default=Severity.NONE)
    return Severity.CRITICAL if worst is Severity.UNKNOWN else worst


def severity_of(word: str) -> Severity:
    """The severity that `word` names; UNKNOWN for every word that is not one."""
    return next((severity for severity in Severity if severity.word == word), Severity.UNKNOWN)


def without_none(values: Mapping[str, Tree]) -> Body:
    """`values` without the entries that are None: what was not measured is left out, never written as a value."""
    return {key: value for key, value in values.items() if value is not None}
