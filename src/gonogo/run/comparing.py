"""What the judge of a rollout compares: the requests of both versions, each service by itself where there are several.

Counts of several services added up hide a small one that fails: a hundredth of the requests is a hundredth of the sum,
however bad it is. So each service has metrics of its own, and all of them share the one declared bound for false
aborts: the release's evidence is their weighted mean, as it is over several metrics (ARB-01, rollout of several
services in one release).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gonogo.plan.model import Plan
from gonogo.plan.project import RolloutBinding
from gonogo.run.arms import NEW, OLD, Arms
from gonogo.run.counters import PodCounters, Reading, Snapshot, tick_between
from gonogo.run.events import MetricsSampled
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule, MetricRule, NoHarm
from gonogo.run.judging_ticks import Tick
from gonogo.run.promises import limit_rules, observed
from gonogo.run.served import moment_ms

NO_HARM_REQUESTS = 30
TOGETHER = ""
"""The name of no service: all requests of a slot or host."""


def of_service(service: str, slot: str) -> str:
    """How a sample calls the counters of one service in a slot; those of all services are called as the slot is."""
    return f"{service}/{slot}" if service else slot


def judge_plan_for(plan: Plan, event: MetricsSampled, arms: Arms) -> JudgePlan | None:
    """What is judged, from the first reading; None where it lacks what the project wants to be judged."""
    binding = plan.project.rollout
    parts = _parts(plan, event)
    rules = [rule for part in parts for rule in _rules(binding, event, arms, part)]
    if not parts or {_part_of(rule.name) for rule in rules} != set(parts):
        return None
    half = float(binding.alpha) / 2
    steps = len(arms.batches) or len(binding.steps)
    holds = max(1, steps - 1) if binding.strategy in {"canary", "rolling"} else 1
    window = max(2, int(holds * binding.hold / binding.tick))
    return JudgePlan(
        _with_promises(plan, [replace(rule, weight=rule.weight / len(parts)) for rule in rules]),
        window_ticks=window,
        warmup_ticks=min(window - 1, math.ceil(binding.warm_up / binding.tick)),
        alpha_anytime=half,
        alpha_final=half,
        no_harm=NoHarm(NO_HARM_REQUESTS),
        min_used_percent=50,
    )


def tick_of(
    plan: Plan, arms: Arms, before: tuple[MetricsSampled, datetime], after: tuple[MetricsSampled, datetime], index: int
) -> Tick:
    """The tick between two readings: all requests, those of each service that was counted, and every promise."""
    steps = (before[0].step, after[0].step)
    parts = [TOGETHER, *(part for part in _parts(plan, after[0]) if part)]
    ticks = []
    for part in parts:
        earlier, later = (_snapshot(arms, *pair, steps, part) for pair in (before, after))
        latency = _named("latency", part) if after[0].bounds else ""
        ticks.append(tick_between(Reading(NEW, OLD, _named("errors", part), latency), earlier, later, index, steps[1]))
    seen = {name: found for tick in ticks for name, found in tick.observations.items()}
    return replace(ticks[0], observations={**seen, **observed(plan.project.health.promises, seen)})


def single_counts(cumulative: Sequence[int]) -> tuple[int, ...]:
    """The count of each bucket alone, from cumulative ones."""
    if not cumulative:
        return ()
    return tuple(high - low for low, high in zip((0, *cumulative[:-1]), cumulative, strict=True))


def _parts(plan: Plan, event: MetricsSampled) -> tuple[str, ...]:
    """The services that are judged by themselves; where none was counted by itself, all of them together."""
    if plan.project.rollout.services_together:
        return (TOGETHER,)
    counted = {name.partition("/")[0] for name in (*event.slots, *event.missing) if "/" in name}
    return tuple(name for name in plan.project.services if name in counted) or (TOGETHER,)


def _named(metric: str, part: str) -> str:
    return f"{metric} of {part}" if part else metric


def _part_of(name: str) -> str:
    return name.partition(" of ")[2]


def _rules(
    binding: RolloutBinding, event: MetricsSampled, arms: Arms, part: str
) -> tuple[EventRule | LatencyRule, ...]:
    """The rules for one service, with weights that sum to 1; none where the old version was not counted."""
    names = [of_service(part, name) for name in arms.hosts or (arms.stable,)]
    counted = [event.slots[name] for name in names if name in event.slots]
    bounds = tuple(float(bound) for bound in event.bounds)
    if not counted or (binding.latency and not bounds):
        # A source that counts no latency must not turn into a release that is judged by its errors alone.
        return ()
    buckets = single_counts([sum(each) for each in zip(*counted, strict=True)][2:])
    known = binding.dispersion
    margin = float(binding.error_margin)
    errors = EventRule(_named("errors", part), 1.0, margin, phi=float(known.errors), phi_blocks=known.blocks)
    if not (binding.latency and len(bounds) > 1 and math.isinf(bounds[-1]) and sum(buckets) > 0):
        return (errors,)
    latency = LatencyRule(_named("latency", part), 0.5, bounds[:-1], buckets, float(binding.latency_margin))
    return replace(errors, weight=0.5), replace(latency, phi=float(known.latency), phi_blocks=known.blocks)


def _with_promises(plan: Plan, rules: Sequence[EventRule | LatencyRule]) -> tuple[MetricRule, ...]:
    """The rules against the old version, beside absolute limits where the project has an OpenSLO file."""
    promises = limit_rules(plan.project.health.promises)
    left = 1.0 - math.fsum(rule.weight for rule in promises)
    return (*(replace(rule, weight=rule.weight * left) for rule in rules), *promises)


def _snapshot(arms: Arms, event: MetricsSampled, at: datetime, steps: tuple[int, int], part: str) -> Snapshot:
    bounds = tuple(float(bound) for bound in event.bounds)
    arm_of = {
        of_service(part, name): arm
        for name in arms.hosts or (arms.stable, arms.candidate)
        if (arm := arms.named(name, *steps))
    }
    pods = tuple(
        PodCounters(name, arm_of[name], counts, bounds) for name, counts in event.slots.items() if name in arm_of
    )
    return Snapshot(moment_ms(at), pods, tuple((arm_of.get(name, ""), "no sample") for name in event.missing))
