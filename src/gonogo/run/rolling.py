"""A rollout or a health window under way, folded from its events; what comes next in it (ROL-01, ARB-01, SOK-01).

Only counts that each version really served are judged, never the share that was asked for. The judge's state is not
stored: it is folded again from the recorded samples and comes out bit for bit the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gonogo.measure.exposition import Series, SeriesKind, VersionCounters
from gonogo.plan.model import Plan
from gonogo.plan.project import Objective, RolloutBinding
from gonogo.protocol.threshold import Op
from gonogo.run import fixed_limits, rollout
from gonogo.run.counters import PodCounters, Reading, Snapshot, tick_between
from gonogo.run.events import Event, MetricsSampled, Recorded, RolloutJudged, RolloutPromoted, TrafficMoved
from gonogo.run.judging import JudgeAnswer, JudgeKind, begin, observe, verdict
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule, NoHarm
from gonogo.run.judging_state import JudgeState
from gonogo.run.judging_ticks import Events
from gonogo.run.slo import FixedRule, Measured, Tally, quantile_of, rate_of
from gonogo.run.slo_window import SloSample, SloWindow, WindowAnswer, judge_window, sampled

MOST_SILENT_SAMPLES = 20
NO_HARM_REQUESTS = 30
NOTHING_MOVED = rollout.Progress()


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and errors that a slot served between two moments, and in which latency buckets (not cumulative)."""

    requests: int
    errors: int
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rolling:
    """What is known of one rollout or health window. `ticks` are the recorded intervals of both slots, for reports."""

    task: str
    attempt: int
    stable: str
    candidate: str
    began: datetime
    samples: int = 0
    last: MetricsSampled | None = None
    last_at: datetime | None = None
    progress: rollout.Progress = NOTHING_MOVED
    judge_plan: JudgePlan | None = None
    judge: JudgeState | None = None
    answer: JudgeAnswer | None = None
    told: str = ""
    used: int = 0
    silent: int = 0
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    first_bad: datetime | None = None
    moves: tuple[tuple[datetime, int], ...] = ()
    ticks: tuple[tuple[datetime, int, Counts | None, Counts | None], ...] = ()


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Move traffic to `percent`, as step `step`."""

    step: int
    percent: int


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Sample at `moment`."""

    moment: datetime
    step: int
    why: str


@dataclass(frozen=True, slots=True)
class AskStep:
    """A person has to let step `step` be left; until then it is sampled at `moment` as ever."""

    moment: datetime
    step: int
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's answer changed and is worth an entry of its own."""

    event: Event
    detail: str


@dataclass(frozen=True, slots=True)
class RollDone:
    """All steps are done, or the window is over."""


@dataclass(frozen=True, slots=True)
class RollFailed:
    """The rollout may not go on; `why` is for people."""

    cause: str
    why: str


RollAct: TypeAlias = MoveTo | HoldUntil | AskStep | Judged | RollDone | RollFailed


def strategy_of(binding: RolloutBinding) -> rollout.Strategy:
    """The strategy that a project binds, as the value that decides."""
    hold = _ms(binding.hold)
    patience = _ms(binding.patience)
    promotions = tuple(rollout.Promotion(word) for word in binding.promotions)
    if binding.strategy == "blue_green":
        return rollout.BlueGreen(0, hold, next(iter(promotions), rollout.Promotion.AUTO), patience)
    return rollout.Canary(binding.steps, hold, promotions, patience_ms=patience, early=binding.early)


def step_percent(plan: Plan, step: int) -> int:
    """The share that step `step` asks for."""
    match strategy_of(plan.project.rollout):
        case rollout.Canary(steps=steps):
            return steps[step]
        case _:
            return 0 if step == 0 else 100


def rolled(plan: Plan, slots: tuple[str, str], known: Rolling | None, entry: Recorded) -> Rolling:
    """The rollout after one more of its events."""
    event = entry.event
    match event:
        case TrafficMoved():
            found = known or Rolling(event.task, event.attempt, *slots, entry.at)
            act = rollout.MoveTraffic(event.percent, event.step)
            progress = rollout.moved(found.progress, act, _at(entry.at))
            if event.percent == 0:
                # Blue/green first stands idle: that the new side answers was measured before this task began.
                checked = rollout.StepAnswer(event.step, JudgeKind.GO, 1, "the idle side answers and is healthy")
                progress = rollout.answered(progress, checked)
            return replace(found, progress=progress, used=0, moves=(*found.moves, (entry.at, event.percent)))
        case MetricsSampled():
            found = known or Rolling(event.task, event.attempt, *slots, entry.at)
            return _with_sample(plan, found, event, entry.at)
        case RolloutJudged() if known is not None:
            return replace(known, told=event.answer)
        case RolloutPromoted() if known is not None:
            return replace(known, progress=rollout.promoted(known.progress, event.step))
        case _:
            assert known is not None
            return known


def _with_sample(plan: Plan, known: Rolling, event: MetricsSampled, at: datetime) -> Rolling:
    before, before_at = known.last, known.last_at
    found = replace(known, samples=known.samples + 1, last=event, last_at=at)
    if before is None or before_at is None:
        judge_plan = _judge_plan(plan, event, known.stable)
        silent = 0 if judge_plan else known.silent + 1
        last = event if judge_plan else None
        state = begin(judge_plan) if judge_plan else None
        return replace(
            found, judge_plan=judge_plan, judge=state, silent=silent, last=last, last_at=at if last else None
        )
    pair = (served(before, event, known.stable), served(before, event, known.candidate))
    found = replace(found, ticks=(*known.ticks, (at, event.step, *pair)))
    if pair[1] is not None and pair[1].errors and known.first_bad is None:
        found = replace(found, first_bad=at)
    return _with_judge(_with_limits(plan, found, pair[1]), before, before_at)


def _with_limits(plan: Plan, known: Rolling, candidate: Counts | None) -> Rolling:
    """The fixed limits, once the new version gets traffic; broken ones take the rollout back."""
    binding = plan.project.rollout
    if not binding.limits or known.progress.percent <= 0:
        return known
    bounds = tuple(float(bound) for bound in known.last.bounds) if known.last else ()
    tallies, reason = fixed_limits.after(binding, known.tallies, _figures(binding.limits, candidate, bounds))
    progress = rollout.aborted(known.progress, reason) if reason else known.progress
    return replace(known, tallies=tallies, progress=progress)


def _with_judge(known: Rolling, before: MetricsSampled, before_at: datetime) -> Rolling:
    after = known.last
    if known.judge_plan is None or known.judge is None or after is None or known.last_at is None:
        return known
    if known.progress.step < 0 or known.last_at <= before_at:
        return known
    latency = "latency" if len(known.judge_plan.metrics) > 1 else ""
    reading = Reading(known.candidate, known.stable, "errors", latency)
    tick = tick_between(
        reading, _snapshot(before, before_at), _snapshot(after, known.last_at), known.judge.ticks, known.progress.step
    )
    state = observe(known.judge_plan, known.judge, tick)
    answer = verdict(known.judge_plan, state)
    seen = tick.observations.get("errors")
    used = known.used + (1 if isinstance(seen, Events) and seen.n_c and seen.n_b else 0)
    told = rollout.StepAnswer(known.progress.step, answer.kind, used, answer.explanation)
    return replace(known, judge=state, answer=answer, used=used, progress=rollout.answered(known.progress, told))


def _judge_plan(plan: Plan, event: MetricsSampled, stable: str) -> JudgePlan | None:
    binding = plan.project.rollout
    counts = event.slots.get(stable)
    if counts is None:
        return None
    half = float(binding.alpha) / 2
    holds = max(1, len(binding.steps) - 1) if binding.strategy == "canary" else 1
    window = max(2, int(holds * binding.hold / binding.tick))
    bounds = tuple(float(bound) for bound in event.bounds)
    if binding.latency and not bounds:
        # A source that counts no latency must not turn into a release that is judged by its errors alone.
        return None
    buckets = _singles(counts[2:])
    errors = EventRule("errors", 1.0, float(binding.error_margin))
    rules: tuple[EventRule | LatencyRule, ...] = (errors,)
    if binding.latency and len(bounds) > 1 and math.isinf(bounds[-1]) and sum(buckets) > 0:
        latency = LatencyRule("latency", 0.5, bounds[:-1], buckets, float(binding.latency_margin))
        rules = (replace(errors, weight=0.5), latency)
    return JudgePlan(
        rules,
        window_ticks=window,
        alpha_anytime=half,
        alpha_final=half,
        no_harm=NoHarm(NO_HARM_REQUESTS),
        min_used_percent=50,
    )


def served(before: MetricsSampled, after: MetricsSampled, slot: str) -> Counts | None:
    """What a slot served between two samples; a counter that fell is a restart, and None is no sample."""
    old, new = before.slots.get(slot), after.slots.get(slot)
    if old is None or new is None or len(old) != len(new):
        return None
    restarted = any(high < low for low, high in zip(old, new, strict=True))
    grown = tuple(new) if restarted else tuple(high - low for low, high in zip(old, new, strict=True))
    return Counts(grown[0], grown[1], _singles(grown[2:]))


def _singles(cumulative: Sequence[int]) -> tuple[int, ...]:
    if not cumulative:
        return ()
    return tuple(high - low for low, high in zip((0, *cumulative[:-1]), cumulative, strict=True))


def _snapshot(event: MetricsSampled, at: datetime) -> Snapshot:
    bounds = tuple(float(bound) for bound in event.bounds)
    pods = tuple(PodCounters(slot, _counters(slot, counts, bounds)) for slot, counts in event.slots.items())
    silences = tuple((slot, "no sample") for slot in event.missing)
    return Snapshot(_at(at), pods, silences)


def _counters(slot: str, counts: Sequence[int], bounds: Sequence[float]) -> VersionCounters:
    series = [
        Series(SeriesKind.GOOD, (), counts[0] - counts[1]),
        Series(SeriesKind.BAD, (), counts[1]),
        *(Series(SeriesKind.BUCKET, (), value, bound) for value, bound in zip(counts[2:], bounds, strict=True)),
    ]
    return VersionCounters(slot, tuple(series))


def next_in_roll(plan: Plan, known: Rolling | None, now: datetime) -> RollAct:
    """What a rollout does next. Nothing moves before the metrics of the old version were read once."""
    binding = plan.project.rollout
    if known is None or known.judge_plan is None:
        if known is not None and known.silent >= MOST_SILENT_SAMPLES:
            return RollFailed(
                "no_metrics",
                "the metric source says nothing about the running version, or counts no latency while "
                "`rollout.latency` is true; nothing was moved",
            )
        return HoldUntil(_next_tick(known, binding.tick, now), -1, "reading the metrics of the running version")
    told = _told(known)
    if told is not None:
        return told
    match rollout.next_act(strategy_of(binding), known.progress, _at(now)):
        case rollout.MoveTraffic(percent, step):
            return MoveTo(step, percent)
        case rollout.Hold(_, step, why):
            return HoldUntil(_next_tick(known, binding.tick, now), step, why)
        case rollout.AwaitPromotion(step, _, why):
            return AskStep(_next_tick(known, binding.tick, now), step, why)
        case rollout.Finished():
            return RollDone()
        case rollout.Undo(reason) | rollout.RolledBack(reason):
            return RollFailed(
                "judge_abort" if known.answer and known.answer.kind is JudgeKind.ABORT else "rollout_undone", reason
            )
        case rollout.DeployBatch():
            return RollFailed("rollout_undone", "batches need hosts, and this project binds none")


def _told(known: Rolling) -> Judged | None:
    answer = known.answer
    if answer is None or answer.kind.value == known.told or answer.kind is JudgeKind.CONTINUE:
        return None
    event = RolloutJudged(
        known.task,
        known.attempt,
        known.samples,
        answer.kind.value,
        answer.metric,
        f"{answer.log_evidence:.6f}",
        None,
    )
    return Judged(event, "\n".join((answer.explanation, *answer.figures)))


def _next_tick(known: Rolling | None, tick: Decimal, now: datetime) -> datetime:
    if known is None or known.last_at is None:
        return now
    return known.last_at + timedelta(seconds=float(tick))


def next_in_watch(plan: Plan, known: Rolling | None, now: datetime) -> HoldUntil | RollDone:
    """What a health window does next: sample until it is over, or until a limit was broken."""
    health = plan.project.health
    if known is None or known.last is None:
        silent = known.silent if known else 0
        if silent >= MOST_SILENT_SAMPLES:
            return RollDone()
        return HoldUntil(_next_tick(known, health.tick, now), -1, "waiting for the first sample")
    answer = window_answer(plan, known, now)
    if answer.complete or answer.verdict.name == "FAIL":
        return RollDone()
    return HoldUntil(_next_tick(known, health.tick, now), -1, answer.explanation)


def window_of(plan: Plan, known: Rolling) -> SloWindow:
    """The health window of a plan, from the first sample on."""
    health = plan.project.health
    rules = tuple(FixedRule(rule.metric, Op.LE, rule.limit) for rule in health.objectives)
    length = _ms(health.length)
    interval = min(length, max(1, 2 * _ms(health.tick)))
    return SloWindow(rules, _at(known.began), length, interval)


def window_samples(plan: Plan, known: Rolling) -> tuple[SloSample, ...]:
    """Every interval of the window, judged by the objectives."""
    window = window_of(plan, known)
    bounds = tuple(float(bound) for bound in known.last.bounds) if known.last else ()
    return tuple(
        sampled(window, _at(at), _figures(plan.project.health.objectives, _serving(stable, candidate), bounds))
        for at, _, stable, candidate in known.ticks
    )


def window_answer(plan: Plan, known: Rolling, now: datetime) -> WindowAnswer:
    """What the health window says at `now`."""
    return judge_window(window_of(plan, known), window_samples(plan, known), _at(now))


def _serving(stable: Counts | None, candidate: Counts | None) -> Counts | None:
    if candidate is None or stable is None:
        return candidate or stable
    return stable if stable.requests > candidate.requests else candidate


def _figures(objectives: Sequence[Objective], counts: Counts | None, bounds: tuple[float, ...]) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for rule in objectives:
        if counts is None or counts.requests == 0:
            found[rule.metric] = Measured(None, 0, "no requests were seen")
        elif rule.metric == "error_rate":
            found[rule.metric] = rate_of(counts.errors, counts.requests)
        else:
            rank = Decimal(rule.metric.removeprefix("p")) / 100
            found[rule.metric] = quantile_of(counts.buckets, bounds[:-1], rank)
    return found


def _ms(seconds: Decimal) -> int:
    return int(seconds * 1000)


def _at(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
