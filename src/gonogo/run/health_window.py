"""The health window of a run: its objectives and error budgets over what was recorded (SOK-01 to SOK-05, DG4-02)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gonogo.plan.model import Plan
from gonogo.protocol.threshold import Op
from gonogo.run.promises import Budget, budgets, budgets_verdict
from gonogo.run.rolling import MOST_SILENT_SAMPLES, HoldUntil, RollDone, Rolling, next_tick
from gonogo.run.served import Counts, figures_of, millis, moment_ms
from gonogo.run.slo import FixedRule
from gonogo.run.slo_window import SloSample, SloWindow, WindowAnswer, judge_window, sampled
from gonogo.terms import Verdict, worst


def next_in_watch(plan: Plan, known: Rolling | None, now: datetime) -> HoldUntil | RollDone:
    """What a health window does next: sample until it is over, or until a limit was broken."""
    health = plan.project.health
    if known is None or known.last is None:
        silent = known.silent if known else 0
        if silent >= MOST_SILENT_SAMPLES:
            return RollDone()
        return HoldUntil(next_tick(known, health.tick, now), -1, "waiting for the first sample")
    answer = window_answer(plan, known, now)
    if answer.complete or answer.verdict.name == "FAIL":
        return RollDone()
    return HoldUntil(next_tick(known, health.tick, now), -1, answer.explanation)


def window_of(plan: Plan, known: Rolling) -> SloWindow:
    """The health window of a plan, from the first sample on."""
    health = plan.project.health
    rules = tuple(FixedRule(rule.metric, Op.LE, rule.limit) for rule in health.objectives)
    length = millis(health.length)
    interval = min(length, max(1, 2 * millis(health.tick)))
    return SloWindow(rules, moment_ms(known.began), length, interval)


def window_samples(plan: Plan, known: Rolling) -> tuple[SloSample, ...]:
    """Every interval of the window, judged by the objectives."""
    if not plan.project.health.objectives:
        return ()
    window = window_of(plan, known)
    bounds = tuple(float(bound) for bound in known.last.bounds) if known.last else ()
    return tuple(
        sampled(window, moment_ms(at), figures_of(plan.project.health.objectives, _serving(stable, candidate), bounds))
        for at, _, stable, candidate in known.ticks
    )


def window_answer(plan: Plan, known: Rolling, now: datetime) -> WindowAnswer:
    """What the health window says at `now`: its objectives, and the budgets of its promises."""
    found = window_budgets(plan, known, now)
    answer = _objectives_answer(plan, known, now)
    verdict = worst((answer.verdict, budgets_verdict(found)))
    return replace(answer, verdict=verdict, explanation="; ".join((answer.explanation, *map(str, found))))


def _objectives_answer(plan: Plan, known: Rolling, now: datetime) -> WindowAnswer:
    if plan.project.health.objectives:
        return judge_window(window_of(plan, known), window_samples(plan, known), moment_ms(now))
    to_go = moment_ms(window_end(plan, known)) - moment_ms(now)
    over = to_go <= 0
    why = "the window is over" if over else f"{to_go / 1000:g} s to go"
    return WindowAnswer(Verdict.PASS if over else Verdict.INCONCLUSIVE, over, len(known.ticks), 0, 0, why)


def window_end(plan: Plan, known: Rolling) -> datetime:
    """When the health window ends, without extensions."""
    return known.began + timedelta(seconds=float(plan.project.health.length))


def window_budgets(plan: Plan, known: Rolling, now: datetime) -> tuple[Budget, ...]:
    """How the error budgets of the promises burnt in the health window until `now`."""
    bounds = tuple(float(bound) for bound in known.last.bounds[:-1]) if known.last else ()
    return budgets(plan.project.health, known.began, known.ticks, bounds, now)


def _serving(stable: Counts | None, candidate: Counts | None) -> Counts | None:
    if candidate is None or stable is None:
        return candidate or stable
    return stable if stable.requests > candidate.requests else candidate
