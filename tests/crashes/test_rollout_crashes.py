"""Production rollouts whose engine, supervisor or command die by SIGKILL: the good one, and the one that is rolled back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gonogo.engine.bench import Bench
from gonogo.engine.crash_points import (
    COMMAND_RUNNING,
    INTENT_COMMITTED,
    MOVED,
    RECORDED,
    RESULT_THERE,
)
from gonogo.engine.performing import append_latest
from gonogo.errors import Refused
from gonogo.evidence.signers import EngineKey
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.verifying import TrustFiles, Verification, verify_package
from gonogo.plan.model import task_of
from gonogo.ports import Moved
from gonogo.run.events import TaskFinished
from gonogo.terms import Engine, Person, RunId
from tests.crashes.crash_harness import (
    ACTS,
    Stage,
    agrees,
    die_at_every,
    die_elsewhere,
    die_in_every_act,
    effects,
    ending,
    faults,
    specs,
    wait_until,
)
from tests.crashes.launches import Launch, answer_halts, ends_alike, launch_at, state_outcome



@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    with launch_at(tmp_path_factory.mktemp("launch")) as launch:
        yield launch


@pytest.mark.req("ROL-06", "WFS-10", "ERR-09", "ERR-11")
def test_a_rollout_that_dies_at_every_point_of_every_act_is_the_same_rollout(launch: Launch) -> None:
    stage, known = launch.stage, launch.good
    assert known.ending.outcome == "released"
    die_in_every_act(stage, known, 0)
    agrees(stage, known)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "ERR-09", "ERR-11")
@pytest.mark.parametrize("name", ACTS)
def test_a_rollout_whose_engines_die_at_a_point_of_every_act_is_the_same_rollout(launch: Launch, name: str) -> None:
    stage, known = launch.stage, launch.good
    stage.restore("good/0")
    assert die_at_every(stage, known.run, name) == known.passed(name)
    agrees(stage, known)


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_rollout_that_dies_once_at_every_other_point_is_the_same_rollout(launch: Launch) -> None:
    stage, known = launch.stage, launch.good
    die_elsewhere(stage, known, 0)
    agrees(stage, known)


@pytest.mark.req("ROL-06", "WFS-10")
def test_the_way_to_the_approval_may_die_at_every_point_before_it(launch: Launch) -> None:
    stage, known = launch.stage, launch.good
    stage.restore("opened")
    for name in ("CP-04 measured", "CP-16 request", "CP-18", RECORDED, "CP-05", "CP-09"):
        while not stage.drive(known.run, name):
            assert stage.sign_all(known.run)
    stage.go_on(known.run)
    agrees(stage, known)


@pytest.mark.req("ARB-07", "ROL-06", "WFS-10")
def test_a_rollback_that_dies_at_every_point_of_every_act_is_the_same_rollback(launch: Launch) -> None:
    stage, known = launch.stage, launch.bad
    assert known.ending.outcome == "rolled_back"
    die_in_every_act(stage, known, 0)
    agrees(stage, known)


@pytest.mark.slow
@pytest.mark.req("ARB-07", "ROL-06", "WFS-10")
@pytest.mark.parametrize("name", ACTS)
def test_a_rollback_whose_engines_die_at_a_point_of_every_act_is_the_same_rollback(launch: Launch, name: str) -> None:
    stage, known = launch.stage, launch.bad
    stage.restore("bad/0")
    assert die_at_every(stage, known.run, name) == known.passed(name)
    agrees(stage, known)


@pytest.mark.req("ARB-07", "ROL-06", "WFS-10")
def test_a_rollback_that_dies_once_at_every_other_point_is_the_same_rollback(launch: Launch) -> None:
    stage, known = launch.stage, launch.bad
    die_elsewhere(stage, known, 0)
    agrees(stage, known)


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10", "ERR-11")
@pytest.mark.parametrize("which", ["good", "bad"])
def test_an_engine_that_dies_alone_at_any_time_at_any_point_of_a_rollout_changes_nothing(
    launch: Launch, which: str
) -> None:
    stage, known = launch.stage, getattr(launch, which)
    for scene, trace in zip(known.scenes, known.traces, strict=True):
        for crash in (one for name in dict.fromkeys(trace) for one in specs(trace, name)):
            stage.restore(scene)
            # How often metrics are read depends on the machine: the last reading of the straight run may not come.
            assert stage.drive(known.run, crash) or crash.startswith("CP-09"), crash
            stage.go_on(known.run)
            if answer_halts(stage, known.run):
                ends_alike(stage, known, crash)
            else:
                agrees(stage, known)


def test_a_script_that_ran_twice_or_a_fact_that_is_missing_would_be_seen(launch: Launch) -> None:
    stage, known = launch.stage, launch.bad
    stage.restore("bad/0")
    stage.go_on(known.run)
    agrees(stage, known)
    acted = known.ending.scripts
    assert effects(stage).total() == len(acted) > 0, "the targets' own records know of every script"
    record = stage.project.production.root / "effects.txt"
    counted = record.read_text()
    record.write_text(f"{counted}{counted.split()[0]}\n")
    assert f"{counted.split()[0]} took effect 2 times" in faults(stage, known.run)
    record.write_text(counted)
    with stage.project.record.open("a") as scripts:
        scripts.write("deploy production v2 green 9\n")
    with pytest.raises(AssertionError):
        agrees(stage, known)


def supervisor_and_command(stage: Stage) -> tuple[int, int]:
    """Process ids of the one supervisor that has no result yet, and of its command."""
    for path in stage.project.root.glob(".gonogo/effects/*/*/*/running.json"):
        if not (path.parent / "result.json").exists():
            said = json.loads(path.read_bytes())
            if said["pid"]:
                return said["supervisor"], said["pid"]
    return 0, 0


@dataclass
class Struck:
    """An engine in the middle of a deploy script that is known to be before, or behind, its effect."""

    stage: Stage
    run: RunId
    when: str
    environment: str

    def begin(self, *, engine: bool) -> None:
        """Let it come to the slow place, with the engine alive or killed."""
        self.stage.slow(self.when, self.environment)
        self.engine = self.stage.begin("drive", self.run, crash="" if engine else COMMAND_RUNNING)
        self.stage.slow_reached(self.when)
        wait_until(lambda: supervisor_and_command(self.stage) != (0, 0))
        self.supervisor, self.command = supervisor_and_command(self.stage)

    def strike(self, *, supervisor: bool, command: bool) -> None:
        """SIGKILL."""
        if supervisor:
            os.kill(self.supervisor, signal.SIGKILL)
        if command:
            os.killpg(self.command, signal.SIGKILL)
        self.stage.quick()


def struck_at(launch: Launch, environment: str, when: str) -> Struck:
    scene, run = ("rehearsing", launch.rehearsal) if environment == "staging" else ("good/0", launch.good.run)
    launch.stage.restore(scene)
    return Struck(launch.stage, run, when, environment)


@pytest.mark.req("EF-01", "WFS-10")
@pytest.mark.parametrize("environment", [pytest.param("staging", marks=pytest.mark.slow), "production"])
def test_a_deploy_that_outlives_its_engine_is_waited_for_and_not_repeated(launch: Launch, environment: str) -> None:
    struck = struck_at(launch, environment, "before")
    struck.begin(engine=False)
    assert struck.engine.ended()
    launch.stage.quick()
    launch.stage.go_on(struck.run)
    assert launch.stage.project.state(struck.run).outcome == ("ready" if environment == "staging" else "released")
    known = launch.good.ending.scripts
    assert ending(launch.stage, struck.run).scripts == (known[:-1] if environment == "staging" else known)
    assert faults(launch.stage, struck.run) == []


@pytest.mark.req("WFS-10")
def test_an_outcome_that_another_engine_has_recorded_is_not_recorded_twice(launch: Launch) -> None:
    stage, run = launch.stage, launch.good.run
    stage.restore("good/0")
    assert stage.drive(run, RESULT_THERE)
    door = stage.project.door()
    opened = door.load(run)
    name, known = next((name, task) for name, task in opened.state.tasks.items() if task.open)
    bench = Bench(
        door.world,
        opened.plan,
        opened.state,
        run,
        Engine("local"),
        task_of(opened.plan, name),
        known.attempt,
        datetime.now(UTC),
    )
    done = TaskFinished(name, known.attempt, known.start, "ok", {}, None)
    append_latest(bench, (done,))
    with pytest.raises(Moved):
        append_latest(bench, (done,))


@pytest.mark.req("EF-02", "WFS-10")
@pytest.mark.parametrize("environment", [pytest.param("staging", marks=pytest.mark.slow), "production"])
@pytest.mark.parametrize("engine", [True, False], ids=["engine-alive", "engine-killed"])
def test_a_supervisor_killed_alone_leaves_one_effect_which_is_found_by_asking(
    launch: Launch, environment: str, engine: bool
) -> None:
    struck = struck_at(launch, environment, "before")
    struck.begin(engine=engine)
    struck.strike(supervisor=True, command=False)
    struck.engine.ended()
    launch.stage.go_on(struck.run)
    state = launch.stage.project.state(struck.run)
    assert state.outcome == ("ready" if environment == "staging" else "released"), launch.stage.project.view(struck.run)
    assert faults(launch.stage, struck.run) == []
    known = launch.good.ending.scripts
    assert ending(launch.stage, struck.run).scripts == (known[:-1] if environment == "staging" else known)
    settled = [
        entry.data
        for entry in launch.stage.project.door().world.journal.entries(struck.run)
        if entry.type == "task.settled"
    ]
    assert [(one["outcome"], one["by"]) for one in settled] == [("applied", "probe")]


@pytest.mark.req("EF-06", "ROL-06")
def test_a_deploy_command_killed_in_production_has_failed_and_is_taken_back(launch: Launch) -> None:
    struck = struck_at(launch, "production", "before")
    struck.begin(engine=True)
    struck.strike(supervisor=False, command=True)
    struck.engine.ended()
    launch.stage.go_on(struck.run)
    found = ending(launch.stage, struck.run)
    assert (found.outcome, found.weights["production"]) == ("rolled_back", {"blue": 100, "green": 0})
    assert found.scripts[-2:] == ("deploy production v2 green", "rollback production v2 green")
    assert faults(launch.stage, struck.run) == []


@pytest.mark.req("EF-06", "ROL-06")
@pytest.mark.parametrize(
    "engine", [pytest.param(True, id="engine-alive", marks=pytest.mark.slow), pytest.param(False, id="engine-killed")]
)
def test_a_deploy_command_killed_in_staging_halts_and_is_repeated_by_nobody_but_a_signature(
    launch: Launch, engine: bool
) -> None:
    struck = struck_at(launch, "staging", "before")
    struck.begin(engine=engine)
    struck.strike(supervisor=False, command=True)
    struck.engine.ended()
    launch.stage.go_on(struck.run)
    project = launch.stage.project
    assert project.state(struck.run).halted.cause == "task_failed"
    assert "killed by signal 9" in project.view(struck.run).halt
    assert project.executions() == project.executions("deploy")[:1]
    project.lift(struck.run)
    launch.stage.go_on(struck.run)
    assert project.state(struck.run).outcome == "ready"


@pytest.mark.req("ROL-06", "ERR-10")
@pytest.mark.parametrize("environment", [pytest.param("staging", marks=pytest.mark.slow), "production"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deploy_killed_with_all_that_watched_it_is_found_or_halts_until_a_person_says_what_happened(
    launch: Launch, environment: str, when: str
) -> None:
    struck = struck_at(launch, environment, when)
    struck.begin(engine=False)
    struck.strike(supervisor=True, command=True)
    assert struck.engine.ended()
    stage, project = launch.stage, launch.stage.project
    stage.go_on(struck.run)
    done = project.executions("deploy")
    if when == "before":
        assert project.state(struck.run).halted.cause == "outcome_unknown"
        assert "--outcome" in project.view(struck.run).next_step
        stage.go_on(struck.run)
        assert project.executions("deploy") == done
        state_outcome(stage, struck.run, "not_applied")
        stage.go_on(struck.run)
        assert len([line for line in project.executions("deploy") if environment in line]) == (
            3 if environment == "staging" else 2
        )
    assert project.state(struck.run).outcome == ("ready" if environment == "staging" else "released"), project.view(
        struck.run
    ).halt
    assert faults(stage, struck.run) == []


def halted_without_outcome(launch: Launch, environment: str) -> RunId:
    struck = struck_at(launch, environment, "before")
    struck.begin(engine=False)
    struck.strike(supervisor=True, command=True)
    assert struck.engine.ended()
    launch.stage.go_on(struck.run)
    assert launch.stage.project.state(struck.run).halted.cause == "outcome_unknown"
    return struck.run


@pytest.mark.req("ROL-06")
def test_a_person_who_says_that_an_act_took_effect_lets_the_run_go_on_without_repeating_it(launch: Launch) -> None:
    run = halted_without_outcome(launch, "production")
    stage = launch.stage
    (stage.project.production.root / "slots" / "green").write_text("v2")
    state_outcome(stage, run, "applied")
    stage.go_on(run)
    assert ending(stage, run) != launch.good.ending
    assert ending(stage, run).scripts == launch.good.ending.scripts
    assert stage.project.state(run).outcome == "released"
    assert faults(stage, run) == []


def verified(stage: Stage, run: RunId) -> Verification:
    """The package of a run, verified as its receiver would."""
    door = stage.project.door()
    data = door.world.vault.read(door.load(run).state.packages["deployment"].sha256, limit=1 << 30)
    engine = EngineKey("local", public_key(door.world.key.public_line()))
    trust = TrustFiles(replace(door.world.ring(), engines=(engine,)))
    return verify_package(data, trust, datetime.now(UTC), anchor_needed=False)


@pytest.mark.req("ARC-07", "ROL-06")
@pytest.mark.parametrize("name", [INTENT_COMMITTED, MOVED])
def test_the_package_of_a_run_that_died_and_went_on_verifies(launch: Launch, name: str) -> None:
    stage, known = launch.stage, launch.good
    stage.restore("good/0")
    assert stage.drive(known.run, name)
    stage.go_on(known.run)
    answer = verified(stage, known.run)
    assert answer.exit_code == 0, str(answer)


@pytest.mark.req("ARC-07", "ROL-06")
def test_the_package_of_a_run_that_a_person_helped_on_verifies_with_what_they_stated(launch: Launch) -> None:
    run = halted_without_outcome(launch, "production")
    state_outcome(launch.stage, run, "not_applied")
    launch.stage.go_on(run)
    answer = verified(launch.stage, run)
    assert answer.exit_code == 0, str(answer)


@pytest.mark.req("ROL-06")
def test_a_word_about_an_outcome_is_refused_where_none_is_unknown(launch: Launch) -> None:
    launch.stage.restore("good/0")
    door = launch.stage.project.door()
    door.halt(launch.good.run, "a look at it", Person("rm1"))
    with pytest.raises(Refused, match="no outcome is unknown"):
        door.ask_outcome(launch.good.run, "applied", Person("rm1"))


@pytest.mark.req("ROL-06", "ERR-10")
def test_an_abort_does_not_wait_for_an_outcome_that_nobody_knows(launch: Launch) -> None:
    run = halted_without_outcome(launch, "production")
    stage = launch.stage
    stage.project.door().abort(run, "it is not worth it", Person("rm1"))
    stage.go_on(run)
    found = ending(stage, run)
    assert (found.outcome, found.weights["production"]) == ("rolled_back", {"blue": 100, "green": 0})
    assert found.scripts[-2:] == ("deploy production v2 green", "rollback production v2 green")
    assert faults(stage, run) == []


@pytest.mark.req("ROL-06")
def test_the_command_line_takes_a_persons_word_on_an_unknown_outcome(launch: Launch, tmp_path: Path) -> None:
    run = halted_without_outcome(launch, "production")
    project = launch.stage.project
    key = tmp_path / "rm1"
    form = serialization.PrivateFormat.OpenSSH
    plain = serialization.NoEncryption()
    key.write_bytes(project.keys["rm1"].private_bytes(serialization.Encoding.PEM, form, plain))
    key.chmod(0o600)
    line = (
        project.keys["rm1"]
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )
    key.with_name("rm1.pub").write_bytes(line + b"\n")
    command = [sys.executable, "-m", "gonogo", "resume", run, "--key", str(key), "--reason", "the slot was empty"]
    environ = {
        **os.environ,
        "RECORD": str(project.record),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src"),
    }
    said = subprocess.run(
        [*command, "--outcome", "not-applied", "--project", str(project.root)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert "is released" in said.stdout
    assert (
        len(project.executions("deploy")) == len([line for line in launch.good.ending.scripts if "deploy" in line]) + 1
    )
