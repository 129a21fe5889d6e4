"""Whose signatures count for a run now: the people it was opened with, less whoever was removed since (APR-03)."""

from __future__ import annotations

from dataclasses import replace

from gonogo.engine.bench import World
from gonogo.evidence.signers import Ring
from gonogo.evidence.trusting import narrowed
from gonogo.plan.model import Plan


def people_now(world: World, plan: Plan) -> Ring:
    """The pinned people and rules, in which removals and revocations of the approvers file as it is now act at once.

    Whoever was *added* since signs in later runs: an approvers file that is edited during a run gives nobody a voice.
    """
    return narrowed(plan.ring, world.ring())


def plan_now(world: World, plan: Plan) -> Plan:
    """The plan for texts that name who can still sign: nobody is named who was removed since the run was opened."""
    return replace(plan, ring=people_now(world, plan))
