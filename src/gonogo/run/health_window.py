"""The health window of a run: its objectives and error budgets over what was recorded (SOK-01 to SOK-05, DG4-02).

Where its gate would fail and more time can change that, the window goes on by a configured step, up to the configured
number of them. What is judged is always one whole length before the end, as if the window had begun there: an extension
never makes a bad sample good, it asks for a whole length without one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.evidence.ledger import time_text
from gonogo.plan.model import Plan
from gonogo.plan.project import HealthWindow
from gonogo.protocol.threshold import Op
from gonogo.run.events_of_traffic import WindowExtended
from gonogo.run.promises import Budget, budgets, budgets_verdict
from gonogo.run.rolling import MOST_SILENT_SAMPLES, HoldUntil, RollDone, Rolling, next_tick
from gonogo.run.served import Counts, figures_of, millis, moment_ms
from gonogo.run.slo import FixedRule
from gonogo.run.slo_window import (
    SloSample,
    SloWindow,
    WindowAnswer,
    breaches,
    judge_window,
    judged_part,
    sampled,
)
from gonogo.terms import Verdict, worst


def next_in_watch(plan: Plan, known: Rolling | None, now: datetime) -> HoldUntil | WindowExtended | RollDone:
    """What a health window does next: sample until it is over or a limit was broken, then extend it if it may be."""
    health = plan.project.health
    if known is None or known.last is None:
        silent = known.silent if known else 0
        if silent >= MOST_SILENT_SAMPLES:
            return RollDone()
        return HoldUntil(next_tick(known, health.tick, now), -1, "waiting for the first sample")
    answer = window_answer(plan, known, now)
    if answer.complete or answer.verdict is Verdict.FAIL:
        return extension_due(plan, known, now) or RollDone()
    return HoldUntil(next_tick(known, health.tick, now), -1, answer.explanation)


def extension_due(plan: Plan, known: Rolling, now: datetime) -> WindowExtended | None:
    """The extension that a window which ends now gets (SOK-04); None where it passes, or no extension can help.

    None helps where none is left, or where with all that are left the window would be over by now as well, or would
    have failed or lack a sample by what is known already: a window that nobody sampled is not made whole by its clock.
    """
    answer = window_answer(plan, known, now)
    number, most = len(known.extensions) + 1, plan.project.health.extensions
    if number > most or answer.verdict is Verdict.PASS:
        return None
    longest = _answer(plan, known, now, most)
    if longest.complete or longest.verdict is Verdict.FAIL or longest.missing:
        return None
    clause, measured, limit = _reason(plan, known, now, answer)
    end = time_text(_end(plan, known, number))
    return WindowExtended(known.task, known.attempt, number, clause, measured, limit, end)


def window_of(plan: Plan, known: Rolling) -> SloWindow:
    """The health window of a plan, from the first sample on, with its extensions so far."""
    return _window(plan, known, len(known.extensions))


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
    return _answer(plan, known, now, len(known.extensions))


def window_end(plan: Plan, known: Rolling) -> datetime:
    """When the health window ends, with its extensions so far."""
    return _end(plan, known, len(known.extensions))


def window_budgets(plan: Plan, known: Rolling, now: datetime) -> tuple[Budget, ...]:
    """How the error budgets of the promises burnt until `now` in the part of the health window that counts."""
    return _budgets(plan, known, now, len(known.extensions))


def _answer(plan: Plan, known: Rolling, now: datetime, extended: int) -> WindowAnswer:
    found = _budgets(plan, known, now, extended)
    answer = _objectives_answer(plan, known, now, extended)
    verdict = worst((answer.verdict, budgets_verdict(found)))
    told = (f"extended {len(known.extensions)} of {plan.project.health.extensions} times",) if known.extensions else ()
    return replace(answer, verdict=verdict, explanation="; ".join((answer.explanation, *told, *map(str, found))))


def _objectives_answer(plan: Plan, known: Rolling, now: datetime, extended: int) -> WindowAnswer:
    if plan.project.health.objectives:
        return judge_window(_window(plan, known, extended), window_samples(plan, known), moment_ms(now))
    to_go = moment_ms(_end(plan, known, extended)) - moment_ms(now)
    over = to_go <= 0
    why = "the window is over" if over else f"{to_go / 1000:g} s to go"
    return WindowAnswer(Verdict.PASS if over else Verdict.INCONCLUSIVE, over, len(known.ticks), 0, 0, why)


def _window(plan: Plan, known: Rolling, extended: int) -> SloWindow:
    health = plan.project.health
    rules = tuple(FixedRule(rule.metric, Op.LE, rule.limit) for rule in health.objectives)
    length = millis(health.length)
    interval = min(length, max(1, 2 * millis(health.tick)))
    step = millis(health.extend_by or health.length)
    return SloWindow(rules, moment_ms(known.began), length, interval, extension_ms=step, extended=extended)


def longest_watch(health: HealthWindow) -> Decimal:
    """How long a window lasts with every extension that it may get, in seconds."""
    return _lasts(health, health.extensions)


def _lasts(health: HealthWindow, extended: int) -> Decimal:
    return health.length + extended * (health.extend_by or health.length)


def _end(plan: Plan, known: Rolling, extended: int) -> datetime:
    return known.began + timedelta(seconds=float(_lasts(plan.project.health, extended)))


def _budgets(plan: Plan, known: Rolling, now: datetime, extended: int) -> tuple[Budget, ...]:
    bounds = tuple(float(bound) for bound in known.last.bounds[:-1]) if known.last else ()
    health, end = plan.project.health, _end(plan, known, extended)
    judged_from = end - timedelta(seconds=float(health.length))
    # The first interval that counts began at the sample before it: its requests are those of all that time.
    before = [at for at, *_ in known.ticks if at < judged_from]
    ticks = known.ticks[len(before) :]
    return budgets(health, before[-1] if before else known.began, ticks, bounds, over=now >= end)


def _reason(plan: Plan, known: Rolling, now: datetime, answer: WindowAnswer) -> tuple[str, str, str]:
    """Which clause fails, with its figure and limit: a broken objective, a burnt budget, else what was not sampled."""
    objectives = plan.project.health.objectives
    if objectives:
        broken = breaches(judged_part(window_of(plan, known), window_samples(plan, known), moment_ms(now)))
        for rule, said in zip(objectives, broken[0].answers, strict=True) if broken else ():
            if said.verdict is Verdict.FAIL:
                return rule.name, f"{said.value}", f"{rule.limit}"
    for budget in window_budgets(plan, known, now):
        if budget.verdict is Verdict.FAIL:
            fastest = max(budget.burns, default=budget.rule.factor)
            if fastest > budget.rule.factor:
                return (
                    f"{budget.promise.name}: budget burn",
                    f"{float(fastest):.4g}",
                    f"{float(budget.rule.factor):.4g}",
                )
            return budget.promise.name, f"{budget.share}", f"{budget.promise.allowed}"
    return "missing samples", f"{answer.missing or 'not measurable'}", "0"


def _serving(stable: Counts | None, candidate: Counts | None) -> Counts | None:
    if candidate is None or stable is None:
        return candidate or stable
    return stable if stable.requests > candidate.requests else candidate
