"""What a rehearsed rollback proves: for which bytes, scripts and environment, until when, and with which saved state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gonogo.measure.figures import read_time
from gonogo.run.machine import Parked
from gonogo.terms import RunId
from tests.projects import Project, small_project
from tests.worlds_http import place

PRE, PRODUCTION = "pre-deployment", "production-deployment"
PROOF = "rollback-verification-report.json"
HOOK = "snapshot: {take: save, restore: bring-back}\ncommands:\n  save: {run: [bash, scripts/save.sh]}\n  bring-back: {run: [bash, scripts/bring_back.sh], secrets: [RECORD]}\n"
SAVE = """#!/usr/bin/env bash
set -euo pipefail
echo "{\\"id\\": \\"state-of-$GONOGO_ENVIRONMENT\\"}" > "$GONOGO_OUT/snapshot.json"
"""
BRING_BACK = (
    '#!/usr/bin/env bash\nset -euo pipefail\necho "restore $GONOGO_ENVIRONMENT $GONOGO_SNAPSHOT" >> "$RECORD"\n'
)
NOISY = "echo 'ERROR: the cache is cold' >&2\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "w" / "staging") as staging, place(tmp_path / "w" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


def hooked(project: Project, save: str = SAVE) -> None:
    """Bind commands that save the state of an environment and bring it back."""
    project.edit("gonogo.yaml", "commands:\n", HOOK)
    project.write("scripts/save.sh", save)
    project.write("scripts/bring_back.sh", BRING_BACK)


@dataclass(frozen=True)
class Released:
    """A release with a saved state and a script that prints a listed error, through both protocols."""

    project: Project
    before: RunId
    run: RunId


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    root = tmp_path_factory.mktemp("released")
    with place(root / "w" / "staging") as staging, place(root / "w" / "production") as production:
        found = small_project(root / "project", staging, production)
        hooked(found)
        found.edit("scripts/deploy_shop.sh", 'echo "deployed', f'{NOISY}echo "deployed')
        slow = "    - {metric: error_rate, at_most: 5%}\n"
        found.edit("gonogo.yaml", slow, f"{slow}    - {{metric: p95, at_most: 300ms}}\n")
        found.edit("gonogo.yaml", "deploy: {run:", "deploy: {tolerates: ['ERROR: the cache is cold'], run:")
        before = found.release(PRE)
        assert found.state(before).outcome == "ready", found.view(before).halt
        run = found.release(PRODUCTION)
        assert found.state(run).outcome == "released", found.view(run).halt
        yield Released(found, before, run)


@pytest.mark.req("RBK-01", "RBK-02")
def test_the_proof_names_release_scripts_environment_and_when_it_expires(released: Released) -> None:
    project = released.project
    body = project.evidence(released.before, PROOF)
    manifest = (project.root / "releases/v2/release-manifest.json").read_bytes()
    assert body["release"]["digest"] == sha256(manifest).hexdigest()
    assert body["environment"] == "staging"
    assert body["scripts"] == [
        {"path": f"scripts/{name}", "sha256": sha256((project.root / "scripts" / name).read_bytes()).hexdigest()}
        for name in ("deploy_shop.sh", "rollback_shop.sh", "save.sh", "bring_back.sh")
    ]
    assert read_time(str(body["expires_at"])) - read_time(str(body["generated_at"])) == timedelta(days=7)
    assert body["redeployment"]["within_rto"] is True
    assert {"name": "the environment is as it was rehearsed", "result": "pass"} in body["checks_after"]


@pytest.mark.req("SNP-01", "SNP-02", "RBK-01")
def test_the_restore_of_a_saved_state_is_rehearsed_and_production_only_saves_one(released: Released) -> None:
    project = released.project
    steps = [step["argv"] for step in project.evidence(released.before, PROOF)["steps"]]
    assert [argv[1] for argv in steps] == ["scripts/rollback_shop.sh", "scripts/bring_back.sh"]
    assert project.executions("restore") == ["restore staging state-of-staging"]
    snapshot = project.evidence(released.run, "rollback-snapshot.json")["snapshot"]
    assert snapshot["id"] == "state-of-production"
    assert snapshot["restore_command"] == ["bash", "scripts/bring_back.sh"]


@pytest.mark.req("REH-03", "REH-05")
def test_a_listed_error_is_a_warning_of_the_rehearsal(released: Released) -> None:
    report = released.project.evidence(released.before, "rehearsal-report.json")["deployment"]
    assert (report["warnings"], report["error_count"]) == (1, 0)


@pytest.mark.req("PM-02")
def test_an_objective_that_the_histogram_cannot_tell_sharply_is_a_remark_of_the_baseline(released: Released) -> None:
    (remark,) = released.project.evidence(released.before, "observability-baseline.json")["remarks"]
    assert remark.startswith("p95 ")
    assert "0.3 s: the limit is no bucket bound (0.1, 1)" in remark


@pytest.mark.req("OBS-02")
def test_after_the_deployment_each_figure_stands_beside_its_baseline(released: Released) -> None:
    baseline = {
        f"{row['metric']} ({row['statistic']})" if row["statistic"] else row["metric"]: row["value"]
        for row in released.project.evidence(released.before, "observability-baseline.json")["metrics"]
    }
    rows = released.project.evidence(released.run, "post-deployment-validation.json")["metrics_snapshot"]
    assert {row["metric"]: row["baseline"] for row in rows} == baseline
    assert len(rows) >= 4
    assert all(row["unit"] in {"%", "ms"} for row in rows)


@pytest.mark.req("SNP-02")
@pytest.mark.parametrize(
    ("save", "words"),
    [
        ("exit 0\n", "it left no snapshot.json"),
        ('echo "{}" > "$GONOGO_OUT/snapshot.json"\n', "snapshot.json holds no `id`"),
        ('echo "[" > "$GONOGO_OUT/snapshot.json"\n', "snapshot.json, which it wrote, is not usable JSON"),
    ],
)
def test_a_snapshot_that_nobody_could_name_stops_before_anything_is_deployed(
    project: Project, save: str, words: str
) -> None:
    hooked(project, f"#!/usr/bin/env bash\n{save}")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert words in project.view(run).halt
    assert project.executions("deploy") == []


@pytest.mark.req("SNP-01", "REH-01")
def test_another_list_of_commands_than_the_rehearsed_one_keeps_production_locked(project: Project) -> None:
    assert project.state(project.release(PRE)).outcome == "ready"
    hooked(project)
    project.edit("gonogo.yaml", '"{environment}", "{release}"], timeout', '"{environment}", "{release}", --fast], timeout')
    run = project.begin(PRODUCTION)
    assert isinstance(project.go_on(run), Parked)
    said = project.view(run).halt
    assert "the command `deploy` is not the one that was rehearsed" in said
    assert "the snapshot command `bring-back` was not rehearsed" in said
    assert "scripts/save.sh is not the script that was rehearsed" in said
    assert {line.split()[1] for line in project.executions("deploy")} == {"staging"}


@pytest.mark.req("REH-03")
def test_an_unexpected_error_stops_the_rehearsal_before_any_traffic_moves(project: Project) -> None:
    project.edit("scripts/deploy_shop.sh", 'echo "deployed', f'{NOISY}echo "deployed')
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "unexpected error (stderr line 1): ERROR: the cache is cold" in project.view(run).halt
    assert project.staging.weights() == {"blue": 100, "green": 0}


@pytest.mark.req("REH-04")
def test_a_repeated_rehearsal_begins_at_its_start_and_the_gate_judges_only_that_one(project: Project) -> None:
    broken = "set -euo pipefail\n[ ! -e broken ] || exit 3\n"
    project.edit("scripts/deploy_shop.sh", "set -euo pipefail\n", broken)
    project.write("broken", "")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    (project.root / "broken").unlink()
    project.lift(run)
    project.go_until(run, "readiness")
    report = project.evidence(run, "rehearsal-report.json")
    assert (report["attempt"], report["deployment_status"], len(report["commands"])) == (2, "success", 1)
    finished = [str(entry.data.get("task")) for entry in project.door().world.journal.entries(run) if entry.type == "task.finished"]
    names = [name.rpartition("#")[2] for name in finished if "rehearse-the-deployment" in name]
    assert names == ["observe", "install", "observe", "install", "answers", "switch", "verify", "report"]
    assert project.evidence(run, "gate-deployment-rehearsal-gate.json")["verdict"] == "pass"


@pytest.mark.req("REH-04", "RBK-01")
def test_a_rehearsal_in_a_staging_that_serves_the_release_already_proves_nothing_and_is_refused(project: Project) -> None:
    (project.staging.root / "slots/green").write_text("v2")
    (project.staging.root / "weights.json").write_text('{"weights": {"blue": 0, "green": 100}}')
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    said = project.view(run).halt
    assert "staging serves v2 already, so that going back to it would prove nothing" in said
    assert "roll staging back first (by hand: old version into blue (v1)" in said
    assert project.executions() == []


@pytest.mark.req("PRE-12")
def test_without_a_metric_source_that_answers_nothing_begins(project: Project) -> None:
    (project.staging.root / "silent").touch()
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "metric source of staging" in project.view(run).halt
    assert project.executions() == []
