"""Halts and aborts of people at every stage of a run, with an engine at work and with a dead one (ERR-10, ARB-01)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import gonogo
from cryptography.hazmat.primitives import serialization

from gonogo.control.leasing import let_go
from gonogo.control.stores.own_place import demand_own_place
from gonogo.engine.crash_points import (
    BEFORE_INTENT,
    COMMAND_RUNNING,
    INTENT_COMMITTED,
    JUDGED,
    LEASES_FREED,
    MOVE_INTENDED,
    MOVED,
    PACKAGE_BUILT,
    RECORDED,
    RESULT_RECORDED,
)
from gonogo.errors import Busy, Refused
from gonogo.terms import Person, RunId
from tests.projects import default_says, public_line
from tests.crashes.crash_harness import Running, Stage, effects, ending, faults, stage_at, wait_until
from tests.crashes.launches import production_of

RM = Person("rm1")
BACK = {"blue": 100, "green": 0}


@dataclass(frozen=True)
class Launch:
    """A stage with the scenes `rehearsing`, `asked` (production is asked for) and `approved`."""

    stage: Stage
    rehearsal: RunId
    run: RunId

    def at(self, scene: str) -> Stage:
        self.stage.restore(scene)
        return self.stage

    def abort(self, run: RunId) -> None:
        self.stage.project.door().abort(run, "it is not wanted any more", RM)

    def halt(self, run: RunId) -> None:
        self.stage.project.door().halt(run, "a look at it", RM)


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    with stage_at(tmp_path_factory.mktemp("stopped")) as stage:
        rehearsal, run = production_of(stage)
        stage.up_to(run, "freeze")
        assert not stage.drive(run)
        stage.save("asked")
        stage.sign_all(run)
        stage.save("approved")
        yield Launch(stage, rehearsal, run)


def is_taken_back(stage: Stage, run: RunId) -> None:
    """The run ended rolled back: old traffic, no new version, one rollback, nothing held."""
    found = ending(stage, run)
    assert found.outcome == "rolled_back", stage.project.view(run)
    assert found.weights["production"] == BACK
    assert found.versions["production"] == ("v1", "")
    assert [line for line in found.scripts if line.startswith("rollback production")] == [
        "rollback production v2 green"
    ]
    assert len([line for line in found.scripts if line.startswith("deploy production")]) <= 1
    assert faults(stage, run) == []


@pytest.mark.req("ERR-10")
@pytest.mark.parametrize("scene", ["rehearsing", "asked", "approved"])
def test_an_abort_before_production_was_touched_ends_the_run_and_runs_no_script(launch: Launch, scene: str) -> None:
    stage = launch.at(scene)
    run = launch.rehearsal if scene == "rehearsing" else launch.run
    before = stage.project.executions()
    launch.abort(run)
    stage.go_on(run)
    assert stage.project.state(run).outcome == "aborted"
    assert stage.project.executions() == before
    assert faults(stage, run) == []


@pytest.mark.req("ERR-10")
def test_an_abort_between_the_approval_and_the_intent_deploys_nothing(launch: Launch) -> None:
    stage = launch.at("approved")
    before = stage.project.executions()
    assert stage.drive(launch.run, BEFORE_INTENT)
    launch.abort(launch.run)
    stage.go_on(launch.run)
    assert stage.project.state(launch.run).outcome == "aborted"
    assert stage.project.executions() == before


@pytest.mark.req("ARB-01", "ERR-10", "ROL-06")
@pytest.mark.parametrize(
    "crash",
    [
        INTENT_COMMITTED,
        COMMAND_RUNNING,
        RESULT_RECORDED,
        MOVED,
        PACKAGE_BUILT,
        *(
            pytest.param(point, marks=pytest.mark.slow)
            for point in (MOVE_INTENDED, f"{MOVED}@2", f"{MOVED}@3", JUDGED, LEASES_FREED)
        ),
    ],
)
def test_an_abort_after_an_engine_died_at_any_stage_of_production_takes_production_back(
    launch: Launch, crash: str
) -> None:
    stage = launch.at("approved")
    assert stage.drive(launch.run, crash)
    launch.abort(launch.run)
    stage.go_on(launch.run)
    is_taken_back(stage, launch.run)
    report = (stage.project.root / ".artifacts/deployment/RUN-REPORT.md").read_text()
    assert "**rolled back**" in report


@pytest.mark.req("ERR-10", "WFS-10")
@pytest.mark.parametrize(
    "crash", [COMMAND_RUNNING, MOVED, *(pytest.param(point, marks=pytest.mark.slow) for point in (INTENT_COMMITTED, RESULT_RECORDED))]
)
def test_an_aborted_rehearsal_ends_and_gives_staging_back_wherever_its_engine_died(launch: Launch, crash: str) -> None:
    stage = launch.at("rehearsing")
    assert stage.drive(launch.rehearsal, crash)
    launch.abort(launch.rehearsal)
    stage.go_on(launch.rehearsal)
    assert stage.project.state(launch.rehearsal).outcome == "aborted"
    assert faults(stage, launch.rehearsal) == []


def rolling(stage: Stage, share: int) -> Callable[[], bool]:
    return lambda: stage.project.production.weights()["green"] == share


@pytest.mark.req("ARB-01", "ERR-10")
@pytest.mark.parametrize("share", [pytest.param(5, marks=pytest.mark.slow), 50, pytest.param(100, marks=pytest.mark.slow)])
def test_an_abort_while_an_engine_holds_a_canary_step_takes_production_back_at_once(launch: Launch, share: int) -> None:
    stage = launch.at("approved")
    engine = stage.begin("drive", launch.run)
    wait_until(rolling(stage, share))
    launch.abort(launch.run)
    assert not engine.ended()
    is_taken_back(stage, launch.run)


@pytest.mark.req("ERR-10")
def test_an_abort_while_the_deploy_command_runs_lets_it_end_and_takes_it_back(launch: Launch) -> None:
    stage = launch.at("approved")
    stage.slow("before", "production")
    engine = stage.begin("drive", launch.run)
    stage.slow_reached("before")
    launch.abort(launch.run)
    stage.quick()
    assert not engine.ended()
    is_taken_back(stage, launch.run)


@pytest.mark.req("ERR-10", "ARB-07")
@pytest.mark.parametrize("killed", [False, True], ids=["engine-alive", "engine-killed"])
def test_an_abort_while_the_rollback_command_runs_begins_no_second_rollback(launch: Launch, killed: bool) -> None:
    stage = launch.at("approved")
    assert stage.drive(launch.run, f"{MOVED}@2")
    launch.abort(launch.run)
    stage.slow("before", "production")
    engine = stage.begin("drive", launch.run, crash=COMMAND_RUNNING if killed else "")
    stage.slow_reached("before")
    launch.abort(launch.run)
    stage.quick()
    assert engine.ended() is killed
    stage.go_on(launch.run)
    is_taken_back(stage, launch.run)


def halted_at(launch: Launch, share: int) -> Stage:
    stage = launch.at("approved")
    engine = stage.begin("drive", launch.run)
    wait_until(rolling(stage, share))
    launch.halt(launch.run)
    assert not engine.ended()
    return stage


@pytest.mark.req("ERR-10", "EXE-05")
@pytest.mark.parametrize("share", [pytest.param(5, marks=pytest.mark.slow), 50])
def test_a_halt_in_a_canary_step_stands_still_keeps_the_environment_and_goes_on_after_a_signature(
    launch: Launch, share: int
) -> None:
    stage = halted_at(launch, share)
    project = stage.project
    assert project.state(launch.run).halted.cause == "person"
    moved, done = project.production.weights(), project.executions()
    assert project.door().world.journal.lease("production").run == launch.run
    stage.go_on(launch.run)
    assert (project.production.weights(), project.executions()) == (moved, done)
    project.lift(launch.run)
    stage.go_on(launch.run)
    assert project.state(launch.run).outcome == "released", project.view(launch.run)
    assert project.executions() == done
    assert faults(stage, launch.run) == []


@pytest.mark.req("ERR-10", "ARB-01")
def test_an_abort_of_a_halted_canary_takes_production_back(launch: Launch) -> None:
    stage = halted_at(launch, 50)
    launch.abort(launch.run)
    stage.go_on(launch.run)
    is_taken_back(stage, launch.run)


@pytest.mark.req("ERR-10")
def test_a_halt_while_the_deploy_command_runs_records_its_outcome_and_repeats_nothing(launch: Launch) -> None:
    stage = launch.at("approved")
    stage.slow("before", "production")
    engine = stage.begin("drive", launch.run)
    stage.slow_reached("before")
    launch.halt(launch.run)
    stage.quick()
    assert not engine.ended()
    project = stage.project
    done = project.executions("deploy")
    assert project.state(launch.run).halted.cause == "person"
    assert not [name for name, task in project.state(launch.run).tasks.items() if task.open]
    project.lift(launch.run)
    stage.go_on(launch.run)
    assert project.state(launch.run).outcome == "released"
    assert project.executions("deploy") == done


LATER = [pytest.param(point, marks=pytest.mark.slow) for point in (INTENT_COMMITTED, COMMAND_RUNNING, MOVE_INTENDED, PACKAGE_BUILT, RECORDED)]
"""Points of the same kind as those that are tried every time."""


@pytest.mark.req("ERR-10")
@pytest.mark.parametrize("crash", [MOVED, *LATER])
def test_a_halt_after_an_engine_died_is_lifted_by_a_signature_and_the_run_ends_released(
    launch: Launch, crash: str
) -> None:
    stage = launch.at("approved")
    assert stage.drive(launch.run, crash)
    launch.halt(launch.run)
    stage.go_on(launch.run)
    assert stage.project.state(launch.run).halted is not None
    stage.project.lift(launch.run)
    stage.go_on(launch.run)
    assert stage.project.state(launch.run).outcome == "released", stage.project.view(launch.run)
    assert len([line for line in stage.project.executions("deploy") if "production" in line]) == 1
    assert faults(stage, launch.run) == []


@pytest.mark.req("ERR-03", "ERR-10", "ARB-08")
def test_a_rollback_that_failed_halts_is_tried_again_after_a_signature_and_ends_rolled_back(launch: Launch) -> None:
    stage = launch.at("approved")
    project = stage.project
    assert stage.drive(launch.run, f"{MOVED}@2")
    broken = project.production.root.parent / "broken"
    broken.touch()
    launch.abort(launch.run)
    stage.go_on(launch.run)
    assert project.state(launch.run).halted.cause == "rollback_failed", project.view(launch.run)
    assert project.production.weights() == BACK
    said = [entry.data for entry in project.door().load(launch.run).entries if entry.type == "message.announced"]
    assert [data["severity"] for data in said if "ERROR]" in data["prefix"]][-1] == "CRITICAL"
    stage.go_on(launch.run)
    assert len([line for line in project.executions("rollback") if "production" in line]) == 1
    broken.unlink()
    project.lift(launch.run)
    stage.go_on(launch.run)
    assert project.state(launch.run).outcome == "rolled_back"
    assert project.production.version("green") == ""
    assert faults(stage, launch.run) == []


@pytest.mark.req("EXE-05", "WFS-10")
def test_a_second_engine_is_refused_beside_a_stopped_one_and_in_a_copy_and_a_dead_one_leaves_no_lock(launch: Launch) -> None:
    stage = launch.at("approved")
    stage.slow("before", "production")
    first: Running = stage.begin("drive", launch.run)
    stage.slow_reached("before")
    copy = stage.root / "copied-while-running"
    shutil.copytree(stage.project.root, copy, ignore=shutil.ignore_patterns("*.db-shm"))
    elsewhere = replace(stage.project, root=copy)
    with pytest.raises(Refused, match="this workspace is a copy of .*: there an engine drives this run now"):
        elsewhere.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    assert first.process.pid is not None
    os.kill(first.process.pid, signal.SIGSTOP)
    with pytest.raises(Busy, match="is being driven by process"):
        stage.project.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    os.kill(first.process.pid, signal.SIGCONT)
    first.kill()
    assert first.ended()
    stage.quick()
    stage.go_on(launch.run)
    assert stage.project.state(launch.run).outcome == "released"
    with pytest.raises(Refused, match="there this run has gone on, up to event") as refused:
        elsewhere.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    assert "gonogo lock adopt" in refused.value.next_step
    said = gonogo("lock", "adopt", "--as", "rm1", "--project", copy)
    assert (said.code, f"{stage.project.root}, from which it was copied, refuses to act" in said.out) == (0, True), said
    assert elsewhere.door().world.journal.site()[-1].type == "workspace.adopted"
    demand_own_place(copy / ".gonogo", launch.run, (), elsewhere.door().world.clock)
    with pytest.raises(Refused, match="this workspace is a copy of"):
        demand_own_place(stage.project.root / ".gonogo", launch.run, (), elsewhere.door().world.clock)


@pytest.mark.req("EXE-05", "WFS-10")
def test_of_a_copy_and_its_original_that_are_both_at_rest_only_one_may_act(launch: Launch) -> None:
    stage = launch.at("approved")
    copy = stage.root / "copied-at-rest"
    shutil.copytree(stage.project.root, copy, ignore=shutil.ignore_patterns("*.db-shm"))
    elsewhere, done = replace(stage.project, root=copy), stage.project.executions()
    with pytest.raises(Refused, match="that one knows this run too, and only one of them may act"):
        elsewhere.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    assert stage.project.executions() == done
    assert gonogo("lock", "adopt", "--as", "rm1", "--json", "--project", copy).json()["original"] == str(stage.project.root / ".gonogo")
    with pytest.raises(Refused, match="is a copy of .*copied-at-rest"):
        stage.project.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    assert stage.project.executions() == done, "nobody acted in the one that was given up"
    elsewhere.go_on(launch.run)
    assert elsewhere.state(launch.run).outcome == "released"
    assert effects(stage).total() == len(effects(stage)) == len(stage.project.executions())
    shutil.rmtree(copy)


@pytest.mark.req("EXE-05")
def test_a_halted_run_keeps_production_until_it_has_ended(launch: Launch) -> None:
    stage = halted_at(launch, 5)
    journal = stage.project.door().world.journal
    launch.abort(launch.run)
    assert journal.lease("production").run == launch.run
    stage.go_on(launch.run)
    assert journal.lease("production").run is None


@pytest.mark.req("EXE-05")
def test_an_environment_that_is_stopped_for_everybody_is_not_touched_and_no_approval_is_lost(launch: Launch) -> None:
    stage = launch.at("approved")
    done, root = stage.project.executions(), stage.project.root
    assert gonogo("lock", "hold", "production", "--reason", "the power is cut tonight", "--as", "rm1", "--project", root).code == 0
    with pytest.raises(Refused, match="the power is cut tonight") as refused:
        stage.project.door().drive(launch.run, patient=False, listener=lambda state, entry: None)
    assert "gonogo lock lift production" in refused.value.next_step
    assert stage.project.executions() == done
    assert "STOPPED for everybody: the power is cut tonight" in gonogo("lock", "--project", root).out
    assert gonogo("lock", "lift", "production", "--as", "rm1", "--project", root).code == 0
    assert not stage.drive(launch.run)
    assert stage.project.state(launch.run).outcome == "released"
    assert faults(stage, launch.run) == []


@pytest.mark.req("EXE-05")
def test_a_second_run_stands_in_line_for_its_environment_until_it_is_given_back(launch: Launch) -> None:
    stage = launch.at("approved")
    project, journal = stage.project, stage.project.door().world.journal
    done, last = project.executions(), journal.entries(launch.rehearsal)[-1].seq
    with journal.write(launch.rehearsal, last, actor=RM, now=datetime.now(UTC)) as change:
        change.take_lease("production", "a long hand-made repair")
    said = gonogo("resume", launch.run, "--priority", "3", "--project", project.root, RECORD=str(project.record))
    assert (said.code, f"stands in line for production: {launch.rehearsal} holds it" in said.out) == (3, True), said
    assert project.executions() == done
    assert project.view(launch.run).status == f"waiting for production, which {launch.rehearsal} holds"
    row = next(row for row in gonogo("lock", "--json", "--project", project.root).json()["environments"] if row["line"])
    assert (row["environment"], row["run"], row["reason"], row["driven"]) == ("production", launch.rehearsal, "a long hand-made repair", False)
    assert [(waiter["run"], waiter["priority"]) for waiter in row["line"]] == [(launch.run, 3)]
    with journal.write(launch.rehearsal, last, actor=RM, now=datetime.now(UTC)) as change:
        assert change.free_lease("production") == launch.run
    assert not stage.drive(launch.run)
    assert project.state(launch.run).outcome == "released"
    assert journal.waiting("production") == ()


@pytest.mark.req("EXE-05")
def test_an_environment_is_given_back_by_a_signature_which_ends_its_run_and_runs_no_script(launch: Launch) -> None:
    stage = halted_at(launch, 5)
    project, done = stage.project, stage.project.executions()
    refused = gonogo("lock", "release", "production", "--project", project.root)
    assert (refused.code, "by a signature only" in refused.err) == (2, True)
    with pytest.raises(Refused, match="nobody has signed"), let_go(project.door(), "production", RM):
        pass
    door = project.door()
    with let_go(door, "production", RM) as (run, name):
        project.sign(run, door.request(run, name)[0], "rm1", **default_says(door.request(run, name)[0]))
    assert run == launch.run
    assert (project.state(run).outcome, project.executions()) == ("aborted", done)
    assert door.world.journal.lease("production").run is None
    assert project.chain_problems(run) == ()
    with pytest.raises(Refused, match="nobody holds production"), let_go(door, "production", RM):
        pass


@pytest.mark.req("EXE-05", "ROL-06")
def test_the_command_line_gives_an_environment_back_with_a_key_and_the_reason_is_in_the_statement(
    launch: Launch, tmp_path: Path
) -> None:
    stage = halted_at(launch, 5)
    project, done = stage.project, stage.project.executions()
    key = tmp_path / "rm1"
    form, plain = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    key.write_bytes(project.keys["rm1"].private_bytes(serialization.Encoding.PEM, form, plain))
    key.chmod(0o600)
    key.with_name("rm1.pub").write_text(public_line(project.keys["rm1"]) + "\n")
    command = ("lock", "release", "production", "--key", key, "--as", "rm1", "--project", project.root)
    unsaid = gonogo(*command)
    assert (unsaid.code, "--reason TEXT" in unsaid.err) == (2, True)
    said = gonogo(*command, "--reason", "the hall burnt down")
    assert (said.code, f"production is free; {launch.run} has ended without any rollback" in said.out) == (0, True), said
    assert (project.state(launch.run).outcome, project.executions()) == ("aborted", done)
    door = project.door()
    used = [entry.data["round"] for entry in door.load(launch.run).entries if entry.type == "approval.consumed"][-1]
    (answer,) = door.load(launch.run).state.rounds[str(used)].answers
    assert b"the hall burnt down" in door.world.vault.read(answer.statement)
    assert gonogo(*command, "--reason", "again").code == 2, "nobody holds it any more"


@pytest.mark.req("EXE-05")
@pytest.mark.parametrize("alive", [True, False], ids=["driven", "of unknown outcome"])
def test_what_is_at_work_or_of_unknown_outcome_is_not_pushed_aside(launch: Launch, alive: bool) -> None:
    stage = launch.at("approved")
    stage.slow("before", "production")
    engine = stage.begin("drive", launch.run)
    stage.slow_reached("before")
    if not alive:
        engine.kill()
        assert engine.ended()
    with pytest.raises(Busy if alive else Refused) as refused, let_go(stage.project.door(), "production", RM):
        pass
    if not alive:
        assert f"gonogo resume {launch.run}" in refused.value.next_step
    else:
        engine.kill()
        assert engine.ended()
