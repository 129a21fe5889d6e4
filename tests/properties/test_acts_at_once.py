"""The machine with acts that may be at work together, against what plain words say about them (EXE-02, C57)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.plan.graph import graph_of, targets
from gonogo.plan.model import Effect, Execute, Plan, Stage, Task
from gonogo.run.events import AbortRequested, Event, Recorded, RunHalted, RunResumed, TaskFinished, TaskIntended, TaskSettled
from gonogo.run.machine import NextAct, Perform, Settle, decide
from gonogo.run.state import RunState, advance
from gonogo.terms import Engine
from tests.properties.test_machine_model import SOME, simple_plan
from worlds import MORNING

NAMES = ("one", "two", "three", "four")


def plan_with(at_once: int) -> Plan:
    """A plan whose second stage runs four commands, and whose others are what they were."""
    plan = simple_plan()
    stage = plan.stages[1]
    acts = tuple(
        Task(f"{stage.id}#{name}", name, Execute("deploy", "staging", Effect.STAGING, "step", repeatable=False), at_once=at_once)
        for name in NAMES
    )
    return replace(plan, stages=(replace(plan.stages[0], tasks=()), replace(stage, tasks=acts), *plan.stages[2:]))


class Played:
    """A run, what is at work in the world beside it, and what a reader of the world's own record would find."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.state, self.now = plan, RunState(), MORNING
        self.at_work: set[str] = set()
        self.effects: list[tuple[str, int]] = []
        self.most = 0

    @property
    def stage(self) -> Stage:
        return self.plan.stages[1]

    def tell(self, event: Event) -> None:
        self.now += timedelta(seconds=1)
        self.state = advance(self.plan, self.state, Recorded(self.state.seq + 1, self.now, Engine("local"), event))

    def next(self) -> NextAct:
        return decide(self.plan, self.state, self.now)

    def open(self) -> set[str]:
        return {name for name, known in self.state.tasks.items() if known.open}

    def begins(self, act: Perform, *, starts: bool) -> None:
        """An intent is written; the command starts, or the engine died before that."""
        known = self.state.tasks.get(act.task.id)
        assert known is None or not (known.open or known.outcome), "what is open or done is never begun"
        assert not self.stage_failed(), "nothing begins behind a failure"
        self.tell(TaskIntended(act.task.id, act.attempt, act.start, "staging", 1, "host", SOME))
        if starts:
            self.at_work.add(act.task.id)
            self.effects.append((act.task.id, act.attempt))
        self.most = max(self.most, len(self.open()))

    def settles(self, act: Settle, which: int, ending: str) -> None:
        """One of the open acts ends, or is found never to have begun, or nobody can tell."""
        assert {task.id for task, _ in act.beside} <= self.open()
        task, known = act.beside[which % len(act.beside)]
        if task.id not in self.at_work:
            self.tell(TaskSettled(task.id, known.attempt, known.start, "not_applied", "engine", None))
            return
        self.at_work.discard(task.id)
        if ending == "unknown":
            self.tell(TaskSettled(task.id, known.attempt, known.start, "unknown", "probe", None))
            if self.state.halted is None and not self.state.aborting:
                self.tell(RunHalted("outcome_unknown", "stop", self.stage.id, self.stage.id, None))
            return
        facts = {} if ending == "ok" else {"cause": "task_failed"}
        self.tell(TaskFinished(task.id, known.attempt, known.start, ending, facts, None))

    def stage_failed(self) -> bool:
        return any(known.outcome == "failed" for known in self.state.tasks.values())

    def in_step(self) -> bool:
        act = self.next()
        return isinstance(act, Perform | Settle) and act.task in self.stage.tasks


ENDINGS = st.sampled_from(["ok", "ok", "ok", "failed", "unknown"])
MOVES = st.lists(st.tuples(st.integers(0, 11), st.booleans(), st.integers(0, 3), ENDINGS), min_size=4, max_size=24)


@pytest.mark.req("EXE-02", "ROL-06")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(at_once=st.integers(2, 5), moves=MOVES)
def test_whatever_happens_no_act_is_begun_twice_and_never_more_than_declared_are_open(
    at_once: int, moves: list[tuple[int, bool, int, str]]
) -> None:
    run = Played(plan_with(at_once))
    for chance, starts, which, ending in moves:
        if chance == 10 and run.state.halted is None:
            run.tell(RunHalted("asked", "stop", run.stage.id, run.stage.id, None))
        if chance == 11 and not run.state.aborting:
            run.tell(AbortRequested(SOME))
        stopped = run.state.halted is not None or run.state.aborting
        if not run.in_step():
            break
        act = run.next()
        if isinstance(act, Perform):
            assert not stopped, "a halt and an abort win over what could begin"
            run.begins(act, starts=starts)
        elif isinstance(act, Settle):
            run.settles(act, which, ending)
    assert run.most <= at_once
    assert len(run.effects) == len(set(run.effects)), "no key took effect twice"
    ok = {name for name, known in run.state.tasks.items() if known.outcome == "ok"}
    if not run.in_step() and not run.open():
        assert run.stage_failed() or run.state.halted or run.state.aborting or ok >= {task.id for task in run.stage.tasks}


@pytest.mark.req("EXE-02")
def test_the_machine_fills_the_places_in_order_and_gives_a_free_one_to_the_next() -> None:
    run = Played(plan_with(2))
    began = []
    for which in (0, 0, 1, 0, 0, 0, 0, 0):
        act = run.next()
        if isinstance(act, Perform):
            began.append(act.task.title)
            run.begins(act, starts=True)
        else:
            assert isinstance(act, Settle)
            run.settles(act, which, "ok")
    assert began == list(NAMES)
    assert run.most == 2


def test_a_lifted_halt_of_an_act_that_nobody_knows_lets_the_others_go_on() -> None:
    run = Played(plan_with(2))
    for _ in range(2):
        act = run.next()
        assert isinstance(act, Perform)
        run.begins(act, starts=True)
    act = run.next()
    assert isinstance(act, Settle)
    run.settles(act, 0, "unknown")
    act = run.next()
    assert isinstance(act, Settle), "what is at work beside it is recorded before the run stands still"
    assert [task.title for task, _ in act.beside] == ["two"]
    run.settles(act, 0, "ok")
    known = run.state.tasks[f"{run.stage.id}#one"]
    run.tell(TaskSettled(f"{run.stage.id}#one", 1, known.start, "not_applied", "person", None))
    halted = run.state.halted
    assert halted is not None
    run.tell(RunResumed(run.stage.id, halted.seq, SOME, "rm1"))
    again = run.next()
    assert isinstance(again, Perform)
    assert (again.task.title, again.start) == ("one", 2)


def test_the_graph_knows_that_an_act_may_begin_again_behind_those_beside_it() -> None:
    plan = plan_with(2)
    ways = targets(graph_of(plan))
    name = plan.stages[1].id
    assert f"{name}#two" in ways[f"{name}#four"]
    assert f"{name}#two" not in targets(graph_of(plan_with(1)))[f"{name}#four"]
