"""The machine against a plain specification: a list of acts, a world that remembers what took effect, and nothing else.

Hypothesis plays driver, crash, probe and people. The specification is written without looking at the machine: it knows the
order of the acts, which of them are begun, and what really happened outside. After every event both have to agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from gonogo.plan.model import Effect, Execute, Measure, Plan, Stage, Task, all_stages
from gonogo.plan.stored import stored_plan
from gonogo.run.events import AbortRequested, Event, Recorded, RunHalted, RunResumed, TaskFinished, TaskIntended, TaskSettled
from gonogo.run.machine import Look, NextAct, Over, Parked, Perform, Record, Settle, decide
from gonogo.run.state import RunState, advance
from gonogo.terms import Digest, Engine
from worlds import MORNING

KEPT = Path(__file__).resolve().parents[1] / "cases" / "plans" / "kept-by-0.1.0.json"
SOME = Digest("1f" * 32)
MOST_STARTS = 3


def simple(stage: Stage) -> Stage:
    """A stage with what a machine decides by itself: measurements and commands, and no evidence that they owe."""
    kept = tuple(replace(task, consumes="") for task in stage.tasks if isinstance(task.act, Measure | Execute))
    return replace(stage, tasks=kept, evidence=())


def simple_plan() -> Plan:
    whole = stored_plan(KEPT.read_bytes())
    assert whole.rollback is not None
    stages = tuple(simple(stage) for stage in whole.stages)
    return replace(whole, stages=stages, rollback=simple(whole.rollback), closing=simple(whole.closing))


PLAN = simple_plan()
FORWARD = [task for stage in PLAN.stages for task in stage.tasks]
assert PLAN.rollback is not None
BACK, CLOSING = list(PLAN.rollback.tasks), list(PLAN.closing.tasks)


def stage_of(task: Task) -> Stage:
    return next(stage for stage in all_stages(PLAN) if task in stage.tasks)


def is_command(task: Task) -> bool:
    return isinstance(task.act, Execute)


class Machine(RuleBasedStateMachine):
    """What is done to a run, and beside it what a plain reading of the rules says."""

    @initialize()
    def begin(self) -> None:
        self.state, self.seq = RunState(), 0
        self.now = MORNING
        # The specification: a way to go, what of it is done, the one open act, and the world outside.
        self.done: set[str] = set()
        self.began: set[str] = set()
        self.open: tuple[Task, int, int] | None = None
        self.failed: Task | None = None
        self.halted, self.unknown, self.aborting, self.rolling_back, self.over = False, False, False, False, False
        self.by_abort, self.explained = False, False
        self.attempts: Counter[str] = Counter()
        self.starts: Counter[str] = Counter()
        self.effects: Counter[tuple[str, int]] = Counter()
        self.alive: dict[tuple[str, int, int], bool] = {}

    def tell(self, event: Event) -> None:
        self.now += timedelta(seconds=1)
        self.state = advance(PLAN, self.state, Recorded(self.seq, self.now, Engine("local"), event))
        self.seq += 1

    def act(self) -> NextAct:
        return decide(PLAN, self.state, self.now)

    def way(self) -> list[Task]:
        if self.rolling_back:
            return [*BACK, *CLOSING]
        return CLOSING if self.aborting else [*FORWARD, *CLOSING]

    def touched(self) -> bool:
        return any(is_command(task) and task.act.effect is Effect.PRODUCTION and task.id in self.began for task in FORWARD)  # type: ignore[union-attr]

    def following(self) -> Task | None:
        return next((task for task in self.way() if task.id not in self.done), None)

    def attempt(self, task: Task) -> int:
        return 1 + self.attempts[stage_of(task).id]

    @precondition(lambda self: isinstance(self.act(), Perform | Look))
    @rule(well=st.booleans(), dies=st.booleans(), took=st.booleans())
    def goes_on(self, well: bool, dies: bool, took: bool) -> None:
        """The driver does the next act, which ends well or not; or it dies in the middle, and the act may have taken."""
        act = self.act()
        task = self.following()
        assert isinstance(act, Perform | Look)
        assert task is not None
        assert (act.task, act.attempt) == (task, self.attempt(task))
        if isinstance(act, Look):
            self.ends(task, act.attempt, 0, well=well)
            return
        self.starts[task.id] += 1
        assert act.start == self.starts[task.id], "every start has a number of its own"
        self.began.add(task.id)
        self.tell(TaskIntended(task.id, act.attempt, act.start, "", 0, "host", SOME))
        self.open = (task, act.attempt, act.start)
        if took or (well and not dies):
            self.effects[task.id, act.attempt] += 1
            self.alive[task.id, act.attempt, act.start] = True
        if not dies:
            self.ends(task, act.attempt, act.start, well=well)

    @precondition(lambda self: isinstance(self.act(), Perform | Look))
    @rule(most=st.integers(2, 40))
    def goes_far(self, most: int) -> None:
        """Many acts in a row end well."""
        for _ in range(most):
            if isinstance(self.act(), Perform | Look):
                self.goes_on(well=True, dies=False, took=True)

    @precondition(lambda self: isinstance(self.act(), Perform | Look))
    @rule(took=st.booleans(), commands=st.integers(0, 6))
    def dies_in_a_command(self, took: bool, commands: int) -> None:
        """Some acts end well; then the driver dies in the middle of a command, which may have taken effect."""
        while isinstance(act := self.act(), Perform | Look) and (isinstance(act, Look) or commands > 0):
            commands -= isinstance(act, Perform)
            self.goes_on(well=True, dies=False, took=True)
        if isinstance(self.act(), Perform):
            self.goes_on(well=True, dies=True, took=took)

    def ends(self, task: Task, attempt: int, start: int, *, well: bool) -> None:
        self.tell(TaskFinished(task.id, attempt, start, "ok" if well else "failed", {} if well else {"cause": "task_failed"}, None))
        self.open = None
        if well:
            self.done.add(task.id)
        else:
            self.failed = task

    @precondition(lambda self: isinstance(self.act(), Settle))
    @rule(answers=st.booleans())
    def settles(self, answers: bool) -> None:
        """The next driver finds out what became of the open act; where nobody can tell, people are asked."""
        act = self.act()
        assert isinstance(act, Settle)
        assert self.open is not None
        task, attempt, start = self.open
        assert (act.task, act.known.attempt, act.known.start) == (task, attempt, start)
        took = self.alive.get((task.id, attempt, start), False)
        if not answers:
            self.tell(TaskSettled(task.id, attempt, start, "unknown", "probe", None))
            self.unknown = True
            if not (self.aborting and not self.rolling_back):
                self.halts("outcome_unknown", task)
            return
        self.settled(task, attempt, start, took=took, by="probe")

    def settled(self, task: Task, attempt: int, start: int, *, took: bool, by: str) -> None:
        self.tell(TaskSettled(task.id, attempt, start, "applied" if took else "not_applied", by, None))
        self.unknown = False
        if took:
            self.ends(task, attempt, start, well=True)
        else:
            self.open = None

    def halts(self, cause: str, task: Task) -> None:
        name = stage_of(task).id
        self.tell(RunHalted(cause, "stop", name, name, None))
        self.halted = True

    @precondition(lambda self: isinstance(self.act(), Record))
    @rule()
    def records(self) -> None:
        """What follows from the events so far is written down."""
        act = self.act()
        assert isinstance(act, Record)
        name = type(act.event).__name__
        assert name == self.recorded_next(), name
        if name == "RollbackBegun":
            self.rolling_back, self.failed, self.open, self.unknown = True, None, None if self.unknown else self.open, False
            self.reopened()
            self.by_abort = self.aborting
        if name == "RootCauseOpened":
            self.explained = True
        if name == "RunHalted":
            self.halted = True
        if name == "RunClosed":
            self.over = True
        self.tell(act.event)

    def recorded_next(self) -> str:
        if self.aborting and self.touched() and not self.rolling_back:
            return "RollbackBegun"
        if self.failed is not None:
            stage = stage_of(self.failed)
            back = self.touched() and not self.rolling_back and stage.kind not in {"closing", "rollback"}
            rolls = back and any(halt.value == "rollback" for halt in stage.halts)
            return "RollbackBegun" if rolls else "RunHalted"
        if self.rolling_back and all(task.id in self.done for task in BACK) and self.state.rollback is not None and self.state.rollback.finished is None:
            return "RollbackFinished"
        if self.rolling_back and not self.by_abort and not self.explained:
            return "RootCauseOpened"
        return "RunClosed"

    def reopened(self) -> None:
        """The end of the run is written anew where it was begun before the run took another way."""
        if any(task.id in self.done or (self.failed is task) for task in CLOSING):
            self.attempts[PLAN.closing.id] += 1
        self.done -= {task.id for task in CLOSING}

    @precondition(lambda self: self.halted and not self.over)
    @rule()
    def person_lifts(self) -> None:
        """A person states the outcome that nobody knew, as it really is, or lets the step be tried again."""
        assert isinstance(self.act(), Parked)
        halted = self.state.halted
        assert halted is not None
        if self.unknown and self.open is not None:
            task, attempt, start = self.open
            self.settled(task, attempt, start, took=self.alive.get((task.id, attempt, start), False), by="person")
        self.tell(RunResumed(halted.stage, halted.seq, SOME, "rm1"))
        self.halted = False
        if halted.cause == "task_failed" or halted.cause == "rollback_failed":
            again = next(stage for stage in all_stages(PLAN) if stage.id == halted.stage)
            self.attempts[again.id] += 1
            self.done -= {task.id for task in again.tasks}
            self.failed = None

    @precondition(lambda self: not self.over and not self.aborting)
    @rule(sure=st.integers(0, 9))
    def person_aborts(self, sure: int) -> None:
        """An abort wins over everything, at any time; it is rare here, since it ends most runs."""
        if sure != 7:  # noqa: PLR2004 - any number that is not the first to be tried
            return
        in_closing = self.failed is not None and self.failed in CLOSING
        if any(task.id in self.state.tasks for task in CLOSING):
            self.attempts[PLAN.closing.id] += 1
            self.done -= {task.id for task in CLOSING}
        if in_closing or (self.failed is not None and self.failed not in BACK):
            self.failed = None if not self.rolling_back or in_closing else self.failed
        self.tell(AbortRequested(SOME))
        self.aborting, self.halted = True, False
        if self.open is not None and self.open[0] in CLOSING:
            self.open = None

    @precondition(lambda self: self.over)
    @rule(days=st.integers(0, 4000))
    def nothing_more(self, days: int) -> None:
        """What is over stays over, however late it is."""
        assert isinstance(decide(PLAN, self.state, self.now + timedelta(days=days)), Over)

    @invariant()
    def no_act_has_two_effects_with_one_key(self) -> None:
        """The one promise: whoever reads the record of the target sees each key once."""
        assert max(self.effects.values(), default=0) <= 1, self.effects

    @invariant()
    def both_agree(self) -> None:
        act = self.act()
        if self.over:
            assert isinstance(act, Over)
        elif self.halted:
            assert isinstance(act, Parked)
        elif self.open is not None and not (self.unknown and self.aborting and not self.rolling_back):
            assert isinstance(act, Settle), "an open act is settled before anything else"
        else:
            assert not isinstance(act, Settle | Parked | Over)


SETTINGS = settings(max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
Machine.TestCase.settings = SETTINGS
TestMachine = pytest.mark.req("ROL-06", "WFS-10")(Machine.TestCase)


class Repeating(Machine):
    """A machine that does an open act again instead of finding out what became of it."""

    def act(self) -> NextAct:
        act = super().act()
        if isinstance(act, Settle) and not self.unknown:
            return Perform(act.task, act.known.attempt, act.known.start + 1)
        return act


def test_a_machine_that_repeats_what_it_does_not_know_is_caught() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Repeating, settings=SETTINGS)
