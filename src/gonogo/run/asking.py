"""Who has yet to sign: the recorded answers of a round against the rule that the plan pinned (A17, FRZ-04)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.evidence.acceptance import FREEZE_RULE
from gonogo.evidence.independence import barred
from gonogo.evidence.quorum import Quorum, freeze_quorum, quorum
from gonogo.evidence.signers import UNRANKED, DecisionRule, Kind
from gonogo.plan.model import Plan
from gonogo.run.state import Round

NOBODY = DecisionRule()
"""A rule that no role can meet."""


def release_facts(plan: Plan) -> Mapping[str, str]:
    """What conditional roles may depend on (PRE-20): an impact that is not stated counts as yes."""
    return {"security_impact": plan.release.security_impact}


def rule_of(plan: Plan, asked: Round) -> DecisionRule:
    """The pinned rule of a round. The freeze asks every stakeholder; where nobody may decide, nobody can be enough."""
    if asked.kind == Kind.FREEZE_ACK.value:
        return FREEZE_RULE
    return plan.decisions.get(asked.point) or plan.ring.rule(asked.point) or NOBODY


def standing(plan: Plan, asked: Round) -> Quorum:
    """How far a round is: who signed, who is missing, whether anybody said no."""
    if asked.kind == Kind.FREEZE_ACK.value:
        return freeze_quorum(plan.ring, asked.answers)
    return quorum(rule_of(plan, asked), asked.answers, release_facts(plan), plan.ring, barred_from(plan, asked))


def barred_from(plan: Plan, asked: Round) -> Mapping[str, str]:
    """Who cannot sign a round whatever their role, each with the reason (A16)."""
    if asked.kind in {kind.value for kind in UNRANKED}:
        return {}
    return barred(rule_of(plan, asked), plan.ring, asked.asker)


def able_people(plan: Plan, asked: Round) -> tuple[str, ...]:
    """Who can still sign a round: a listed person with a role that counts, who has not signed and is not barred."""
    signed, ring = {answer.person for answer in asked.answers}, plan.ring
    if asked.kind == Kind.FREEZE_ACK.value:
        able = (handle for handle in ring.freeze_stakeholders if ring.person(handle) is not None)
    else:
        roles = rule_of(plan, asked).roles
        able = (one.handle for one in ring.people if one.roles & roles)
    return tuple(handle for handle in able if handle not in {*signed, *barred_from(plan, asked)})


def who_is_missing(plan: Plan, asked: Round) -> tuple[str, ...]:
    """What is still needed, in words; nothing where the round is complete."""
    found = standing(plan, asked)
    if found.met:
        return ()
    return found.missing or ("nobody has signed yet",)
