"""How long a protocol is at work: folded from its log, waits left out, beside what is usual, limited to ninety minutes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.control.scripted.door import carry_out, script_named
from gonogo.engine.driver import Driver, Stopped
from gonogo.evidence.ledger import time_of
from gonogo.run.events import Recorded, TaskFinished, recorded
from gonogo.run.machine import AwaitPeople, Over, Parked
from gonogo.run.state import RunState, advance
from gonogo.run.worktime import AFTER, BEFORE, LIMIT, MAIN, WorkTime, after, is_over_time
from gonogo.terms import Engine, Person, RunId
from tests.one_step import one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

HOUR = timedelta(hours=1)
STEP = "looking/look-once"


class JumpingClock(SystemClock):
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.passed


@dataclass(frozen=True)
class Clocked(Project):
    """A project whose people and engine go by one clock."""

    clock: JumpingClock = field(default_factory=JumpingClock)

    def door(self, **environ: str) -> Door:
        """The project, opened anew, with this clock."""
        door = super().door(**environ)
        door.world = replace(door.world, clock=self.clock)
        return door

    def lift(self, run: RunId, stage: str = "", handle: str = "rm1") -> None:
        """Lift the halt of a run by a signature of now."""
        name = self.door().ask_resume(run, stage, Person(handle))
        asked, _, _ = self.door().request(run, name)
        says = {"reason": "the cause is repaired", "mitigation": "repaired"}
        self.door().record(run, name, *self.signed(run, asked, handle, says, self.clock.now()), Person(handle))
        self.door().lift(run, name, Person(handle))


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Clocked:
    made = one_check(small_project(tmp_path / "project", *places), "tests")
    return Clocked(made.root, made.keys, made.record, made.staging, made.production)


def drive(project: Clocked, run: RunId, **jumps: timedelta) -> Stopped:
    """Drive a run; after the first end of each task that is named (by its last word) so much time passes at once."""
    door = project.door()

    def heard(_state: RunState, event: Recorded) -> None:
        if isinstance(event.event, TaskFinished):
            project.clock.passed += jumps.pop(event.event.task.rpartition("#")[2].replace("-", "_"), timedelta(0))

    return Driver(door.world, door.load(run).plan, run, Engine("local"), False, heard).drive()


def times(project: Project, run: RunId) -> WorkTime:
    opened = project.door().load(run)
    state, found = RunState(), WorkTime()
    for entry in opened.entries:
        state = advance(opened.plan, state, recorded(entry))
        found = after(opened.plan, found, state, recorded(entry))
    return found


@pytest.mark.req("EXE-03")
def test_ninety_minutes_of_work_halt_a_run_before_its_next_step_and_a_signature_gives_it_as_many_again(project: Clocked) -> None:
    run = project.begin("one-check")
    stopped = drive(project, run, run_tests=LIMIT + timedelta(minutes=1))
    assert isinstance(stopped, Parked)
    assert (stopped.halted.cause, stopped.halted.stage) == ("time_limit", "gate/check-gate")
    assert "1 h 31 min without waits; the limit is 1 h 30 min" in project.view(run).halt
    state = project.state(run)
    assert state.tasks[f"{STEP}#measure"].outcome == "ok", "a step that has begun is not cut in two"
    assert "gate/check-gate#judge" not in state.tasks
    project.lift(run)
    assert isinstance(drive(project, run), Over)
    assert project.state(run).outcome == "ready"
    assert project.state(run).attempts.get(STEP, 1) == 1, "nothing that was done is done again"


@pytest.mark.req("EXE-03", "ERR-02")
def test_production_that_was_touched_is_not_left_half_done_by_the_limit(project: Clocked) -> None:
    plan = project.door().load(project.begin("one-check")).plan
    late, stage = LIMIT + timedelta(minutes=1), plan.stages[-1]
    assert is_over_time(RunState(), stage, late)
    assert not is_over_time(RunState(touched=True), stage, late)
    assert not is_over_time(RunState(aborting=True), stage, late), "nor is the way back"
    assert not is_over_time(RunState(), stage, LIMIT)


@pytest.mark.req("EXE-03")
def test_waiting_for_people_and_standing_still_count_for_nothing(project: Clocked) -> None:
    project.write("scripts/tests.sh", "exit 0\n")
    run, small = project.begin("one-check"), project.begin("deployment-automation")
    project.clock.passed += 2 * HOUR
    assert isinstance(drive(project, run), Parked)
    project.clock.passed += 2 * HOUR
    project.lift(run)
    assert times(project, run).worked < timedelta(minutes=1)
    stopped = drive(project, small)
    assert isinstance(stopped, AwaitPeople), project.view(small).halt
    before = times(project, small)
    assert not before.working
    assert before.until(time_of(stopped.round.expires_at) + 20 * HOUR) == before.worked < timedelta(minutes=1)


@pytest.mark.req("EXE-01", "EXE-03")
def test_real_times_stand_beside_the_usual_ones_and_an_overrun_is_told(project: Clocked) -> None:
    run = project.begin("one-check")
    assert isinstance(drive(project, run, measure=timedelta(minutes=50), judge=timedelta(minutes=3)), Over)
    found = times(project, run)
    assert found.parts[MAIN] > timedelta(minutes=50)
    assert timedelta(minutes=3) < found.parts[AFTER] < timedelta(minutes=4)
    assert found.parts[BEFORE] < timedelta(minutes=1)
    (row,) = gonogo("metrics", "time", "-C", project.root, "--json").json()["times"]
    told = {part["part"]: (part["expected_min"], part["over"]) for part in row["parts"]}
    assert told == {"before": ([0, 5], False), "main": ([15, 45], True), "after": ([0, 10], False), "total": ([30, 60], False)}
    assert row["limit_s"] == 5400
    said = gonogo("metrics", "time", "-C", project.root)
    assert "expected 15 to 45 min   OVER 45 min" in said.out


@pytest.mark.req("EXE-04", "CMD-58")
def test_a_fault_of_the_place_is_met_with_three_reruns_and_each_is_on_record(project: Clocked) -> None:
    run = project.begin("one-check")
    locks = RunLocks(project.root / ".gonogo/runs", SystemClock())
    before = project.state(run).seq

    def called(handling: str, **environ: str) -> int:
        arguments = ["--protocol", "one-check", "--error-handling", handling]
        seen = {"WORKSPACE_ROOT": str(project.root), **environ}
        with locks.driving(run):
            return carry_out(script_named("run_protocol_gates"), arguments, seen, Person("dev1"), lambda text: None).code

    def attempts() -> list[int]:
        site = project.door().world.journal.site()
        return [int(entry.data["failed_attempt"]) for entry in site if entry.type == "script.retried"]

    assert called("retry") == 1
    assert attempts() == [1, 2, 3]
    assert called("halt") == 1
    assert attempts() == [1, 2, 3]
    assert project.state(run).seq == before
