"""Signed checkpoints over the log of a run, made where it matters, in the transaction of what they cover (EVS-16).

A checkpoint is made at each judgement of a gate, each request, each recorded statement, each intent, and at the
close. So whoever gets one later can hold every decision against the log as the engine signed it at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.engine.bench import World
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import Frontier
from gonogo.evidence.note import Checkpoint, NoteKey, with_signature
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.wire import strings
from gonogo.ports import Draft, Transaction
from gonogo.run.events import (
    CheckpointMade,
    DecisionRecorded,
    DecisionRequested,
    Event,
    GateJudged,
    TaskIntended,
    data_of,
    type_of,
)
from gonogo.terms import Digest, RunId

POINTS = (GateJudged, DecisionRequested, DecisionRecorded, TaskIntended)
"""The events after which the log is signed."""


def signed_checkpoint(world: World, site: str, origin: str, entries: Sequence[Entry]) -> bytes:
    """A checkpoint over `entries`, signed by the engine's key under the name of the site."""
    return _signed(world, site, _over(origin, Frontier().grown(entry.line for entry in entries)))


def checkpoint_event(world: World, site: str, run: RunId, frontier: Frontier) -> CheckpointMade:
    """The event of a checkpoint over the log of `run` up to `frontier`; its note is stored."""
    checkpoint = _over(f"{site}/{run}", frontier)
    return CheckpointMade(checkpoint.size, checkpoint.root.hex(), world.vault.put(_signed(world, site, checkpoint)))


def write_marked(
    world: World, site: str, run: RunId, before: Frontier, tx: Transaction, events: Sequence[Event]
) -> tuple[Entry, ...]:
    """Append `events` after `before`, the log so far, and a signed checkpoint where one of them is a point."""
    written = tuple(tx.append(Draft(type_of(event), data_of(event))) for event in events)
    if any(isinstance(event, POINTS) for event in events):
        made = checkpoint_event(world, site, run, before.grown(entry.line for entry in written))
        tx.append(Draft(type_of(made), data_of(made)))
    return written


def closing_checkpoint(world: World, site: str, run: RunId, frontier: Frontier) -> Digest:
    """The stored note over a log that is over; its digest stands in the log of the site, because this one is closed."""
    return world.vault.put(_signed(world, site, _over(f"{site}/{run}", frontier)))


def _over(origin: str, frontier: Frontier) -> Checkpoint:
    return Checkpoint(origin, frontier.size, frontier.root)


def _signed(world: World, site: str, checkpoint: Checkpoint) -> bytes:
    raw = strings(public_key(world.key.public_line()).blob, 2, "the engine key")[1]
    return with_signature(checkpoint, NoteKey(site, raw), world.key.sign(checkpoint.body))
