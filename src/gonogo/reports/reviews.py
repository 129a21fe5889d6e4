"""Reviews that are due: after each run, of documents by the calendar, of gates, of automation, of patterns (LRN-19).

Pure: what is due follows from what ran, from when the same was reviewed last, and from `now`. A review decides nothing;
what it finds becomes an improvement, and a change takes effect as a reviewed one in a later run (C72).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from gonogo.evidence.ledger import time_text
from gonogo.measure.figures import share
from gonogo.plan.cadence import Cadence
from gonogo.terms import Json
from gonogo.values import dataclass

LATELY: Final = 10
LEAST: Final = 5
TOO_STRICT: Final = Decimal("0.5")
"""A gate of whose last judgements less than this share passed is calibrated at once; it may be too strict."""


class ReviewKind(enum.Enum):
    """What is reviewed."""

    COMPLETION = "completion"
    TEMPLATE = "template"
    GATES = "gates"
    AUTOMATION = "automation"
    PATTERNS = "patterns"


@dataclass(frozen=True, slots=True)
class Review:
    """A review: of what, from when it is due, by when at the latest, and why."""

    kind: ReviewKind
    about: str
    due: datetime
    latest: datetime | None
    why: str

    def standing(self, now: datetime) -> str:
        """`later`, `due`, or `overdue` at `now`."""
        if now < self.due:
            return "later"
        return "overdue" if self.latest is not None and now > self.latest else "due"


@dataclass(frozen=True, slots=True)
class Completed:
    """A run that ended or halted and owes a retrospective between two moments; `held` is when one was, if ever."""

    run: str
    outcome: str
    due_from: datetime
    due_to: datetime
    held: datetime | None


@dataclass(frozen=True, slots=True)
class ProtocolUse:
    """A protocol that is in use: when it was first run, when it was changed last, its verdicts by gate, oldest first.

    `by_hand` counts statements that people signed because nothing measured them.
    """

    protocol: str
    first_used: datetime
    changed: datetime | None
    verdicts: Mapping[str, Sequence[str]]
    by_hand: int


@dataclass(frozen=True, slots=True)
class Held:
    """A review that was held."""

    kind: ReviewKind
    about: str
    at: datetime


def reviews(
    completed: Iterable[Completed], used: Iterable[ProtocolUse], held: Sequence[Held], cadence: Cadence
) -> tuple[Review, ...]:
    """Every review that is or will be due, the next one first."""
    found = [*_completions(completed, held)]
    for use in used:
        found += [*_of_protocol(use, held, cadence)]
    return tuple(sorted(found, key=lambda review: review.due))


def _completions(completed: Iterable[Completed], held: Sequence[Held]) -> Iterator[Review]:
    for run in completed:
        opened = run.due_from - timedelta(days=1)
        told = [each for each in (run.held, _last(held, ReviewKind.COMPLETION, run.run)) if each is not None]
        if not any(each >= opened for each in told):
            ended = "was halted" if run.outcome == "halted" else f"ended {run.outcome}"
            why = f"{run.run} {ended}: gonogo retro {run.run}"
            yield Review(ReviewKind.COMPLETION, run.run, run.due_from, run.due_to, why)


def _of_protocol(use: ProtocolUse, held: Sequence[Held], cadence: Cadence) -> Iterator[Review]:
    every, quarter = _length(cadence.template_review), _length(cadence.calibration)
    template = _latest(use.first_used, use.changed, _last(held, ReviewKind.TEMPLATE, use.protocol))
    what = "changed or reviewed" if template != use.first_used else "first used"
    yield Review(
        ReviewKind.TEMPLATE, use.protocol, template + every, None, f"the document was {what} on {template:%Y-%m-%d}"
    )
    yield _calibration(use, _last(held, ReviewKind.GATES, use.protocol), quarter)
    automated = _last(held, ReviewKind.AUTOMATION, use.protocol)
    by_hand = f"{use.by_hand} statements by hand so far" if use.by_hand else "everything was measured so far"
    yield Review(ReviewKind.AUTOMATION, use.protocol, (automated or use.first_used) + quarter, None, by_hand)
    patterns = _last(held, ReviewKind.PATTERNS, use.protocol)
    yield Review(
        ReviewKind.PATTERNS,
        use.protocol,
        (patterns or use.first_used) + quarter,
        None,
        "gonogo metrics patterns shows what they achieve",
    )


def _calibration(use: ProtocolUse, last: datetime | None, quarter: timedelta) -> Review:
    """By the calendar; at once, counted from the first use, where a gate stops most of what comes and nobody looked."""
    strict = [told for gate, verdicts in use.verdicts.items() if (told := _too_strict(gate, verdicts))]
    if strict and last is None:
        return Review(ReviewKind.GATES, use.protocol, use.first_used, None, "; ".join(strict))
    why = "; ".join(strict) or "limits against what was measured: gonogo proposals"
    return Review(ReviewKind.GATES, use.protocol, (last or use.first_used) + quarter, None, why)


def _too_strict(gate: str, verdicts: Sequence[str]) -> str:
    lately = verdicts[-LATELY:]
    passed = sum(verdict == "pass" for verdict in lately)
    rate = share(passed, len(lately))
    if len(lately) < LEAST or rate is None or rate >= TOO_STRICT:
        return ""
    waived = sum(verdict == "waived" for verdict in lately)
    return f"{gate} passed {passed} of its last {len(lately)} judgements{f', {waived} waived' if waived else ''}"


def _last(held: Sequence[Held], kind: ReviewKind, about: str) -> datetime | None:
    return max((each.at for each in held if (each.kind, each.about) == (kind, about)), default=None)


def _latest(*moments: datetime | None) -> datetime:
    return max(moment for moment in moments if moment is not None)


def _length(seconds: Decimal) -> timedelta:
    return timedelta(seconds=float(seconds))


def review_row(review: Review, now: datetime) -> dict[str, Json]:
    """A review for programs."""
    return {
        "kind": review.kind.value,
        "about": review.about,
        "due": time_text(review.due),
        "latest": None if review.latest is None else time_text(review.latest),
        "standing": review.standing(now),
        "why": review.why,
    }
