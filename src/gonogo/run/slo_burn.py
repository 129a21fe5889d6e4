"""How fast the error budget of an objective burns, over a long and a short span at once (SOK-02).

Burning needs both spans: the long one says that it matters, the short one that it still goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.terms import Verdict
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class BurnRule:
    """An objective (0.999 of the requests are good) and how many times too fast its budget may burn in both spans."""

    objective: Decimal
    factor: Decimal
    long_ms: int
    short_ms: int

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1 or not self.factor > 0 or not 0 < self.short_ms < self.long_ms:
            raise BadInput(
                "the objective must lie between 0 and 1, the factor above 0, the short span below the long one",
                where="burn rate",
                next_step="correct the objectives of the configuration",
            )


@dataclass(frozen=True, slots=True)
class BudgetSample:
    """Events since the sample before, which was taken at `since_ms`."""

    since_ms: int
    at_ms: int
    bad: int
    total: int


@dataclass(frozen=True, slots=True)
class BurnAnswer:
    """The verdict and both rates (1 = the budget lasts exactly its period); a span without requests has none."""

    verdict: Verdict
    long_rate: Decimal | None
    short_rate: Decimal | None
    explanation: str


def burn_rate(bad: int, total: int, objective: Decimal) -> Decimal | None:
    """How many times faster than allowed the budget burns; nothing without requests or with impossible counts."""
    if total <= 0 or not 0 <= bad <= total:
        return None
    return Decimal(bad) / Decimal(total) / (1 - objective)


def judge_burn(rule: BurnRule, samples: Sequence[BudgetSample], now_ms: int) -> BurnAnswer:
    """FAIL when both spans burn too fast; PASS only when samples reach back over the whole long span."""
    long_rate = _rate(rule, samples, now_ms - rule.long_ms, now_ms)
    short_rate = _rate(rule, samples, now_ms - rule.short_ms, now_ms)
    shown = f"{_text(long_rate)} over {rule.long_ms / 1000:g} s, {_text(short_rate)} over {rule.short_ms / 1000:g} s"
    limit = f"limit {float(rule.factor):.4g} times"
    if long_rate is None or short_rate is None:
        return BurnAnswer(Verdict.INCONCLUSIVE, long_rate, short_rate, f"no burn rate: {shown}; {limit}")
    if long_rate > rule.factor and short_rate > rule.factor:
        return BurnAnswer(Verdict.FAIL, long_rate, short_rate, f"the error budget burns too fast: {shown}; {limit}")
    if not _covered(samples, now_ms - rule.long_ms, now_ms):
        return BurnAnswer(Verdict.INCONCLUSIVE, long_rate, short_rate, f"samples are missing: {shown}; {limit}")
    return BurnAnswer(Verdict.PASS, long_rate, short_rate, f"the error budget holds: {shown}; {limit}")


def _rate(rule: BurnRule, samples: Sequence[BudgetSample], from_ms: int, to_ms: int) -> Decimal | None:
    inside = [sample for sample in samples if sample.at_ms > from_ms and sample.at_ms <= to_ms]
    if any(not 0 <= sample.bad <= sample.total for sample in inside):
        return None
    return burn_rate(sum(sample.bad for sample in inside), sum(sample.total for sample in inside), rule.objective)


def _covered(samples: Sequence[BudgetSample], from_ms: int, to_ms: int) -> bool:
    reached = from_ms
    for sample in sorted(samples, key=lambda each: each.since_ms):
        if sample.since_ms <= reached and sample.at_ms <= to_ms:
            reached = max(reached, sample.at_ms)
    newest = max((sample.at_ms - sample.since_ms for sample in samples), default=0)
    return reached >= to_ms - newest and reached > from_ms


def _text(rate: Decimal | None) -> str:
    return "no requests" if rate is None else f"{float(rate):.4g} times"
