"""Telling people what happened: handed out, then recorded, every message until it is recorded (COM-01, COM-24).

What is owed follows from the ledger alone, so that no message is lost in a crash. One that was handed out and not yet
recorded is handed out again: better told twice than never. In the ledger each stands once.
"""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.engine.crash_points import SAID
from gonogo.engine.performing import append_latest
from gonogo.plan.model import Plan
from gonogo.reports.messages import Message, messages_for
from gonogo.run.events import Announced, Recorded
from gonogo.run.state import RunState
from gonogo.terms import Digest, digest_of


def owed_after(owed: tuple[Message, ...], plan: Plan, state: RunState, entry: Recorded) -> tuple[Message, ...]:
    """The messages that are still to be handed out after `entry`; `state` is the state after it."""
    if not isinstance(entry.event, Announced):
        return (*owed, *messages_for(plan, state, entry))
    said = (entry.event.prefix, entry.event.text_sha256)
    known = [(message.prefix, _digest(message)) for message in owed]
    if said not in known:
        return owed
    at = known.index(said)
    return (*owed[:at], *owed[at + 1 :])


def announce(bench: Bench, message: Message) -> None:
    """Hand one message out and record it; one that cannot be delivered never turns a gate and never blocks anything."""
    bench.world.announcer.say(message.prefix, message.text)
    bench.world.crash(SAID)
    digest = bench.world.vault.put(_data(message))
    append_latest(bench, (Announced(message.prefix, digest, message.phase),))


def _data(message: Message) -> bytes:
    return message.text.encode("utf-8", "replace")


def _digest(message: Message) -> Digest:
    return digest_of(_data(message))
