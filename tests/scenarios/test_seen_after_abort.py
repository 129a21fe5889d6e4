"""What is shown of a rollout that a person ended: what is so now, never the step at which it was ended."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.viewing import why_taken_back
from gonogo.engine.bench import Bench
from gonogo.engine.sampling import sample
from gonogo.plan.model import Roll
from gonogo.ports import MetricSample
from gonogo.reports.live import Live, Look, lives
from gonogo.run.events import Recorded, TrafficMoved
from gonogo.run.machine import AwaitPeople, Sample
from gonogo.run.state import RunState
from gonogo.terms import Engine, Person, RunId
from tests.command_line import gonogo, spawned
from tests.prepared import Rehearsed
from tests.projects import Project


class Enough(Exception):
    """Thrown by a listener, so that a drive ends in the middle of a rollout as if its engine had died."""


class Hanging:
    """A source of figures that does not answer before it is let go."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Event(), threading.Event()

    def sample(self) -> MetricSample:
        self.asked.set()
        self.over.wait(300)
        return MetricSample((), ())


def stop_in_the_middle(_: RunState, entry: Recorded) -> None:
    if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0:
        raise Enough


def rollout(project: Project, run: RunId) -> Live:
    door = project.door()
    opened = door.load(run)
    return lives(opened.plan, opened.state, {}, Look(door.world.clock.now(), why_taken_back(door.world, opened)))[-1]


@pytest.mark.req("ARB-01", "RGD-01", "RGD-06")
def test_after_a_persons_abort_nothing_is_to_come_and_the_new_version_gets_no_traffic(rehearsal: Rehearsed, tmp_path: Path) -> None:
    project = rehearsal.copy(tmp_path / "project")
    run = project.begin("production-deployment")
    with pytest.raises(Enough):
        while isinstance(project.door().drive(run, patient=False, listener=stop_in_the_middle), AwaitPeople):
            project.sign_all(run)
    share = next(weight for slot, weight in project.production.weights().items() if slot == "green")
    before = rollout(project, run)
    assert (before.aborted, before.over, before.new.percent) == ("", False, share)
    assert before.ends_at is not None
    assert {word for _, word in before.steps} == {"here", "to come"}
    assert project.view(run).traffic == share > 0

    door = project.door()
    opened = door.load(run)
    task = next(task for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Roll))
    hanging = Hanging()
    world = replace(door.world, metrics={**door.world.metrics, "production": hanging})
    bench = Bench(world, opened.plan, opened.state, run, Engine("local"), task, 1, datetime.now(UTC))
    project.door().abort(run, "wrong\nchangelog", Person("rm1"))
    sample(bench, Sample(task, 1, 9, 0))
    assert (hanging.asked.is_set(), hanging.over.is_set()) == (True, False), "an abort waits for no page that hangs"
    assert project.state(run).seq == opened.state.seq + 1, "and nothing was recorded of it"
    hanging.over.set()
    asked = rollout(project, run)
    assert (asked.aborted, asked.over, asked.ends_at) == ("aborted by rm1: wrong changelog", False, None)
    assert (asked.new.percent, project.view(run).traffic) == (share, share), "nothing was moved back yet"

    project.go_on(run)
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    after = rollout(project, run)
    assert (after.aborted, after.over, after.ends_at, after.answer) == ("aborted by rm1: wrong changelog", True, None, "")
    assert [word for _, word in after.steps] == ["taken back", *["not reached"] * (len(after.steps) - 1)]
    assert (after.new.percent, after.old.percent) == (0, 100)
    said = gonogo("status", run, "-C", project.root)
    assert "the new version gets no traffic" in said.out
    assert "% of the traffic" not in said.out
    told = gonogo("status", run, "-C", project.root, "--json").json()
    assert (told["traffic_percent"], told["taken_back"]) == (0, "aborted by rm1: wrong changelog")


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ROL-06")
def test_several_people_who_abort_at_once_are_all_told_the_same_end_and_it_is_taken_back_once(rehearsal: Rehearsed, tmp_path: Path) -> None:
    project = rehearsal.copy(tmp_path / "project")
    run = project.begin("production-deployment")
    with pytest.raises(Enough):
        while isinstance(project.door().drive(run, patient=False, listener=stop_in_the_middle), AwaitPeople):
            project.sign_all(run)
    before = len(project.executions("rollback"))
    people = [spawned("abort", run, "-C", project.root, "--reason", "enough", "--as", "rm1", "--json", RECORD=str(project.record)) for _ in range(4)]
    ends = [(*each.communicate(timeout=300), each.returncode) for each in people]
    assert [code for *_, code in ends] == [4] * 4, ends
    assert {json.loads(out)["outcome"] for out, *_ in ends} == {"rolled_back"}
    assert len(project.executions("rollback")) == before + 1
