"""Is a threshold tighter or looser than it was? Clauses are sets of allowed values; a subset is stronger (DOC-27).

All clauses on one metric, unit and scope are met together, so their sets are intersected before they are compared.
Limits of different kinds (a number, a duration, a word, a name such as RTO) are never comparable with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from gonogo.protocol.change import Change, Direction, sense
from gonogo.protocol.threshold import Clause, Number, Op, Period, Ref, Word
from gonogo.values import dataclass

_ORDER = {word: Decimal(rank) for rank, word in enumerate(("none", "low", "medium", "high", "critical"))}
_LOWEST = Decimal("-Infinity")
_HIGHEST = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class _Range:
    """Allowed values: an interval with open or closed ends, less single excluded points."""

    low: Decimal
    low_in: bool
    high: Decimal
    high_in: bool
    excluded: frozenset[Decimal]

    def met_with(self, other: _Range) -> _Range:
        low, low_in = max((self.low, not self.low_in), (other.low, not other.low_in))
        high, high_in = min((self.high, self.high_in), (other.high, other.high_in))
        return _Range(low, not low_in, high, high_in, self.excluded | other.excluded)

    def within(self, other: _Range) -> bool:
        """Whether every value allowed here is allowed there."""
        from_low = (self.low, not self.low_in) >= (other.low, not other.low_in)
        to_high = (self.high, self.high_in) <= (other.high, other.high_in)
        return from_low and to_high and all(not self._holds(point) for point in other.excluded)

    def _holds(self, point: Decimal) -> bool:
        above = self.low < point or (self.low == point and self.low_in)
        below = point < self.high or (self.high == point and self.high_in)
        return above and below and point not in self.excluded


def compare_clauses(where: str, part: str, old: Iterable[Clause], new: Iterable[Clause]) -> tuple[Change, ...]:
    """Changes between two lists of clauses that must all hold; equal values in other spellings are no change."""
    left, right = _by_subject(old), _by_subject(new)
    changes: list[Change] = []
    for subject in dict.fromkeys((*left, *right)):
        before, after = left.get(subject, ()), right.get(subject, ())
        direction = _direction(before, after)
        if direction is not None:
            changes.append(_change(direction, (where, part), before, after))
    return tuple(changes)


_Subject = tuple[str, str, str, str]


def _by_subject(clauses: Iterable[Clause]) -> dict[_Subject, tuple[Clause, ...]]:
    out: dict[_Subject, tuple[Clause, ...]] = {}
    for clause in clauses:
        subject = (sense(clause.metric), sense(clause.scope), _unit(clause), _kind(clause))
        out[subject] = (*out.get(subject, ()), clause)
    return out


def _unit(clause: Clause) -> str:
    # `90%` and `0.90` are one value: the percent sign is spelling, held by Number.percent.
    unit = sense(clause.unit)
    return "" if unit in {"%", "percent", "ratio"} else unit


def _kind(clause: Clause) -> str:
    match clause.limit:
        case Number():
            return "number"
        case Period():
            return "period"
        case Ref(name):
            return f"ref {name}"
        case Word(text) if text in _ORDER:
            return "ordered word"
        case Word():
            return "word"


def _direction(before: tuple[Clause, ...], after: tuple[Clause, ...]) -> Direction | None:
    """Direction from `before` to `after`, which have the same subject; None where they allow the same."""
    if not after:
        return Direction.WEAKER
    if not before:
        return Direction.STRONGER
    if _kind(before[0]) == "word":
        return _word_direction(before, after)
    old, new = _met(before), _met(after)
    if new.within(old):
        return None if old.within(new) else Direction.STRONGER
    return Direction.WEAKER


def _word_direction(before: tuple[Clause, ...], after: tuple[Clause, ...]) -> Direction | None:
    """Words without an order compare by equality only: a superset of the same demands is stronger."""
    old = {(clause.op, clause.limit) for clause in before}
    new = {(clause.op, clause.limit) for clause in after}
    if old == new:
        return None
    return Direction.STRONGER if new > old else Direction.WEAKER


def _met(clauses: tuple[Clause, ...]) -> _Range:
    allowed = _Range(_LOWEST, False, _HIGHEST, False, frozenset())
    for clause in clauses:
        allowed = allowed.met_with(_range(clause.op, _value(clause)))
    return allowed


def _value(clause: Clause) -> Decimal:
    match clause.limit:
        case Number(value):
            return value
        case Period(seconds):
            return seconds
        case Word(text):
            return _ORDER.get(text, _LOWEST)
        case Ref():
            # A symbolic bound is its own origin: `< RTO` is tighter than `≤ RTO`, whatever RTO is.
            return Decimal(0)


def _range(op: Op, value: Decimal) -> _Range:
    low, low_in, high, high_in = _LOWEST, False, _HIGHEST, False
    if op in {Op.EQ, Op.GE, Op.GT}:
        low, low_in = value, op is not Op.GT
    if op in {Op.EQ, Op.LE, Op.LT}:
        high, high_in = value, op is not Op.LT
    return _Range(low, low_in, high, high_in, frozenset({value}) if op is Op.NE else frozenset())


def _change(
    direction: Direction, place: tuple[str, str], before: tuple[Clause, ...], after: tuple[Clause, ...]
) -> Change:
    where, part = place
    return Change(
        direction,
        where,
        part,
        "; ".join(clause.written for clause in before),
        "; ".join(clause.written for clause in after),
        before[0].origin if before else None,
        after[0].origin if after else None,
    )
