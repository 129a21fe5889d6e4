"""The rollout judge: whether the new version is worse than the old one serving at the same time (ARB-01, ARB-02).

It may be asked after every tick without the looking itself raising the rate of false aborts: if no gating metric of the
new version is worse than its margin in any tick, the anytime part ever aborts with probability `alpha_anytime` at most,
the exam at the planned end adds at most `alpha_final`. No data is never a GO.

    1  fold:   begin(plan), then observe(plan, state, tick) for each tick; a tick seen twice counts once
    2  weigh:  the release's evidence is the weighted mean over metrics; at 1/alpha_anytime the state aborts for good
    3  examine once, at the planned end
    4  answer: verdict(plan, state); ABORT over HOLD over GO over INCONCLUSIVE (planned end) over CONTINUE
"""

from __future__ import annotations

import enum
import math
from dataclasses import replace

from gonogo.errors import BadInput
from gonogo.run import judging_exam as exam
from gonogo.run.judging_latency import score_of as latency_score
from gonogo.run.judging_latency import scores, shape, shifted
from gonogo.run.judging_mixture import Process, log_sum, skip
from gonogo.run.judging_plan import GUARD_SHARE, EventRule, JudgePlan, LatencyRule, LimitRule, MetricRule
from gonogo.run.judging_roles import Role, begun, mixture_for, moved, shift_of, sighted
from gonogo.run.judging_show import abort_text, figures, lacking, missing_for_no_harm, odds, uncertified
from gonogo.run.judging_state import Abort, Exam, ExamScore, Fault, JudgeState, MetricState
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Silence, Tick
from gonogo.terms import Verdict
from gonogo.values import dataclass

JUDGE = "gonogo-judge/2"
"""Raised whenever the same samples would give other evidence or another answer: what is on record names it."""

LONGEST_GAP = 100_000
"""More missing ticks than this are a mistake of the caller, not an outage."""


class JudgeKind(enum.Enum):
    """What the judge answers."""

    ABORT = "abort"
    GO = "go"
    HOLD = "hold"
    INCONCLUSIVE = "inconclusive"
    CONTINUE = "continue"

    @property
    def verdict(self) -> Verdict:
        """The answer in the words of every gate; while it runs nothing is decided."""
        match self:
            case JudgeKind.ABORT:
                return Verdict.FAIL
            case JudgeKind.GO:
                return Verdict.PASS
            case JudgeKind.HOLD:
                return Verdict.ERROR
            case JudgeKind.INCONCLUSIVE | JudgeKind.CONTINUE:
                return Verdict.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """The judge's answer: `metric` is the reason, `log_evidence` the release's ln E, `threshold` what aborts.

    `explanation` is one sentence with measured figures, `figures` one line for each metric.
    """

    kind: JudgeKind
    metric: str
    log_evidence: float
    threshold: float
    explanation: str
    figures: tuple[str, ...]


def begin(plan: JudgePlan) -> JudgeState:
    """The state before the first tick: all evidence is 1, nothing is known."""
    return JudgeState(0, tuple(_first(plan, rule) for rule in plan.metrics), 0.0)


def observe(plan: JudgePlan, state: JudgeState, tick: Tick) -> JudgeState:
    """The state after `tick`. A tick that was already folded changes nothing; ticks left out count as silent.

    Raises BadInput for a tick without duration or further ahead than any outage, and for the state of another plan.
    """
    if tick.lasted_ms <= 0 or tick.index < 0:
        raise _wrong_tick(f"tick {tick.index} lasts {tick.lasted_ms} ms")
    if [metric.name for metric in state.metrics] != [rule.name for rule in plan.metrics]:
        raise _wrong_tick("the state belongs to a plan with other metrics")
    if tick.index < state.ticks:
        return state
    if tick.index - state.ticks > LONGEST_GAP:
        raise _wrong_tick(f"tick {tick.index} follows tick {state.ticks - 1}")
    while state.ticks < tick.index:
        state = _settled(plan, _after_gap(plan, state))
    metrics = tuple(_ticked(plan, rule, metric, tick) for rule, metric in zip(plan.metrics, state.metrics, strict=True))
    return _settled(plan, replace(state, ticks=state.ticks + 1, metrics=metrics))


def acknowledged(state: JudgeState) -> JudgeState:
    """The state after a person looked at counts that cannot be true: they are forgotten, evidence and an ABORT are not.

    Silence is not forgotten: it ends with the next sample, and nobody can say for a metric that it is there.
    """
    return replace(state, metrics=tuple(replace(metric, fault=None) for metric in state.metrics))


def verdict(plan: JudgePlan, state: JudgeState) -> JudgeAnswer:
    """The answer now."""
    lines = tuple(figures(rule, metric) for rule, metric in zip(plan.metrics, state.metrics, strict=True))
    kind, metric, why = _called(plan, state)
    return JudgeAnswer(kind, metric, state.evidence, plan.threshold, why, lines)


def final_exam(plan: JudgePlan, state: JudgeState) -> Exam:
    """The exam on the totals so far. `observe` takes it once, at the planned end; earlier it is only shown."""
    found = [
        ExamScore(rule.name, _exam_z(rule, metric)) for rule, metric in zip(plan.metrics, state.metrics, strict=True)
    ]
    return Exam(exam.critical_z(plan.alpha_final, len(plan.metrics)), tuple(found))


def evidence_of(plan: JudgePlan, state: JudgeState) -> tuple[tuple[str, float], ...]:
    """ln(weight * E) for each metric, guard included, in declared order; their log-sum is the release's evidence."""
    return tuple(
        (rule.name, log_sum(each for each, _ in _shares(plan, rule, metric)))
        for rule, metric in zip(plan.metrics, state.metrics, strict=True)
    )


def _called(plan: JudgePlan, state: JudgeState) -> tuple[JudgeKind, str, str]:
    if state.abort is not None:
        return JudgeKind.ABORT, state.abort.metric, abort_text(plan, state, state.abort)
    held = _held(plan, state)
    if held is not None:
        return JudgeKind.HOLD, *held
    strongest = max(evidence_of(plan, state), key=lambda each: each[1])[0]
    kind, why = _weighed(plan, state)
    against = f"evidence of harm {odds(state.evidence)}, limit {odds(plan.threshold)}"
    return kind, strongest, f"{why}; {against}"


def _weighed(plan: JudgePlan, state: JudgeState) -> tuple[JudgeKind, str]:
    open_points = (*lacking(plan, state), *uncertified(plan, state))
    if not open_points:
        return JudgeKind.GO, "every metric is certified below its limit of harm"
    if state.ticks < plan.window_ticks:
        return JudgeKind.CONTINUE, f"{plan.window_ticks - state.ticks} of {plan.window_ticks} ticks to go"
    if plan.no_harm is not None:
        open_points = missing_for_no_harm(plan, plan.no_harm, state)
        if not open_points:
            return JudgeKind.GO, "no evidence of harm at the planned end, which the plan accepts"
    return JudgeKind.INCONCLUSIVE, f"the planned end came, but {'; '.join(open_points)}"


def _held(plan: JudgePlan, state: JudgeState) -> tuple[str, str] | None:
    for metric in state.metrics:
        if metric.fault is not None:
            fault = metric.fault
            return metric.name, f"{metric.name}: {fault.reason} (tick {fault.tick}, {fault.count} such); a person looks"
        if metric.canary_silent_ms > plan.canary_silence_ms:
            silent = f"the new version alone is silent for {metric.canary_silent_ms / 1000:g} s"
            return metric.name, f"{metric.name}: {silent} ({metric.silence}); a person looks"
        if metric.silent_ms > plan.silence_ms:
            silent = f"no comparison for {metric.silent_ms / 1000:g} s"
            return metric.name, f"{metric.name}: {silent} ({metric.silence}); a person looks"
    return None


def _first(plan: JudgePlan, rule: MetricRule) -> MetricState:
    return MetricState(
        name=rule.name,
        main=begun(plan, rule, Role.MAIN),
        guard=begun(plan, rule, Role.GUARD) if plan.warmup_ticks else None,
        certificate=begun(plan, rule, Role.CERTIFICATE),
        events=exam.EventTotals(),
        latency=exam.LatencyTotals(),
        used=0,
        skipped=0,
        canary_silent_ms=0,
        silent_ms=0,
        silence="",
        fault=None,
    )


def _ticked(plan: JudgePlan, rule: MetricRule, metric: MetricState, tick: Tick) -> MetricState:
    warming = tick.index < plan.warmup_ticks
    match sighted(rule, tick.observations.get(rule.name)):
        case Silence(arm=arm, reason=reason):
            return _silenced(_passed(plan, rule, metric, warming=warming), arm, reason, tick.lasted_ms)
        case Faulty(reason=reason):
            known = metric.fault or Fault(tick.index, reason, 0)
            return replace(_passed(plan, rule, metric, warming=warming), fault=replace(known, count=known.count + 1))
        case Events() | Histogram() as seen:
            heard = replace(metric, canary_silent_ms=0, silent_ms=0, silence="")
            if warming:
                return replace(heard, guard=_guarded(plan, rule, metric.guard, seen))
            return _counted(plan, rule, heard, tick.step, seen)


def _guarded(plan: JudgePlan, rule: MetricRule, guard: Process | None, seen: Events | Histogram) -> Process | None:
    return None if guard is None else moved(plan, rule, Role.GUARD, guard, seen)


def _counted(
    plan: JudgePlan, rule: MetricRule, metric: MetricState, step: int, seen: Events | Histogram
) -> MetricState:
    main = moved(plan, rule, Role.MAIN, metric.main, seen)
    certificate = moved(plan, rule, Role.CERTIFICATE, metric.certificate, seen)
    after = replace(metric, main=main, certificate=certificate, used=metric.used + 1)
    match rule, seen:
        case EventRule(), Events():
            return replace(after, events=exam.with_events(metric.events, step, seen, rule.margin))
        case LimitRule(), Events():
            return replace(after, events=exam.with_canary(metric.events, step, seen))
        case LatencyRule(), Histogram():
            shift = shift_of(rule)
            baseline = shifted(shift, seen.b)
            score = latency_score(scores(shape(rule.reference, shift)), seen.c, baseline)
            return replace(after, latency=exam.with_latency(metric.latency, score, seen.c, seen.b))
        case _:
            return after


def _passed(plan: JudgePlan, rule: MetricRule, metric: MetricState, *, warming: bool) -> MetricState:
    if warming:
        return metric
    return replace(
        metric,
        main=skip(mixture_for(plan, rule, Role.MAIN), metric.main),
        certificate=skip(mixture_for(plan, rule, Role.CERTIFICATE), metric.certificate),
        skipped=metric.skipped + 1,
    )


def _silenced(metric: MetricState, arm: Arm, reason: str, lasted_ms: int) -> MetricState:
    alone = lasted_ms if arm is Arm.CANARY else 0
    known = metric.canary_silent_ms if arm is not Arm.BASELINE else 0
    return replace(metric, canary_silent_ms=known + alone, silent_ms=metric.silent_ms + lasted_ms, silence=reason)


def _after_gap(plan: JudgePlan, state: JudgeState) -> JudgeState:
    warming = state.ticks < plan.warmup_ticks
    metrics = tuple(
        _passed(plan, rule, metric, warming=warming) for rule, metric in zip(plan.metrics, state.metrics, strict=True)
    )
    return replace(state, ticks=state.ticks + 1, metrics=metrics)


def _settled(plan: JudgePlan, state: JudgeState) -> JudgeState:
    shares = [
        (share, by_guard, rule.name)
        for rule, metric in zip(plan.metrics, state.metrics, strict=True)
        for share, by_guard in _shares(plan, rule, metric)
    ]
    state = replace(state, evidence=log_sum(share for share, _, _ in shares))
    if state.abort is None and state.evidence >= plan.threshold:
        _, by_guard, name = max(shares, key=lambda each: each[0])
        state = replace(state, abort=Abort(state.ticks - 1, name, state.evidence, by_guard=by_guard))
    if state.abort is None and state.exam is None and state.ticks >= plan.window_ticks:
        taken = final_exam(plan, state)
        state = replace(state, exam=taken)
        if taken.failed:
            abort = Abort(state.ticks - 1, taken.failed[0].metric, state.evidence, by_exam=True)
            state = replace(state, abort=abort)
    return state


def _shares(plan: JudgePlan, rule: MetricRule, metric: MetricState) -> list[tuple[float, bool]]:
    found = [(math.log(plan.main_share * rule.weight) + metric.main.evidence, False)]
    if metric.guard is not None:
        found.append((math.log(GUARD_SHARE * rule.weight) + metric.guard.evidence, True))
    return found


def _exam_z(rule: MetricRule, metric: MetricState) -> float | None:
    match rule:
        case EventRule():
            z = exam.z_of_events(metric.events, rule.margin)
        case LatencyRule():
            z = exam.z_of_latency(metric.latency)
        case LimitRule():
            z = exam.z_of_limit(metric.events, rule.limit)
    return None if z is None else z / math.sqrt(rule.phi)


def _wrong_tick(what: str) -> BadInput:
    return BadInput(what, where="judge", next_step="fold the recorded ticks in order, or begin another judgement")
