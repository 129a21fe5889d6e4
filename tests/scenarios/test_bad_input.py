"""What goes wrong in real life: each fault gives one clear message, leaves the ledger whole and moves nothing forward."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.errors import BadInput, Busy, NotStored
from gonogo.run.events import Recorded, TaskFinished, TrafficMoved
from gonogo.run.machine import Over, Parked
from gonogo.run.state import RunState
from gonogo.terms import Person, RunId
from tests.prepared import Rehearsed
from tests.projects import REQUESTER, Project, add_release, small_project
from tests.scenarios.small_disk import told_by
from tests.worlds_http import Place, place

OLD_ALONE = json.dumps({"weights": {"blue": 100, "green": 0}})
CASES = Path(__file__).resolve().parent.parent / "cases" / "protocols"
STOCK = "stock-count"
COUNTING, GATE, REPORTING = "counting/count-the-shelves", "gate/count-gate", "reporting/report-the-figure"
GOOD_COUNT = 'echo \'{"missing": 0}\' > "$GONOGO_OUT/count.json"'
GOOD_REPORT = 'echo \'{"status": "sent"}\' > "$GONOGO_OUT/report.json"'


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    """A project with a protocol of its own, whose steps are scripts that owe a JSON file each."""
    found = small_project(tmp_path / "project", *places)
    for name in (f"{STOCK}.md", f"{STOCK}.gonogo.yaml"):
        found.write(f"protocols/{name}", (CASES / name).read_text(encoding="utf-8"))
    commands = "commands:\n  count: {run: [scripts/count.sh], timeout: 60s}\n  report: {run: [scripts/report.sh]}\n"
    found.edit("gonogo.yaml", "commands:\n", commands)
    found.edit("gonogo.yaml", "project: shop\n", f"project: shop\nprotocols: {{{STOCK}: protocols/{STOCK}.md}}\n")
    found.write("scripts/report.sh", f"#!/usr/bin/env bash\n{GOOD_REPORT}\n", mode=0o755)
    count(found, GOOD_COUNT)
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Project]:
    """A project with places of its own, whose traffic the test spoils."""
    with place(tmp_path / "w" / "staging") as staging, place(tmp_path / "w" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


def count(project: Project, *lines: str, mode: int = 0o755) -> None:
    project.write("scripts/count.sh", "\n".join(("#!/usr/bin/env bash", *lines)) + "\n", mode=mode)


def drive(project: Project, run: RunId) -> object:
    return project.door().drive(run, patient=False, listener=lambda state, entry: None)


def stands_before(project: Project, run: RunId, later: str, *words: str) -> str:
    """Drive a run; it has to halt with all `words` and a next step, its ledger whole, nothing of `later` begun."""
    stopped = drive(project, run)
    said = project.view(run).halt
    assert isinstance(stopped, Parked), f"{stopped}: {said}"
    for word in (*words, "next:"):
        assert word in said, said
    stages = [stage.id for stage in project.door().load(run).plan.stages]
    assert not project.began(run) & set(stages[stages.index(later) :]), said
    assert project.chain_problems(run) == ()
    return said


def test_the_protocol_of_these_tests_goes_through_where_its_scripts_do_what_they_owe(project: Project) -> None:
    run = project.begin(STOCK)
    assert drive(project, run) == Over("ready"), project.view(run).halt
    assert project.state(run).evidence["count.json"].status == "external"


@pytest.mark.req("PRE-01", "DOC-21")
def test_a_script_that_is_missing_is_named_before_anything_runs(project: Project) -> None:
    (project.root / "scripts/count.sh").unlink()
    run = project.begin(STOCK)
    stands_before(project, run, COUNTING, "command `count` names no file that is there")


def test_a_script_that_is_not_executable_is_named_with_the_command_that_helps(project: Project) -> None:
    count(project, GOOD_COUNT, mode=0o644)
    stands_before(project, project.begin(STOCK), GATE, "scripts/count.sh", "chmod +x")


@pytest.mark.req("DOC-21")
def test_a_script_that_was_changed_after_the_run_was_opened_is_not_run(project: Project) -> None:
    run = project.begin(STOCK)
    count(project, 'touch "$GONOGO_OUT/../../../ran"', GOOD_COUNT)
    stands_before(project, run, COUNTING, "scripts")


@pytest.mark.req("DOC-21")
def test_a_script_that_is_changed_while_the_run_goes_on_is_not_run(project: Project) -> None:
    run = project.begin(STOCK)
    ran = project.root / "ran"

    def change(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TaskFinished) and entry.event.task.startswith("prerequisites#"):
            count(project, f"touch {ran}", GOOD_COUNT)

    project.door().drive(run, patient=False, listener=change)
    stands_before(project, run, GATE, "scripts/count.sh was changed since the run was opened", "rehearse it in a new run")
    assert not ran.exists()


@pytest.mark.req("GAT-01")
def test_a_script_that_ends_with_0_and_writes_no_evidence_is_no_success(project: Project) -> None:
    count(project, "exit 0")
    said = stands_before(project, project.begin(STOCK), GATE, "its evidence was not written: count.json")
    assert "GONOGO_OUT" in said


def test_half_a_json_file_is_named_and_is_not_evidence(project: Project) -> None:
    count(project, 'printf \'{"missing": \' > "$GONOGO_OUT/count.json"')
    run = project.begin(STOCK)
    stands_before(project, run, GATE, "count.json, which it wrote, is not usable JSON", "gonogo.yaml:")
    assert "count.json" not in project.state(run).evidence


def test_four_megabytes_of_output_are_captured_whole_and_nobody_waits_for_them(project: Project) -> None:
    count(project, "head -c 4194304 /dev/zero | tr '\\0' x", "head -c 1048576 /dev/zero | tr '\\0' y >&2", GOOD_COUNT)
    run = project.begin(STOCK)
    assert drive(project, run) == Over("ready"), project.view(run).halt
    door = project.door()
    facts = door.load(run).state.tasks[f"{COUNTING}#run"].facts
    assert (facts["stdout_size"], facts["stderr_size"]) == (4 << 20, 1 << 20)
    assert "output_cut" not in facts
    assert door.world.vault.read(facts["stdout"]) == b"x" * (4 << 20)


def test_a_script_that_hangs_is_ended_with_its_children_at_its_time_limit(project: Project) -> None:
    project.edit("gonogo.yaml", "count.sh], timeout: 60s", "count.sh], timeout: 1s")
    count(project, 'echo $$ > "$GONOGO_OUT/../pid"', "sleep 600 & sleep 600")
    run = project.begin(STOCK)
    stands_before(project, run, GATE, "it ran into its time limit and its process group was killed", "gonogo.yaml:")
    pid = next((project.root / ".gonogo/effects").rglob("pid")).read_text().strip()
    assert not Path(f"/proc/{pid}").exists() or sys.platform == "darwin"


def test_a_script_that_is_killed_is_said_to_be_killed(project: Project) -> None:
    count(project, "echo going down >&2", "kill -9 $$")
    said = stands_before(project, project.begin(STOCK), GATE, "it was killed by signal 9", "gonogo.yaml:")
    assert "going down" in said


def test_a_script_that_fails_shows_its_last_words(project: Project) -> None:
    count(project, "echo the shelf fell down >&2", "exit 3")
    stands_before(project, project.begin(STOCK), GATE, "it ended with exit status 3", "the shelf fell down")


@pytest.mark.req("REV-08")
def test_evidence_that_misses_its_limit_stops_at_the_gate(project: Project) -> None:
    count(project, 'echo \'{"missing": 2}\' > "$GONOGO_OUT/count.json"')
    stands_before(project, project.begin(STOCK), REPORTING, "measured 2, allowed = 0", f"{STOCK}.md:")


@pytest.mark.req("ROL-06")
def test_a_repaired_script_is_another_release_and_needs_another_run(project: Project) -> None:
    count(project, "exit 1")
    run = project.begin(STOCK)
    drive(project, run)
    count(project, GOOD_COUNT)
    project.lift(run)
    stands_before(project, run, GATE, "scripts/count.sh was changed since the run was opened")
    project.door().abort(run, "the script was repaired", Person(REQUESTER))
    assert drive(project, run) == Over("aborted")
    assert drive(project, project.begin(STOCK)) == Over("ready")


@pytest.mark.req("CFG-11")
def test_an_unknown_key_of_the_project_file_is_named_with_its_line_and_the_nearest_known_one(project: Project) -> None:
    project.edit("gonogo.yaml", "rollout: {steps:", "rollout: {stepps:")
    with pytest.raises(BadInput, match=r"unknown key `rollout\.stepps`; did you mean `steps`\?") as caught:
        project.door()
    line = 1 + (project.root / "gonogo.yaml").read_text().splitlines().index("rollout: {stepps: [5, 50, 100], hold: 600ms, tick: 100ms, patience: 10s}")
    assert caught.value.where.startswith(f"gonogo.yaml:{line}")
    assert "known here:" in caught.value.next_step
    assert not (project.root / ".gonogo").exists()


@pytest.mark.req("DOC-01")
@pytest.mark.parametrize(
    ("text", "words"),
    [("# Shopping\n\n- milk\n- bread\n", "shopping.md"), ("", "shopping.md"), ("\x00\x01\x02", "shopping.md")],
)
def test_a_document_that_is_no_protocol_opens_no_run(project: Project, text: str, words: str) -> None:
    project.write("protocols/shopping.md", text)
    project.write("protocols/shopping.gonogo.yaml", (CASES / f"{STOCK}.gonogo.yaml").read_text())
    project.edit("gonogo.yaml", f"protocols: {{{STOCK}:", f"protocols: {{shopping: protocols/shopping.md, {STOCK}:")
    with pytest.raises(BadInput) as caught:
        project.begin("shopping")
    assert words in str(caught.value)
    assert caught.value.next_step
    assert project.door().runs() == ()


@pytest.mark.req("PRE-05")
def test_an_artifact_that_is_not_the_one_of_the_manifest_stops_the_run_before_anything_is_installed(
    project: Project,
) -> None:
    project.write("releases/v2/app.txt", "another program\n")
    run = project.begin("pre-deployment")
    stands_before(project, run, "intake-validation-and-staging-alignment/confirm-upstream-approvals", "releases/v2/app.txt", "sha256")
    assert project.executions() == []


@pytest.mark.req("EXE-05")
def test_a_second_engine_on_the_same_run_is_refused_and_told_who_drives_it(project: Project) -> None:
    run = project.begin(STOCK)
    before = project.state(run)
    locks = RunLocks(project.root / ".gonogo" / "runs", project.door().world.clock)
    with locks.driving(run), pytest.raises(Busy, match=rf"is being driven by process {os.getpid()}") as caught:
        drive(project, run)
    assert "nothing has to be removed" in caught.value.next_step
    assert project.state(run) == before
    assert drive(project, run) == Over("ready")


@pytest.mark.req("EXE-05")
def test_a_second_run_on_the_same_environment_waits_until_the_first_gives_it_back(world: Project) -> None:
    world.write("scripts/tests.sh", "#!/usr/bin/env bash\nexit 1\n", mode=0o755)
    first = world.release("pre-deployment")
    assert "tests.sh" not in world.view(first).next_step
    add_release(world.root, "v3")
    second = world.begin("pre-deployment", "v3")
    world.go_on(second)
    assert world.view(second).status == f"waiting for staging, which {first} holds"
    assert [line for line in world.executions("deploy") if " v3 " in line] == []
    assert world.chain_problems(second) == ()
    world.door().abort(first, "v3 goes first", Person(REQUESTER))
    drive(world, first)
    world.go_on(second)
    assert [line for line in world.executions("deploy") if " v3 " in line]


TRAFFIC = "scripts/traffic.py"
REFUSING = "import sys\nsys.exit('the proxy says: 403 go away')\n"
LYING = 'print(\'{"weights": {"blue": 0, "green": 100}}\')\n'


@pytest.mark.req("PX-02")
@pytest.mark.parametrize(("script", "words"), [(REFUSING, "403 go away"), (LYING, "asked for")])
def test_a_proxy_that_refuses_or_does_something_else_stops_the_rehearsal(
    world: Project, script: str, words: str
) -> None:
    world.write(TRAFFIC, script)
    run = world.begin("pre-deployment")
    world.go_on(run)
    stages = [stage.id for stage in world.door().load(run).plan.stages]
    stage = world.state(run).halted.stage
    stands_before(world, run, stages[stages.index(stage) + 1], words)
    assert world.staging.weights() == {"blue": 100, "green": 0}


@pytest.fixture(scope="module")
def ready(rehearsal: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose release went through pre-deployment; production is what the tests spoil, one after the other."""
    found = rehearsal.copy(tmp_path_factory.mktemp("ready") / "project")
    found.edit("gonogo.yaml", "patience: 10s", "patience: 700ms")
    return found


def mid_canary(project: Project, run: RunId, spoil: object) -> RunState:
    """Drive production to its rollout; `spoil` is called once, right after the first move of production traffic."""
    project.go_until(run, "production")
    project.sign_all(run)
    spoilt = []

    def listen(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0 and not spoilt:
            spoilt.append(entry.seq)
            spoil()

    project.door().drive(run, patient=False, listener=listen)
    assert spoilt
    return project.state(run)


@pytest.mark.req("PM-01")
def test_metrics_that_vanish_in_mid_canary_take_the_rollout_back_and_never_promote(ready: Project) -> None:
    run = ready.begin("production-deployment")
    silent = ready.production.root / "silent"
    try:
        state = mid_canary(ready, run, silent.touch)
    finally:
        silent.unlink(missing_ok=True)
    assert state.outcome == "rolled_back", ready.view(run).halt
    assert ready.production.weights() == {"blue": 100, "green": 0}
    assert max(percent for rolling in state.rollings.values() for _, percent in rolling.moves) == 5
    assert ready.chain_problems(run) == ()


@pytest.mark.req("PX-05", "ARB-01")
def test_a_target_that_was_changed_behind_our_back_or_forgot_its_weights_takes_the_rollout_back(ready: Project) -> None:
    run = ready.begin("production-deployment")
    state = mid_canary(ready, run, lambda: (ready.production.root / "weights.json").write_text(OLD_ALONE))
    assert state.outcome == "rolled_back", ready.view(run).halt
    (rolling,) = (known for known in state.rollings.values() if known.moves)
    assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue 100 %, green 0 %, 5 % were moved")
    assert max(percent for _, percent in rolling.moves) == 5
    assert ready.production.weights() == {"blue": 100, "green": 0}
    assert ready.chain_problems(run) == ()


@pytest.mark.req("ARB-01", "FI-03")
def test_when_nothing_can_be_recorded_in_mid_canary_the_old_version_gets_its_traffic_back(ready: Project) -> None:
    """The journal takes no further byte, as on a full disk; small files, such as the weights of this world, are taken."""
    run = ready.begin("production-deployment")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(NotStored, match="all traffic of production was given back to blue, which is not on record yet"):
            mid_canary(ready, run, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ready.production.weights() == {"blue": 100, "green": 0}
    assert ready.state(run).rollback is None
    ready.go_on(run)
    state = ready.state(run)
    assert state.outcome == "rolled_back", ready.view(run).halt
    (rolling,) = (known for known in state.rollings.values() if known.moves)
    assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue 100 %, green 0 %, 5 % were moved")
    assert state.rollback.trigger == "judge"
    assert ready.production.weights() == {"blue": 100, "green": 0}
    assert ready.chain_problems(run) == ()


@pytest.mark.req("ARB-03")
def test_a_proxy_that_also_refuses_the_way_back_halts_and_says_what_to_do_by_hand(ready: Project) -> None:
    run = ready.begin("production-deployment")
    good = (ready.root / TRAFFIC).read_text()
    try:
        state = mid_canary(ready, run, lambda: ready.write(TRAFFIC, REFUSING))
    finally:
        ready.write(TRAFFIC, good)
    assert state.halted is not None
    assert state.halted.cause == "rollback_failed"
    said = ready.view(run).halt
    assert "403 go away" in said
    assert "next:" in said
    assert ready.chain_problems(run) == ()
    ready.lift(run)
    ready.go_on(run)
    assert ready.state(run).outcome == "rolled_back", ready.view(run).halt
    assert ready.production.weights() == {"blue": 100, "green": 0}


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.req("FI-01", "WFS-10")
@pytest.mark.parametrize(("story", "words"), [("full", "No space left on device"), ("read-only", "Read-only file system")])
def test_a_disk_that_takes_nothing_is_named_and_the_run_goes_on_when_it_takes_again(
    tmp_path: Path, story: str, words: str
) -> None:
    told = told_by("disk_stories.py", tmp_path, story)
    assert words in str(told["error"])
    assert "next:" in str(told["error"])
    assert str(tmp_path) in str(told["error"])
    assert told["problems"] == []
    assert told["grown"] is False
    assert told["afterwards"] == "ready"
    assert told["counted"] == 1


def test_the_door_reads_a_project_without_creating_anything(project: Project) -> None:
    before = sorted(project.root.rglob("*"))
    door = Door.at(project.root, dict(os.environ))
    assert door.runs() == ()
    assert sorted(project.root.rglob("*")) == before
