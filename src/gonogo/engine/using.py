"""Using an approval: verified again at the instant of the act, against the people listed now (APR-03; rule A18)."""

from __future__ import annotations

from datetime import datetime

from gonogo.engine.accepting import Signed, judged, rule_for
from gonogo.engine.bench import Bench
from gonogo.engine.people import people_now
from gonogo.engine.release_files import demand_same_bytes
from gonogo.errors import Refused
from gonogo.evidence.acceptance import Declined, Occasion
from gonogo.evidence.ledger import Entry
from gonogo.evidence.quorum import freeze_quorum, quorum
from gonogo.evidence.signers import Kind
from gonogo.run.asking import release_facts
from gonogo.run.events import DecisionConsumed
from gonogo.run.state import Round, usable_round, used_round


def verified_for_use(bench: Bench, now: datetime) -> tuple[DecisionConsumed, ...]:
    """The event that uses the approval up; Refused where it does not (or no longer) carry the act.

    The event has to be appended in the very transaction that records the intent, so that an approval is used once.
    A further start of the same attempt, after it was proven that the first was not applied, goes on under the approval
    that the first one used: it is verified again and there is nothing more to use up (engine section 8).
    """
    point = bench.task.consumes
    begun = used_round(bench.state, point, bench.task.id, bench.attempt)
    if begun is not None:
        check_again(bench, begun, now)
        demand_same_bytes(bench)
        return ()
    asked = usable_round(bench.state, point)
    if asked is None:
        raise Refused(
            f"there is no open approval at `{point}`",
            next_step=f"ask for it and let people sign: gonogo approve {bench.run}",
        )
    check_again(bench, asked, now)
    demand_same_bytes(bench)
    return (DecisionConsumed(asked.name, bench.task.id, bench.attempt),)


def check_again(bench: Bench, asked: Round, now: datetime) -> None:
    """Verify every statement of a round again and count people; Refused names who or what fails."""
    ring = people_now(bench.world, bench.plan)
    entries = _until_used(bench.world.journal.entries(bench.run), asked)
    standing = []
    for answer in asked.answers:
        handed = Signed(bench.world.vault.read(answer.statement), bench.world.vault.read(answer.signature))
        occasion = Occasion(entries, now, entries[answer.seq])
        found = judged(bench.world, bench.plan, ring, asked, handed, occasion)
        if isinstance(found, Declined):
            raise Refused(
                f"the statement of {answer.person} at `{asked.point}` counts no more: {found.reason} ({found.rule})",
                next_step=found.next_step,
            )
        standing.append(found)
    if asked.kind == Kind.FREEZE_ACK.value:
        counted = freeze_quorum(bench.plan.ring, standing)
    else:
        counted = quorum(rule_for(bench.plan, asked), standing, release_facts(bench.plan), ring)
    if not counted.met:
        raise Refused(f"`{asked.point}` is not complete: {counted}", next_step=f"gonogo approve {bench.run}")


def _until_used(entries: tuple[Entry, ...], asked: Round) -> tuple[Entry, ...]:
    """The log up to the use of a round: that it was used is no reason against it for the act that used it."""
    used = next(
        (entry.seq for entry in entries if entry.type == "approval.consumed" and entry.data.get("round") == asked.name),
        len(entries),
    )
    return entries[:used]
