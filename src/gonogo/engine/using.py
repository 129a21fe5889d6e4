"""Using an approval: verified again at the instant of the act, against the people listed now (APR-03; rule A18)."""

from __future__ import annotations

from datetime import datetime

from gonogo.engine.accepting import Signed, judged, rule_for
from gonogo.engine.bench import Bench
from gonogo.errors import Refused
from gonogo.evidence.acceptance import Declined, Occasion
from gonogo.evidence.quorum import freeze_quorum, quorum
from gonogo.evidence.signers import Kind
from gonogo.run.asking import release_facts
from gonogo.run.events import DecisionConsumed
from gonogo.run.state import Round, usable_round


def verified_for_use(bench: Bench, now: datetime) -> tuple[DecisionConsumed, ...]:
    """The event that uses the approval up; Refused where it does not (or no longer) carry the act.

    The event has to be appended in the very transaction that records the intent, so that an approval is used once.
    """
    point = bench.task.consumes
    asked = usable_round(bench.state, point)
    if asked is None:
        raise Refused(
            f"there is no open approval at `{point}`",
            next_step=f"ask for it and let people sign: gonogo approve {bench.run}",
        )
    check_again(bench, asked, now)
    return (DecisionConsumed(asked.name, bench.task.id, bench.attempt),)


def check_again(bench: Bench, asked: Round, now: datetime) -> None:
    """Verify every statement of a round again and count people; Refused names who or what fails."""
    ring = bench.world.ring()
    entries = bench.world.journal.entries(bench.run)
    standing = []
    for answer in asked.answers:
        handed = Signed(bench.world.vault.read(answer.statement), bench.world.vault.read(answer.signature))
        occasion = Occasion(entries, now, entries[answer.seq])
        found = judged(bench.world, bench.plan, ring, asked, handed, occasion)
        if isinstance(found, Declined):
            raise Refused(
                f"the statement of {answer.person} at `{asked.point}` counts no more: {found.reason} (rule {found.rule})",
                next_step=found.next_step,
            )
        standing.append(found)
    if asked.kind == Kind.FREEZE_ACK.value:
        counted = freeze_quorum(bench.plan.ring, standing)
    else:
        counted = quorum(rule_for(bench.plan, asked), standing, release_facts(bench.plan), ring)
    if not counted.met:
        raise Refused(f"`{asked.point}` is not complete: {counted}", next_step=f"gonogo approve {bench.run}")
