"""Fixed limits on the new version while traffic moves to it, beside the judge, as other rollout tools have (ARB-01).

They carry no error guarantee. As Argo Rollouts counts, each limit has failures of its own, and a measurement without a
figure is counted in a row. As Flagger counts, a check fails with any of its limits, a missing figure included. More of
either than the project forgives takes the rollout back. Missing data is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.plan.project import Objective, RolloutBinding
from gonogo.protocol.threshold import Op
from gonogo.run.slo import FixedRule, Measured, RuleAnswer, Tally, Tolerance, counted, judge_rules, tallied
from gonogo.terms import Verdict

CHECKS = "checks"
"""Where the tally of whole checks stands; no metric of a limit has this name."""


def rules_of(objectives: Sequence[Objective], least: int = 1) -> tuple[FixedRule, ...]:
    """The rule of each objective, judged from at least `least` requests."""
    return tuple(FixedRule(item.metric, Op.LE, item.limit, _unit(item), least) for item in objectives)


def _unit(item: Objective) -> str:
    return "" if item.metric == "error_rate" else "s"


def after(
    binding: RolloutBinding, tallies: Mapping[str, Tally], measured: Mapping[str, Measured]
) -> tuple[dict[str, Tally], str]:
    """The tallies after one more measurement of each limit, and why the rollout is taken back (empty: it is not)."""
    if binding.limits_as == "flagger":
        return _checked(binding, tallies, measured)
    tolerance = Tolerance(binding.failures, binding.errors_in_row)
    found = dict(tallies)
    reasons = []
    for answer in judge_rules(rules_of(binding.limits, binding.least_requests), measured):
        found[answer.metric] = counted(found.get(answer.metric, Tally()), answer)
        reasons.append(_reason(tolerance, found[answer.metric], answer))
    return found, next((reason for reason in reasons if reason), "")


def _checked(
    binding: RolloutBinding, tallies: Mapping[str, Tally], measured: Mapping[str, Measured]
) -> tuple[dict[str, Tally], str]:
    """One check of all limits: it fails once, however many of them are broken or have no figure."""
    answers = judge_rules(rules_of(binding.limits, binding.least_requests), measured)
    bad = [answer for answer in answers if answer.verdict is not Verdict.PASS]
    before = tallies.get(CHECKS, Tally())
    tally = Tally(before.measured + 1, before.failed + bool(bad), 0)
    broken = bad and tally.failed > binding.failures
    words = f"{tally.failed} checks failed, {binding.failures} forgiven: {bad[0].explanation}" if broken else ""
    return {**tallies, CHECKS: tally}, words


def _reason(tolerance: Tolerance, tally: Tally, answer: RuleAnswer) -> str:
    match tallied(tolerance, tally):
        case Verdict.FAIL:
            return f"limit broken {tally.failed} times, {tolerance.failures} forgiven: {answer.explanation}"
        case Verdict.ERROR:
            return f"no figure {tally.errors_in_row} times in a row: {answer.explanation}"
        case _:
            return ""
