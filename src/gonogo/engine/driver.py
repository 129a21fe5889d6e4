"""Drives one run until nothing is left to do now: load, fold, decide, act, again.

The loop holds no truth. It may die at any line; the next driver starts from the ledger alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import field, replace
from datetime import timedelta
from typing import TypeAlias

from gonogo.engine.announcing import Outbox
from gonogo.engine.asking import ask
from gonogo.engine.bench import Bench, World
from gonogo.engine.crash_points import RECORDED
from gonogo.engine.diagnosing import propose
from gonogo.engine.gating import judge_gate
from gonogo.engine.looking import look, refuse_unknown
from gonogo.engine.performing import discard_plain, perform
from gonogo.engine.permitting import permit
from gonogo.engine.rescuing import rescued
from gonogo.engine.sampling import sample
from gonogo.engine.sealing import seal_package
from gonogo.engine.settling import Later, settle
from gonogo.engine.waiving import use_waiver
from gonogo.engine.writing import append, append_close, blob, show_missing
from gonogo.errors import Broken, NotStored
from gonogo.plan.model import Plan, Task, stage_of, task_of
from gonogo.ports import Lease, Moved
from gonogo.run.awaiting import words_of
from gonogo.run.events import Recorded, RolloutJudged, RunClosed, RunHalted, TaskFinished, recorded
from gonogo.run.events_of_halts import RootCauseOpened
from gonogo.run.machine import (
    Ask,
    AskPromotion,
    AskRollback,
    AwaitPeople,
    JudgeGate,
    Look,
    NextAct,
    Over,
    Parked,
    Perform,
    PromoteStep,
    Record,
    Sample,
    SealPackage,
    Settle,
    UseWaiver,
    WaitUntil,
    decide,
)
from gonogo.run.retrospecting import retrospective_of
from gonogo.run.state import RunState, advance
from gonogo.run.worktime import LIMIT, TIME_LIMIT, WorkTime, after, is_over_time
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

MOST_IDLE = 0.2
MOST_MOVES = 1000
LAST_WAIT = 10.0
"""So many seconds the end of a drive waits for notices that are still on their way."""


@dataclass(frozen=True, slots=True)
class AwaitEnvironment:
    """The environment that the next act needs is another run's; `ahead` are living runs that stand before this one."""

    lease: Lease
    ahead: tuple[RunId, ...]


Stopped: TypeAlias = Over | Parked | AwaitPeople | WaitUntil | AwaitEnvironment
Listener: TypeAlias = Callable[[RunState, Recorded], None]
Allowed: TypeAlias = Callable[[RunState, NextAct], bool]
"""Whether an engine that was asked for a part of a run only goes on with this act."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The part that was asked for is done; what comes next was not asked for yet."""


def everything(_state: RunState, _act: NextAct) -> bool:
    """Go on with whatever comes."""
    return True


Before: TypeAlias = Callable[[RunState, NextAct], None]


def go_on(_state: RunState, _act: NextAct) -> None:
    """Nothing keeps a driver from its next act."""


@dataclass(slots=True)
class Driver:
    """Drives one run. `patient` stays while people are awaited; `listener` hears every event once, for progress.

    `before` is asked before each act, and ends the drive by an exception where it must not be done here and now; `rest`
    is how it sleeps (seconds) while nothing can be done before people or a far moment.
    """

    world: World
    plan: Plan
    run: RunId
    actor: Actor
    patient: bool
    listener: Listener
    before: Before = go_on
    rest: Callable[[float], None] | None = None
    outbox: Outbox = field(init=False)
    known: RunState = field(default_factory=RunState, init=False)
    times: WorkTime = field(default_factory=WorkTime, init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.world, self.plan, self.run)

    def drive(self) -> Stopped:
        """Go on until the run is over, halted, waits for people (unless patient) or for a time far away."""
        stopped = self.drive_while(everything)
        assert not isinstance(stopped, Paused)
        return stopped

    def drive_while(self, allowed: Allowed) -> Stopped | Paused:
        """Go on as `drive` does, and stop before the first act that is not allowed."""
        refuse_unknown(self.plan)
        try:
            stopped, state = self._rescued(allowed)
            self._see_off(state)
        finally:
            self.outbox.let_go()
        return stopped

    def has_to_tell(self) -> bool:
        """Whether anything is owed to people now, the calendar's messages included; reads what is new, says nothing."""
        self._read(self.known, quiet=True)
        return self.outbox.has_more(self.known, self.world.clock.now())

    def tell(self) -> None:
        """Say what is owed, and record it; nothing else of the run goes on, and nothing is carried yet."""
        self._caught_up(self.known, quiet=True, carries=False)

    def carry(self, wait: float = 0.0) -> bool:
        """Carry what was said, and record what became of it, `wait` seconds at most; whether any is still under way."""
        while self.outbox.carry(self._bench(self.known), wait):
            self._read(self.known, quiet=True)
        if not self.outbox.under_way:
            self.outbox.let_go()
        return bool(self.outbox.under_way)

    def _rescued(self, allowed: Allowed) -> tuple[Stopped | Paused, RunState]:
        try:
            return self._driven(self._caught_up(RunState(), quiet=True), allowed)
        except NotStored as fault:
            raise rescued(self._bench(self.known), fault) from fault

    def _driven(self, state: RunState, allowed: Allowed) -> tuple[Stopped | Paused, RunState]:
        show_missing(self._bench(state))
        discard_plain(self._bench(state))
        contended = 0
        while True:
            act = decide(self.plan, state, self.world.clock.now())
            if isinstance(act, Parked) and act.halted.seq not in state.proposals:
                with suppress(Moved):
                    propose(self._bench(state), act.halted)
                state = self._caught_up(state)
                continue
            if isinstance(act, Over | Parked):
                return act, state
            if isinstance(act, AwaitPeople | WaitUntil):
                if not self.patient and (isinstance(act, AwaitPeople) or act.far):
                    return act, state
                self._idle(act)
                state = self._caught_up(state)
                continue
            act = self._in_time(state, act)
            if not allowed(state, act):
                return Paused(), state
            self.before(state, act)
            try:
                self._do(state, act)
                contended = 0
            except Later as later:
                return WaitUntil(later.moment, later.what, far=True), state
            except Moved:
                contended += 1
                if contended > MOST_MOVES:
                    raise Broken(
                        "the ledger moves faster than it can be read", next_step="stop the other writers"
                    ) from None
            state = self._caught_up(state)

    def _in_time(self, state: RunState, act: NextAct) -> NextAct:
        """The act, or a halt before its step where the run was at work too long (EXE-03)."""
        task = getattr(act, "task", None)
        stage = stage_of(self.plan, task.id) if isinstance(task, Task) else None
        worked = self.times.until(self.world.clock.now())
        if stage is None or not is_over_time(state, stage, worked):
            return act
        detail = (
            f"{stage.title}: the run was at work for {words_of(worked)} without waits; the limit is {words_of(LIMIT)}"
            f"\n  next: see where the time went (gonogo metrics time), then lift the halt: gonogo resume {self.run}"
        )
        return Record(RunHalted(TIME_LIMIT, "stop", stage.id, stage.id, None), detail)

    def _caught_up(self, state: RunState, *, quiet: bool = False, carries: bool = True) -> RunState:
        while True:
            fresh, state = self._read(state, quiet=quiet)
            if self.outbox.owed:
                self.outbox.say(self._bench(state))
            elif fresh or (carries and self.outbox.carry(self._bench(state))):
                continue
            elif not self.outbox.fall_due(state, self.world.clock.now()):
                return state

    def _read(self, state: RunState, *, quiet: bool) -> tuple[bool, RunState]:
        """What is new in the ledger, heard by all who hear; whether there was any, and the state after it."""
        fresh = [recorded(entry) for entry in self.world.journal.entries(self.run, state.seq)]
        for event in fresh:
            state = self.known = advance(self.plan, state, event)
            self.times = after(self.plan, self.times, state, event)
            self.outbox.hear(state, event)
            if not quiet:
                self.listener(state, event)
        return bool(fresh), state

    def _see_off(self, state: RunState) -> None:
        """Channels are waited for only at the end, and not for long; what is under way then is carried again later."""
        until = self.world.clock.monotonic() + LAST_WAIT
        while self.outbox.under_way and (left := until - self.world.clock.monotonic()) > 0:
            if self.outbox.carry(self._bench(state), left):
                state = self._caught_up(state)
            elif self.outbox.handed.issuperset(self.outbox.under_way):
                return
            else:
                # Somebody else carries by that channel, and may be done in a moment.
                self.world.clock.sleep(min(MOST_IDLE, left))

    def _idle(self, act: AwaitPeople | WaitUntil) -> None:
        left = timedelta(seconds=MOST_IDLE)
        if isinstance(act, WaitUntil):
            left = min(left, act.moment - self.world.clock.now())
        long = isinstance(act, AwaitPeople) or act.far
        sleep = self.rest if self.rest is not None and long else self.world.clock.sleep
        sleep(max(left.total_seconds(), 0.001))

    def _bench(self, state: RunState, task_id: str = "", attempt: int = 1) -> Bench:
        task = task_of(self.plan, task_id) if task_id else self.plan.stages[0].tasks[0]
        return Bench(self.world, self.plan, state, self.run, self.actor, task, attempt, self.world.clock.now())

    def _do(self, state: RunState, act: NextAct) -> None:
        match act:
            case Perform(task, attempt):
                perform(self._bench(state, task.id, attempt), act)
            case Settle(task, known):
                settle(self._bench(state, task.id, known.attempt), act)
            case Look(task, attempt):
                look(self._bench(state, task.id, attempt))
            case JudgeGate(task, attempt):
                judge_gate(self._bench(state, task.id, attempt))
            case Ask(task, attempt):
                ask(self._bench(state, task.id, attempt))
            case Sample(task, attempt):
                sample(self._bench(state, task.id, attempt), act)
            case SealPackage(task, attempt):
                seal_package(self._bench(state, task.id, attempt))
            case AskPromotion(task, attempt) | AskRollback(task, attempt) | PromoteStep(task, attempt):
                permit(self._bench(state, task.id, attempt), act)
            case UseWaiver(task, attempt, asked):
                use_waiver(self._bench(state, task.id, attempt), asked)
            case Record():
                self._record(state, act)
            case AwaitPeople() | WaitUntil() | Parked() | Over():
                return

    def _record(self, state: RunState, act: Record) -> None:
        bench = self._bench(state)
        event = act.event
        if act.detail and isinstance(event, RunHalted | TaskFinished | RolloutJudged | RootCauseOpened):
            event = replace(event, detail=blob(bench, act.detail))
        if isinstance(event, RunClosed):
            append_close(bench, event, (retrospective_of(self.plan, state, event.outcome, bench.now),))
        else:
            append(bench, [event])
        self.world.crash(RECORDED)
