"""Promises of an OpenSLO file: limits for the rollout's judge, and error budgets in the health window (DG4-02).

In a rollout each is a limit of the sequential judge, under the declared bound for false aborts: at 99.9 % a
single error in a short interval is no news. In the health window its error budget is watched by burn rate over two
spans at once, and at the end the promise has to have been kept over the whole window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from gonogo.plan.project import BurnBinding, HealthWindow, Promise
from gonogo.run.judging_plan import LimitRule
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Missing, Observation
from gonogo.run.served import Interval
from gonogo.run.slo_burn import BudgetSample, BurnAnswer, BurnRule, judge_burn
from gonogo.terms import Verdict, worst
from gonogo.values import dataclass

SHARE_OF_PROMISES = 0.2
"""What all promises together weigh in the judge beside errors and latency against the old version."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How one error budget burnt in the window: each interval's answer, and the share of bad requests over all of it.

    `burns` are the rates that count, the smaller one of both spans, one for each interval that has both.
    """

    promise: Promise
    rule: BurnRule
    bad: int
    total: int
    burns: tuple[Decimal, ...]
    intervals: int
    newest: BurnAnswer | None
    verdict: Verdict

    @property
    def share(self) -> Decimal | None:
        """The share of bad requests; None without requests."""
        return Decimal(self.bad) / Decimal(self.total) if self.total else None

    def __str__(self) -> str:
        said = self.newest.explanation if self.newest else "no samples"
        return f"{self.promise.name}: {said}; {self.bad} bad of {self.total}, {float(self.promise.allowed):.4g} allowed"


def limit_rules(promises: Sequence[Promise]) -> tuple[LimitRule, ...]:
    """The promises as limits of the judge, which share one weight."""
    return tuple(
        LimitRule(f"slo:{one.name}", SHARE_OF_PROMISES / len(promises), float(one.allowed)) for one in promises
    )


def observed(
    promises: Sequence[Promise], seen: Mapping[str, Observation], latency: str = "latency"
) -> dict[str, Observation]:
    """What a tick says about each promise, from its counts of errors and of latency."""
    return {f"slo:{one.name}": _observed(one, seen, latency) for one in promises}


def _observed(promise: Promise, seen: Mapping[str, Observation], latency: str) -> Observation:
    if promise.bound is None:
        return seen.get("errors") or Missing("the tick has no errors", Arm.BOTH)
    found = seen.get(latency) or Missing("the tick has no latency", Arm.BOTH)
    if not isinstance(found, Histogram):
        return found
    first = _first_slower(promise, found.bounds)
    if first is None:
        return Faulty(_no_bound(promise, found.bounds))
    return Events(sum(found.c), sum(found.c[first:]), sum(found.b), sum(found.b[first:]))


def _first_slower(promise: Promise, bounds: Sequence[float]) -> int | None:
    """The first bucket of what took longer than the bound; None where it is no bucket bound (PM-02)."""
    places = [place for place, bound in enumerate(bounds, 1) if promise.bound == Decimal(repr(bound))]
    return places[0] if places else None


def _no_bound(promise: Promise, bounds: Sequence[float]) -> str:
    known = ", ".join(f"{bound:g}" for bound in bounds)
    return f"{promise.name}: {promise.bound} s is no bucket bound ({known}), so nobody can count what took longer"


def budgets(
    health: HealthWindow, began: datetime, ticks: Sequence[Interval], bounds: Sequence[float], *, over: bool
) -> tuple[Budget, ...]:
    """How each budget burnt since `began`, by each of the declared rules; none has passed before the window is over."""
    return tuple(
        _budget(promise, burn, _samples(promise, began, ticks, bounds), over=over)
        for promise in health.promises
        for burn in health.burn
    )


def budgets_verdict(found: Sequence[Budget]) -> Verdict:
    """The worst of them; PASS where there is none."""
    return worst(one.verdict for one in found) if found else Verdict.PASS


def _budget(promise: Promise, burn: BurnBinding, samples: Sequence[BudgetSample | None], *, over: bool) -> Budget:
    rule = BurnRule(1 - promise.allowed, burn.factor, int(burn.long * 1000), int(burn.short * 1000))
    usable = [sample for sample in samples if sample is not None]
    bad, total = sum(sample.bad for sample in usable), sum(sample.total for sample in usable)
    answers = tuple(_answers(rule, usable))
    rates = [(answer.long_rate, answer.short_rate) for answer in answers]
    burns = tuple(min(long, short) for long, short in rates if long is not None and short is not None)
    newest = answers[-1] if answers else None
    if any(answer.verdict is Verdict.FAIL for answer in answers):
        verdict = Verdict.FAIL
    elif not over or newest is None or len(usable) < len(samples):
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.FAIL if Decimal(bad) > promise.allowed * total else newest.verdict
    return Budget(promise, rule, bad, total, burns, len(samples), newest, verdict)


def _answers(rule: BurnRule, samples: Sequence[BudgetSample]) -> Iterator[BurnAnswer]:
    """The answer at the end of each interval.

    Before the long span has passed, the part of it that lies before the window counts as good, with as many requests as
    the window has had on average: what fails then would fail whatever had been before.
    """
    for number, sample in enumerate(samples, 1):
        known = samples[:number]
        start = known[0].since_ms
        elapsed, before = sample.at_ms - start, sample.at_ms - rule.long_ms
        if before < start and elapsed > 0:
            total = sum(one.total for one in known) * (start - before) // elapsed
            known = [BudgetSample(before, start, 0, total), *known]
        yield judge_burn(rule, known, sample.at_ms)


def _samples(
    promise: Promise, began: datetime, ticks: Sequence[Interval], bounds: Sequence[float]
) -> tuple[BudgetSample | None, ...]:
    """Bad and all requests of both versions in each interval; None for one without a usable sample."""
    first = 0 if promise.bound is None else _first_slower(promise, bounds)
    starts = (began, *(at for at, *_ in ticks))[: len(ticks)]
    return tuple(_sample(promise, first, start, tick) for start, tick in zip(starts, ticks, strict=True))


def _sample(promise: Promise, first: int | None, start: datetime, tick: Interval) -> BudgetSample | None:
    at, _, *arms = tick
    seen = [counts for counts in arms if counts is not None]
    if not seen or first is None:
        return None
    if promise.bound is None:
        bad, total = sum(counts.errors for counts in seen), sum(counts.requests for counts in seen)
    else:
        bad = sum(sum(counts.buckets[first:]) for counts in seen)
        total = sum(sum(counts.buckets) for counts in seen)
    return BudgetSample(_ms(start), _ms(at), bad, total)


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
