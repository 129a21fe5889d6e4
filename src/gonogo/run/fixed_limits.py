"""Fixed limits on the new version while traffic moves to it, beside the judge, as other rollout tools have (ARB-01).

They carry no error guarantee. A measurement beyond a limit is a failure, one without a figure is counted in a row; more
of either than the project forgives takes the rollout back. Missing data is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.plan.project import Objective, RolloutBinding
from gonogo.protocol.threshold import Op
from gonogo.run.slo import FixedRule, Measured, RuleAnswer, Tally, Tolerance, counted, judge_rules, tallied
from gonogo.terms import Verdict


def rules_of(objectives: Sequence[Objective], least: int = 1) -> tuple[FixedRule, ...]:
    """The rule of each objective, judged from at least `least` requests."""
    return tuple(FixedRule(item.metric, Op.LE, item.limit, _unit(item), least) for item in objectives)


def _unit(item: Objective) -> str:
    return "" if item.metric == "error_rate" else "s"


def after(
    binding: RolloutBinding, tallies: Mapping[str, Tally], measured: Mapping[str, Measured]
) -> tuple[dict[str, Tally], str]:
    """The tallies after one more measurement of each limit, and why the rollout is taken back (empty: it is not)."""
    tolerance = Tolerance(binding.failures, binding.errors_in_row)
    found = dict(tallies)
    reasons = []
    for answer in judge_rules(rules_of(binding.limits, binding.least_requests), measured):
        found[answer.metric] = counted(found.get(answer.metric, Tally()), answer)
        reasons.append(_reason(tolerance, found[answer.metric], answer))
    return found, next((reason for reason in reasons if reason), "")


def _reason(tolerance: Tolerance, tally: Tally, answer: RuleAnswer) -> str:
    match tallied(tolerance, tally):
        case Verdict.FAIL:
            return f"limit broken {tally.failed} times, {tolerance.failures} forgiven: {answer.explanation}"
        case Verdict.ERROR:
            return f"no figure {tally.errors_in_row} times in a row: {answer.explanation}"
        case _:
            return ""


def shown(objectives: Sequence[Objective]) -> str:
    """The limits for people: `error_rate <= 0.02, p95 <= 0.4 s`."""
    return ", ".join(str(rule) for rule in rules_of(objectives)) or "none"
