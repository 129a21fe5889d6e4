"""Whole releases on real HTTP, with real scripts, real traffic moves and real signatures: the good one and the bad one."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.handing import RECEIVER, brief, record_signature
from gonogo.engine.recomputing import recompute
from gonogo.engine.bench import Bench
from gonogo.engine.gating import files_for
from gonogo.engine.measuring.small import performance
from gonogo.errors import Refused, Tampered
from gonogo.evidence.package_reading import open_package
from gonogo.evidence.signers import Kind, namespace
from gonogo.evidence.sshsig import sign
from gonogo.evidence.verifying import Verification, verify_package
from gonogo.plan.model import Execute, Measure
from gonogo.reports.messages import messages_for
from gonogo.reports.reviewing import gates_passed
from gonogo.run.events import recorded
from gonogo.run.gate import Subject, judge
from gonogo.run.machine import Over, Parked
from gonogo.terms import Engine, Person, RunId, Verdict, digest_of
from tests.command_line import gonogo
from tests.prepared import copy_of
from tests.projects import REQUESTER, Project, add_release, small_project
from tests.worlds_http import place

OPENSLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: shop-answers}
spec:
  indicator: {metadata: {name: shop-errors}, spec: {ratioMetric: {good: {}, total: {}}}}
  objectives: [{target: 0.97}]
"""
PRE, PRODUCTION, SMALL = "pre-deployment", "production-deployment", "deployment-automation"


@contextmanager
def project_at(root: Path) -> Iterator[Project]:
    with place(root / "world" / "staging") as staging, place(root / "world" / "production") as production:
        found = small_project(root / "project", staging, production)
        found.write("slo/shop.yaml", OPENSLO)
        found.edit("gonogo.yaml", "  tick: 500ms\n", "  tick: 250ms\n  openslo: slo/shop.yaml\n  indicators: {shop-errors: error_rate}\n")
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_at(tmp_path) as found:
        yield found


@dataclass(frozen=True)
class Released:
    project: Project
    before: RunId
    run: RunId


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    with project_at(tmp_path_factory.mktemp("good")) as found:
        yield Released(found, found.release(PRE), found.release(PRODUCTION))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    with project_at(tmp_path_factory.mktemp("bad")) as found:
        (found.production.root / "faults.json").write_text(json.dumps({"v2": 0.15}))
        yield Released(found, found.release(PRE), found.release(PRODUCTION))


def package(project: Project, run: RunId, kind: str) -> bytes:
    door = project.door()
    return door.world.vault.read(door.load(run).state.packages[kind].sha256, limit=1 << 30)


def verified(project: Project, data: bytes) -> Verification:
    return verify_package(data, project.trust(), datetime.now(UTC), anchor_needed=False)


@pytest.mark.req("PRE-01", "ROL-01", "GAT-01")
def test_a_good_release_goes_through_both_protocols_and_ends_released(good: Released) -> None:
    assert good.project.state(good.before).outcome == "ready"
    assert good.project.state(good.run).outcome == "released"
    assert good.project.production.weights() == {"blue": 0, "green": 100}
    assert good.project.production.version(good.project.production.front()) == "v2"


def test_each_script_of_a_good_release_ran_exactly_as_often_as_the_plan_says(good: Released) -> None:
    done = [line.rpartition(" ")[0] for line in good.project.executions()]
    assert done == [
        "deploy staging v2 green",
        "rollback staging v2 green",
        "deploy staging v2 green",
        "deploy production v2 green",
    ]


@pytest.mark.req("PKG-01", "PG4-05")
def test_the_manifest_of_the_package_says_how_much_of_the_checklist_is_proven(good: Released) -> None:
    metrics = good.project.evidence(good.before, "pre-deployment-manifest.json")["metrics"]
    written = good.project.evidence(good.before, "deployment-checklist.json")["deployment_checklist"]
    assert metrics["checklist_coverage"] == written["coverage"] == 1


def test_every_gate_of_a_released_run_was_judged_and_passed(good: Released) -> None:
    for run in (good.before, good.run):
        plan, state = (loaded := good.project.door().load(run)).plan, loaded.state
        assert set(state.judgements) == set(plan.gates)
        assert {item.verdict for item in state.judgements.values()} == {"pass"}


@pytest.mark.req("ARB-01", "ARB-03")
def test_a_bad_release_is_rolled_back_in_the_canary_and_never_released(bad: Released) -> None:
    state = bad.project.state(bad.run)
    assert state.outcome == "rolled_back"
    assert state.rollback is not None
    assert state.rollback.trigger == "judge"
    assert state.rollback.verified
    assert "post-deployment-validation" not in state.judgements
    assert bad.project.production.weights() == {"blue": 100, "green": 0}
    assert bad.project.production.version("green") == ""
    assert bad.project.production.version("blue") == "v1"


def test_the_rollback_of_a_bad_release_ran_once_and_under_a_newer_fence(bad: Released) -> None:
    deployed, rolled_back = (bad.project.executions(word)[-1].split() for word in ("deploy", "rollback"))
    assert [line for line in bad.project.executions("rollback") if " production " in line] == [" ".join(rolled_back)]
    assert int(rolled_back[-1]) > int(deployed[-1])


def test_the_report_of_a_bad_release_says_rolled_back_and_why(bad: Released) -> None:
    text = (bad.project.root / ".artifacts/deployment/RUN-REPORT.md").read_text()
    assert "**rolled back**" in text
    assert "judge" in text
    body = bad.project.evidence(bad.run, "production-deployment-report.json")
    assert body["deployment"]["status"] == "rolled_back"


@pytest.mark.req("ARC-07", "EVS-12")
@pytest.mark.parametrize("kind", ["readiness", "handoff", "deployment"])
@pytest.mark.parametrize("which", ["good", "bad"])
def test_every_package_verifies_by_itself_with_the_trust_files(
    which: str, kind: str, request: pytest.FixtureRequest
) -> None:
    found: Released = request.getfixturevalue(which)
    run = found.run if kind == "deployment" else found.before
    answer = verified(found.project, package(found.project, run, kind))
    assert answer.exit_code == 0, str(answer)


@pytest.mark.req("EVS-16")
def test_a_package_with_one_flipped_byte_is_refused_wherever_the_byte_lies(good: Released) -> None:
    data = package(good.project, good.run, "deployment")
    for share in (0.1, 0.5, 0.9):
        at = int(len(data) * share)
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert verified(good.project, changed).exit_code == 2, f"byte {at} of {len(data)}"


def test_the_ledgers_of_both_runs_are_whole(good: Released, bad: Released) -> None:
    for found in (good, bad):
        for run in (found.before, found.run):
            assert found.project.chain_problems(run) == ()


@pytest.mark.req("RDY-01")
def test_production_stays_locked_without_a_pre_deployment_run_of_these_very_bytes(project: Project) -> None:
    run = project.release(PRODUCTION)
    state = project.state(run)
    assert state.halted is not None
    assert not state.touched
    assert project.executions() == []
    assert "PRE-DEPLOYMENT-PACKAGE.zip: missing" in project.view(run).halt
    assert "next: gonogo run pre-deployment --release v2" in project.view(run).halt


@pytest.mark.req("PAR-04", "PAR-08")
def test_drift_halts_and_a_signed_resume_goes_on_with_a_new_attempt(project: Project) -> None:
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
    run = project.begin(PRE)
    assert isinstance(project.go_on(run), Parked)
    assert "WORKERS" in project.view(run).halt
    assert project.executions() == []
    stage = project.state(run).halted.resume_at
    project.edit("config/production.env", "WORKERS=8", "WORKERS=4")
    project.lift(run)
    assert project.state(run).attempts[stage] == 2
    assert project.go_on(run) == Over("ready")
    assert project.evidence(run, "staging-parity-report.json")["attempt"] == 2


@pytest.mark.req("PAR-05")
def test_a_halted_run_that_nobody_lifted_stays_where_it_is(project: Project) -> None:
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
    run = project.release(PRE)
    before = project.state(run)
    project.edit("config/production.env", "WORKERS=8", "WORKERS=4")
    assert isinstance(project.go_on(run), Parked)
    assert project.state(run) == before


@pytest.mark.req("APR-05")
def test_a_no_go_stops_the_next_try_before_anything_is_touched(bad: Released) -> None:
    project, before = bad.project, bad.project.executions()
    run = project.begin(PRODUCTION)
    asked = project.go_until(run, "production").round
    project.sign(run, asked, "po1", decision="no_go", reason="it failed once")
    assert isinstance(project.go_on(run), Parked)
    assert "po1" in project.view(run).halt
    assert "no-go" in project.view(run).halt
    assert not project.state(run).touched
    assert project.executions() == before
    assert project.production.weights() == {"blue": 100, "green": 0}


@pytest.mark.req("WVR-06")
def test_the_requester_cannot_approve_the_own_release(project: Project) -> None:
    run = project.door().open(PRE, "v2", Person("po1")).run
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    asked = next(item for item in project.door().requests(run) if item.point == "scope")
    with pytest.raises(Refused, match=r"rule A16") as caught:
        project.sign(run, asked, "po1")
    assert caught.value.next_step
    assert not [item for item in project.state(run).rounds[asked.name].answers]


@pytest.mark.req("C2")
def test_a_view_that_was_edited_by_hand_is_refused_before_anybody_signs(project: Project) -> None:
    run = project.begin(PRE)
    asked = project.go_until(run, "readiness").round
    view = project.root / ".artifacts/pre-deployment/staging-test-results.json"
    view.write_text(view.read_text().replace('"failed":0', '"failed":1') + " ")
    with pytest.raises(Tampered, match=r"staging-test-results\.json was edited by hand") as caught:
        project.sign(run, asked, "rm1")
    assert "delete" in caught.value.next_step
    view.unlink()
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert project.go_on(run) == Over("ready")


@pytest.mark.req("EVS-06")
def test_a_second_run_of_the_protocol_does_not_make_the_views_of_the_first_look_edited(project: Project) -> None:
    first = project.begin(PRE)
    asked = project.go_until(first, "readiness").round
    add_release(project.root, "v3")
    project.go_until(project.begin(PRE, "v3"), "audit_recommendation")
    assert project.view(first).edited == ()
    project.sign(first, asked, "rm1")


@pytest.mark.req("SHP-10", "REP-05", "AG3-02", "PDV-04")
def test_the_small_pipeline_archives_its_report_and_a_baseline_that_the_next_release_is_compared_with(project: Project) -> None:
    run = project.release(SMALL)
    assert project.state(run).outcome == "released", project.view(run).halt
    assert project.production.weights() == {"blue": 0, "green": 100}
    archive = project.root / ".artifacts/deployment/deployment-automation"
    archived = {path.name: path.read_bytes() for path in archive.iterdir() if path.is_file()}
    assert {"deployment-report.json", "validation.json", "smoke-test-results.json", "DEPLOYMENT-EVIDENCE.zip"} <= set(archived)
    assert archived["DEPLOYMENT-EVIDENCE.zip"] == package(project, run, "deployment")
    opened = project.door().load(run)
    stored = {item.name: item.digest for item in opened.state.evidence.values()}
    assert {name: digest_of(archived[name]) for name in stored} == stored

    rule = opened.plan.gates["post-deployment-validation-gate"]
    files = files_for(project.door().world, opened.state, rule)
    subject = Subject(run, opened.plan.release.digest)
    assert set(rule.judged_files) == {"smoke-test-results.json", "performance-baseline.json"}
    assert judge(rule, files, subject, datetime.now(UTC)).verdict is Verdict.PASS
    for absent in rule.judged_files:
        found = judge(rule, {name: file for name, file in files.items() if name != absent}, subject, datetime.now(UTC))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert [name for name, _, _ in found.lacking] == [absent]
    assert verified(project, package(project, run, "deployment")).exit_code == 0

    (seen,) = performance(replace(bench_at(project, run, "performance"), run=RunId("the-next-one"))).files
    baseline, after = json.loads(archived["performance-baseline.json"]), json.loads(seen.data)
    assert {row["metric"]: row["previous"] for row in after["metrics"]} == {row["metric"]: row["value"] for row in baseline["metrics"]}
    assert after["inputs"] == [{"name": f"{run}/performance-baseline.json", "sha256": stored["performance-baseline.json"]}]
    assert not any("previous" in row for row in baseline["metrics"]), "the first release has nothing to be compared with"


def bench_at(project: Project, run: RunId, measurement: str) -> Bench:
    """The run as it is now, at its task that measures this."""
    door = project.door()
    opened = door.load(run)
    task = next(task for stage in opened.plan.stages for task in stage.tasks if task.act == Measure(measurement))
    return Bench(door.world, opened.plan, opened.state, run, Engine("test"), task, 1, datetime.now(UTC))


@pytest.mark.req("SHP-10")
def test_the_small_pipeline_rolls_a_bad_build_back(project: Project) -> None:
    (project.production.root / "faults.json").write_text(json.dumps({"v2": 0.3}))
    run = project.release(SMALL)
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.production.weights() == {"blue": 100, "green": 0}
    assert verified(project, package(project, run, "deployment")).exit_code == 0


def test_opening_a_run_takes_the_requester_from_the_actor_who_asked(good: Released) -> None:
    assert good.project.state(good.run).opened.requested_by == REQUESTER


def messages(released: Released) -> list[str]:
    """What was said in the production run, in order."""
    lines = map(json.loads, (released.project.root / ".gonogo/announcements.jsonl").read_text("utf-8").splitlines())
    said = [f"{row['prefix']} {row['text']}" for row in lines]
    return said[next(at for at, text in enumerate(said) if "PRODUCTION DEPLOYMENT for" in text) :]


@pytest.mark.req("RDY-04", "SCO-04", "RCF-04", "FRZ-01", "PDV-06", "SOK-06", "REP-04", "PRG-01", "COM-15")
def test_each_phase_and_round_of_production_is_announced_in_its_order(good: Released) -> None:
    said = messages(good)
    wanted = (
        "| PHASE 1 START]",
        "stakeholders to confirm what this release contains",
        "| PHASE 1 COMPLETE]",
        "| PHASE 2 START]",
        "The change freeze begins; each stakeholder is asked to acknowledge it",
        "all stakeholders acknowledge the freeze",
        "| PHASE 2 COMPLETE]",
        "| PHASE 3 START]",
        "Production deployment 50% complete. No errors observed. Next update in",
        "Smoke tests and health checks are running",
        "| PHASE 3 COMPLETE]",
        "| PHASE 4 START]",
        "Writing the release report",
        "| PHASE 4 COMPLETE]",
    )
    places = [next((at for at, text in enumerate(said) if word in text), -1) for word in wanted]
    assert -1 not in places, wanted[places.index(-1)]
    assert places == sorted(places)
    acknowledged = {answer.person for asked in good.project.state(good.run).rounds.values() if asked.point == "freeze" for answer in asked.answers}
    assert acknowledged == {"rm1", "sre1"}, "each stakeholder was asked and answered"


@pytest.mark.req("PRG-02", "ARB-05")
def test_a_rollout_with_errors_never_says_that_none_were_observed_and_people_hear_of_the_way_back(bad: Released) -> None:
    said = messages(bad)
    assert not any("No errors observed" in text for text in said)
    begun = next(at for at, text in enumerate(said) if text.startswith("[ROLLBACK]"))
    assert "is rolled back (judge: judge_abort)" in said[begun]
    assert said[begun + 1].startswith("[ROLLBACK COMPLETE] the old version serves again, after ")


@pytest.mark.req("RGD-01", "ARB-05")
def test_after_the_judge_took_a_release_back_no_surface_says_that_it_gets_traffic(bad: Released, good: Released) -> None:
    said = gonogo("status", bad.run, "-C", bad.project.root)
    assert "  the new version gets no traffic\n" in said.out
    assert "% of the traffic" not in said.out
    assert bad.project.view(bad.run).traffic == 0
    assert good.project.view(good.run).traffic == 100


@pytest.mark.req("REP-02")
def test_the_evidence_of_a_deployment_is_zipped_with_a_manifest_that_verifies(good: Released) -> None:
    sealed = good.project.state(good.run).packages["deployment"]
    assert sealed.name == "DEPLOYMENT-EVIDENCE.zip"
    path = good.project.root / ".artifacts/deployment/DEPLOYMENT-EVIDENCE.zip"
    assert path.read_bytes() == package(good.project, good.run, "deployment")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        listed = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith("evidence-manifest.json"))))
    assert {row["name"] for row in listed["artifacts"]} >= {"production-deployment-report.json", "post-deployment-validation.json"}
    assert verified(good.project, path.read_bytes()).exit_code == 0
    said = gonogo("verify", str(path), "-C", good.project.root)
    assert said.out or said.err
    assert said.code != 2, said.err


@pytest.mark.req("HND-07")
def test_where_a_site_requires_it_production_is_not_opened_before_a_receipt_without_questions(good: Released, tmp_path: Path) -> None:
    project = copy_of(good.project, tmp_path / "project")
    project.edit("gonogo.yaml", "project: shop\n", "project: shop\nreceipt: required\n")
    door = project.door()
    opened = door.load(good.before)
    questions: tuple[tuple[str, ...], ...] = (("which dashboard?",), ())
    for open_items in questions:
        with pytest.raises(Refused, match=f"nobody signed the receipt of what {good.before} handed over"):
            project.door().open(PRODUCTION, "v2", Person(REQUESTER))
        statement = brief(door, opened, RECEIVER, open_items=open_items)
        signature = sign(project.keys["sre1"], statement, namespace(Kind.SIGNOFF, opened.plan.environment))
        assert record_signature(door, opened, statement, signature, Person("sre1")) == "sre1"
    assert project.door().open(PRODUCTION, "v2", Person(REQUESTER)).plan.name == PRODUCTION


@pytest.mark.req("DRY-02")
def test_a_script_that_declares_no_dry_run_is_never_called_with_one_and_the_record_says_so(good: Released) -> None:
    opened = good.project.door().load(good.run)
    acts = [task.act for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Execute)]
    assert not any(act.purpose == "dry_run" or "--dry-run" in act.extra for act in acts)
    record = opened.state.evidence["dry-run.md"].digest
    assert b"declares no dry run, so none was tried" in good.project.door().world.vault.read(record)
    assert len([line for line in good.project.executions("deploy") if " production " in line]) == 1


@pytest.mark.req("RCF-05")
def test_the_small_pipeline_holds_production_until_staging_was_deployed_and_validated(project: Project) -> None:
    project.edit("scripts/deploy_shop.sh", 'echo "deploy $1', '[ "$1" != staging ] || exit 7\necho "deploy $1')
    run = project.release(SMALL)
    state = project.state(run)
    assert state.halted.stage == "deployment-execution/deploy-to-staging"
    assert "staging-deployment.json" not in state.evidence
    assert not any(name.startswith("deployment-execution/deploy-to-production") for name in state.tasks)
    assert "production" not in {asked.point for asked in state.rounds.values()}, "nobody is even asked"
    assert project.executions("deploy") == []
    opened = project.door().load(run)
    order = [stage.id for stage in opened.plan.stages]
    staging, production = (order.index(f"deployment-execution/{name}") for name in ("deploy-to-staging", "deploy-to-production"))
    assert staging < production
    assert "staging-deployment.json" in opened.plan.stages[staging].evidence


@pytest.mark.req("ERR-02")
def test_a_failed_deployment_is_evidence_then_taken_back_then_told_then_a_root_cause_to_find(bad: Released) -> None:
    entries = bad.project.door().load(bad.run).entries
    vault = bad.project.door().world.vault
    began = next(entry for entry in entries if entry.type == "rollback.begun")
    captured = [entry for entry in entries if entry.seq < began.seq and entry.type in {"metrics.sampled", "rollout.judged"}]
    deployed = next(entry for entry in entries if str(entry.data.get("task", "")).endswith("#install") and entry.type == "task.finished")
    assert captured, "what the judge saw is on record before anything is taken back"
    assert b"deployed v2" in vault.read(deployed.data["facts"]["stdout"])
    back = next(entry for entry in entries if entry.type == "rollback.finished")
    told = next(entry for entry in entries if entry.data.get("prefix") == "[DEPLOYMENT ERROR]")
    cause = next(entry for entry in entries if entry.type == "cause.opened")
    assert captured[-1].seq < began.seq < back.seq < told.seq < cause.seq
    assert vault.read(told.data["text_sha256"]).startswith(b"Deployment to production failed: ")
    lines = vault.read(cause.data["detail"]).decode().splitlines()
    assert [line.partition(":**")[0] for line in lines] == ["**Blocker", "**Root Cause", "**Resolution", "**Prevention"]


@pytest.mark.req("DG4-02", "SOK-02", "SOK-03")
def test_the_promises_of_an_openslo_file_are_judged_in_rollout_and_health_window(good: Released) -> None:
    door = good.project.door()
    loaded = door.load(good.run)
    (rolling,) = (known for known in loaded.state.rollings.values() if known.moves)
    assert rolling.judge_plan is not None
    assert [rule.name for rule in rolling.judge_plan.metrics][-1] == "slo:shop-answers"
    rows = {row["name"]: row for row in good.project.evidence(good.run, "deployment-health-log.json")["slos"]}
    kept, burnt = rows["shop-answers"], rows["shop-answers: budget burn over 1 s and 0.5 s"]
    assert (kept["verdict"], kept["unit"], burnt["verdict"], burnt["unit"]) == ("pass", "ratio", "pass", "times")
    report = (good.project.root / ".artifacts/deployment/DEPLOYMENT-REPORT.md").read_text("utf-8")
    assert "| shop-answers | 0 of " in report
    assert loaded.plan.sources["openslo"] == digest_of(OPENSLO.encode())
    packed = open_package(package(good.project, good.run, "deployment"))
    assert packed.read("protocol/openslo.yaml") == OPENSLO.encode()
    checks = recompute(package(good.project, good.run, "deployment"))
    assert {check.name: check.ok for check in checks} == dict.fromkeys(("plan", "gates again", "shown again", "judge again"), True)


@pytest.mark.req("ROL-02", "RGD-05")
def test_every_act_on_production_is_logged_with_times_actor_and_result_and_downtime_is_measured(bad: Released) -> None:
    report = bad.project.evidence(bad.run, "deployment-report.json")
    entries = bad.project.door().world.journal.entries(bad.run)
    intents = [entry for entry in entries if entry.type == "task.intended" and entry.data["environment"] == "production"]
    assert intents
    assert all(entry.actor and entry.data["host"] and entry.data["argv_sha256"] for entry in intents)
    for intent in intents:
        key = (intent.data["task"], intent.data["attempt"])
        ends = [entry for entry in entries if entry.type in {"task.finished", "traffic.moved"} and (entry.data["task"], entry.data["attempt"]) == key]
        assert any(entry.seq > intent.seq and entry.ts >= intent.ts for entry in ends), f"{key} has no recorded result"
    ran = bad.project.executions("deploy", "rollback")
    deploys = [entry for entry in entries if entry.type == "task.finished" and "exit_code" in entry.data["facts"] and "stdout" in entry.data["facts"]]
    assert len(deploys) >= len([line for line in ran if " production " in line]), "a log of its output for each script"
    assert report["artifact"] == "deployment-report.json"


@pytest.mark.req("ARB-06", "RGD-05")
def test_the_rollback_plan_is_on_file_before_production_is_touched(good: Released) -> None:
    entries = good.project.door().world.journal.entries(good.run)
    planned = good.project.state(good.run).evidence["rollback-plan.md"].seq
    touched = next(entry.seq for entry in entries if entry.type == "task.intended" and entry.data["environment"] == "production")
    assert planned < touched
    page = (good.project.root / ".artifacts/deployment/rollback-plan.md").read_text("utf-8")
    assert "a deployment command or a traffic move fails" in page
    assert "bash scripts/rollback" in page
    assert good.project.evidence(good.run, "production-deployment-report.json")["deployment"]["downtime"] == "PT0S"


@pytest.mark.req("DG1-01", "DG2-01", "DG4-01")
@pytest.mark.parametrize(
    ("gate", "clauses"),
    [
        ("readiness-confirmation-gate", {"Checklist completion", "approvals recorded", "readiness.rollback_plan_verified", "confirmation.complete"}),
        ("approval-change-freeze-gate", {"Freeze acknowledgements", "staging_validation.status", "new drift", "staging drift severity"}),
        ("stabilization-reporting-gate", {"Objective breaches", "missing samples", "report completeness"}),
    ],
)
def test_a_gate_of_production_judges_what_the_document_asks_for(good: Released, gate: str, clauses: set[str]) -> None:
    told = gonogo("gate", good.run, gate, "-C", good.project.root)
    assert told.code == 0, told.out + told.err
    passed = [line.strip() for line in told.out.splitlines() if line.strip().startswith("PASS")]
    assert [clause for clause in clauses if not any(clause in line for line in passed)] == []


@pytest.mark.req("REV-01", "SCO-01", "APR-01")
def test_a_review_shows_package_gates_risks_and_what_approvers_decide_about(good: Released, bad: Released) -> None:
    here = ("-C", good.project.root)
    told = gonogo("review", good.before, *here, "--json").json()
    packages, gates, risks, left = told["packages"], told["gates"], told["risks"], told["open items"]
    assert [line.split()[0] for line in packages] == ["PRE-DEPLOYMENT-PACKAGE.zip", "PROTOCOL-14-EVIDENCE.zip"]
    assert len(gates) == 4
    assert all(line.endswith(": pass") for line in gates)
    assert (risks, left, told["objections"]) == ([], [], [])
    scope = gonogo("review", good.run, "--scope", *here).out
    assert "shop v2: releases/v2/app.txt sha256" in scope
    assert "scripts/rollback_shop.sh" in scope
    assert "rm1 (freeze)" in scope
    production = gonogo("review", good.run, "--production", *here).out
    assert "readiness checklist: deployment-readiness-checklist.json: completion 1" in production
    assert "staging evidence: staging-validation-results.json: status pass" in production
    assert "canary in production: 5 %, 50 %, 100 %" in production
    assert "not stated" not in production
    assert gonogo("review", good.run, "--scope", "--production", *here).code == 64
    assert "Production Launch Gate: not judged" in gonogo("review", bad.run, "-C", bad.project.root).out


@pytest.mark.req("APR-04")
def test_people_are_asked_for_production_with_all_gates_passed_only_when_that_is_true(good: Released) -> None:
    [asked] = [text for text in messages(good) if text.startswith("[APPROVAL REQUEST]") and "Approve production deployment?" in text]
    assert asked.startswith("[APPROVAL REQUEST] shop v2: All gates so far passed. Approve production deployment?")
    assert asked.endswith("a typed yes or no is only a comment. (yes/no)")
    door = good.project.door()
    opened = door.load(good.run)
    request = next(recorded(entry) for entry in door.world.journal.entries(good.run) if entry.data.get("point") == "production" and entry.type == "approval.requested")
    judged = opened.state.judgements
    name = next(iter(opened.plan.gates))
    for verdict in ("waived", "inconclusive", "fail", "error"):
        state = replace(opened.state, judgements={**judged, name: replace(judged[name], verdict=verdict)})
        assert not gates_passed(opened.plan, state)
        assert all("gates so far passed" not in message.text for message in messages_for(opened.plan, state, request))
    assert not gates_passed(opened.plan, replace(opened.state, judgements={})), "nothing judged is nothing passed"
