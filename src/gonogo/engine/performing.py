"""Doing an act: intent in one committed transaction, act, outcome (engine sections 5.4 and 8; ROL-06).

The order is the whole point: after a crash at any line the ledger says enough for `settling` to find out what happened.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gonogo.engine.advising import fault
from gonogo.engine.asking_hosts import answers_of
from gonogo.engine.bench import Bench
from gonogo.engine.checkpointing import write_marked
from gonogo.engine.commanding import Outcome, command_spec, outcome_of
from gonogo.engine.crash_points import (
    BEFORE_INTENT,
    COMMAND_RUNNING,
    INTENT_COMMITTED,
    LEASE_TAKEN,
    MOVE_INTENDED,
    MOVED,
    RESULT_OPEN,
    RESULT_RECORDED,
    RESULT_THERE,
)
from gonogo.engine.draining import is_aborted, let_end
from gonogo.engine.permitting import glass_broken
from gonogo.engine.reading_traffic import traffic_found
from gonogo.engine.using import verified_for_use
from gonogo.engine.writing import append, blob, show_stored, so_far, write
from gonogo.errors import Broken, GonogoError, OutcomeUnknown, Refused
from gonogo.evidence.ledger import Entry
from gonogo.plan.drafting import STATE_PROBE
from gonogo.plan.hooking import HOOK
from gonogo.plan.model import Decide, Effect, Execute, Roll, Route, Shift, Way, task_of
from gonogo.ports import EffectKey, Ended, Moved, Running, TrafficSeen
from gonogo.run.events import (
    Announced,
    DecisionConsumed,
    DecisionVoided,
    Delivered,
    Event,
    EvidenceSealed,
    RunHalted,
    TaskFinished,
    TaskIntended,
    TaskSettled,
    TrafficMoved,
)
from gonogo.run.events_of_traffic import TrafficFound
from gonogo.run.machine import Perform
from gonogo.run.shifting import shifted, silent_hosts
from gonogo.run.state import slots_of, usable_round
from gonogo.terms import Digest, Json, argv_digest, digest_of
from gonogo.values import dataclass

POLL = 0.05
LOOK_FOR_ABORT = 5
"""Once in so many polls of a running command it is asked whether somebody aborted the run."""

MOST_MOVES = 100
ASKED_AGAIN = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds before a target that fails on the way back is asked again: a proxy that restarts is back sooner."""

OUTCOMES = frozenset({"task.finished", "task.settled", "traffic.moved"})
INSTALLING = frozenset({"deploy", "redeploy"})


@dataclass(frozen=True, slots=True)
class Part:
    """One start of one command: the bench of its task, and the number of the start."""

    bench: Bench
    start: int

    @property
    def key(self) -> EffectKey:
        """By what its start is known outside."""
        return EffectKey(self.bench.run, self.bench.task.id, self.bench.attempt, self.start)

    @property
    def command(self) -> Execute:
        """What it runs."""
        assert isinstance(self.bench.task.act, Execute)
        return self.bench.task.act


def perform(bench: Bench, act: Perform) -> None:
    """Perform a command or a traffic move of this run."""
    match bench.task.act:
        case Execute() as command:
            _execute(bench, act, command)
        case Route() as route:
            _move(bench, act, route.environment, wanted_weights(bench, act.percent))
        case Shift() as shift:
            _shift(bench, act, shift)
        case Roll() as roll:
            changed = _changed(bench, act)
            if changed:
                append(bench, changed)
            else:
                _move(bench, act, roll.environment, wanted_weights(bench, act.percent))


def _shift(bench: Bench, act: Perform, shift: Shift) -> None:
    """Take hosts out of the traffic or put them in again.

    On the way back those that do not answer get no requests: a proxy refuses to raise what it does not hold up
    (ARB-01). At first what the rollout saw last says which, because users get the bad version as long as somebody asks.
    A host that died since then fails that move; then all of them are asked, and it is moved anew.
    """
    by_rollout = shift.way is Way.BACK_OUT and act.start == 1
    away = frozenset[str]()
    if bench.stage.kind == "rollback":
        away = silent_hosts(bench.plan, bench.state, shift.environment) if by_rollout else _silent(bench, shift)
    weights = shifted(bench.plan, bench.state, bench.stage, shift, away)

    def is_outdated() -> bool:
        return by_rollout and shifted(bench.plan, bench.state, bench.stage, shift, _silent(bench, shift)) != weights

    _move(bench, act, shift.environment, weights, is_outdated)


def _silent(bench: Bench, shift: Shift) -> frozenset[str]:
    answers = answers_of(bench, bench.plan.project.environments[shift.environment])
    return frozenset(host for host, seen in answers.items() if seen.version is None)


def _changed(bench: Bench, act: Perform) -> list[TrafficFound]:
    """Traffic that somebody else moved since the last sample: nothing is moved upon it (PX-05, ROL-06).

    An engine that comes back may find that it was taken back meanwhile. Nor is anything moved while the target cannot
    be read: a proxy that restarts in this very moment would fail the move, and take a good release back.
    """
    known = bench.state.rollings.get(act.task.id)
    return traffic_found(bench, act.task, act.attempt, known.samples - 1) if known else []


def _execute(bench: Bench, act: Perform, command: Execute) -> None:
    part = Part(bench, act.start)
    cut = let_end(bench, command)
    if cut is None:
        return  # Nothing was begun, and what is decided next is the abort.
    try:
        spec = command_spec(bench, command, part.key, 0)
    except GonogoError as error:
        _not_begun(part, str(error))
        return
    allowed = _allowed(bench)
    if allowed is None:
        return
    environment = command.environment if command.effect is not Effect.NONE else ""
    fence = _intend(bench, act, environment, argv_digest(spec.argv), (*allowed, *cut))
    bench.world.crash(INTENT_COMMITTED)
    try:
        bench.world.commands.start(part.key, replace(spec, fence=fence))
    except OutcomeUnknown:
        return  # It may have begun: the intent stays open, and what is decided next is to settle it.
    except GonogoError as error:
        fail_after_intent(bench, act.start, str(error))
        return
    bench.world.crash(COMMAND_RUNNING)
    if bench.task.at_once == 1:
        finish(part)
    # Else others may begin beside it: what is decided next is one of them, or to wait for the first that ends.


def _allowed(bench: Bench) -> tuple[DecisionConsumed, ...] | None:
    """What is used up to begin this act; None where it may not begin now."""
    try:
        glass = glass_broken(bench)
        consumed = verified_for_use(bench, bench.world.clock.now()) if bench.task.consumes else ()
    except Refused as error:
        _void(bench, str(error))
        return None
    if glass is None:
        return None  # The window closed this very moment: what is decided next is to wait for the next one.
    return (*consumed, *glass)


def _not_begun(part: Part, detail: str) -> None:
    """Nothing was begun. For a probe that is an answer like any other: it proves nothing."""
    bench = part.bench
    if part.command.purpose == STATE_PROBE:
        facts: Mapping[str, Json] = {"exit_code": -1, "ended_by": "never begun"}
        append(bench, [TaskFinished(bench.task.id, bench.attempt, part.start, "ok", facts, blob(bench, detail))])
    else:
        fail(bench, part.start, detail, "task_failed")


def _intend(bench: Bench, act: Perform, environment: str, told: Digest, before_it: tuple[Event, ...]) -> int:
    """Commit lease, what goes before the act (used approvals) and intent together; gives the fence.

    `told` is the digest of what is begun.
    """
    bench.world.crash(BEFORE_INTENT)
    now = bench.world.clock.now()
    before = so_far(bench)
    with bench.world.journal.write(bench.run, bench.state.seq, actor=bench.actor, now=now) as tx:
        way_back = bench.state.rollback is not None
        fence = tx.take_lease(environment, bench.task.id, past_hold=way_back) if environment else 0
        bench.world.crash(LEASE_TAKEN)
        host = bench.world.place or platform.node()
        effect = bench.plan.project.environments[environment].kind if environment else "none"
        intent = TaskIntended(bench.task.id, bench.attempt, act.start, environment, fence, host, told, act.step, effect)
        write_marked(bench.world, bench.plan.ring.site, bench.run, before, tx, (*before_it, intent))
    return fence


def _void(bench: Bench, why: str) -> None:
    """An approval that does not carry the act is void: the run halts and asks people again."""
    known = usable_round(bench.state, bench.task.consumes)
    events: list[Event] = [DecisionVoided(known.name, "refused_at_use", "")] if known else []
    asking = next(
        (
            stage.id
            for stage in bench.plan.stages
            for task in stage.tasks
            if isinstance(task.act, Decide) and task.act.point == bench.task.consumes
        ),
        bench.stage.id,
    )
    halt = RunHalted("approval_void", "stop", bench.stage.id, asking, blob(bench, f"{bench.task.title}: {why}"))
    append(bench, [*events, halt])


def finish(part: Part) -> None:
    """Wait for a started command and record what it came to.

    Where it left no result its intent stays open: what became of it is settled next, as after a crash (EF-06).
    """
    first_ended((part,))
    found = part.bench.world.commands.look(part.key)
    part.bench.world.crash(RESULT_THERE)
    if isinstance(found, Ended):
        record(part.bench, part.start, outcome_of(part.bench, part.key, found))


def first_ended(parts: Sequence[Part]) -> Part:
    """Wait for the first of these commands that is not at work any more, and end what an abort overtakes meanwhile."""
    clock, turns, stopped = parts[0].bench.world.clock, 0, False
    while True:
        for part in parts:
            if not isinstance(part.bench.world.commands.look(part.key), Running):
                return part
        if not stopped and turns % LOOK_FOR_ABORT == 0:
            stopped = _stopped_by_abort(parts)
        turns += 1
        clock.sleep(POLL)


def _stopped_by_abort(parts: Sequence[Part]) -> bool:
    """End installations that an abort overtakes: it waits for no script. What they left is then taken back."""
    bench = parts[0].bench
    if bench.state.rollback is not None or not is_aborted(bench):
        return False
    for part in parts:
        if part.command.purpose in INSTALLING:
            part.bench.world.commands.stop(part.key)
    return True


def record(bench: Bench, start: int, outcome: Outcome, before: tuple[Event, ...] = ()) -> None:
    """Append the outcome of a command, and the evidence that a custom step owes from its output folder."""
    evidence = _step_evidence(bench, outcome)
    word = "ok" if outcome.ok else "failed"
    detail = blob(bench, outcome.detail)
    done = TaskFinished(bench.task.id, bench.attempt, start, word, outcome.facts, detail)
    append_latest(bench, (*before, *evidence, done))
    bench.world.crash(RESULT_RECORDED)
    if evidence:
        show_stored(bench, {event.name: event.sha256 for event in evidence})
    if isinstance(bench.task.act, Execute) and (bench.task.act.purpose == "scan" or bench.plan.project.encryption):
        # Its output is stored: redacted, for a scanner quotes the secrets that it found (SC-06); encrypted, where the
        # policy asks for it (SEC-09).
        bench.world.commands.discard(EffectKey(bench.run, bench.task.id, bench.attempt, start))


def discard_plain(bench: Bench) -> None:
    """Remove what recorded commands left behind where stored files are encrypted: an engine may have died before."""
    if bench.plan.project.encryption is None:
        return
    for task, known in bench.state.tasks.items():
        if known.outcome and not known.open and isinstance(task_of(bench.plan, task).act, Execute):
            bench.world.commands.discard(EffectKey(bench.run, task, known.attempt, known.start))


def _step_evidence(bench: Bench, outcome: Outcome) -> list[EvidenceSealed]:
    from_step = isinstance(bench.task.act, Execute) and bench.task.act.purpose in {"step", HOOK}
    if not (from_step and outcome.ok):
        return []
    return [
        _sealed_event(bench, file.path, file.digest, file.size)
        for file in outcome.files
        if file.path in bench.stage.evidence
    ]


def _sealed_event(bench: Bench, name: str, digest: Digest, size: int) -> EvidenceSealed:
    return EvidenceSealed(name, digest, size, bench.stage.id, bench.attempt, "external")


def append_latest(bench: Bench, events: tuple[Event, ...]) -> None:
    """Append after whatever the head is now: an outcome is a fact, and is recorded even where a halt came between.

    Raises Moved where another driver has recorded an outcome of this act meanwhile: no outcome is recorded twice.
    """
    for _ in range(MOST_MOVES):
        fresh = bench.world.journal.entries(bench.run, bench.state.seq)
        if any(_is_outcome(bench, entry) for entry in fresh) and not isinstance(events[0], Announced | Delivered):
            break
        seq = max((entry.seq for entry in fresh), default=bench.state.seq)
        try:
            with bench.world.journal.write(bench.run, seq, actor=bench.actor, now=bench.world.clock.now()) as tx:
                bench.world.crash(RESULT_OPEN)
                write(tx, events)
        except Moved:
            continue
        return
    raise Moved(f"somebody else drives {bench.run} too", next_step="nothing is lost; load the run and decide again")


def _is_outcome(bench: Bench, entry: Entry) -> bool:
    same = entry.data.get("task") == bench.task.id and entry.data.get("attempt") == bench.attempt
    return same and entry.type in OUTCOMES


def fail(bench: Bench, start: int, detail: str, cause: str) -> None:
    """Record that a task failed before anything was begun."""
    facts: Mapping[str, Json] = {"cause": cause}
    append(bench, [TaskFinished(bench.task.id, bench.attempt, start, "failed", facts, fault(bench, detail))])


def fail_after_intent(bench: Bench, start: int, detail: str) -> None:
    """Record that an intended act failed."""
    facts: Mapping[str, Json] = {"cause": "task_failed"}
    append_latest(bench, (TaskFinished(bench.task.id, bench.attempt, start, "failed", facts, fault(bench, detail)),))


def wanted_weights(bench: Bench, percent: int) -> dict[str, int]:
    """The weights of both slots for a share of the candidate."""
    stable, candidate = slots_of(bench.plan, bench.state, bench.task)
    if not candidate or not stable:
        return {}
    return {candidate: percent, stable: 100 - percent}


def _never() -> bool:
    return False


class _Outdated(Broken):
    """What was asked of a target does not fit the world any more; nothing of it is there, or it is asked for anew."""


def _move(
    bench: Bench,
    act: Perform,
    environment: str,
    weights: Mapping[str, int],
    is_outdated: Callable[[], bool] = _never,
) -> None:
    if not weights:
        fail(bench, act.start, f"{bench.task.title}: nobody knows which slot serves {environment}", "task_failed")
        return
    allowed = _allowed(bench)
    if allowed is None:
        return
    told = digest_of(repr(sorted(weights.items())).encode())
    fence = _intend(bench, act, environment, told, allowed)
    bench.world.crash(MOVE_INTENDED)
    try:
        seen = _asked_to_move(bench, environment, weights, fence, is_outdated)
    except _Outdated as error:
        detail = blob(bench, f"{bench.task.title}: {error}")
        settled = TaskSettled(bench.task.id, bench.attempt, act.start, "not_applied", "engine", detail)
        append_latest(bench, (settled,))
        return
    except GonogoError as error:
        fail_after_intent(bench, act.start, f"{bench.task.title}: {error}")
        return
    bench.world.crash(MOVED)
    if not seen.readable or dict(seen.weights) != weights:
        said = dict(seen.weights) if seen.readable else seen.detail
        text = f"{bench.task.title}: asked for {weights}, the proxy of {environment} says {said}"
        fail_after_intent(bench, act.start, text)
        return
    moved(bench, act.start, act.step, act.percent, weights)


def _asked_to_move(
    bench: Bench, environment: str, weights: Mapping[str, int], fence: int, is_outdated: Callable[[], bool]
) -> TrafficSeen:
    """Ask the target once; on the way back again, because users get the bad version as long as a proxy restarts.

    A move is absolute, so that it may be repeated. Who lost the fence is refused, and asks no more.
    """
    target = bench.world.targets[environment]
    tries = 0
    for pause in ASKED_AGAIN if bench.stage.kind == "rollback" else ():
        tries += 1
        try:
            return target.move(weights, fence)
        except Broken as error:
            if tries == 1 and is_outdated():
                raise _Outdated(f"{error.what}; other hosts answer than before, and it is asked for anew") from error
            bench.world.clock.sleep(pause)
    try:
        return target.move(weights, fence)
    except Broken as error:
        again = f"{error.what}; it was asked {tries + 1} times in {sum(ASKED_AGAIN):g} s" if tries else error.what
        raise Broken(again, where=error.where, next_step="" if tries else error.next_step) from error


def moved(bench: Bench, start: int, step: int, percent: int, weights: Mapping[str, int]) -> None:
    """Record a traffic move that was read back. A shift over hosts changes nobody's version, and is no step."""
    event = TrafficMoved(bench.task.id, bench.attempt, step, percent, dict(weights))
    if step >= 0:
        append_latest(bench, (event,))
        return
    done = TaskFinished(bench.task.id, bench.attempt, start, "ok", {"weights": dict(weights)}, None)
    append_latest(bench, (done,) if isinstance(bench.task.act, Shift) else (event, done))
