"""Reports that real tools wrote (their versions stand in the names of the files), and what is read from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.errors import BadInput
from gonogo.measure.go_tests import read_go_tests
from gonogo.measure.load_reports import read_locust
from gonogo.measure.load_summaries import read_k6
from gonogo.measure.sarif import read_sarif
from gonogo.measure.scan_findings import ScanRead
from gonogo.measure.scan_redaction import redacted_scan
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.test_reports import read_junit
from gonogo.terms import Severity

SCANS = Path(__file__).parents[1] / "cases" / "scans"
SECRET = b"AKIAQ3EGRIV7ZOTAFAKE"


def recorded(name: str) -> bytes:
    return (SCANS / name).read_bytes()


def read(form: str, name: str) -> ScanRead:
    return SCAN_READERS[form](recorded(name), name)


@pytest.mark.req("SEC-01", "SC-05")
def test_semgrep_names_its_findings_by_rule_and_the_files_that_it_looked_at() -> None:
    found = read("semgrep", "semgrep-1.182.0.json")
    assert (found.version, found.names, found.scanned, found.skipped) == ("1.182.0", ("src/app.py",), 1, ())
    rows = [(item.rule, item.severity, item.component) for item in found.findings]
    assert rows == [
        ("shell-true", Severity.HIGH, "src/app.py:5"),
        ("hard-coded-password", Severity.MEDIUM, "src/app.py:9"),
    ]


@pytest.mark.req("SC-01", "SC-04")
def test_semgrep_that_had_no_usable_rules_has_scanned_nothing_and_says_why() -> None:
    found = read("semgrep", "semgrep-1.182.0-no-rules.json")
    assert (found.scanned, found.findings) == (0, ())
    assert "does not exist" in found.skipped[0]
    unused = recorded("semgrep-1.182.0.json").replace(b'"skipped_rules": []', b'"skipped_rules": [{"rule_id": "eval"}]')
    assert "rule not used" in SCAN_READERS["semgrep"](unused, "r.json").skipped[0]


@pytest.mark.req("SEC-01", "SC-08")
def test_checkov_over_two_frameworks_states_no_severity_offline_so_everything_blocks() -> None:
    found = read("checkov", "checkov-3.3.30.json")
    assert (found.version, found.scanned) == ("3.3.30", 3)
    assert found.names == ("deploy/deployment.yaml", "main.tf")
    assert {item.severity for item in found.findings} == {Severity.UNKNOWN}
    assert len(found.findings) == 4


@pytest.mark.req("SC-01")
@pytest.mark.parametrize("case", ["broken-file", "nothing"])
def test_checkov_that_parsed_nothing_is_no_scan(case: str) -> None:
    found = read("checkov", f"checkov-3.3.30-{case}.json")
    assert found.scanned == 0
    assert bool(found.skipped) == (case == "broken-file")


@pytest.mark.req("SC-06")
@pytest.mark.parametrize(("form", "name"), [("gitleaks", "gitleaks-8.30.1.json"), ("secrets-sarif", "gitleaks-8.30.1.sarif")])
def test_what_gitleaks_found_is_critical_and_is_stored_without_the_secret(form: str, name: str) -> None:
    found = read(form, name)
    assert [(item.rule, item.severity, item.component) for item in found.findings] == [
        ("aws-access-token", Severity.CRITICAL, found.findings[0].component)
    ]
    assert found.findings[0].component.endswith("keys.py:1")
    assert SECRET in recorded(name)
    assert SECRET not in redacted_scan(recorded(name), name)
    assert read_sarif(recorded("gitleaks-8.30.1.sarif"), "g.sarif").tool == "gitleaks"


@pytest.mark.req("SC-03")
def test_npm_audit_that_was_refused_by_its_service_is_no_scan() -> None:
    with pytest.raises(BadInput, match="npm"):
        read("npm-audit", "npm-audit-11.19.1-refused.json")


@pytest.mark.req("TST-02")
def test_go_test_counts_every_case_and_a_package_that_does_not_build_has_failed() -> None:
    whole = read_go_tests(recorded("go-test-1.19.8.jsonl"), "go")
    assert {case.name: case.outcome for case in whole.cases} == {
        "TestTotal": "passed", "TestTotal/empty": "passed", "TestTotal/two": "passed", "TestSkipped": "skipped", "TestWrong": "failed",
    }  # fmt: skip
    panicked = read_go_tests(recorded("go-test-1.19.8-panic.jsonl"), "go")
    assert {case.name: case.outcome for case in panicked.cases} == {"TestA": "passed", "TestX": "failed"}
    unbuilt = read_go_tests(recorded("go-test-1.19.8-build-failed.jsonl"), "go")
    assert [(case.suite, case.name, case.outcome) for case in unbuilt.cases] == [("example.org/shop", "(package)", "failed")]
    with pytest.raises(BadInput):
        read_go_tests(b"ok  \texample.org/shop\t0.1s\n", "go")


@pytest.mark.req("TR-01")
def test_nodes_own_junit_has_cases_with_and_without_a_suite_around_them() -> None:
    found = read_junit((recorded("node-test-20.20.2.xml"),), "node.xml")
    assert {case.name: case.outcome for case in found.cases} == {
        "adds": "passed", "fails": "failed", "later": "skipped", "inner": "passed"
    }  # fmt: skip


@pytest.mark.req("TR-05", "PDV-05")
def test_locust_gives_requests_failures_and_percentiles_of_the_whole_run() -> None:
    found = read_locust(recorded("locust-2.47.0_stats.csv"), "load_stats.csv")
    assert (found.requests, found.failures, found.percentiles["95%"]) == (41, 16, 31)


@pytest.mark.req("TST-02")
@pytest.mark.parametrize("name", ["k6-1.1.0.json", "k6-1.1.0-flat.json"])
def test_the_thresholds_of_a_real_k6_run_are_cases_in_both_forms_of_its_summary(name: str) -> None:
    assert {case.id: case.outcome for case in read_k6(recorded(name), name).cases} == {
        "http_req_failed::rate<0.01": "passed",
        "http_req_duration::p(95)<5000": "passed",
        "http_req_duration::p(99)<0.0001": "failed",
        "checks{kind:status}::rate==1": "passed",
    }


@pytest.mark.req("TST-02")
def test_a_k6_run_of_which_nobody_answered_fails_though_k6_calls_its_latencies_met() -> None:
    cases = {case.id: case.outcome for case in read_k6(recorded("k6-1.1.0-refused.json"), "k6.json").cases}
    assert cases["http_req_duration::p(99)<0.0001"] == "passed", "this is what k6 says"
    assert cases["http_reqs::at least one request succeeds"] == "failed"


@pytest.mark.req("TST-02")
def test_a_k6_script_that_broke_before_it_asked_anything_shows_nothing_though_k6_calls_its_threshold_met() -> None:
    with pytest.raises(BadInput, match="nothing was measured for the threshold of `http_req_failed`"):
        read_k6(recorded("k6-1.1.0-broken.json"), "k6.json")
