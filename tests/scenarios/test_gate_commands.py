"""Gates and intake from the command line: judged again without a trace, shown file by file, counted over all runs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

import gonogo as package
from gonogo.control.compiled import compile_for
from gonogo.plan.model import Judge
from gonogo.reports.over_runs import Gap, Judged, gate_figures, recurring_gaps
from gonogo.run.gate import NOT_MEASURED, SealedFile, Subject, judge, judgement_body
from gonogo.terms import RunId, Verdict, digest_of
from tests.command_line import gonogo
from tests.prepared import Rehearsed
from tests.projects import Project, add_release, copied
from tests.worlds import MORNING

PRE = "pre-deployment"
SOURCE = Path(package.__file__ or "").parent
FAILING_FINDING = (
    '[{"issue_severity": "HIGH", "issue_confidence": "HIGH", "test_id": "B602", "test_name": "shell",'
    ' "filename": "app.py", "line_number": 3, "issue_text": "shell=True", "code": "x", "line_range": [3],'
    ' "more_info": "https://bandit.example"}]'
)
GATES = ("intake", "rehearsal", "rollback", "readiness")


@pytest.fixture(scope="module")
def ran(rehearsal: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunId, RunId, RunId]:
    """A project with three runs: one that passed, one halted at its third gate, one halted before phase 2."""
    project, good, staging = rehearsal.copy(tmp_path_factory.mktemp("commands") / "project"), rehearsal.run, rehearsal.project.staging
    (staging.root / "slots/green").unlink()
    (staging.root / "weights.json").write_text('{"weights": {"blue": 100, "green": 0}}')
    project.edit("scripts/scan.sh", '"results": []', f'"results": {FAILING_FINDING}')
    failed = project.release(PRE)
    assert project.view(failed).halt.startswith("gate_failed"), project.view(failed).halt
    (project.root / "upstream/UAT-CLOSURE-PACKAGE.zip").unlink()
    add_release(project.root, "v3")
    early = project.begin(PRE, "v3")
    project.door().drive(early, patient=False, listener=lambda state, entry: None)
    return project, good, failed, early


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix not in {".db-wal", ".db-shm"}}


@pytest.mark.req("PG1-01", "PG2-01", "PG3-01", "PG4-01", "GAT-02")
@pytest.mark.parametrize("gate", GATES)
def test_a_gate_is_judged_again_by_a_word_of_its_name_and_nothing_is_written(ran: tuple[Project, RunId, RunId, RunId], gate: str) -> None:
    project, good, _, _ = ran
    before = everything(project.root)
    said = gonogo("gate", good, gate, "-C", project.root)
    assert said.code == 0, said.err
    assert ": PASS, judged at" in said.out
    assert "on record: pass; this judgement records nothing" in said.out
    assert everything(project.root) == before


@pytest.mark.req("PG3-01", "GAT-06", "GAT-03")
def test_a_gate_that_fails_says_which_clause_who_was_told_and_which_step_to_repeat(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, _, failed, _ = ran
    said = gonogo("gate", failed, "security", "-C", project.root, "--json")
    assert said.code == 2
    body = said.json()
    assert body["verdict"] == "fail"
    plan = body["plan"]
    assert isinstance(plan, list)
    step = "rollback-security-and-operational-readiness/complete-security-and-compliance-checks"
    assert {row["repeat"] for row in plan} == {step}
    assert {tuple(row["people"]) for row in plan} == {("Security team", "Release Manager")}
    assert "blocking findings = 0" in {row["clause"] for row in plan}


@pytest.mark.req("GAT-01", "GAT-06")
def test_a_gate_that_was_never_reached_is_inconclusive_and_names_the_step_of_each_file(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, _, _, early = ran
    said = gonogo("gate", early, "rehearsal", "-C", project.root, "--json")
    assert said.code == 3
    steps = {row["repeat"] for row in said.json()["plan"]}  # type: ignore[union-attr, index, call-overload]
    assert steps == {
        "deployment-rehearsal-and-verification/rehearse-the-deployment",
        "deployment-rehearsal-and-verification/run-smoke-and-acceptance-tests",
    }


@pytest.mark.req("GAT-08", "PG1-05", "PG2-05", "PG3-05", "PG4-05")
def test_each_metric_that_a_gate_names_has_its_value_in_the_judgement(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, good, _, _ = ran
    named = {}
    for gate in GATES:
        body = gonogo("gate", good, gate, "-C", project.root, "--json").json()
        named |= {row["name"]: row["measured"] for row in body["metrics"]}  # type: ignore[union-attr, index, call-overload, misc]
    assert set(named) == {
        "completeness score", "drift severity", "upstream approval coverage", "deployment success rate", "coverage",
        "error count", "recovery time", "open finding severity", "compliance score", "manifest completeness",
        "approval latency", "checklist coverage",
    }  # fmt: skip
    assert NOT_MEASURED not in named.values()
    assert Decimal(named["approval latency"]) < 1
    assert named["completeness score"] == "1"


@pytest.mark.req("GAT-08")
def test_a_named_metric_that_nothing_binds_or_whose_file_is_gone_is_not_measured_and_decides_nothing(
    ran: tuple[Project, RunId, RunId, RunId],
) -> None:
    project, good, _, _ = ran
    opened = project.door().load(good)
    for rule in opened.plan.gates.values():
        unbound = replace(rule, metrics=tuple(replace(metric, file="", pointer="") for metric in rule.metrics))
        found = judge(unbound, {}, Subject(good, opened.plan.release.digest), MORNING)
        assert found.verdict is Verdict.INCONCLUSIVE
        rows = judgement_body(found)["metrics"]
        assert isinstance(rows, list)
        assert [row["measured"] for row in rows if isinstance(row, dict)] == [NOT_MEASURED] * len(rule.metrics)


@pytest.mark.req("INT-03", "INT-09")
def test_the_intake_report_is_shown_from_the_vault_with_one_line_for_each_prerequisite(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, good, failed, _ = ran
    said = gonogo("evidence", "show", "intake-validation-report.json", "-C", project.root)
    assert said.code == 0, said.err
    assert failed in said.err
    body = json.loads(said.out)
    names = {row["name"] for row in body["artifacts"]}
    assert {"QUALITY-AUDIT-PACKAGE.zip", "INTEGRATION-EVIDENCE.zip", "UAT-CLOSURE-PACKAGE.zip", "release-manifest.json"} <= names
    assert {"completeness_score", "approval_coverage", "status"} <= body["intake_validation"].keys()
    of_good = gonogo("evidence", "show", "intake-validation-report.json", "--run", good, "-C", project.root, "--json").json()
    assert of_good["run"] == good
    listed = gonogo("evidence", "list", "--run", good, "-C", project.root, "--json").json()
    digests = {row["name"]: row["sha256"] for row in listed["evidence"]}  # type: ignore[union-attr, index, call-overload, misc]
    assert digests["intake-validation-report.json"] == of_good["sha256"]


def test_a_file_that_no_run_has_is_named_with_those_that_are_there(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, _, _, _ = ran
    said = gonogo("evidence", "show", "nothing.json", "-C", project.root)
    assert said.code == 2
    assert "no evidence is called `nothing.json`" in said.err
    assert "prerequisites-validation.json" in said.err


def test_evidence_whose_stored_bytes_were_changed_is_not_shown(ran: tuple[Project, RunId, RunId, RunId], tmp_path: Path) -> None:
    project, good, _, _ = ran
    copy = tmp_path / "project"
    copied(project.root, copy)
    digest = project.state(good).evidence["staging-parity-report.json"].digest
    for path in copy.rglob(f"*{digest[2:]}*"):
        path.chmod(0o644)
        path.write_bytes(b"{}")
    said = gonogo("evidence", "show", "staging-parity-report.json", "--run", good, "-C", copy)
    assert said.code != 0
    assert "{}" not in said.out


@pytest.mark.req("GAT-07")
def test_gates_are_counted_over_all_runs_with_history_rate_and_last_failure(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, good, failed, _ = ran
    body = gonogo("metrics", "gates", "-C", project.root, "--json").json()
    rows = {row["gate"]: row for row in body["gates"]}  # type: ignore[union-attr, index, call-overload, misc]
    security = rows["rollback-security-gate"]
    assert (security["judgements"], security["verdicts"], security["pass_rate"]) == (2, {"pass": 1, "fail": 1}, "0.5")
    assert security["last_failure"]["run"] == failed
    assert [item["run"] for item in security["history"]] == [good, failed]
    assert rows["intake-confirmation-gate"]["last_failure"] is None
    words = gonogo("metrics", "gates", "-C", project.root).out
    assert "rollback-security-gate   1 of 2 judgements passed (50.0 %)" in words
    assert f"last failure: fail in {failed}" in words


@pytest.mark.req("INT-10")
def test_gaps_of_intake_are_counted_by_upstream_protocol_and_kind_over_all_runs(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, _, _, early = ran
    body = gonogo("metrics", "intake", "-C", project.root, "--json").json()
    assert body["runs"] == 3
    (gap,) = body["gaps"]  # type: ignore[misc]
    assert (gap["kind"], gap["item"], gap["runs"], gap["last_run"]) == ("artifact", "UAT-CLOSURE-PACKAGE.zip", 1, early)
    assert gap["causes"] == {"not_generated": 1}
    assert gap["upstream"] == "uat"
    assert "1 of 3 runs   artifact UAT-CLOSURE-PACKAGE.zip" in gonogo("metrics", "intake", "-C", project.root).out


@pytest.mark.req("INT-11")
def test_a_halt_in_phase_1_is_explained_by_what_was_spared_and_what_that_took_before(ran: tuple[Project, RunId, RunId, RunId]) -> None:
    project, good, failed, early = ran
    said = gonogo("explain", early, "-C", project.root)
    assert "why first: a rehearsal on what is not valid yet proves nothing" in said.out
    assert "- Rehearse the Deployment" in said.out
    assert f"in {failed} these steps took" in said.out or f"in {good} these steps took" in said.out
    assert "why first" not in gonogo("explain", failed, "-C", project.root).out


@pytest.mark.req("GAT-04", "C39")
def test_a_hook_list_that_names_two_gates_does_not_reduce_the_four(ran: tuple[Project, RunId, RunId, RunId], tmp_path: Path) -> None:
    project, _, _, _ = ran
    copy = replace(project, root=tmp_path / "project")
    copied(project.root, copy.root)
    library = resources.files("gonogo.library")
    document = library.joinpath(f"{PRE}.md").read_text(encoding="utf-8")
    kept = [line for line in document.splitlines() if not re.match(r"python scripts/validate_gate_14_(rollback|security|readiness)", line)]
    assert len(document.splitlines()) - len(kept) == 2
    copy.write(f"protocols/{PRE}.md", "\n".join(kept) + "\n")
    copy.write(f"protocols/{PRE}.gonogo.yaml", library.joinpath(f"{PRE}.gonogo.yaml").read_text(encoding="utf-8"))
    copy.edit("gonogo.yaml", "project: shop\n", f"project: shop\nprotocols: {{{PRE}: protocols/{PRE}.md}}\n")
    found = compile_for(copy.door().workspace, PRE, "v2")
    assert found.plan is not None, found.findings
    judged = [task.act.gate for stage in found.plan.stages for task in stage.tasks if isinstance(task.act, Judge)]
    assert judged == ["intake-confirmation-gate", "deployment-rehearsal-gate", "rollback-security-gate", "readiness-approval-gate"]


@pytest.mark.req("GAT-05")
def test_a_verdict_of_a_gate_is_written_in_one_place_only_and_that_place_judges() -> None:
    writers = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "GateJudged"
    ]
    assert writers == ["engine/gating.py"]


def test_rates_count_waived_as_not_passed_and_gaps_once_for_each_run() -> None:
    runs = [RunId(f"r{number}") for number in range(4)]
    verdicts = ["pass", "waived", "fail", "inconclusive"]
    judged = [
        Judged("p", "g", run, 1, MORNING + timedelta(hours=place), verdict)
        for place, (run, verdict) in enumerate(zip(runs, verdicts, strict=True))
    ]
    (figures,) = gate_figures(reversed(judged))
    assert figures.rate == Decimal("0.25")
    assert figures.last_failure is not None
    assert figures.last_failure.run == "r3"
    gaps = [Gap(runs[0], "artifact", "uat", "UAT.zip", "missing", "not_generated")] * 3
    gaps += [Gap(runs[1], "artifact", "uat", "UAT.zip", "expired", "expired")]
    gaps += [Gap(runs[1], "approval", "product_owner", "scope", "missing", "upstream_incomplete")]
    first, second = recurring_gaps(gaps)
    assert (first.item, first.runs, dict(first.states)) == ("UAT.zip", ("r0", "r1"), {"not_generated": 1, "expired": 1})
    assert second.source == "product_owner"


def with_header(data: bytes, **changes: object) -> bytes:
    body = json.loads(data)
    return json.dumps({**body, **changes}).encode()


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "nothing": lambda data: None,
    "an empty file": lambda data: b"",
    "half a file": lambda data: data[: len(data) // 2],
    "a page of a proxy": lambda data: b"<html>502 Bad Gateway</html>",
    "the file of another release": lambda data: with_header(data, release={"id": "x", "version": "v1", "digest": "ab" * 32}),
    "the file of another run": lambda data: with_header(data, run_id="pre-deployment-v1"),
    "a file from the future": lambda data: with_header(data, generated_at="2999-01-01T00:00:00Z"),
    "a claim of an agent": lambda data: with_header(data, producer={"kind": "agent", "id": "a", "role": "x"}),
    "a list in place of an object": lambda data: b"[" + data + b"]",
    "seventeen megabytes": lambda data: b" " * (17 << 20) + data,
}


@pytest.mark.req("PG1-04", "PG2-04", "PG3-04", "PG4-04", "GAT-02", "GAT-03")
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_gate_passes_with_a_damaged_or_foreign_file_and_each_names_it(
    ran: tuple[Project, RunId, RunId, RunId], damage: str
) -> None:
    project, good, _, _ = ran
    door = project.door()
    opened = door.load(good)
    subject = Subject(good, opened.plan.release.digest)
    files = {
        name: SealedFile(name, item.digest, door.world.vault.read(item.digest), item.stage, item.status)
        for name, item in opened.state.evidence.items()
    }
    now, tried = door.world.clock.now(), set()
    for rule in opened.plan.gates.values():
        assert judge(rule, files, subject, now).verdict is Verdict.PASS
        for name in (item for item in rule.judged_files if item.endswith(".json")):
            data = DAMAGES[damage](files[name].data)
            others = {key: file for key, file in files.items() if key != name}
            if data is not None:
                others[name] = replace(files[name], data=data, digest=digest_of(data))
            judged = judge(rule, others, subject, now)
            assert judged.verdict is not Verdict.PASS, (rule.id, name)
            said = [why for _, _, why in judged.lacking] + [result.why for result in judged.clauses if result.verdict is not Verdict.PASS]
            assert any(name in why for why in said), (rule.id, name, said)
            tried.add(name)
    assert {"intake-validation-report.json", "rollback-verification-report.json", "staging-parity-report.json"} <= tried
