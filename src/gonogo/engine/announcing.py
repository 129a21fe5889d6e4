"""Telling people what happened: the text is stored, its digest recorded, then it is handed out (COM-01, COM-24)."""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.engine.performing import append_latest
from gonogo.run.events import Announced, Recorded
from gonogo.reports.messages import messages_for


def announce(bench: Bench, entry: Recorded) -> None:
    """Announce whatever an event gives rise to; a lost message never turns a gate and never blocks a rollback."""
    if bench.state.outcome and not isinstance(entry.event, Announced):
        for message in messages_for(bench.plan, bench.state, entry):
            bench.world.announcer.say(message.prefix, message.text)
        return
    for message in messages_for(bench.plan, bench.state, entry):
        digest = bench.world.vault.put(message.text.encode("utf-8", "replace"))
        append_latest(bench, (Announced(message.prefix, digest, message.phase),))
        bench.world.announcer.say(message.prefix, message.text)
