"""Fixed limits on measured figures: `error_rate <= 0.01`, `p95 <= 250 ms` (SOK-02, SOK-05, PDV-05).

They carry no error guarantee and are offered beside the judge. A missing, NaN or infinite figure, or one from too few
samples, gets what the rule declares for missing data, and that is never a PASS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.protocol.threshold import Op
from gonogo.run.judging_show import quantile
from gonogo.terms import Verdict
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class FixedRule:
    """`metric op limit`, in `unit`, from at least `min_samples` requests; `no_data` is the verdict without a figure."""

    metric: str
    op: Op
    limit: Decimal
    unit: str = ""
    min_samples: int = 1
    no_data: Verdict = Verdict.INCONCLUSIVE

    def __post_init__(self) -> None:
        if not self.metric or not self.limit.is_finite():
            raise _wrong(self.metric, "a rule needs the name of a metric and a finite limit")
        if self.min_samples < 1:
            raise _wrong(self.metric, "at least one sample is needed: an empty sample is never a pass")
        if self.no_data is Verdict.PASS:
            raise _wrong(self.metric, "missing data cannot be declared a pass")

    def __str__(self) -> str:
        return f"{self.metric} {self.op.value} {_figure(self.limit, self.unit)}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with the number of requests behind it; without a figure `reason` says why there is none."""

    value: Decimal | None
    samples: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """What one rule says about one figure."""

    metric: str
    verdict: Verdict
    value: Decimal | None
    explanation: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many failed measurements are forgiven in all, and how many without a figure in a row."""

    failures: int = 0
    errors_in_row: int = 4


@dataclass(frozen=True, slots=True)
class Tally:
    """The measurements of one rule so far."""

    measured: int = 0
    failed: int = 0
    errors_in_row: int = 0


def judge_rule(rule: FixedRule, measured: Measured | None) -> RuleAnswer:
    """The verdict of `rule`. Figures that cannot be true (negative) are an ERROR."""
    lacking = _lacking(rule, measured)
    if measured is None or measured.value is None or lacking:
        return RuleAnswer(rule.metric, rule.no_data, None, f"{rule}: {lacking or 'not measured'}")
    shown = f"{_figure(measured.value, rule.unit)} from {measured.samples} samples"
    if measured.value < 0:
        return RuleAnswer(rule.metric, Verdict.ERROR, measured.value, f"{rule}: {shown} cannot be true")
    verdict = Verdict.PASS if _holds(measured.value, rule.op, rule.limit) else Verdict.FAIL
    return RuleAnswer(rule.metric, verdict, measured.value, f"{rule}: {shown}, {verdict.word}")


def judge_rules(rules: Sequence[FixedRule], measured: Mapping[str, Measured]) -> tuple[RuleAnswer, ...]:
    """Every rule on its figure. No rules give no answers, and `terms.worst` of none is INCONCLUSIVE."""
    return tuple(judge_rule(rule, measured.get(rule.metric)) for rule in rules)


def counted(tally: Tally, answer: RuleAnswer) -> Tally:
    """The tally after one more measurement; a measurement without a figure is no failure, but is counted in a row."""
    match answer.verdict:
        case Verdict.PASS:
            return Tally(tally.measured + 1, tally.failed, 0)
        case Verdict.FAIL:
            return Tally(tally.measured + 1, tally.failed + 1, 0)
        case Verdict.INCONCLUSIVE | Verdict.ERROR:
            return Tally(tally.measured, tally.failed, tally.errors_in_row + 1)


def tallied(tolerance: Tolerance, tally: Tally) -> Verdict:
    """The verdict of a tally. An analysis without a single measurement is INCONCLUSIVE, not a success."""
    if tally.failed > tolerance.failures:
        return Verdict.FAIL
    if tally.errors_in_row > tolerance.errors_in_row:
        return Verdict.ERROR
    return Verdict.PASS if tally.measured else Verdict.INCONCLUSIVE


def rate_of(bad: int, total: int) -> Measured:
    """The rate of bad events; nothing without events, nothing when the counts cannot be true."""
    if total < 0 or not 0 <= bad <= max(total, 0):
        return Measured(None, 0, f"{bad} of {total} cannot be true")
    if total == 0:
        return Measured(None, 0, "no requests")
    return Measured(Decimal(bad) / Decimal(total), total)


def quantile_of(counts: Sequence[int], bounds: Sequence[float], rank: Decimal) -> Measured:
    """A quantile from bucket counts (not cumulative, the last is +Inf); nothing when it lies above the last bound."""
    total = sum(counts)
    found = quantile(counts, bounds, float(rank))
    if found is None:
        return Measured(None, 0, "no requests")
    if not math.isfinite(found):
        return Measured(None, total, f"above the last bucket bound {bounds[-1]:g}")
    return Measured(Decimal(repr(found)), total)


def beside_bounds(rule: FixedRule, bounds: Sequence[float]) -> str:
    """Why a limit cannot be checked sharply with these buckets, or nothing; for the linter of the configuration."""
    if any(Decimal(repr(float(bound))) == rule.limit for bound in bounds):
        return ""
    known = ", ".join(f"{bound:g}" for bound in bounds)
    return f"{rule}: the limit is no bucket bound ({known}), so the figure is a guess between two of them"


def _lacking(rule: FixedRule, measured: Measured | None) -> str:
    if measured is None:
        return "not measured"
    if measured.value is None:
        return measured.reason or "no figure"
    if not measured.value.is_finite():
        return f"the figure is {measured.value}"
    if measured.samples < rule.min_samples:
        return f"{measured.samples} samples, {rule.min_samples} needed"
    return ""


def _holds(value: Decimal, op: Op, limit: Decimal) -> bool:
    match op:
        case Op.EQ:
            return value == limit
        case Op.NE:
            return value != limit
        case Op.GE:
            return value >= limit
        case Op.LE:
            return value <= limit
        case Op.GT:
            return value > limit
        case Op.LT:
            return value < limit


def _figure(value: Decimal, unit: str) -> str:
    shown = f"{float(value):.6g}"
    return f"{shown} {unit}" if unit else shown


def _wrong(metric: str, what: str) -> BadInput:
    return BadInput(what, where=f"rule on {metric or '?'}", next_step="correct the limits of the configuration")
