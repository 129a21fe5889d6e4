"""What a project binds for tests, coverage and licences, on whole runs: each form as its tool writes it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Thread

import pytest

from gonogo.cli.watching import lines_of
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

OUT = "$GONOGO_OUT"
TWO = '<testsuite name="s"><testcase classname="t" name="a"/><testcase classname="t" name="b"/></testsuite>'
ONE_FAILS = TWO.replace('name="b"/>', 'name="b"><failure message="no"/></testcase>')
RESULTS = "staging-test-results.json"


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return small_project(tmp_path / "project", *places)


def suite(project: Project, line: str, *script: str) -> Project:
    """A project whose only step runs the suite, bound by `line`, with a script of these lines."""
    one_check(project, "tests")
    project.edit("gonogo.yaml", "tests:\n  - {name: smoke, command: tests", f"tests:\n  - {{name: smoke, {line}command: tests")
    project.write("scripts/tests.sh", "\n".join(script) + "\n")
    return project


def put(text: str, name: str = "junit.xml") -> str:
    return f"cat > \"{OUT}/{name}\" <<'END'\n{text}\nEND"


@pytest.mark.req("TST-02", "TST-01")
def test_go_test_prints_its_report_and_a_failing_status_is_no_verdict_of_its_own(project: Project) -> None:
    events = [{"Action": word, "Package": "a", "Test": name} for name in ("T1", "T2") for word in ("run", "pass")]
    lines = [json.dumps(event) for event in [*events, {"Action": "pass", "Package": "a"}]]
    seen = look(suite(project, "format: go-test, results: stdout, ", f"cat <<'END'\n{chr(10).join(lines)}\nEND"))
    assert seen.passed, seen.said
    body = project.evidence(seen.run, RESULTS)
    assert body["suites"][0]["executed"] == 2
    assert body["suites"][0]["raw"][0]["name"] == "go-test-smoke.json"


@pytest.mark.req("TST-02")
def test_a_suite_may_leave_several_reports_and_all_of_them_count(project: Project) -> None:
    suite(project, "results: [a.xml, b.xml], ", put(TWO, "a.xml"), put(ONE_FAILS, "b.xml"), "exit 1")
    seen = look(project)
    assert "failed: t::b" in seen.said
    assert project.evidence(seen.run, RESULTS)["suites"][0]["executed"] == 4


@pytest.mark.req("TST-01", "TST-07")
def test_a_suite_that_left_only_one_of_its_reports_is_inconclusive(project: Project) -> None:
    seen = look(suite(project, "results: [a.xml, b.xml], ", put(TWO, "a.xml")))
    assert "left no b.xml" in seen.said
    assert "status" not in project.evidence(seen.run, RESULTS)["test_execution"]


@pytest.mark.req("TST-07")
def test_a_case_that_passed_on_retry_passes_and_is_shown_as_flaky(project: Project) -> None:
    tries = ONE_FAILS.replace("</testsuite>", '<testcase classname="t" name="b"/></testsuite>')
    seen = look(suite(project, "retried: true, ", put(tries)))
    assert seen.passed, seen.said
    assert project.evidence(seen.run, RESULTS)["flaky"] == [{"suite": "smoke", "test": "t::b"}]


COBERTURA = '<coverage lines-covered="1" lines-valid="2"><class><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines></class></coverage>'
BOUND = "code_coverage: {{command: tests, report: coverage.xml, at_least: {least}}}\ntests:\n"


@pytest.mark.req("TST-02", "C18")
@pytest.mark.parametrize(("least", "words"), [("50%", ""), ("51%", "code coverage is 0.5, at least 0.51 is demanded")])
def test_code_coverage_is_judged_against_the_bound_of_the_project(project: Project, least: str, words: str) -> None:
    suite(project, "", put(TWO), put(COBERTURA, "coverage.xml"))
    project.edit("gonogo.yaml", "tests:\n", BOUND.format(least=least))
    seen = look(project)
    assert seen.passed == (not words)
    assert words in seen.said
    assert str(project.evidence(seen.run, RESULTS)["code_coverage"]) == "0.5"


@pytest.mark.req("TST-07")
@pytest.mark.parametrize("text", ["", "<coverage/>", "TN:\nSF:a\n", '{"files": {}}'])
def test_a_coverage_report_that_says_nothing_leaves_the_tests_inconclusive(project: Project, text: str) -> None:
    suite(project, "", put(TWO), *([put(text, "coverage.xml")] if text else []))
    project.edit("gonogo.yaml", "tests:\n", BOUND.format(least="50%"))
    seen = look(project)
    assert "coverage.xml" in seen.said
    assert "status" not in project.evidence(seen.run, RESULTS)["test_execution"]


@pytest.mark.req("TST-03", "TST-05", "C19")
def test_a_critical_failure_pauses_the_run_until_it_is_mitigated_and_then_the_gate_fails_it_all_the_same(
    project: Project,
) -> None:
    suite(project, "", put(ONE_FAILS), "exit 1")
    project.edit("gonogo.yaml", "tests:\n", "known_failures: config/test-failures.yaml\ntests:\n")
    seen = look(project)
    assert "task_failed" in seen.said
    assert "failed: t::b" in seen.said
    assert "record cause, owner, plan and due date of each in config/test-failures.yaml" in seen.said
    note = "{test: 't::b', cause: code, owner: sam, plan: fixed in 2.0.1, due: 2999-01-01T00:00:00Z}"
    project.write("config/test-failures.yaml", f"schema: gonogo/test-failures/1\nfailures:\n  - {note}\n")
    project.lift(seen.run)
    project.door().drive(seen.run, patient=False, listener=lambda state, entry: None)
    assert "gate_failed" in project.view(seen.run).halt
    body = project.evidence(seen.run, RESULTS)
    assert body["test_execution"]["status"] == "fail"
    assert body["failures"][0]["cause"] == "code"
    assert body["failures"][0]["mitigation"]["owner"] == "sam"
    assert [row["name"] for row in body["inputs"]] == ["config/test-failures.yaml"]


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: syft"]},
    "documentDescribes": ["SPDXRef-shop"],
    "packages": [
        {"SPDXID": "SPDXRef-shop", "name": "shop", "versionInfo": "v2", "licenseDeclared": "NOASSERTION"},
        {"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1", "licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT"},
    ],
}
LISTED = [{"Name": "a", "Version": "1", "License": "The Acme Public Terms; MIT License"}]


@pytest.mark.req("SEC-02", "SC-07")
@pytest.mark.parametrize(
    ("line", "parts", "kept"),
    [
        ("format: spdx", SPDX, "sbom.spdx.json"),
        ("format: pip-licenses, names: {The Acme Public Terms: MIT}", LISTED, "pip-licenses.json"),
    ],
)
def test_the_licences_of_a_release_are_read_from_other_forms_of_parts_lists(
    project: Project, line: str, parts: object, kept: str
) -> None:
    one_check(project, "security")
    project.edit("gonogo.yaml", "allowed: [MIT]", f"allowed: [MIT], {line}")
    project.write("releases/v2/sbom.cdx.json", json.dumps(parts))
    seen = look(project)
    assert seen.passed, seen.said
    assert project.evidence(seen.run, "security-compliance-report.json")["licences"]["components"] == 1
    assert kept in project.state(seen.run).evidence


@pytest.mark.req("TST-06")
def test_counts_are_shown_to_whoever_watches_while_the_suite_runs(project: Project) -> None:
    slow = ('echo "ok 1 - home"; echo "not ok 2 - cart"', 'while [ ! -e go-on ]; do sleep 0.05; done', put(TWO))
    suite(project, "", *slow)
    run = project.begin("one-check")
    driving = Thread(target=lambda: project.door().drive(run, patient=False, listener=lambda state, entry: None))
    driving.start()
    try:
        until = time.monotonic() + 20
        while not (busy := project.view(run).running) or not busy[0].counted:
            assert time.monotonic() < until, "nothing was counted"
            time.sleep(0.05)
        told = [text for text, _ in lines_of(project.view(run), verbose=False)]
    finally:
        project.write("go-on", "")
        driving.join()
    assert busy[0].counted == "1 passed, 1 failed, 0 skipped so far"
    assert any("run tests against staging: 1 passed, 1 failed, 0 skipped so far" in line for line in told), told
    assert project.view(run).running == ()


SCAN_OF = """cat > "$GONOGO_OUT/bandit.json" <<JSON
{{"errors": [], "metrics": {{"_totals": {{}}, "app.py": {{}}}}, "results": [{results}]}}
JSON
"""
HIGH = '{"test_id": "B602", "issue_severity": "HIGH", "filename": "app.py", "line_number": 3, "more_info": "https://example.org"}'


@pytest.mark.req("SEC-05")
def test_a_blocking_finding_pauses_the_run_with_its_cause_and_remedy(project: Project) -> None:
    one_check(project, "security")
    project.write("scripts/scan.sh", SCAN_OF.format(results=HIGH))
    seen = look(project)
    assert "gate_failed" in seen.said
    assert "security_scan.blocking_findings" in seen.said
    before = project.evidence(seen.run, "security-compliance-report.json")
    assert [(row["state"], row["cause"], row["remediation"]) for row in before["findings"]] == [
        ("open", "vulnerability", "https://example.org")
    ]


@pytest.mark.req("SEC-05")
def test_what_a_later_attempt_no_longer_finds_is_resolved(project: Project) -> None:
    one_check(project, "security")
    script = f'if [ -e repaired ]; then {SCAN_OF.format(results="")}else {SCAN_OF.format(results=HIGH)}fi\n'
    project.write("scripts/scan.sh", script)
    run = look(project).run
    project.write("repaired", "")
    project.lift(run)
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert project.state(run).outcome == "ready", project.view(run).halt
    body = project.evidence(run, "security-compliance-report.json")
    assert [(row["state"], row["component"]) for row in body["findings"]] == [("resolved", "app.py:3")]
    assert (body["security_scan"]["resolved"], body["security_scan"]["blocking_findings"]) == (1, 0)
