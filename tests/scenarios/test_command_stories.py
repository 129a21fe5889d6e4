"""What the documented commands do beyond their one good call: refusals, modes, order, records (section 38, C20 to C24)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.run_lock import RunLocks
from gonogo.document.generating import generate
from gonogo.plan.documented_scripts import SCRIPTS
from tests.prepared import Typed, copy_of, released, typed
from tests.projects import Project, small_project
from tests.worlds_http import place

pytestmark = pytest.mark.slow

GENERATED = ("validation_gates.py", "deploy_backend.sh", "rollback_backend.sh", "collect_perf.py")
P14 = ".artifacts/protocol-14/"
EXECUTE = (
    f"python3 scripts/run_protocol_gates.py --protocol 14 --input {P14}input/ --output {P14}output/ "
    f"--log-file {P14}execution.log --error-handling "
)
VALIDATE = f"python3 scripts/validate_protocol_14.py --protocol 14 --artifacts-dir {P14} --quality-gates "
AGGREGATE = f"python3 scripts/aggregate_evidence_14.py --protocol 14 --artifacts-dir {P14}"
PREREQUISITES = "python3 scripts/validate_prerequisites_14.py --protocol 14 --workspace . --strict"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A release that is ready for production."""
    with released(tmp_path_factory.mktemp("ready"), "pre-deployment") as project:
        yield project


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A release whose rehearsal never began: staging is not what production is."""
    folder = tmp_path_factory.mktemp("drifted")
    with place(folder / "world/staging") as staging, place(folder / "world/production") as production:
        project = small_project(folder / "shop", staging, production)
        project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
        home = {"HOME": str(folder), "LOGNAME": "ada", "USER": "ada"}
        assert gonogo("init", "-C", project.root, "--service", "shop", **home).code == 0
        run = project.release("pre-deployment")
        assert project.state(run).halted
        yield project


@pytest.fixture
def good(ready: Project, tmp_path: Path) -> Project:
    return copy_of(ready, tmp_path / "shop")


@pytest.fixture
def halted(drifted: Project, tmp_path: Path) -> Project:
    return copy_of(drifted, tmp_path / "shop")


def ran(project: Project, line: str, **environ: str) -> Typed:
    return typed(project.root, line, RECORD=str(project.record), **environ)


def report(project: Project, name: str = "validation-report.json") -> dict[str, object]:
    return json.loads((project.root / P14 / name).read_text())


@pytest.mark.req("CMD-06")
def test_the_rehearsal_refuses_every_environment_but_staging(good: Project) -> None:
    line = f"python3 scripts/run_deployment_rehearsal.py --env production --output {P14}staging-deployment-run.log"
    assert ran(good, line).code == 2
    assert good.executions() == []


@pytest.mark.req("CMD-07")
def test_a_recovery_that_took_longer_than_was_asked_for_fails(good: Project) -> None:
    line = f"python3 scripts/test_rollback_procedures.py --output {P14}rollback-verification-report.json --rto "
    assert ran(good, line + "10").code == 0
    slow = ran(good, line + "0.001s")
    assert slow.code == 1
    assert "asked for at most 0.001 s" in slow.out


@pytest.mark.req("CMD-63", "CMD-01", "CMD-14")
def test_without_raw_files_nothing_is_written_and_nothing_passes(halted: Project) -> None:
    path = halted.root / P14 / "staging-test-results.json"
    said = ran(halted, f"python3 scripts/validate_gate_10_rehearsal.py --coverage 0.90 --output {P14}staging-test-results.json")
    assert said.code == 2
    assert not path.exists()
    assert ran(halted, "python scripts/validate_gate_10_intake.py --drift-threshold low").code == 1
    assert ran(halted, "python scripts/validate_gate_10_security.py --rto 10").code == 2


@pytest.mark.req("CMD-14", "CMD-44", "CMD-71", "ERR-07", "GAT-04")
def test_all_four_gates_are_judged_in_every_mode_and_a_relaxed_report_carries_no_go(halted: Project) -> None:
    before = halted.door().world.journal.entries(halted.door().runs()[0])
    four = ran(halted, "python scripts/run_protocol_10_gates.py")
    assert four.code == 1
    assert [line.split(" Gate ")[0].strip() for line in four.out.splitlines()[:4]] == [
        "Intake Confirmation", "Deployment Rehearsal", "Rollback & Security", "Readiness Approval"]
    for mode, form in (("strict", "json"), ("standard", "text"), ("relaxed", "html")):
        assert ran(halted, f"{VALIDATE}{mode} --report {form}").code == 1
        body = report(halted)
        assert (body["mode"], body["advisory"]) == (mode, mode == "relaxed")
        assert body["result"] != "PASS"
        assert len(body["gates"]) == 4
    page = (halted.root / P14 / "validation-report.html").read_text()
    assert "Advisory: carries no GO." in page
    assert halted.door().world.journal.entries(halted.door().runs()[0]) == before


@pytest.mark.req("CMD-71")
def test_no_production_follows_from_a_relaxed_report(halted: Project) -> None:
    assert ran(halted, f"{VALIDATE}relaxed --report json").code == 1
    run = halted.release("production-deployment")
    assert halted.state(run).halted
    assert halted.executions("deploy") == []


@pytest.mark.req("CMD-45")
@pytest.mark.parametrize("name", ["intake", "rehearsal", "security", "readiness"])
def test_a_gate_script_under_the_other_number_says_the_same(good: Project, name: str) -> None:
    ten, fourteen = (ran(good, f"python scripts/validate_gate_{number}_{name}.py") for number in ("10", "14"))
    assert ten.code == fourteen.code == 0
    assert ten.out == fourteen.out.replace("gate_14", "gate_10")


@pytest.mark.req("CMD-68", "CMD-09", "ERR-04")
def test_a_lenient_look_at_prerequisites_lists_everything_and_authorises_nothing(good: Project) -> None:
    (good.root / "upstream/UAT-CLOSURE-PACKAGE.zip").unlink()
    strict, lenient = ran(good, PREREQUISITES), ran(good, f"{PREREQUISITES}=false")
    assert (strict.code, lenient.code) == (2, 2)
    body = report(good, "prerequisites-validation.json")
    assert (body["mode"], body["strict"], body["authorises_production"]) == ("lenient", False, False)
    assert "prerequisites-validation.json" in strict.out
    assert "PROTOCOL_ID" in strict.out
    assert "--strict=false" in strict.out
    again = good.begin("pre-deployment")
    good.go_on(again)
    assert good.state(again).halted
    assert good.executions() == []


@pytest.mark.req("CFG-08", "CMD-41")
@pytest.mark.parametrize(("environ", "code"), [({"PROTOCOL_ID": "14"}, 0), ({"PROTOCOL_ID": "11"}, 2), ({"LOG_LEVEL": "LOUD"}, 2), ({"WORKSPACE_ROOT": "nowhere"}, 0)])
def test_a_flag_wins_over_a_variable_and_a_contradiction_is_an_error(good: Project, environ: dict[str, str], code: int) -> None:
    said = ran(good, PREREQUISITES, **environ)
    assert said.code == code, said
    if code == 0:
        rows = report(good, "prerequisites-validation.json")["environment"]
        assert {row["variable"] for row in rows if row["set"]} == set(environ)


def retries(project: Project) -> list[tuple[str, int, int]]:
    """Script, failed attempt, and how many further ones it gets, as the site's log has them."""
    rows = [entry.data for entry in project.door().world.journal.site() if entry.type == "script.retried"]
    return [(str(row["script"]), int(row["failed_attempt"]), int(row["most"])) for row in rows]


@pytest.mark.req("CMD-58", "ERR-05", "CMD-42", "EXE-04")
def test_a_fourth_rerun_does_not_happen_each_attempt_is_on_record_and_no_halt_is_lifted_by_trying(halted: Project) -> None:
    run = halted.door().runs()[0]
    before = halted.state(run).seq
    locks = RunLocks(halted.root / ".gonogo/runs", SystemClock())
    with locks.driving(run):
        said = ran(halted, EXECUTE + "retry")
    assert said.code == 1
    assert halted.state(run).halted
    assert retries(halted) == [("run_protocol_gates", attempt, 3) for attempt in (1, 2, 3)]
    assert halted.state(run).seq == before, "nothing was written by four tries at a run that another one drives"
    with locks.driving(run):
        assert ran(halted, EXECUTE + "halt").code == 1
    assert len(retries(halted)) == 3, "halt stops at once"
    plain = ran(halted, EXECUTE + "halt")
    assert plain.code == 1
    assert "why: " in plain.out
    assert halted.executions() == []


@pytest.mark.req("EXE-04")
def test_ci_tries_twice_again_after_a_fault_of_the_place_and_never_after_a_verdict(halted: Project) -> None:
    run = halted.door().runs()[0]
    locks = RunLocks(halted.root / ".gonogo/runs", SystemClock())
    line = f"python3 scripts/run_deployment_rehearsal.py --env staging --output {P14}staging-deployment-run.log"
    with locks.driving(run):
        said = ran(halted, line, GONOGO_RETRIES="9")
    assert said.code != 0
    assert retries(halted) == [("run_deployment_rehearsal", attempt, 2) for attempt in (1, 2)]
    assert ran(halted, "python scripts/run_protocol_10_gates.py", GONOGO_RETRIES="2").code != 0
    assert len(retries(halted)) == 2, "a gate that does not pass is no fault of the place"
    assert halted.executions() == []


@pytest.mark.req("CMD-69", "ERR-05", "ERR-08")
def test_an_escalation_tells_people_and_waits_for_them(halted: Project) -> None:
    run = halted.door().runs()[0]
    said = ran(halted, EXECUTE + "escalate")
    assert said.code == 1
    assert "escalated to level 1: #shop; it waits for a person" in said.out
    log = "".join(path.read_text() for path in (halted.root / ".gonogo").glob("announcements*"))
    assert "[PROTOCOL 14 ERROR]" in log
    assert halted.state(run).halted


@pytest.mark.req("CMD-56")
def test_a_later_script_does_not_start_where_an_earlier_one_failed(good: Project) -> None:
    (good.root / "upstream/UAT-CLOSURE-PACKAGE.zip").rename(good.root / "kept.zip")
    assert ran(good, PREREQUISITES).code == 2
    said = ran(good, "python scripts/run_protocol_10_gates.py")
    assert said.code == 2
    assert "validate_prerequisites_14 did not succeed" in said.err
    assert ran(good, f"{AGGREGATE} --output-manifest --checksum sha256").code == 1
    (good.root / "kept.zip").rename(good.root / "upstream/UAT-CLOSURE-PACKAGE.zip")
    assert ran(good, PREREQUISITES).code == 0
    assert ran(good, "python scripts/run_protocol_10_gates.py").code == 0
    assert ran(good, f"{AGGREGATE} --output-manifest --checksum sha256").code == 0


@pytest.mark.req("CMD-57")
def test_a_failing_script_never_prints_a_success_text(halted: Project) -> None:
    for name, script in SCRIPTS.items():
        if script.folder == "scripts" and script.act in {"gate", "gates", "approvals", "checklist"}:
            last = ran(halted, f"python scripts/{name}.py").out.splitlines()[-1]
            assert last.startswith(f"[AUTOMATION] {name} executed: ")
            assert not any(word in last for word in ("success", "PASS", "passing", "complete"))


@pytest.mark.req("CMD-43", "CMD-26", "ERR-06")
def test_md5_stands_only_beside_sha_256_and_an_altered_file_is_named(good: Project) -> None:
    assert ran(good, f"{AGGREGATE} --output-manifest --checksum md5").code == 0
    upper, lower = ((good.root / P14 / name).read_bytes() for name in ("EVIDENCE-MANIFEST.json", "evidence-manifest.json"))
    assert upper == lower
    rows = json.loads(upper)["artifacts"]
    assert all(len(row["sha256"]) == 64 and len(row["md5"]) == 32 for row in rows)
    path = good.root / P14 / "rehearsal-report.json"
    path.chmod(0o644)
    path.write_text("{}")
    said = ran(good, f"{AGGREGATE} --output-manifest --checksum md5")
    assert said.code == 1
    assert "rehearsal-report.json was edited by hand" in said.out


@pytest.mark.req("CMD-61", "WFS-09")
def test_the_six_signs_of_success_are_computed_from_records(good: Project) -> None:
    def met() -> dict[str, bool]:
        assert ran(good, f"{VALIDATE}strict --report json").code == 0
        return {item["name"]: item["met"] for item in report(good)["success_criteria"]}

    first = met()
    assert not first["every command ended with 0"]
    assert not first["manifest built and checksums verified"]
    assert ran(good, PREREQUISITES).code == 0
    assert ran(good, EXECUTE + "retry").code == 0
    assert ran(good, f"{AGGREGATE} --output-manifest --checksum sha256").code == 0
    assert set(met().values()) == {True}
    assert {path.name for path in (good.root / P14 / "output").iterdir()} >= {"readiness-approval.json", "PRE-DEPLOYMENT-PACKAGE.zip"}


@pytest.mark.req("CMD-33")
def test_a_suite_that_executes_nothing_is_no_pass(good: Project) -> None:
    good.write("scripts/tests.sh", 'echo "<testsuites/>" > "$GONOGO_OUT/junit.xml"\n', mode=0o755)
    assert ran(good, "python scripts/smoke_test_runner.py --env production --critical").code == 2


@pytest.mark.req("CMD-08")
def test_collecting_approvals_never_approves(halted: Project) -> None:
    before = halted.state(halted.door().runs()[0]).rounds
    assert ran(halted, f"python3 scripts/collect_readiness_approvals.py --output {P14}readiness-approval.json").code == 2
    assert halted.state(halted.door().runs()[0]).rounds == before


@pytest.mark.req("CMD-46", "CMD-51")
def test_a_text_of_keywords_without_substance_is_not_valid(good: Project) -> None:
    good.write(".cursor/ai-driven-workflow/14-pre-deployment.md",
               "# PROTOCOL 14: PRE-DEPLOYMENT (RELEASE COMPLIANT)\n\nprerequisites workflow gates evidence approval handoff [MUST]\n")
    said = ran(good, "python scripts/verify_protocol_14.py")
    assert said.code == 1
    assert "14-pre-deployment.md:1" in said.out
    assert ran(good, "python3 validators-system/scripts/validate_all_protocols.py --protocol 14 --workspace .").code == 1
    missing = ran(good, "python3 validators-system/scripts/validate_all_protocols.py --protocol 77 --workspace .")
    assert missing.code == 2


@pytest.mark.req("CMD-50")
def test_a_preview_of_the_clean_up_deletes_nothing(good: Project) -> None:
    vault = sorted(path for path in (good.root / ".gonogo/vault").rglob("*") if path.is_file())
    assert ran(good, "python scripts/cleanup_artifacts.py").code == 0
    assert sorted(path for path in (good.root / ".gonogo/vault").rglob("*") if path.is_file()) == vault


@pytest.mark.req("CMD-53", "CMD-52")
def test_the_next_protocol_is_opened_by_the_command_of_the_handoff(good: Project) -> None:
    said = gonogo("apply", ".cursor/ai-driven-workflow/15-production-deployment.md", "-C", good.root, "--as", "dev1", "--json",
                  RECORD=str(good.record))
    assert said.code == 3
    assert said.json()["protocol"] == "production-deployment"
    assert said.json()["release"] == "v2"


@pytest.mark.req("REG-01", "REG-02", "REG-03", "REG-06")
def test_what_is_registered_and_what_is_there_are_compared_and_an_altered_script_is_not_run(good: Project) -> None:
    (good.root / "scripts/check_staging_parity.py").unlink()
    path = good.root / "scripts/validate_gate_10_intake.py"
    path.write_text(path.read_text() + "# one more line\n")
    good.write("scripts/deploy_other.sh", "exit 0\n", mode=0o755)
    said = gonogo("scripts", "-C", good.root, "--json")
    assert said.code == 2
    status = {row["name"]: row["status"] for row in said.json()["scripts"]}
    assert status["check_staging_parity"] == "missing"
    assert status["validate_gate_10_intake"] == "altered"
    assert status["deploy_other"] == "not registered"
    assert status["validate_gate_10_security"] == "ok"
    named = [line for line in said.json()["drift"] if "14-pre-deployment.md:" in line]
    assert any("scripts/check_staging_parity.py, which is missing" in line for line in named)
    refused = ran(good, "python scripts/validate_gate_10_intake.py --drift-threshold low")
    assert refused.code == 2
    assert "is not the registered one" in refused.err


@pytest.mark.req("REG-04", "REG-05", "REG-07")
def test_the_registry_says_what_a_script_needs_and_when_it_ran(good: Project) -> None:
    assert ran(good, "python scripts/validate_gate_10_security.py --rto 10").code == 0
    good.write("upstream/script-compliance.json", json.dumps({"scripts": [{"path": "scripts/deploy_shop.sh", "status": "failed"}]}))
    good.edit("gonogo.yaml", "artifacts:\n", "artifacts:\n  script-compliance.json: {path: upstream/script-compliance.json, optional: given by governance}\n")
    found = gonogo("scripts", "-C", good.root, "--json").json()
    row = next(item for item in found["scripts"] if item["name"] == "validate_gate_10_security")
    assert row["last_result"] == "Rollback & Security Gate PASS"
    assert row["flags"] == ["--rto", "--severity-threshold", "--threshold", "--output"]
    assert row["writes"] == ["security-compliance-report.json"]
    assert row["reads"] == ["rollback-verification-report.json", "security-compliance-report.json"]
    assert row["needs"] == ["python>=3.8", "gonogo"]
    assert any("scripts/deploy_shop.sh is failed" in line for line in found["drift"])


@pytest.mark.req("CMD-55", "CMD-74")
def test_the_hooks_of_a_generated_document_are_scripts_that_are_there(good: Project) -> None:
    form = resources.files("gonogo.library").joinpath("form-production-deployment.yaml").read_bytes()
    made = generate(form, "form.yaml", frozenset(f"scripts/{name}" for name in GENERATED))
    assert made.protocol is not None
    commands = [*made.protocol.hooks, *(c for phase in made.protocol.phases for c in (*phase.commands, *(x for s in phase.steps for x in s.commands)))]
    named = {word.rpartition("/")[2] for command in commands for word in command.text.split() if word.endswith(".py")}
    assert named == {"validation_gates.py", "collect_perf.py"}
    assert all((good.root / "scripts" / name).is_file() for name in named)
    unjudged = ran(good, "python scripts/validation_gates.py")
    assert unjudged.code == 2
    assert "no run of production-deployment" in unjudged.err
    assert ran(good, "python scripts/collect_perf.py").code == 0
    assert json.loads((good.root / ".artifacts/deployment/performance-baseline.json").read_text())["metrics"]


@pytest.mark.req("CMD-00")
@pytest.mark.parametrize("spoil", ["no workspace", "unreadable config", "claimed number", "no such protocol"])
def test_bad_surroundings_end_with_2_and_one_line_that_says_what_to_do(good: Project, spoil: str) -> None:
    line = PREREQUISITES
    match spoil:
        case "no workspace":
            line = PREREQUISITES.replace("--workspace .", "--workspace nowhere")
        case "unreadable config":
            good.write("gonogo.yaml", "schema: [\n")
        case "claimed number":
            folder = good.root / ".cursor/ai-driven-workflow"
            shutil.copy(folder / "11-production-deployment.md", folder / "14-other-deployment.md")
            shutil.copy(folder / "11-production-deployment.gonogo.yaml", folder / "14-other-deployment.gonogo.yaml")
        case _:
            line = PREREQUISITES.replace("--protocol 14", "--protocol 77")
    said = ran(good, line)
    assert said.code == 2
    assert said.err.count("next: ") == 1
    if spoil == "claimed number":
        assert "protocol number 14 is claimed by pre-deployment and other-deployment" in said.err
