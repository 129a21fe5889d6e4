"""Recording what people signed: verified first, recorded or refused in the ledger either way (APR-02, REV-08)."""

from __future__ import annotations

from gonogo.engine.bench import World
from gonogo.engine.checkpointing import write_marked
from gonogo.engine.crash_points import STATEMENT_RECORDED, STATEMENT_VERIFIED
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.acceptance import Accepted, Asked, Declined, Occasion, accept
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import Frontier
from gonogo.evidence.signers import DecisionRule, Ring
from gonogo.evidence.statements import read_statement
from gonogo.plan.model import Plan
from gonogo.run.asking import rule_of
from gonogo.run.events import DecisionRecorded, DecisionRefused, Event, recorded
from gonogo.run.state import Round, RunState, fold
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement and its detached signature, as somebody handed them in."""

    statement: bytes
    signature: bytes


def rule_for(plan: Plan, asked: Round) -> DecisionRule:
    """The pinned rule of a round's decision point; the freeze asks every stakeholder, whoever they are."""
    return rule_of(plan, asked)


def open_round(state: RunState, name: str) -> Round:
    """The open round `name`; Refused says what became of it otherwise."""
    found = state.rounds.get(name)
    if found is None:
        known = ", ".join(item.name for item in state.rounds.values() if item.status == "open") or "none"
        raise Refused(f"nobody was asked about `{name}`", next_step=f"open requests: {known}")
    if found.status != "open":
        raise Refused(f"the request {name} is {found.status}", next_step="answer the newest request of this run")
    return found


def record_statement(
    world: World, plan: Plan, ring: Ring, run: RunId, name: str, handed: Signed, actor: Actor
) -> Accepted:
    """Verify a statement against its request and record it; Refused with rule and remedy where it does not count."""
    entries = world.journal.entries(run)
    state = fold(plan, (recorded(entry) for entry in entries))
    asked = open_round(state, name)
    occasion = Occasion(entries, world.clock.now())
    found = judged(world, plan, ring, asked, handed, occasion)
    statement = world.vault.put(handed.statement)
    signature = world.vault.put(handed.signature)
    if isinstance(found, Declined):
        person = _claimed_person(handed.statement)
        refusal = DecisionRefused(asked.kind, asked.name, found.rule, person, statement)
        _append(world, plan, run, entries, actor, refusal)
        raise Refused(f"{found.reason} (rule {found.rule})", next_step=found.next_step)
    if any(answer.statement == statement for answer in asked.answers):
        return found  # Handed in again after a crash: it is recorded already, and once.
    touch = found.signed.touch
    event = DecisionRecorded(
        kind=asked.kind,
        round=asked.name,
        statement_sha256=statement,
        signature_sha256=signature,
        person=found.person,
        role=found.role,
        fingerprint=found.signed.key.fingerprint,
        decision=found.decision,
        level=found.level.name,
        flags=touch.flags if touch else 0,
        counter=touch.counter if touch else 0,
        in_browser=found.in_browser,
    )
    world.crash(STATEMENT_VERIFIED)
    _append(world, plan, run, entries, actor, event)
    world.crash(STATEMENT_RECORDED)
    return found


def judged(
    world: World, plan: Plan, ring: Ring, asked: Round, handed: Signed, occasion: Occasion
) -> Accepted | Declined:
    """Judge one statement of a round against the people listed in `ring`."""
    bytes_asked = Asked(world.vault.read(asked.request), world.vault.read(asked.evidence))
    return accept(handed.statement, handed.signature, bytes_asked, ring, rule_for(plan, asked), occasion)


def _claimed_person(statement: bytes) -> str:
    try:
        return read_statement(statement).signer.person
    except GonogoError:
        return ""


def _append(world: World, plan: Plan, run: RunId, entries: tuple[Entry, ...], actor: Actor, event: Event) -> None:
    with world.journal.write(run, entries[-1].seq, actor=actor, now=world.clock.now()) as tx:
        before = Frontier().grown(entry.line for entry in entries)
        write_marked(world, plan.ring.site, run, before, tx, [event])
