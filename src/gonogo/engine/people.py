"""Whose signatures count for a run now: the people it was opened with, less whoever was removed since (APR-03)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.evidence.independence import Asker
from gonogo.evidence.signers import Ring
from gonogo.evidence.statements import read_request
from gonogo.evidence.trusting import narrowed
from gonogo.plan.model import Plan
from gonogo.run.state import Round


def people_now(world: World, plan: Plan) -> Ring:
    """The pinned people and rules, in which removals and revocations of the approvers file as it is now act at once.

    Whoever was *added* since signs in later runs: an approvers file that is edited during a run gives nobody a voice.
    """
    return narrowed(plan.ring, world.ring())


def as_now(world: World, plan: Plan, asked: Round) -> tuple[Plan, Round]:
    """Plan and round for texts that name who can still sign.

    Nobody is named who was removed since the run was opened, nor who by the words of the request made the change or
    owns the agent that asked; a request that cannot be read bars whom the log bars.
    """
    with suppress(GonogoError):
        request = read_request(world.vault.read(asked.request))
        asked_by = asked.asker.asked_by | {request.requested_by}
        asked = replace(asked, asker=Asker(asked_by, request.requester_owner or "", request.change_authors))
    return replace(plan, ring=people_now(world, plan)), asked
