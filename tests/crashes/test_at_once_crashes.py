"""Acts of one step that are at work at the same time, and engines that die while two of them are open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.engine.crash_points import (
    BEFORE_INTENT,
    COMMAND_RUNNING,
    INTENT_COMMITTED,
    LEASE_TAKEN,
    RESULT_OPEN,
    RESULT_RECORDED,
    RESULT_THERE,
)
from gonogo.run.events import TaskFinished, TaskIntended, recorded
from gonogo.terms import Person, RunId
from tests.crashes.crash_harness import Stage, effects, faults, wait_until
from tests.crashes.database_stage import database_stage
from tests.scenarios.disk_stories import STOCK, stock_project

SHELVES = ("north", "south", "west")
ACTS = (BEFORE_INTENT, LEASE_TAKEN, INTENT_COMMITTED, COMMAND_RUNNING, RESULT_THERE, RESULT_OPEN, RESULT_RECORDED)
STEP = "counting/count-the-shelves"
SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
world={world}
echo "$GONOGO_FENCE" > "$world/at-work-{shelf}"
{waits}
if [ -e "$world/broken-{shelf}" ]; then exit 3; fi
echo "$GONOGO_EFFECT" >> "$world/effects.txt"
{writes}
"""
MEETS = 'for _ in $(seq 600); do [ -e "$world/at-work-{other}" ] && break; sleep 0.05; done\n[ -e "$world/at-work-{other}" ]'
HELD = '\nfor _ in $(seq 600); do [ -e "$world/held" ] || break; sleep 0.05; done'


@dataclass(frozen=True)
class Count:
    """A run that counts three shelves, two at a time, and stands just before it."""

    stage: Stage
    run: RunId

    @property
    def world(self) -> Path:
        return self.stage.project.staging.root

    def began(self) -> list[str]:
        """The commands of the step, in the order in which they were intended, each start anew."""
        found = (recorded(entry).event for entry in self.stage.project.door().load(self.run).entries)
        return [one.task.rpartition("-")[2] for one in found if isinstance(one, TaskIntended) and one.task.startswith(STEP)]

    def began_after(self, shelf: str) -> list[str]:
        """The commands of the step that were intended after the end of one was on record."""
        found = [recorded(entry).event for entry in self.stage.project.door().load(self.run).entries]
        end = next(at for at, one in enumerate(found) if isinstance(one, TaskFinished) and one.task.endswith(f"-{shelf}"))
        return [one.task for one in found[end:] if isinstance(one, TaskIntended) and one.task.startswith(STEP)]

    def most_open(self) -> int:
        """How many of them were open at once, by the ledger."""
        opened: set[str] = set()
        most = 0
        for entry in self.stage.project.door().load(self.run).entries:
            event = recorded(entry).event
            if isinstance(event, TaskIntended) and event.task.startswith(STEP):
                opened.add(event.task)
            if isinstance(event, TaskFinished):
                opened.discard(event.task)
            most = max(most, len(opened))
        return most

    def hold(self) -> None:
        """From now on no script of the step ends."""
        self.world.joinpath("held").touch()

    def let_go(self) -> None:
        self.world.joinpath("held").unlink()

    def two_at_work(self) -> bool:
        return all((self.world / f"at-work-{shelf}").exists() for shelf in SHELVES[:2])


def counting_at(root: Path) -> Stage:
    """A project whose step counts three shelves, two at a time; the first two end only when both are at work."""
    project = stock_project(root / "project", root / "world")
    world = project.staging.root
    for shelf, other in zip(SHELVES, ("south", "north", ""), strict=True):
        waits = (MEETS.format(other=other) if other else "") + HELD
        writes = 'echo \'{"missing": 0}\' > "$GONOGO_OUT/count.json"' if shelf == "west" else ""
        project.write(f"scripts/{shelf}.sh", SCRIPT.format(world=world, shelf=shelf, waits=waits, writes=writes), mode=0o755)
    bound = "".join(f"  {shelf}: {{run: [scripts/{shelf}.sh], timeout: 60s}}\n" for shelf in SHELVES)
    project.edit("gonogo.yaml", "commands:\n", f"commands:\n{bound}")
    several = f"{{commands: [{', '.join(SHELVES)}], effect: staging, at_once: 2}}"
    project.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", several)
    (root / "scenes").mkdir()
    return Stage(root, project, root / "scenes")


def ready(stage: Stage) -> Count:
    """The scene from which every test begins."""
    assert not stage.play("open", STOCK, "v2")
    (run,) = stage.project.door().runs()
    stage.save("ready")
    return Count(stage, run)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Count:
    return ready(counting_at(tmp_path_factory.mktemp("at-once").resolve()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Count]:
    with database_stage(counting_at(tmp_path_factory.mktemp("at-once-shared").resolve())) as stage:
        yield ready(stage)


def again(found: Count) -> Count:
    """Nothing was counted yet."""
    for mark in (*found.world.glob("at-work-*"), *found.world.glob("held"), *found.world.glob("broken-*")):
        mark.unlink()
    found.stage.restore("ready")
    return found


@pytest.fixture
def count(stock: Count) -> Count:
    return again(stock)


def counted_once(count: Count) -> None:
    assert count.stage.project.state(count.run).outcome == "ready", count.stage.project.view(count.run).halt
    assert sorted(effects(count.stage).values()) == [1, 1, 1]
    assert faults(count.stage, count.run) == []


@pytest.mark.req("EXE-02")
def test_two_acts_of_a_step_are_at_work_at_the_same_time_and_never_three(count: Count) -> None:
    assert not count.stage.drive(count.run)  # the first two end only when both are at work
    counted_once(count)
    assert count.began() == ["north", "south", "west"]
    assert count.most_open() == 2
    fences = [(count.world / f"at-work-{shelf}").read_text() for shelf in SHELVES]
    assert len(set(fences)) == len(SHELVES), "each act has a fence of its own"


@pytest.mark.req("ROL-06", "WFS-10", "EXE-02")
@pytest.mark.parametrize("point", [f"{INTENT_COMMITTED}@2", pytest.param(f"{RESULT_THERE}@1", marks=pytest.mark.slow)])
def test_an_engine_killed_with_two_acts_open_repeats_neither(count: Count, point: str) -> None:
    assert count.stage.drive(count.run, point)
    opened = [name for name, task in count.stage.project.state(count.run).tasks.items() if task.open]
    assert len(opened) == 2
    count.stage.go_on(count.run)
    counted_once(count)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "EXE-02")
@pytest.mark.parametrize("name", ACTS)
def test_engines_that_die_at_a_point_of_every_act_of_the_step_come_to_the_same_end(count: Count, name: str) -> None:
    for number in (1, 2, 3):
        count.stage.restore("ready")
        assert count.stage.drive(count.run, f"{name}@{number}")
        count.stage.go_on(count.run)
        counted_once(count)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "EXE-02")
@pytest.mark.parametrize("name", ACTS)
def test_on_postgresql_too_engines_that_die_with_two_acts_open_come_to_the_same_end(shared: Count, name: str) -> None:
    for number in (1, 2, 3):
        count = again(shared)
        assert count.stage.drive(count.run, f"{name}@{number}")
        count.stage.go_on(count.run)
        counted_once(count)


@pytest.mark.req("EXE-02", "ERR-10")
def test_a_halt_begins_nothing_more_and_what_is_at_work_is_recorded_before_the_run_stands_still(count: Count) -> None:
    count.hold()
    engine = count.stage.begin("drive", count.run)
    wait_until(count.two_at_work)
    count.stage.project.door().halt(count.run, "a look at the shelves", Person("rm1"))
    count.let_go()
    assert not engine.ended()
    state = count.stage.project.state(count.run)
    assert state.halted is not None
    assert count.began() == ["north", "south"]
    assert {task.outcome for name, task in state.tasks.items() if name.startswith(STEP)} == {"ok"}
    count.stage.project.lift(count.run)
    count.stage.go_on(count.run)
    counted_once(count)


@pytest.mark.req("EXE-02")
def test_an_abort_wins_over_acts_that_are_at_work(count: Count) -> None:
    count.hold()
    engine = count.stage.begin("drive", count.run, crash=f"{COMMAND_RUNNING}@2")
    assert engine.ended()
    wait_until(count.two_at_work)
    count.stage.project.door().abort(count.run, "not today", Person("rm1"))
    count.let_go()
    count.stage.go_on(count.run)
    assert count.stage.project.state(count.run).outcome == "aborted"
    assert count.began() == ["north", "south"]
    assert sorted(effects(count.stage).values()) == [1, 1]
    assert faults(count.stage, count.run) == []


@pytest.mark.req("EXE-02", "ERR-05")
def test_an_act_that_fails_stops_the_step_when_the_one_beside_it_has_ended(count: Count) -> None:
    (count.world / "broken-north").touch()
    count.stage.go_on(count.run)
    state = count.stage.project.state(count.run)
    assert state.halted is not None and state.halted.cause == "task_failed"
    assert set(count.began()) >= {"north", "south"}
    assert count.began_after("north") == []
    assert not any(task.open for task in state.tasks.values())
    assert effects(count.stage).total() == len(count.began()) - 1
