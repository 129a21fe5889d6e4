"""What people read of the judge: odds, figures of each metric, what is still lacking, interval of the error ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gonogo.run.judging_events import RHO_WEIGHTS, RHOS, compared
from gonogo.run.judging_mixture import Mixture, advance, onset, start
from gonogo.run.judging_plan import BLOCKS_FOR_PHI, EventRule, JudgePlan, LatencyRule, LimitRule, MetricRule, NoHarm
from gonogo.run.judging_state import Abort, JudgeState, MetricState
from gonogo.run.judging_ticks import Events
from gonogo.values import dataclass

CERTAIN = math.log(20.0)
"""A GO certificate is an e-value of 20: level 5 %."""

GRID = tuple(2 ** (place / 8) for place in range(-32, 49))
DISPLAY_LEVEL = math.log(1 / 0.025)


@dataclass(frozen=True, slots=True)
class RatioInterval:
    """Both ends of the error ratio, valid at every look; an end without a figure is None ("no limit yet")."""

    low: float | None
    high: float | None


def odds(log_evidence: float) -> str:
    """Evidence for people: `1 : 40`."""
    if log_evidence > math.log(1e6):
        return f"1 : 10^{log_evidence / math.log(10):.0f}"
    return f"1 : {math.exp(log_evidence):.3g}"


def figures(rule: MetricRule, metric: MetricState) -> str:
    """One line with what was measured for a metric."""
    match rule:
        case EventRule():
            text = _event_figures(rule.name, metric)
        case LatencyRule():
            text = _latency_figures(rule, metric)
        case LimitRule():
            sums = metric.events.sums
            text = f"{rule.name}: {_rate(sums.x_c, sums.n_c)} on the new version, limit {rule.limit:.3%}"
    note = "" if rule.phi_blocks >= BLOCKS_FOR_PHI else "; independence of requests not checked"
    total = metric.used + metric.skipped
    return f"{text}; {metric.used} of {total} ticks used{note}"


def abort_text(plan: JudgePlan, state: JudgeState, abort: Abort) -> str:
    """Why the judge aborts, in one sentence with figures."""
    rule, metric = next(
        (rule, metric) for rule, metric in zip(plan.metrics, state.metrics, strict=True) if rule.name == abort.metric
    )
    measured = figures(rule, metric)
    if abort.by_exam and state.exam is not None:
        worst = state.exam.failed[0]
        return f"{measured}; the exam at the planned end gives z {worst.z:.2f}, limit {state.exam.critical:.2f}"
    process = metric.guard if abort.by_guard and metric.guard is not None else metric.main
    since = onset(process) + (0 if abort.by_guard else plan.warmup_ticks)
    source = ", found by the warm-up guard" if abort.by_guard else ""
    strength = f"evidence {odds(abort.evidence)} against the limit {odds(plan.threshold)} at tick {abort.tick}"
    return f"{measured}; since about tick {since}; {strength}{source}"


def lacking(plan: JudgePlan, state: JudgeState) -> tuple[str, ...]:
    """Which data a GO still lacks."""
    found = []
    for rule, metric in zip(plan.metrics, state.metrics, strict=True):
        known, word = _for_certificate(rule, metric)
        if known < plan.min_baseline:
            found.append(f"{rule.name}: {known} {word}, {plan.min_baseline} needed")
        found.extend(_too_few_ticks(plan, metric))
    return tuple(found)


def uncertified(plan: JudgePlan, state: JudgeState) -> tuple[str, ...]:
    """Which metrics are not yet certified."""
    return tuple(
        f"{rule.name}: certificate {odds(metric.certificate.mass)} of {odds(CERTAIN)}"
        for rule, metric in zip(plan.metrics, state.metrics, strict=True)
        if metric.certificate.mass < CERTAIN
    )


def missing_for_no_harm(plan: JudgePlan, terms: NoHarm, state: JudgeState) -> tuple[str, ...]:
    """Which data "no evidence of harm" still lacks."""
    found = []
    for rule, metric in zip(plan.metrics, state.metrics, strict=True):
        new, old = _requests(rule, metric)
        fewest = new if isinstance(rule, LimitRule) else min(new, old)
        if fewest < terms.min_requests:
            found.append(f"{rule.name}: {fewest} requests in one arm, {terms.min_requests} needed")
        found.extend(_too_few_ticks(plan, metric))
    return tuple(found)


def quantile(counts: Sequence[float], bounds: Sequence[float], rank: float) -> float | None:
    """The `rank` quantile by linear interpolation in its bucket; nothing without requests, inf in the last bucket."""
    total = sum(counts)
    if total <= 0:
        return None
    below, low = 0.0, 0.0
    for count, bound in zip(counts, bounds, strict=False):
        if count > 0 and below + count >= rank * total:
            return low + (bound - low) * (rank * total - below) / count
        below, low = below + count, bound
    return math.inf


def ratio_interval(ticks: Sequence[Events], window_ticks: int, phi: float = 1.0) -> RatioInterval:
    """Both ends of the error ratio over `ticks` with requests in both arms, each surely at 97.5 %. For showing only."""
    low = _lower_end(ticks, window_ticks, phi)
    swapped = _lower_end([Events(each.n_b, each.x_b, each.n_c, each.x_c) for each in ticks], window_ticks, phi)
    return RatioInterval(low, None if swapped is None else 1.0 / swapped)


def _lower_end(ticks: Sequence[Events], window_ticks: int, phi: float) -> float | None:
    best = None
    for margin in GRID:
        mixture = Mixture(RHO_WEIGHTS, window_ticks, phi=phi)
        process = start(mixture)
        highest = 0.0
        for seen in ticks:
            process = advance(mixture, process, compared(seen, margin, RHOS))
            highest = max(highest, process.evidence)
        best = margin if highest >= DISPLAY_LEVEL else best
    return best


def _event_figures(name: str, metric: MetricState) -> str:
    sums = metric.events.sums
    ratio = metric.events.ratio
    times = "no ratio yet" if ratio is None else f"{ratio:.2f} times the old version's"
    new, old = _rate(sums.x_c, sums.n_c), _rate(sums.x_b, sums.n_b)
    return f"{name}: {times} ({new} on the new version, {old} on the old)"


def _latency_figures(rule: LatencyRule, metric: MetricState) -> str:
    new = quantile(metric.latency.canary, rule.bounds, 0.95)
    old = quantile(metric.latency.baseline, rule.bounds, 0.95)
    if new is None or old is None:
        return f"{rule.name}: no requests in both arms yet"
    change = "" if math.inf in (new, old) else f", {new / old - 1:+.1%}"
    return f"{rule.name}: p95 {_bounded(new, rule)} on the new version, {_bounded(old, rule)} on the old{change}"


def _bounded(value: float, rule: LatencyRule) -> str:
    return f"above {rule.bounds[-1]:g}" if value == math.inf else f"{value:.4g}"


def _rate(bad: int, total: int) -> str:
    return f"{bad} of {total} = {bad / total:.3%}" if total else "no requests"


def _for_certificate(rule: MetricRule, metric: MetricState) -> tuple[int, str]:
    match rule:
        case EventRule():
            return metric.events.sums.x_b, "bad events on the old version"
        case LatencyRule():
            return sum(metric.latency.baseline), "requests on the old version"
        case LimitRule():
            return metric.events.sums.n_c, "requests on the new version"


def _requests(rule: MetricRule, metric: MetricState) -> tuple[int, int]:
    if isinstance(rule, LatencyRule):
        return sum(metric.latency.canary), sum(metric.latency.baseline)
    return metric.events.sums.n_c, metric.events.sums.n_b


def _too_few_ticks(plan: JudgePlan, metric: MetricState) -> list[str]:
    total = metric.used + metric.skipped
    if metric.used and metric.used * 100 >= plan.min_used_percent * total:
        return []
    return [f"{metric.name}: {metric.used} of {total} ticks had data, {plan.min_used_percent} % needed"]
