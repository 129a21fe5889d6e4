"""A release goes over hosts batch by batch: each is intended, replaced, asked, judged, and only then the next."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.demo.processes import wait_until
from gonogo.reports.planned import planned
from gonogo.reports.release import release_report
from gonogo.run.machine import Parked
from gonogo.terms import Person, RunId
from tests.hosts_world import hosts_at
from tests.projects import Project

SMALL = "deployment-automation"


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[Project]:
    """Three hosts behind a proxy that can take each of them out of the traffic."""
    with hosts_at(tmp_path, routed=True) as project:
        yield project


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Project]:
    """Three hosts and nothing of gonogo's before them."""
    with hosts_at(tmp_path) as project:
        yield project


def versions(project: Project) -> dict[str, str]:
    return {host: project.production.version(host) for host in project.production.names}


def done(project: Project, *purposes: str) -> list[str]:
    """`purpose host` of every script that ran in production, in order."""
    lines = [line.split() for line in project.executions(*purposes)]
    return [f"{words[0]} {words[3]}" for words in lines if words[1] == "production"]


def happened(project: Project, run: RunId, kind: str) -> list[dict[str, object]]:
    entries = project.door().world.journal.entries(run)
    return [dict(entry.data) for entry in entries if entry.type == kind]


def spoiled(project: Project) -> None:
    """A new version that fails half of its requests, and as much time as the judge wants to see it in the first batch."""
    (project.production.root / "faults.json").write_text(json.dumps({"v2": 0.5}))
    project.edit("gonogo.yaml", "hold: 400ms", "hold: 30s")


@dataclass(frozen=True)
class Released:
    project: Project
    run: RunId


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    with hosts_at(tmp_path_factory.mktemp("good"), routed=True) as project:
        yield Released(project, project.release(SMALL))


@pytest.mark.req("ROL-01", "ROL-02", "ROL-04")
def test_a_good_release_goes_over_all_hosts_and_each_is_out_of_the_traffic_while_it_is_replaced(good: Released) -> None:
    routed, run = good.project, good.run
    assert routed.state(run).outcome == "released", routed.view(run).halt
    assert done(routed) == ["deploy web1", "deploy web2", "deploy web3"]
    assert versions(routed) == dict.fromkeys(("web1", "web2", "web3"), "v2")
    assert routed.production.weights() == {"web1": 34, "web2": 33, "web3": 33}
    shares = [
        known.facts["weights"]
        for name, known in routed.state(run).tasks.items()
        if name.rpartition("#")[2].startswith(("drain", "return"))
    ]
    full = {"web1": 34, "web2": 33, "web3": 33}
    assert shares == [
        {"web1": 0, "web2": 50, "web3": 50},
        full,
        {"web1": 51, "web2": 0, "web3": 49},
        full,
        {"web1": 51, "web2": 49, "web3": 0},
        full,
    ]


@pytest.mark.req("ROL-01")
def test_each_batch_is_intended_replaced_asked_and_judged_before_the_next_one_is_intended(good: Released) -> None:
    words = {
        "task.intended": "intend",
        "task.finished": "end",
        "hosts.replaced": "replaced",
        "metrics.sampled": "judge",
    }
    course: list[str] = []
    for entry in good.project.door().world.journal.entries(good.run):
        name = str(entry.data.get("task", "")).rpartition("#")[2]
        act = name.rpartition("-")[0]
        if entry.type in words and (act in {"install", "answers"} and not name.endswith("stage1") or name == "roll"):
            word = f"{words[entry.type]} {entry.data['hosts'][0] if entry.type == 'hosts.replaced' else name}"
            course += [word] if not course or course[-1] != word else []
    expected = ["judge roll"]
    for host in ("web1", "web2", "web3"):
        expected += [
            f"intend install-{host}",
            f"end install-{host}",
            f"end answers-{host}",
            f"replaced {host}",
            "judge roll",
        ]
    assert course == [*expected, "end roll"]
    assert [entry["percent"] for entry in happened(good.project, good.run, "hosts.replaced")] == [33, 66, 100]


@pytest.mark.req("ROL-01", "ROL-02", "REP-01")
def test_what_was_under_way_at_a_host_that_is_replaced_is_unknown_and_never_none_where_nobody_counts_it(good: Released) -> None:
    cut = happened(good.project, good.run, "drain.ended")
    assert [(each["place"], each["open"], each["drain"]) for each in cut] == [(host, None, "0") for host in ("web1", "web2", "web3")]
    door = good.project.door()
    report = release_report(door.load(good.run).plan, good.project.state(good.run), good.run, datetime.now(UTC))
    assert report.count(" | unknown | 0 s |") == 3
    intended = [entry.seq for entry in door.world.journal.entries(good.run) if entry.type == "task.intended"]
    ended = [entry.seq for entry in door.world.journal.entries(good.run) if entry.type == "drain.ended"]
    assert all(seq + 1 in intended for seq in ended), "they stand on record together"


@pytest.mark.req("ARB-01", "ROL-06")
def test_a_host_that_dies_in_mid_batch_stops_the_roll_and_the_done_ones_go_back_in_reverse(routed: Project) -> None:
    (routed.production.root / "dies" / "web2").touch()
    run = routed.release(SMALL)
    state = routed.state(run)
    assert (state.outcome, state.rollback.trigger, state.rollback.verified) == ("rolled_back", "task", True)
    assert done(routed) == ["deploy web1", "deploy web2", "rollback web1"]
    assert {host: version for host, version in versions(routed).items() if host != "web2"} == {
        "web1": "v1",
        "web3": "v1",
    }
    assert routed.production.weights() == {"web1": 51, "web2": 0, "web3": 49}
    known = next(task for name, task in state.tasks.items() if name.endswith("#restored"))
    assert known.facts["lost_hosts"] == ["web2"]


def refusing(project: Project, times: int) -> Path:
    """A proxy that refuses the first moves of the way back, so many times; the file says how many are left."""
    left = project.production.root / "refuses"
    left.write_text(str(times))
    script = project.root / "scripts/traffic.py"
    first = (
        "import pathlib, sys\n"
        "root = pathlib.Path(sys.argv[1]).parent\n"
        "left = root / 'refuses'\n"
        "if (root / 'dead' / 'web1').exists() and int(left.read_text()):\n"
        "    left.write_text(str(int(left.read_text()) - 1))\n"
        "    sys.exit('the proxy restarts')\n"
    )
    script.write_text(first + script.read_text())
    (project.production.root / "dies" / "web1").touch()
    return left


@pytest.mark.req("ARB-01", "ARB-08", "PX-05")
def test_a_proxy_that_fails_on_the_way_back_is_asked_again(routed: Project) -> None:
    left = refusing(routed, 2)
    run = routed.release(SMALL)
    state = routed.state(run)
    assert left.read_text() == "0"
    assert (state.outcome, state.rollback.verified) == ("rolled_back", True), routed.view(run).halt
    assert routed.production.weights()["web1"] == 0


@pytest.mark.req("ARB-01", "ARB-08")
def test_a_host_that_dies_when_the_way_back_begins_gets_no_requests_and_keeps_no_other_from_it(routed: Project) -> None:
    script = routed.root / "scripts/traffic.py"
    first = (
        "import json, pathlib, sys\n"
        "root = pathlib.Path(sys.argv[1]).parent\n"
        "if (root / 'dead' / 'web1').exists():\n"
        "    (root / 'dead' / 'web3').touch()\n"
        "    if json.loads(sys.argv[2])['web3']:\n"
        "        sys.exit('web3 is down: its weight cannot be raised')\n"
    )
    script.write_text(first + script.read_text())
    (routed.production.root / "dies" / "web1").touch()
    run = routed.release(SMALL)
    state = routed.state(run)
    assert (state.outcome, state.rollback.verified) == ("rolled_back", True), routed.view(run).halt
    assert routed.production.weights() == {"web1": 0, "web2": 100, "web3": 0}


@pytest.mark.slow
@pytest.mark.req("ARB-08")
def test_a_proxy_that_keeps_failing_on_the_way_back_halts_with_the_steps_by_hand_and_is_taken_up_again(routed: Project) -> None:
    left = refusing(routed, 1000)
    run = routed.begin(SMALL)
    assert isinstance(routed.go_on(run), Parked)
    state = routed.state(run)
    assert (state.halted.cause, state.rollback.finished) == ("rollback_failed", None)
    halt = routed.view(run).halt
    assert "it was asked 6 times in 6.2 s" in halt
    assert "take web1 out of the traffic at the proxy (commands)" in halt
    assert "bash scripts/rollback_shop.sh production v2 web1, until http://127.0.0.1" in halt
    left.write_text("0")
    routed.lift(run)
    routed.go_on(run)
    assert routed.state(run).outcome == "rolled_back", routed.view(run).halt


@pytest.mark.slow
@pytest.mark.req("ARB-08")
def test_a_lost_host_that_still_gets_requests_is_no_restored_production_until_it_was_taken_back(plain: Project) -> None:
    world = plain.production.root
    (world / "dies" / "web2").touch()
    run = plain.begin(SMALL)
    assert isinstance(plain.go_on(run), Parked)
    state = plain.state(run)
    assert (state.halted.cause, state.rollback.finished) == ("rollback_failed", None)
    assert done(plain) == ["deploy web1", "deploy web2", "rollback web1"]
    halt = plain.view(run).halt
    assert "web2 answers nothing, not v1" in halt
    assert "bash scripts/rollback_shop.sh production v2 web2, until http://127.0.0.1" in halt
    (world / "dies" / "web2").unlink()
    (world / "dead" / "web2").unlink()
    plain.lift(run)
    plain.go_on(run)
    assert plain.state(run).outcome == "rolled_back", plain.view(run).halt
    assert done(plain)[3:] == ["rollback web2"]
    assert versions(plain) == dict.fromkeys(("web1", "web2", "web3"), "v1")


@pytest.mark.req("ARB-08")
def test_a_host_that_cannot_be_taken_back_keeps_no_other_one_from_it_and_halts_as_critical(routed: Project) -> None:
    spoiled(routed)
    (routed.production.root / "stuck" / "web2").touch()
    routed.edit("gonogo.yaml", "batch: 1", "batch: 2")
    run = routed.begin(SMALL)
    assert isinstance(routed.go_on(run), Parked)
    state = routed.state(run)
    assert (state.halted.cause, state.rollback.finished) == ("rollback_failed", None)
    assert done(routed, "deploy") == ["deploy web1", "deploy web2"]
    assert sorted(done(routed, "rollback")) == ["rollback web1", "rollback web2"]
    assert versions(routed) == {"web1": "v1", "web2": "v2", "web3": "v1"}
    assert routed.production.weights()["web3"] > 0
    assert "run the rollback script on web2" in routed.view(run).halt
    (routed.production.root / "stuck" / "web2").unlink()
    routed.lift(run)
    routed.go_on(run)
    assert routed.state(run).outcome == "rolled_back", routed.view(run).halt
    assert done(routed)[4:] == ["rollback web2"]
    assert routed.production.weights() == {"web1": 34, "web2": 33, "web3": 33}


@pytest.mark.req("ROL-01", "ROL-06", "ARB-07")
def test_hosts_of_one_batch_are_replaced_and_taken_back_at_the_same_time_each_with_its_own_intent(routed: Project) -> None:
    world = routed.production.root
    spoiled(routed)
    for host in ("web1", "web2"):
        (world / "meet" / host).touch()
        (world / "part" / host).touch()
    routed.edit("gonogo.yaml", "batch: 1", "batch: 2")
    run = routed.release(SMALL)
    state = routed.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "judge"), routed.view(run).halt
    assert sorted(done(routed)) == ["deploy web1", "deploy web2", "rollback web1", "rollback web2"]
    assert versions(routed) == dict.fromkeys(("web1", "web2", "web3"), "v1")
    intents = [entry for entry in happened(routed, run, "task.intended") if entry["environment"] == "production"]
    names = [str(entry["task"]).rpartition("#")[2] for entry in intents]
    assert [name for name in names if name.startswith(("install", "roll-back"))] == [
        "install-web1",
        "install-web2",
        "roll-back-web2",
        "roll-back-web1",
    ]
    fences = {name: entry["fence"] for name, entry in zip(names, intents, strict=True)}
    order = ("install-web1", "install-web2", "roll-back-web2", "roll-back-web1")
    assert sorted({fences[name] for name in order}) == [fences[name] for name in order], "each has a fence of its own, and it rises"


@pytest.mark.req("ARB-01", "ROL-04")
def test_an_abort_waits_for_no_script_of_a_batch_and_takes_every_host_of_it_back(routed: Project) -> None:
    (routed.production.root / "hang" / "web2").touch()
    routed.edit("gonogo.yaml", "batch: 1", "batch: 2")
    routed.edit("gonogo.yaml", '"{host}"], timeout: 20s', '"{host}"], timeout: 60s')
    run = routed.begin(SMALL)

    def abort() -> None:
        assert wait_until(lambda: "deploy web2" in done(routed) and versions(routed)["web1"] == "v2", 50)
        routed.door().abort(run, "it is not wanted any more", Person("rm1"))

    person = threading.Thread(target=abort)
    person.start()
    routed.go_on(run)
    person.join()
    state = routed.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "abort"), routed.view(run).halt
    installed = next(known for name, known in state.tasks.items() if name.endswith("#install-web2"))
    assert installed.facts["ended_by"] == "stop"
    assert sorted(done(routed, "rollback")) == ["rollback web1"]  # web2 was stopped before it changed anything
    assert versions(routed) == dict.fromkeys(("web1", "web2", "web3"), "v1")


@pytest.mark.req("ARB-01", "ARB-07")
def test_a_bad_build_is_caught_on_its_first_host_and_the_others_are_never_touched(routed: Project) -> None:
    spoiled(routed)
    run = routed.release(SMALL)
    state = routed.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "judge")
    assert done(routed) == ["deploy web1", "rollback web1"]
    assert versions(routed) == dict.fromkeys(("web1", "web2", "web3"), "v1")
    assert routed.production.weights() == {"web1": 34, "web2": 33, "web3": 33}
    needless = {name.rpartition("#")[2]: task.facts.get("needless") for name, task in state.tasks.items()}
    assert needless["roll-back-web3"] == "web3 was never touched"


@pytest.mark.slow
def test_a_deploy_script_that_hangs_is_ended_at_its_limit_and_its_batch_is_taken_back(plain: Project) -> None:
    plain.edit("gonogo.yaml", '"{host}"], timeout: 20s', '"{host}"], timeout: 1s')
    (plain.production.root / "hang" / "web2").touch()
    run = plain.release(SMALL)
    assert plain.state(run).outcome == "rolled_back", plain.view(run).halt
    assert done(plain) == ["deploy web1", "deploy web2", "rollback web1"]
    assert versions(plain) == dict.fromkeys(("web1", "web2", "web3"), "v1")


@pytest.mark.slow
def test_a_host_that_somebody_else_changed_takes_the_rollout_back(plain: Project) -> None:
    run = plain.begin(SMALL)
    door = plain.door()

    def meddle(_state: object, entry: object) -> None:
        if type(entry.event).__name__ == "HostsReplaced" and entry.event.step == 0:
            (plain.production.root / "slots" / "web3").write_text("v9")

    for _ in range(8):
        door.drive(run, patient=False, listener=meddle)
        if not plain.sign_all(run):
            break
    state = plain.state(run)
    assert state.rollback is not None
    assert state.halted.cause == "rollback_failed"
    assert "web3 answers v9, not v1" in plain.view(run).halt
    assert versions(plain) == {"web1": "v1", "web2": "v1", "web3": "v9"}


def test_the_dry_run_shows_every_host_in_its_batch_and_the_way_back_in_reverse(tmp_path: Path) -> None:
    with hosts_at(tmp_path, routed=True, hosts=("a", "b", "c", "d"), batch="2") as project:
        compiled = compile_for(open_workspace(project.root), SMALL, "v2")
    assert compiled.plan is not None, compiled.findings
    shown = planned(compiled.plan)
    rollout = next(stage for stage in shown.stages if any(act.kind == "rollout" for act in stage.acts))
    assert [act.title for act in rollout.acts if act.title.startswith("batch")] == [
        "batch 1: take a, b out of the traffic",
        "batch 1: run the deploy script on a",
        "batch 1: run the deploy script on b",
        "batch 1: ask a for its version",
        "batch 1: ask b for its version",
        "batch 1: let a, b into the traffic again",
        "batch 2: take c, d out of the traffic",
        "batch 2: run the deploy script on c",
        "batch 2: run the deploy script on d",
        "batch 2: ask c for its version",
        "batch 2: ask d for its version",
        "batch 2: let c, d into the traffic again",
    ]
    way = next(act for act in rollout.acts if act.kind == "rollout").details
    assert way[0].startswith("step 1 of 2: replace instances 1 to 2 (50 % new)")
    back = [task.act.host for task in compiled.plan.rollback.tasks if getattr(task.act, "host", "")]
    assert back == ["d", "c", "b", "a"]
