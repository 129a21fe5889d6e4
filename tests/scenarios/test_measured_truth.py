"""Nothing is measured by assumption: what nobody looked at is unknown, and what was seen is stored without secrets."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from gonogo.control.door import Door
from gonogo.engine.bench import Bench
from gonogo.engine.capturing import captured
from gonogo.plan.model import task_of
from gonogo.ports import EffectKey, Ended
from gonogo.run.events import Announced, TaskIntended, recorded
from gonogo.run.machine import Parked
from gonogo.terms import Engine, RunId
from tests.one_step import look, one_check
from tests.projects import SCRIPTS, Project, small_project
from tests.worlds_http import place

PLANTED = "hunter2-planted-in-a-finding"
PASSWORD = "correct-horse-in-the-settings"
PRE, SMALL = "pre-deployment", "deployment-automation"

LEAKY_SCAN = f"""#!/usr/bin/env bash
echo "found {PLANTED}"; echo "found {PLANTED}" >&2
cat > "$GONOGO_OUT/bandit.json" <<JSON
{{"errors": [], "generated_at": "$(date -u +%Y-%m-%dT%H:%M:%SZ)", "metrics": {{"_totals": {{"loc": 10}}, "app.py": {{"loc": 10}}}},
 "results": [{{"test_id": "B105", "issue_severity": "LOW", "filename": "app.py", "line_number": 3,
  "issue_text": "password: {PLANTED}", "code": "x = '{PLANTED}'", "more_info": "https://example.invalid/b105"}}]}}
JSON
echo "{PLANTED}" > "$GONOGO_OUT/notes.txt"
"""

SETTINGS = (
    "settings: {{configuration: [config/{name}.env], secrets: [config/{name}-secrets.env],"
    " feature_flags: [config/{name}-flags.json]}}"
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "w" / "staging") as staging, place(tmp_path / "w" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunId]]:
    """A run of pre-deployment with secrets in settings and scans, a bare number as RTO, and a failing control."""
    root = tmp_path_factory.mktemp("rich")
    with place(root / "w" / "staging") as staging, place(root / "w" / "production") as production:
        found = small_project(root / "project", staging, production)
        for name in ("staging", "production"):
            found.edit("gonogo.yaml", f"settings: [config/{name}.env]", SETTINGS.format(name=name))
            found.write(f"config/{name}-secrets.env", f"LETTERBOX={PASSWORD}\n")
            found.write(f"config/{name}-flags.json", '{"fast_lane": true}')
        found.edit("gonogo.yaml", "limits: {rto: 30s}", "limits: {rto: 1}\ncontrol_lists: [soc2, iso27001, gdpr, ftc]")
        found.write("scripts/scan.sh", LEAKY_SCAN, mode=0o755)
        with_listing(found, "incidents", '{"incidents": [{"id": "i-7", "severity": "high", "blocking": true}]}')
        run = found.release(PRE)
        assert found.state(run).outcome == "ready", found.view(run).halt
        yield found, run


def everything_stored(project: Project) -> Iterator[tuple[Path, bytes]]:
    """Every stored byte: vault, journal, private folders of commands, views, and the members of packages."""
    for folder in (".gonogo", ".artifacts"):
        for path in (project.root / folder).rglob("*"):
            if not path.is_file():
                continue
            data = path.read_bytes()
            yield path, data
            if zipfile.is_zipfile(BytesIO(data)):
                with zipfile.ZipFile(BytesIO(data)) as package:
                    yield from ((path / name, package.read(name)) for name in package.namelist())


@pytest.mark.req("SEC-11", "PAR-02")
@pytest.mark.parametrize("secret", [PLANTED, PASSWORD])
def test_no_secret_of_a_scan_or_a_setting_is_in_anything_that_was_stored(
    rich: tuple[Project, RunId], secret: str
) -> None:
    stored = list(everything_stored(rich[0]))
    assert len(stored) > 100
    assert [path for path, data in stored if secret.encode() in data] == []


@pytest.mark.req("SEC-01")
def test_a_redacted_scan_still_says_what_it_found_and_which_tool_was_required(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    body = project.evidence(run, "security-compliance-report.json")
    assert [row["component"] for row in body["findings"]] == ["app.py:3"]
    assert body["security_scan"]["required_tools"] == ["bandit"]
    assert body["security_scan"]["complete"] is True


@pytest.mark.req("SEC-07")
def test_the_scans_are_announced_before_the_first_of_them_begins(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    world = project.door().world
    order = []
    for entry in world.journal.entries(run):
        event = recorded(entry).event
        if isinstance(event, Announced):
            text = world.vault.read(event.text_sha256).decode()
            order += ["announced"] if "scans are running" in text else []
        elif isinstance(event, TaskIntended) and event.task.endswith("#run-scan"):
            order.append("scanned")
    assert order == ["announced", "scanned"]


@pytest.mark.req("SEC-08", "SEC-03")
def test_the_shipped_control_lists_are_answered_by_evidence_and_the_report_maps_them_to_the_gates(
    rich: tuple[Project, RunId],
) -> None:
    project, run = rich
    compliance = project.evidence(run, "security-compliance-report.json")["compliance"]
    assert {row["standard"] for row in compliance["controls"]} == {"SOC 2", "ISO 27001", "GDPR", "FTC disclosure"}
    assert {row["state"] for row in compliance["controls"]} == {"met"}
    mapped = {row["gate"]: row["controls"] for row in compliance["mapping"]}
    assert set(mapped) == set(project.door().load(run).plan.gates)
    assert "GDPR Art. 32(1)(c): Access to personal data can be restored in time" in mapped["rollback-security-gate"]


@pytest.mark.req("SEC-11")
def test_raw_reports_lie_below_security_scans_in_the_views_and_in_the_package_with_their_digest(
    rich: tuple[Project, RunId],
) -> None:
    project, run = rich
    raw = project.evidence(run, "security-compliance-report.json")["raw"]
    assert [row["name"] for row in raw] == ["security-scans/bandit.json"]
    view = project.root / ".artifacts/pre-deployment/security-scans/bandit.json"
    assert sha256(view.read_bytes()).hexdigest() == raw[0]["sha256"]
    with zipfile.ZipFile(project.root / ".artifacts/pre-deployment/PRE-DEPLOYMENT-PACKAGE.zip") as package:
        (member,) = [name for name in package.namelist() if name.endswith("/security-scans/bandit.json")]
        assert package.read(member) == view.read_bytes()
        assert f"{raw[0]['sha256']}  {member}" in package.read("SHA256SUMS").decode()


@pytest.mark.req("PAR-01")
def test_every_class_of_settings_is_compared(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    body = project.evidence(run, "staging-parity-report.json")
    assert body["staging_parity"]["compared"] == 5
    assert body["staging_parity"]["drift_severity"] == "none"


@pytest.mark.req("RBK-04")
def test_a_bare_number_as_recovery_time_objective_means_minutes_everywhere(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    report = project.evidence(run, "rollback-verification-report.json")
    assert report["rollback_verification"]["rto"] == "PT60S"
    gates = project.door().load(run).plan.gates
    limits = [clause.limit.value for gate in gates.values() for clause in gate.clauses if clause.unit == "duration"]
    assert limits == [60]


@pytest.mark.req("OPS-03")
def test_an_escalation_that_nobody_tried_leaves_operations_without_a_status(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    about = project.evidence(run, "operational-readiness.json")["operations"]
    assert "status" not in about
    assert about["gaps"] == []


@pytest.mark.req("PAR-01", "PAR-02")
def test_a_secret_that_differs_is_drift_and_its_value_is_in_no_message(project: Project) -> None:
    for name, value in (("staging", PASSWORD), ("production", f"{PASSWORD}-2")):
        project.edit("gonogo.yaml", f"settings: [config/{name}.env]", SETTINGS.format(name=name))
        project.write(f"config/{name}-secrets.env", f"LETTERBOX={value}\n")
        project.write(f"config/{name}-flags.json", "{\"a\": 1}")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    said = project.view(run).halt
    assert "/secrets/LETTERBOX" in said
    assert PASSWORD not in said


@pytest.mark.req("PAR-09")
def test_a_setting_that_stands_in_two_files_of_one_side_is_not_comparable(project: Project) -> None:
    project.write("config/more.env", "WORKERS=5\n")
    project.edit("gonogo.yaml", "settings: [config/staging.env]", "settings: [config/staging.env, config/more.env]")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "/configuration/WORKERS stands in an earlier source of this environment" in project.view(run).halt


@pytest.mark.req("OPS-01")
def test_a_runbook_that_is_older_than_the_scope_of_the_release_is_a_gap(project: Project) -> None:
    manifest = project.root / "releases/v2/release-manifest.json"
    body = json.loads(manifest.read_text())
    body["release"]["scope_fixed_at"] = "2999-01-01T00:00:00Z"
    manifest.write_text(json.dumps(body))
    run = project.release(PRE)
    assert "runbook docs/runbook.md was last updated" in project.view(run).halt


@pytest.mark.req("OPS-02", "OPS-03")
def test_what_the_project_says_of_duties_and_contacts_counts(project: Project) -> None:
    project.edit("gonogo.yaml", "backup: rm1}", "backup: rm1, until: 2020-01-01T00:00:00Z}")
    project.edit("gonogo.yaml", "operations:\n", "operations:\n  reach: reach\n")
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  reach: {run: [bash, scripts/reach.sh]}\n")
    answer = '{"escalation": [{"level": 1, "reachable": false}]}'
    project.write("scripts/reach.sh", f"echo '{answer}' > \"$GONOGO_OUT/escalation.json\"\n")
    run = project.release(PRE)
    said = project.view(run).halt
    assert "shop is not on call for the whole window" in said
    assert "escalation level 1 was not reached" in said


@pytest.mark.req("CON-02")
def test_production_is_not_probed_before_a_person_confirmed_it(project: Project) -> None:
    run = project.begin(SMALL)
    asked = project.go_until(run, "production_probe").round
    assert project.staging.asked
    assert project.production.asked == []
    project.sign(run, asked, "sre1")
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert project.production.asked
    body = project.evidence(run, "connectivity-report.json")
    assert body["connectivity"]["production_confirmed"] is True
    assert body["production_confirmation"]["person"] == "sre1"


def with_listing(project: Project, key: str, text: str) -> None:
    """Bind a command of the project that leaves `text` as the file of `key` (alerts or incidents)."""
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  list: {run: [bash, scripts/list.sh]}\n")
    project.edit("gonogo.yaml", "tests:\n", f"{key}: list\ntests:\n")
    write = f"cat > \"$GONOGO_OUT/{key}.json\" <<'JSON'\n{text}\nJSON\n" if text else "true\n"
    project.write("scripts/list.sh", write)


ALERT = '{"alerts": [{"id": "disk", "severity": "critical", "since": "2026-01-01T00:00:00Z"}]}'


@pytest.mark.req("CON-04")
@pytest.mark.parametrize(
    ("listed", "words"),
    [(ALERT, "Environment Readiness Gate"), ("", "left no alerts.json"), ('{"alerts": "none"}', "alerts.json")],
)
def test_a_critical_alert_or_a_silent_source_of_alerts_keeps_everything_from_being_installed(
    project: Project, listed: str, words: str
) -> None:
    with_listing(project, "alerts", listed)
    run = project.release(SMALL)
    assert project.state(run).halted is not None
    assert words in project.view(run).halt
    assert project.executions() == []


@pytest.mark.req("DG3-02")
def test_a_blocking_incident_after_the_deployment_rolls_production_back(rich: tuple[Project, RunId]) -> None:
    project, _ = rich
    run = project.release("production-deployment")
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.evidence(run, "post-deployment-validation.json")["incidents"][0]["id"] == "i-7"


SKIPPED = SCRIPTS["tests.sh"].replace(
    '<testcase classname="smoke" name="cart" time="0.05"/>',
    '<testcase classname="smoke" name="cart" time="0.05"><skipped/></testcase>',
)


@pytest.mark.req("PDV-03")
def test_a_smoke_test_that_was_skipped_in_production_is_no_pass(project: Project) -> None:
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  after: {run: [bash, scripts/after.sh]}\n")
    project.edit("gonogo.yaml", "smoke:\n  - {name: smoke, command: tests, at_least: 2}", "smoke:\n  - {name: smoke, command: after}")
    project.write("scripts/after.sh", SKIPPED)
    run = project.release(SMALL)
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.evidence(run, "smoke-test-results.json")["smoke"]["status"] == "fail"


@pytest.mark.req("TST-07")
def test_a_suite_that_runs_less_than_it_has_to_stops_the_small_pipeline(project: Project) -> None:
    project.edit("gonogo.yaml", "smoke:\n  - {name: smoke, command: tests, at_least: 2}", "smoke:\n  - {name: smoke, command: tests, at_least: 3}")
    run = project.release(SMALL)
    assert project.state(run).outcome != "released"


@pytest.mark.req("APR-02")
def test_files_that_tell_what_people_signed_are_never_filed_as_measured(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    evidence = project.state(run).evidence
    assert evidence["readiness-approval.json"].status == "signed"
    assert evidence["rehearsal-report.json"].status == "measured"


@pytest.mark.req("EVS-16")
def test_output_that_was_changed_after_it_was_recorded_is_a_fault(rich: tuple[Project, RunId]) -> None:
    project, run = rich
    door = project.door()
    opened = door.load(run)
    known = next(name for name in opened.state.tasks if name.endswith("#install"))
    task = task_of(opened.plan, known)
    key = EffectKey(run, known, 1, 1)
    ended = door.world.commands.look(key)
    assert isinstance(ended, Ended)
    bench = bench_of(door, run, known)
    assert captured(bench, key, ended).faults == ()
    ended.stdout.path.write_bytes(ended.stdout.path.read_bytes().replace(b"deployed", b"Deployed"))
    assert task.act.purpose == "deploy"
    assert "was changed after it had been recorded" in captured(bench, key, ended).faults[0]


def bench_of(door: Door, run: RunId, task: str) -> Bench:
    opened = door.load(run)
    now = door.world.clock.now()
    return Bench(door.world, opened.plan, opened.state, run, Engine("test"), task_of(opened.plan, task), 1, now)


def stops_at_the_scans(project: Project, *words: str) -> None:
    """The run halts at the security step with all words, and its gate has not passed."""
    seen = look(one_check(project, "security"))
    for word in words:
        assert word in seen.said, seen.said
    assert seen.outcome == ""


@pytest.mark.req("SEC-01", "SC-01")
@pytest.mark.parametrize(
    ("line", "report", "words"),
    [
        ("expects: [app.py, lib.py]", "", ("does not name what it was to look at: lib.py",)),
        ("tool: trivy", "", ("one of bandit, not of trivy",)),
        ("expects: [app.py]", "exit 7\n", ("exit status 7",)),
        ("expects: [app.py]", 'rm "$GONOGO_OUT/bandit.json"; exit 127\n', ("left no bandit.json", "exit status 127")),
        ("expects: [app.py]", 'sed -i s/20..-/2025-/ "$GONOGO_OUT/bandit.json"\n', ("before this scan began",)),
        ("expects: [app.py]", 'mv "$GONOGO_OUT/bandit.json" /dev/stderr || cat "$GONOGO_OUT"/* >&2; rm -f "$GONOGO_OUT"/*\n', ("left no bandit.json",)),
        ("expects: [app.py]", 'truncate -s 40 "$GONOGO_OUT/bandit.json"\n', ("bandit.json", "not usable JSON")),
    ],
    ids=["expected item", "other tool", "failed", "missing tool", "old report", "printed to stderr", "cut"],
)
def test_a_scan_that_owes_something_stops_the_run_and_says_what(
    project: Project, line: str, report: str, words: tuple[str, ...]
) -> None:
    project.edit("gonogo.yaml", "report: bandit.json, format: bandit", f"report: bandit.json, format: bandit, {line}")
    if report:
        project.write("scripts/scan.sh", SCRIPTS["scan.sh"] + report, mode=0o755)
    stops_at_the_scans(project, *words)


@pytest.mark.req("SC-04")
def test_a_scanner_that_ends_with_an_error_status_because_it_found_something_is_judged_by_its_report(
    project: Project,
) -> None:
    project.write("scripts/scan.sh", LEAKY_SCAN + "exit 1\n", mode=0o755)
    run = look(one_check(project, "security")).run
    assert project.state(run).outcome == "ready", project.view(run).halt
    assert project.evidence(run, "security-compliance-report.json")["security_scan"]["blocking_findings"] == 0


@pytest.mark.req("SEC-01")
def test_a_report_that_a_tool_only_prints_is_taken_from_its_output(project: Project) -> None:
    project.edit("gonogo.yaml", "report: bandit.json", "report: stdout")
    project.write("scripts/scan.sh", SCRIPTS["scan.sh"] + 'cat "$GONOGO_OUT/bandit.json"\n', mode=0o755)
    run = look(one_check(project, "security")).run
    assert project.state(run).outcome == "ready", project.view(run).halt
    assert project.evidence(run, "security-compliance-report.json")["scans"][0]["scanned"] == 1


@pytest.mark.req("SEC-03")
def test_a_control_whose_evidence_does_not_pass_is_not_met(project: Project) -> None:
    project.edit("gonogo.yaml", "evidence: staging-test-results.json}", "evidence: operational-readiness.json}")
    run = project.begin(PRE)
    project.go_on(run)
    body = project.evidence(run, "security-compliance-report.json")
    assert [control["state"] for control in body["compliance"]["controls"]] == ["unanswered"]
    assert "rollback-security-gate" in project.state(run).halted.stage
