"""Which processes a metric has, and how one tick moves each: main, warm-up guard, GO certificate.

The guard looks only for catastrophes while the new version warms up; the certificate tests the opposite hypothesis.
"""

from __future__ import annotations

import enum
import math
from dataclasses import replace

from gonogo.run import judging_events as events
from gonogo.run import judging_latency as latency
from gonogo.run.judging_mixture import Mixture, Process, advance, start
from gonogo.run.judging_plan import GUARD_SHARE, EventRule, JudgePlan, LatencyRule, LimitRule, MetricRule
from gonogo.run.judging_ticks import (
    Arm,
    Events,
    Faulty,
    Histogram,
    Missing,
    Observation,
    Silence,
    fault_in_events,
    fault_in_histogram,
    silent_arm,
)

GUARD_EVENT_MARGIN = 3.0
GUARD_LATENCY_MARGIN = 2 ** (5 / 8)
LARGEST_GUARD_LIMIT = 0.72
CARRIED = 0.5
"""Part of a cap that may be carried over, so that one tick brings at most three quarters of what aborts."""


class Role(enum.Enum):
    """What a process is there for."""

    MAIN = "main"
    GUARD = "warm-up guard"
    CERTIFICATE = "certificate"


def sighted(rule: MetricRule, seen: Observation | None) -> Events | Histogram | Silence | Faulty:
    """What a tick says about a metric: usable counts of both arms, silence, or something that cannot be true."""
    arm: Arm | None
    match rule, seen:
        case _, None:
            return Silence(Arm.BOTH, "the tick has no such metric")
        case _, Missing():
            return Silence(seen.arm, seen.reason)
        case _, Faulty():
            return seen
        case LimitRule(), Events():
            fault = fault_in_events(seen)
            arm = Arm.CANARY if seen.n_c == 0 else None
        case EventRule(), Events():
            fault, arm = fault_in_events(seen), silent_arm(seen.n_c, seen.n_b)
        case LatencyRule(), Histogram():
            fault, arm = fault_in_histogram(seen, rule.bounds), silent_arm(sum(seen.c), sum(seen.b))
        case _:
            return Faulty(f"{type(seen).__name__} where a {type(rule).__name__} expects another kind of counts")
    if fault:
        return Faulty(fault)
    return seen if arm is None else Silence(arm, "no requests")


def mixture_for(plan: JudgePlan, rule: MetricRule, role: Role) -> Mixture:
    """How the increments of a process of `rule` become evidence."""
    weights = _weights(rule, role)
    match role:
        case Role.CERTIFICATE:
            return Mixture(weights, phi=rule.phi)
        case Role.GUARD:
            return Mixture(weights, cap=_cap(plan, GUARD_SHARE * rule.weight), phi=rule.phi)
        case Role.MAIN:
            window = plan.window_ticks - plan.warmup_ticks
            cap = _cap(plan, plan.main_share * rule.weight)
            return Mixture(weights, window, cap, rule.phi, carried=CARRIED * cap)


def begun(plan: JudgePlan, rule: MetricRule, role: Role) -> Process:
    """The process of `rule` before its first tick."""
    pooled = latency.prior(_shape(rule, role)) if isinstance(rule, LatencyRule) else ()
    return start(mixture_for(plan, rule, role), pooled)


def moved(plan: JudgePlan, rule: MetricRule, role: Role, process: Process, seen: Events | Histogram) -> Process:
    """The process after a tick with usable counts of the kind that `rule` takes."""
    mixture = mixture_for(plan, rule, role)
    match rule, seen:
        case EventRule(), Events():
            edge = _edge(rule, role)
            return advance(mixture, process, events.compared(seen, edge, _ratios(rule, role)))
        case LimitRule(), Events():
            return advance(mixture, process, events.against_limit(seen, _limit(rule, role), _ratios(rule, role)))
        case LatencyRule(), Histogram():
            baseline = latency.shifted(shift_of(rule, role), seen.b)
            tilts = _tilts(rule, role)
            after = advance(mixture, process, latency.tilted(tilts, process.pooled, seen.c, baseline))
            return replace(after, pooled=latency.pooled_with(process.pooled, baseline))
        case _:
            return process


def shift_of(rule: LatencyRule, role: Role = Role.MAIN) -> latency.Shift:
    """How far the old version is shifted in a process of `rule`."""
    match role:
        case Role.MAIN:
            return latency.shift_for(rule.bounds, rule.margin)
        case Role.GUARD:
            return latency.shift_for(rule.bounds, max(rule.margin, GUARD_LATENCY_MARGIN))
        case Role.CERTIFICATE:
            return latency.shift_for(rule.bounds, rule.certify)


def _cap(plan: JudgePlan, weight: float) -> float:
    return 0.5 * math.log(1 / (plan.alpha_anytime * weight))


def _edge(rule: EventRule, role: Role) -> float:
    match role:
        case Role.MAIN:
            return rule.margin
        case Role.GUARD:
            return max(rule.margin, GUARD_EVENT_MARGIN)
        case Role.CERTIFICATE:
            return rule.certify


def _limit(rule: LimitRule, role: Role) -> float:
    return min(GUARD_EVENT_MARGIN * rule.limit, LARGEST_GUARD_LIMIT) if role is Role.GUARD else rule.limit


def _alternatives(rule: EventRule | LimitRule, role: Role) -> events.Alternatives:
    match rule, role:
        case EventRule(), Role.CERTIFICATE:
            return events.better_than(rule.certify)
        case EventRule(), _:
            return events.worse_than(_edge(rule, role))
        case LimitRule(), Role.CERTIFICATE:
            return events.below_limit()
        case _:
            return events.above_limit(_limit(rule, role))


def _ratios(rule: EventRule | LimitRule, role: Role) -> tuple[float, ...]:
    return _alternatives(rule, role).ratios


def _weights(rule: MetricRule, role: Role) -> tuple[float, ...]:
    if isinstance(rule, LatencyRule):
        return latency.FASTER_WEIGHTS if role is Role.CERTIFICATE else latency.TILT_WEIGHTS
    return _alternatives(rule, role).weights


def _shape(rule: LatencyRule, role: Role) -> tuple[float, ...]:
    return latency.shape(rule.reference, shift_of(rule, role))


def _tilts(rule: LatencyRule, role: Role) -> tuple[tuple[float, ...], ...]:
    q = _shape(rule, role)
    return latency.faster_tilts(q) if role is Role.CERTIFICATE else latency.slower_tilts(q)
