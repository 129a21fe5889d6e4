"""A rollout or a health window under way, folded from its events; what comes next in it (ROL-01, ARB-01, SOK-01).

Only counts that each version really served are judged, never the share that was asked for. The judge's state is not
stored: it is folded again from the recorded samples and comes out bit for bit the same.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gonogo.plan.hosts import amount, groups
from gonogo.plan.model import Plan
from gonogo.plan.project import Project
from gonogo.run import fixed_limits, rollout
from gonogo.run.arms import Arms
from gonogo.run.comparing import judge_plan_for, single_counts, tick_of
from gonogo.run.events import (
    Event,
    HostsReplaced,
    HostsSeen,
    MetricsSampled,
    Recorded,
    RolloutJudged,
    RolloutPromoted,
    TrafficMoved,
)
from gonogo.run.events_of_traffic import TrafficFound, WindowExtended
from gonogo.run.judging import JUDGE, JudgeAnswer, JudgeKind, acknowledged, begin, observe, verdict
from gonogo.run.judging_plan import JudgePlan
from gonogo.run.judging_state import JudgeState
from gonogo.run.judging_ticks import Events
from gonogo.run.served import Counts, Interval, figures_of, millis, moment_ms, together
from gonogo.run.slo import Tally
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

MOST_SILENT_SAMPLES = 20
MOST_UNREAD = 3
UNREAD_MS = 2_000
"""A target is lost after so many readings in a row that failed, and so many milliseconds after the first of them.

A proxy that restarts or loads its configuration again is back sooner, however short the ticks are.
"""

LONG_AGO_MS, LONG_AGO_TICKS = 10_000, 3

NOTHING_MOVED = rollout.Progress()
FORWARD = (rollout.MoveTraffic, rollout.DeployBatch, rollout.Finished)


@dataclass(frozen=True, slots=True)
class Unread:
    """Readings of the target in a row that failed: the sample of the last one, how many, and when the first was."""

    last: int
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Rolling:
    """What is known of one rollout or health window. `ticks` are the recorded intervals of both arms, for reports.

    The fixed limits were measured after the first `measured` of them, and the requests of those since `pooled` gave no
    figure yet. `versions` is what each host answered when the hosts
    were last seen, `unread` the samples in a row at which the target could not be read, `read` the
    digest of every sample so far, in order. `extensions` are those of a health window, with their times.
    """

    task: str
    attempt: int
    arms: Arms
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
    ticks: tuple[Interval, ...] = ()
    measured: int = 0
    pooled: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    unread: Unread | None = None
    read: str = ""
    extensions: tuple[tuple[datetime, WindowExtended], ...] = ()


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Move traffic to `percent`, as step `step`."""

    step: int
    percent: int


@dataclass(frozen=True, slots=True)
class ReplaceBatch:
    """Replace `hosts`, as step `step`; `percent` of all hosts are new afterwards."""

    step: int
    percent: int
    hosts: tuple[str, ...]


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


RollAct: TypeAlias = MoveTo | ReplaceBatch | HoldUntil | AskStep | Judged | RollDone | RollFailed


def strategy_of(project: Project) -> rollout.Strategy:
    """The strategy that a project binds, as the value that decides."""
    binding = project.rollout
    hold = millis(binding.hold)
    patience = millis(binding.patience)
    promotions = tuple(rollout.Promotion(word) for word in binding.promotions)
    if binding.strategy == "blue_green":
        return rollout.BlueGreen(0, hold, next(iter(promotions), rollout.Promotion.AUTO), patience)
    if binding.strategy == "rolling":
        shipped = groups(project)
        counts = tuple(sum(len(names) for names in each) for each in shipped)
        most = tuple(amount(binding.max_unavailable, count) for count in counts)
        sizes = tuple(len(names) for each in shipped for names in each)
        own = tuple(zip(map(len, shipped), most, strict=True))
        return rollout.Rolling(sizes, max(most, default=1), hold, promotions, patience_ms=patience, groups=own)
    return rollout.Canary(binding.steps, hold, promotions, patience_ms=patience, early=binding.early)


def step_percent(plan: Plan, step: int) -> int:
    """The share that step `step` asks for."""
    match strategy_of(plan.project):
        case rollout.Canary(steps=steps):
            return steps[step]
        case _:
            return 0 if step == 0 else 100


def read_back(before: int | None, event: Event, candidate: str) -> int | None:
    """The percent on the new version after an event, whoever moved it: the rollout, the way back, or somebody else."""
    match event:
        case TrafficMoved(percent=percent) | HostsReplaced(percent=percent):
            return percent
        case TrafficFound(weights=weights) if weights:
            return weights.get(candidate, 0)
        case _:
            return before


def rolled(plan: Plan, arms: Arms, known: Rolling | None, entry: Recorded) -> Rolling:
    """The rollout after one more of its events."""
    event = entry.event
    match event:
        case TrafficMoved():
            found = known or Rolling(event.task, event.attempt, arms, entry.at)
            act = rollout.MoveTraffic(event.percent, event.step)
            progress = rollout.moved(found.progress, act, moment_ms(entry.at))
            if event.percent == 0:
                # Blue/green first stands idle: that the new side answers was measured before this task began.
                checked = rollout.StepAnswer(event.step, JudgeKind.GO, 1, "the idle side answers and is healthy")
                progress = rollout.answered(progress, checked)
            return replace(found, progress=progress, used=0, moves=(*found.moves, (entry.at, event.percent)))
        case MetricsSampled():
            found = known or Rolling(event.task, event.attempt, arms, entry.at)
            return _with_sample(plan, found, event, entry.at)
        case HostsReplaced() if known is not None:
            batch = rollout.DeployBatch(0, len(event.hosts), event.percent, event.step)
            progress = rollout.moved(known.progress, batch, moment_ms(entry.at))
            return replace(known, progress=progress, used=0, moves=(*known.moves, (entry.at, event.percent)))
        case HostsSeen() if known is not None:
            return _with_hosts(plan, known, event)
        case TrafficFound() if known is not None:
            return _with_found(known, event, entry.at)
        case WindowExtended() if known is not None:
            return replace(known, extensions=(*known.extensions, (entry.at, event)))
        case RolloutJudged() if known is not None:
            return replace(known, told=event.answer)
        case RolloutPromoted() if known is not None:
            return _with_promotion(known, event)
        case _:
            assert known is not None
            return known


def _with_promotion(known: Rolling, event: RolloutPromoted) -> Rolling:
    """People let a step go; where the judge held it for counts that cannot be true, they let the judge go on."""
    if known.judge is None or not rollout.is_faulty(known.progress):
        return replace(known, progress=rollout.promoted(known.progress, event.step))
    return replace(known, judge=acknowledged(known.judge), progress=rollout.looked_at(known.progress))


def _with_hosts(plan: Plan, known: Rolling, event: HostsSeen) -> Rolling:
    """A host that was replaced and is lost, or runs what nobody put there, takes the rollout back (ARB-01)."""
    lost = frozenset(event.lost)
    progress = rollout.missing(known.progress, known.arms.numbers(lost))
    _, new = known.arms.replaced(progress.step)
    production = next((each for each in plan.project.environments.values() if each.kind == "production"), None)
    for host in new:
        wanted = plan.release.service(production.service_on(host)).version if production else ""
        if host in lost:
            progress = rollout.aborted(progress, f"{host} does not answer any more since it runs {wanted}")
        elif event.versions.get(host) != wanted:
            found = event.versions.get(host)
            progress = rollout.aborted(progress, f"{host} was changed: it runs {found}, not {wanted}")
    for host, version in event.versions.items():
        before = known.arms.before.get(host, "")
        if host not in new and version != before:
            progress = rollout.aborted(
                progress, f"{host} was changed by somebody else: it runs {version}, not {before}"
            )
    return replace(known, progress=progress, lost=lost, versions=event.versions)


def _with_found(known: Rolling, event: TrafficFound, at: datetime) -> Rolling:
    """Traffic that somebody else moved, or that a target forgot, takes the rollout back; so does a lost target."""
    if event.weights:
        shown = ", ".join(f"{slot} {weight} %" for slot, weight in sorted(event.weights.items()))
        reason = f"the target was changed behind our back: it does {shown}, {known.progress.percent} % were moved"
        return replace(known, progress=rollout.aborted(known.progress, reason))
    unread = _not_read(known.unread, event.index, at)
    silent_ms = moment_ms(at) - moment_ms(unread.since)
    is_lost = unread.count >= MOST_UNREAD and silent_ms >= UNREAD_MS
    reason = f"the target is lost: not read at {unread.count} samples in {silent_ms / 1000:.1f} s: {event.detail}"
    progress = rollout.aborted(known.progress, reason) if is_lost else known.progress
    return replace(known, unread=unread, progress=progress)


def _not_read(before: Unread | None, index: int, at: datetime) -> Unread:
    """One more reading that failed; a second one at the same sample, before a move, is none more."""
    if before is None or index > before.last + 1:
        return Unread(index, 1, at)
    return Unread(index, before.count + index - before.last, before.since)


def _with_sample(plan: Plan, known: Rolling, event: MetricsSampled, at: datetime) -> Rolling:
    before, before_at = known.last, known.last_at
    found = replace(known, samples=known.samples + 1, last=event, last_at=at, read=_read(known.read, event, at))
    if before is None or before_at is None:
        judge_plan = judge_plan_for(plan, event, known.arms)
        silent = 0 if judge_plan else known.silent + 1
        last = event if judge_plan else None
        state = begin(judge_plan) if judge_plan else None
        return replace(
            found, judge_plan=judge_plan, judge=state, silent=silent, last=last, last_at=at if last else None
        )
    old, new = known.arms.between(before.step, event.step)
    pair = (served_by(before, event, old), served_by(before, event, new))
    found = replace(found, ticks=(*known.ticks, (at, event.step, *pair)))
    if pair[1] is not None and pair[1].errors and known.first_bad is None:
        found = replace(found, first_bad=at)
    return _with_judge(plan, _with_limits(plan, found), before, before_at)


def _read(before: str, event: MetricsSampled, at: datetime) -> Digest:
    """The digest of a sample and of all before it; names of slots hold no line feeds, so no two samples read alike."""
    slots = (f"{slot} {','.join(map(str, counts))}" for slot, counts in sorted(event.slots.items()))
    head = f"{before} {moment_ms(at)} {event.step} {','.join(event.bounds)} {','.join(event.missing)}"
    return digest_of("\n".join((head, *slots)).encode())


def _with_limits(plan: Plan, known: Rolling) -> Rolling:
    """The fixed limits, once the new version gets traffic; broken ones take the rollout back."""
    binding, now = plan.project.rollout, len(known.ticks)
    if not binding.limits or known.progress.percent <= 0:
        return replace(known, measured=now, pooled=now)
    if (now - known.measured) * binding.tick < binding.limits_every:
        return known
    bounds = tuple(float(bound) for bound in known.last.bounds) if known.last else ()
    served = together([new for *_, new in known.ticks[known.pooled :]])
    tallies, reason = fixed_limits.after(binding, known.tallies, figures_of(binding.limits, served, bounds))
    progress = rollout.aborted(known.progress, reason) if reason else known.progress
    # Too few requests for a figure are no reason to forget them: with those of the next time they may be enough.
    pooled = now if served is not None and served.requests >= binding.least_requests else known.pooled
    return replace(known, tallies=tallies, progress=progress, measured=now, pooled=pooled)


def _with_judge(plan: Plan, known: Rolling, before: MetricsSampled, before_at: datetime) -> Rolling:
    after = known.last
    if known.judge_plan is None or known.judge is None or after is None or known.last_at is None:
        return known
    if known.progress.step < 0 or known.last_at <= before_at:
        return known
    tick = tick_of(plan, known.arms, (before, before_at), (after, known.last_at), known.judge.ticks)
    tick = replace(tick, step=known.progress.step)
    state = observe(known.judge_plan, known.judge, tick)
    answer = verdict(known.judge_plan, state)
    seen = tick.observations.get("errors")
    served = known.ticks[-1][3] if known.ticks else None
    alone = not known.arms.between(before.step, after.step)[0] and served is not None and served.requests > 0
    used = known.used + (1 if alone or (isinstance(seen, Events) and seen.n_c and seen.n_b) else 0)
    faulty = any(metric.fault is not None for metric in state.metrics)
    told = rollout.StepAnswer(known.progress.step, answer.kind, used, answer.explanation, faulty)
    return replace(known, judge=state, answer=answer, used=used, progress=rollout.answered(known.progress, told))


def served(before: MetricsSampled, after: MetricsSampled, slot: str) -> Counts | None:
    """What a slot served between two samples; a counter that fell is a restart, and None is no sample."""
    old, new = before.slots.get(slot), after.slots.get(slot)
    if old is None or new is None or len(old) != len(new):
        return None
    restarted = any(high < low for low, high in zip(old, new, strict=True))
    grown = tuple(new) if restarted else tuple(high - low for low, high in zip(old, new, strict=True))
    return Counts(grown[0], grown[1], single_counts(grown[2:]))


def served_by(before: MetricsSampled, after: MetricsSampled, names: Sequence[str]) -> Counts | None:
    """What several slots or hosts served together between two samples; None where none of them was read twice."""
    return together([served(before, after, name) for name in names])


def next_in_roll(plan: Plan, known: Rolling | None, now: datetime, begun: Container[int] = ()) -> RollAct:
    """What a rollout does next. Nothing moves before the metrics of the old version were read once.

    `begun` are the batches of which something was begun: between their acts nobody samples.
    """
    binding = plan.project.rollout
    if known is None or known.judge_plan is None:
        if known is not None and known.silent >= MOST_SILENT_SAMPLES:
            return RollFailed(
                "no_metrics",
                "the metric source says nothing about the running version, or counts no latency while "
                "`rollout.latency` is true; nothing was moved",
            )
        return HoldUntil(next_tick(known, binding.tick, now), -1, "reading the metrics of the running version")
    told = _told(known)
    if told is not None:
        return told
    act = rollout.next_act(strategy_of(plan.project), known.progress, _looked_ms(known))
    if isinstance(act, FORWARD) and known.progress.step + 1 not in begun and _is_long_ago(known, binding.tick, now):
        why = "the last look is long ago: production is looked at before anything goes on"
        return HoldUntil(now, known.progress.step, why)
    if isinstance(act, FORWARD) and known.unread is not None and known.unread.last + 1 >= known.samples:
        why = "the target cannot be read: it is looked at again before anything goes on"
        return HoldUntil(next_tick(known, binding.tick, now), known.progress.step, why)
    match act:
        case rollout.MoveTraffic(percent, step):
            return MoveTo(step, percent)
        case rollout.Hold(_, step, why):
            return HoldUntil(next_tick(known, binding.tick, now), step, why)
        case rollout.AwaitPromotion(step, _, why):
            return AskStep(next_tick(known, binding.tick, now), step, why)
        case rollout.Finished():
            return RollDone()
        case rollout.Undo(reason):
            return RollFailed(
                "judge_abort" if known.answer and known.answer.kind is JudgeKind.ABORT else "rollout_undone", reason
            )
        case rollout.DeployBatch(_, _, percent, step):
            return ReplaceBatch(step, percent, known.arms.batches[step])


def _looked_ms(known: Rolling) -> int:
    """The moment that decides: the last sample, or the last step if that came later.

    Not the clock: an engine that was away would find its patience over, or go on by an answer of before, without having
    looked at what production does now. Steps follow from samples only, so a replay decides the same.
    """
    sampled = moment_ms(known.last_at) if known.last_at else 0
    return max(sampled, known.progress.step_began_ms)


def _is_long_ago(known: Rolling, tick: Decimal, now: datetime) -> bool:
    """Whether the moment that decides is so old that nobody was looking; never so by a slow machine alone."""
    return moment_ms(now) - _looked_ms(known) > max(LONG_AGO_MS, LONG_AGO_TICKS * millis(tick))


def judged_event(known: Rolling) -> RolloutJudged | None:
    """The entry about what the judge says now; None before it said anything."""
    answer = known.answer
    if answer is None or known.judge is None:
        return None
    return RolloutJudged(
        known.task,
        known.attempt,
        known.samples,
        answer.kind.value,
        answer.metric,
        repr(answer.log_evidence),
        None,
        JUDGE,
        known.read,
    )


def _told(known: Rolling) -> Judged | None:
    answer = known.answer
    if answer is None or answer.kind.value == known.told or answer.kind is JudgeKind.CONTINUE:
        return None
    event = judged_event(known)
    return Judged(event, "\n".join((answer.explanation, *answer.figures))) if event else None


def next_tick(known: Rolling | None, tick: Decimal, now: datetime) -> datetime:
    """When the metrics are to be read next; at once where they were never read."""
    if known is None or known.last_at is None:
        return now
    return known.last_at + timedelta(seconds=float(tick))
