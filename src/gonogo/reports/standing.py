"""Under which rules a run decides, in sentences: assurance, who signed the policy, and what is not the default.

The same lines stand in the text that people sign, in every report and in the seal of each package, so that a light
set-up is called light wherever its results are shown (F41, CFG-02, C72).
"""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.evidence.signers import PRODUCTION, Assurance, Kind
from gonogo.plan.gate_limits import WEAKER_BY_POLICY
from gonogo.plan.model import Decide, Plan, all_stages
from gonogo.run.asking import release_facts
from gonogo.run.events import TrustPinned

MEANINGS = {
    Assurance.H0: "H0: a signature proves that somebody had the key, not that a person was there",
    Assurance.H1: "H1: a signature proves that somebody touched a device",
    Assurance.H2: "H2: a signature proves that a device verified a person",
}


def assurance_of(plan: Plan) -> Assurance:
    """The least that a decision of this run proves; acknowledgements of a freeze decide nothing and are left out."""
    points = {
        task.act.point
        for stage in all_stages(plan)
        for task in stage.tasks
        if isinstance(task.act, Decide) and task.act.kind != Kind.FREEZE_ACK.value
    }
    asked = [plan.decisions[point].asks_for(plan.environment) for point in sorted(points)]
    return min(asked, default=Assurance.H0)


def rules_in_force(plan: Plan, pinned: TrustPinned | None) -> tuple[str, ...]:
    """The lines, in a fixed order; the first two are always there."""
    return (MEANINGS[assurance_of(plan)], _policy(pinned), *_unusual(plan), *_weaker(plan))


def _policy(pinned: TrustPinned | None) -> str:
    if pinned is None or not pinned.policy_sha256:
        return "people and rules: the approvers file as it was, signed by nobody (light)"
    by = f"signed by {', '.join(pinned.signed_by)}" if pinned.signed_by else "signed by nobody (light)"
    return f"people and rules: version {pinned.version} of the policy, {by}"


def _unusual(plan: Plan) -> Iterator[str]:
    own = [point for point, rule in plan.decisions.items() if not rule.not_author and not _acknowledges(plan, point)]
    asked = [
        point for point, rule in plan.decisions.items() if not rule.not_requester and not _acknowledges(plan, point)
    ]
    if own:
        yield f"people may approve their own change at: {', '.join(sorted(own))}"
    if asked:
        yield f"whoever opened the run may decide at: {', '.join(sorted(asked))}"
    for point, rule in sorted(plan.decisions.items()):
        if rule.accept_low_assurance and rule.asks_for(PRODUCTION) < Assurance.H1:
            yield f"{point} takes {rule.asks_for(PRODUCTION).name}, accepted: {rule.accept_low_assurance}"
        if rule.fast_path is not None and rule.fast_path.open_for(release_facts(plan)):
            yield f"{point} takes {rule.fast_path.quorum} of {rule.quorum} people: low risk ({rule.fast_path.when})"


def _acknowledges(plan: Plan, point: str) -> bool:
    kinds = {
        task.act.kind
        for stage in all_stages(plan)
        for task in stage.tasks
        if isinstance(task.act, Decide) and task.act.point == point
    }
    return kinds == {Kind.FREEZE_ACK.value}


def _weaker(plan: Plan) -> Iterator[str]:
    for rule in plan.gates.values():
        for clause in rule.clauses:
            if clause.limit_from.endswith(WEAKER_BY_POLICY):
                judged = f"`{clause.text}` judged with {clause.limit.value}, {clause.limit_from}"
                yield f"weaker limit at {rule.name}: {judged}"
