"""Scanner outputs, licences, compliance and the report that joins them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.evidence.canonical import write_json
from gonogo.measure.header import RawFile
from gonogo.measure.licences import (
    LicencePolicy,
    LicenceSeen,
    read_cyclonedx,
    read_pip_licenses,
    standing,
)
from gonogo.measure.rederiving import disagreements
from gonogo.measure.scan_findings import ScanRead, ScanUnread, finding
from gonogo.measure.scan_redaction import redacted_scan
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.security import (
    ControlSeen,
    LicenceAudit,
    ScanPolicy,
    SecuritySeen,
    incomplete,
    security_body,
)
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
RAW = RawFile("security-scans/out.json", Digest("aa" * 32))
RELEASE = Digest("bb" * 32)
NAME = "security-compliance-report.json"
PLANTED = "ghp_4Zq8mJ4kLw9RtY2uPq7sVx1bNc5dEf6gHi0j"


def scan(value: object, form: str) -> ScanRead:
    return read_scan(json.dumps(value).encode(), form)


def read_scan(data: bytes, form: str) -> ScanRead:
    return replace(SCAN_READERS[form](data, RAW.name), raw=RAW)


def sarif(*results: dict[str, object], rules: tuple[dict[str, object], ...] = (), **run: object) -> dict[str, object]:
    driver = {"name": "tool", "semanticVersion": "1.2.3", "rules": list(rules)}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]}


def at(uri: str, line: int) -> list[dict[str, object]]:
    return [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}]


BANDIT = {
    "errors": [],
    "metrics": {"_totals": {}, "src/a.py": {}, "src/b.py": {}},
    "results": [
        {"filename": "./src/a.py", "issue_severity": "HIGH", "line_number": 3, "test_id": "B602", "more_info": "url"},
        {"filename": "src/b.py", "issue_severity": "LOW", "line_number": 9, "test_id": "B105"},
        {"filename": "src/b.py", "issue_severity": "UNDEFINED", "line_number": 9, "test_id": "B999"},
    ],
}


@pytest.mark.req("SEC-01")
def test_bandit_severities_are_mapped_and_a_foreign_word_is_unknown() -> None:
    read = scan(BANDIT, "bandit")
    assert [(one.severity, one.component) for one in read.findings] == [
        (Severity.HIGH, "src/a.py:3"),
        (Severity.LOW, "src/b.py:9"),
        (Severity.UNKNOWN, "src/b.py:9"),
    ]
    assert (read.scanned, read.expected) == (2, 2)


def test_a_file_that_bandit_could_not_read_is_not_scanned() -> None:
    read = scan({**BANDIT, "errors": [{"filename": "src/c.py", "reason": "syntax error"}]}, "bandit")
    assert (read.scanned, read.expected, read.skipped) == (2, 3, ("src/c.py: syntax error",))


@pytest.mark.req("SEC-06")
@pytest.mark.parametrize(
    ("score", "severity"),
    [("9.0", "critical"), ("8.9", "high"), ("7.0", "high"), ("4.0", "medium"), ("3.9", "low"), ("bad", "unknown")],
)
def test_sarif_scores_come_before_levels(score: str, severity: str) -> None:
    rule: dict[str, object] = {"id": "R1", "properties": {"security-severity": score}}
    read = scan(sarif({"ruleId": "R1", "level": "note", "locations": at("a.py", 1)}, rules=(rule,)), "sarif")
    assert read.findings[0].severity.word == severity


@pytest.mark.parametrize(
    ("result", "rules", "severity"),
    [
        ({"ruleId": "R", "level": "error"}, (), "high"),
        ({"ruleId": "R", "level": "note"}, (), "low"),
        ({"ruleId": "R", "level": "none"}, (), "info"),
        ({"ruleId": "R", "level": "loud"}, (), "unknown"),
        ({"ruleId": "R"}, (), "medium"),
        ({"ruleIndex": 0}, ({"id": "R", "defaultConfiguration": {"level": "error"}},), "high"),
        ({"ruleId": "R"}, ({"id": "R", "defaultConfiguration": {"level": "note"}},), "low"),
    ],
)
def test_sarif_levels_fall_back_to_the_rule_and_then_to_warning(
    result: dict[str, object], rules: tuple[dict[str, object], ...], severity: str
) -> None:
    assert scan(sarif(result, rules=rules), "sarif").findings[0].severity.word == severity


def test_a_secret_without_a_score_is_critical() -> None:
    read = scan(sarif({"ruleId": "github-pat", "level": "warning"}), "secrets-sarif")
    assert read.findings[0].severity is Severity.CRITICAL


def test_suppressed_results_stay_findings_and_results_that_passed_are_none() -> None:
    read = scan(
        sarif({"ruleId": "A", "suppressions": [{"kind": "inSource"}]}, {"ruleId": "B", "kind": "pass"}), "sarif"
    )
    assert [one.rule for one in read.findings] == ["A"]


@pytest.mark.req("SC-02")
def test_a_sarif_run_that_failed_or_has_no_results_is_broken() -> None:
    failed = sarif(invocations=[{"executionSuccessful": False, "exitCodeDescription": "out of memory"}])
    assert scan(failed, "sarif").broken == "out of memory"
    without = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "tool"}}}]}
    assert scan(without, "sarif").broken != ""


@pytest.mark.req("SC-01")
def test_packages_with_a_skip_reason_were_not_scanned() -> None:
    skipped = [{"name": f"p{n}", "skip_reason": "no answer"} for n in range(8)]
    read = scan({"dependencies": skipped, "fixes": []}, "pip-audit")
    assert (read.scanned, read.expected, len(read.skipped)) == (0, 8, 8)
    assert not measured(scans=(replace(read, database_at=NOW),)).has("blocking_findings")


def test_a_vulnerable_package_has_no_stated_severity_and_blocks() -> None:
    package = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.11.3"]}]}
    read = replace(scan({"dependencies": [package]}, "pip-audit"), database_at=NOW)
    assert read.findings[0].severity is Severity.UNKNOWN
    assert read.findings[0].remediation == "update to 2.11.3"
    about = measured(scans=(read,))
    assert (about.count("blocking_findings"), about.text("max_open_severity")) == (1, "critical")


@pytest.mark.req("SC-02", "SC-03", "SC-04")
@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("bandit", b""),
        ("bandit", b'{"results": []}'),
        ("bandit", b'{"errors": [], "metrics": {}, "results": ['),
        ("bandit", b"[]"),
        ("pip-audit", b"{}"),
        ("npm-audit", b'{"error": {"code": "ENOAUDIT"}}'),
        ("npm-audit", b'{"vulnerabilities": {}}'),
        ("gitleaks", b"null"),
        ("gitleaks", b"{}"),
        ("semgrep", b'{"results": []}'),
        ("trivy", b'{"SchemaVersion": 2}'),
        ("sarif", b'{"version": "2.1.0", "runs": []}'),
        ("sarif", b'{"version": "1.0.0", "runs": [{}]}'),
        ("sarif", b"\xff"),
    ],
)
def test_output_without_the_findings_key_is_unread_and_never_clean(form: str, text: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        read_scan(text, form)
    assert not measured(scans=(ScanUnread(form, caught.value.what, RAW),)).has("blocking_findings")


def test_npm_audit_and_trivy_and_semgrep_are_read() -> None:
    npm = {
        "vulnerabilities": {"minimist": {"severity": "moderate", "range": "<1.2.6"}},
        "metadata": {"dependencies": {"total": 12}},
    }
    assert [one.severity for one in scan(npm, "npm-audit").findings] == [Severity.MEDIUM]
    trivy = {
        "SchemaVersion": 2,
        "Results": [
            {
                "Target": "image",
                "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "PkgName": "zlib", "Severity": "CRITICAL"}],
                "Secrets": [{"RuleID": "aws", "Severity": "HIGH", "Match": PLANTED}],
            }
        ]
    }
    assert [one.component for one in scan(trivy, "trivy").findings] == ["image zlib", "image"]
    semgrep = {
        "version": "1.182.0",
        "errors": [],
        "paths": {"scanned": ["a.py"]},
        "results": [
            {"check_id": "home.me.rules.eval", "path": "a.py", "start": {"line": 4}, "extra": {"severity": "INFO"}}
        ],
    }
    assert scan(semgrep, "semgrep").findings[0].severity is Severity.LOW


@pytest.mark.req("SC-05")
def test_the_folder_of_the_rule_file_does_not_change_the_fingerprint() -> None:
    def result(folder: str) -> dict[str, object]:
        row = {"check_id": f"{folder}.eval", "path": "a.py", "start": {"line": 4}, "extra": {"severity": "ERROR"}}
        return {"errors": [], "paths": {"scanned": ["a.py"]}, "results": [row]}

    one, other = (scan(result(folder), "semgrep").findings[0] for folder in ("home.me.rules", "builds.42.rules"))
    assert one.fingerprint == other.fingerprint


@pytest.mark.req("SC-06", "PAR-02")
def test_a_secret_that_a_scanner_prints_reaches_no_evidence() -> None:
    leaks = [{"RuleID": "github-pat", "File": "a.env", "StartLine": 2, "Secret": PLANTED, "Match": f"T={PLANTED}"}]
    snippet = {"text": f"found {PLANTED}"}
    place = {"artifactLocation": {"uri": "a.env"}, "region": {"startLine": 2, "snippet": snippet}}
    results = sarif({"ruleId": "x", "message": snippet, "locations": [{"physicalLocation": place}]})
    scans = (scan(leaks, "gitleaks"), scan(results, "secrets-sarif"))
    body = security_body(replace(CLEAN, scans=scans), NOW)
    assert PLANTED.encode() not in write_json(body)
    assert Fields(body).part("security_scan").count("blocking_findings") == 2


POLICY = LicencePolicy(
    frozenset({"MIT", "Apache-2.0", "BSD-3-Clause"}), frozenset({"GPL-3.0-only", "AGPL-3.0-only"}), RELEASE, {}
)


@pytest.mark.req("SEC-02", "SC-07")
@pytest.mark.parametrize(
    ("stated", "word"),
    [
        ("MIT", "allowed"),
        ("mit", "allowed"),
        ("MIT License", "allowed"),
        ("Apache Software License", "allowed"),
        ("MIT OR GPL-3.0-only", "allowed"),
        ("MIT AND GPL-3.0-only", "forbidden"),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", "allowed"),
        ("(GPL-3.0-only OR AGPL-3.0-only) AND MIT", "forbidden"),
        ("MIT AND Proprietary", "unknown"),
        ("GPL-3.0-only WITH Classpath-exception-2.0", "unknown"),
        ("GNU General Public License v3 (GPLv3)", "forbidden"),
        ("BSD License", "unknown"),
        ("", "unknown"),
        ("MIT OR", "unknown"),
        ("MIT MIT", "unknown"),
        ("(MIT", "unknown"),
        ("MIT; DROP", "unknown"),
        ("see LICENSE", "unknown"),
    ],
)
def test_licences_are_judged_as_expressions_over_mapped_names(stated: str, word: str) -> None:
    assert standing(stated, POLICY) == word


def test_bills_of_materials_list_components_without_a_licence_too() -> None:
    bom = {
        "components": [
            {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
            {"name": "b", "version": "2", "licenses": [{"expression": "MIT OR GPL-3.0-only"}]},
            {"name": "c"},
        ]
    }
    seen = read_cyclonedx(json.dumps({"bomFormat": "CycloneDX", **bom}).encode(), "bom.json").components
    assert [standing(one.stated, POLICY) for one in seen] == ["allowed", "allowed", "unknown"]
    listed = [{"Name": "x", "Version": "1", "License": "MIT License; Apache Software License"}]
    assert standing(read_pip_licenses(json.dumps(listed).encode(), "l.json").components[0].stated, POLICY) == "allowed"


CLEAN_SCAN = ScanRead("bandit", "1.9.4", (), 5, 5, raw=RAW)
CLEAN = SecuritySeen(
    release_digest=RELEASE,
    scanned_digest=RELEASE,
    scans=(CLEAN_SCAN,),
    policy=ScanPolicy(frozenset({"bandit"})),
    licences=LicenceAudit((LicenceSeen("click 8.1", "BSD-3-Clause"),), POLICY),
    controls=tuple(ControlSeen(f"C{n}", "SOC 2", "met", "evidence-manifest.json") for n in range(20)),
)


def measured(**changes: object) -> Fields:
    """The `security_scan` part of a report; scans that are given are all that is required."""
    body = security_body(replace(CLEAN, **{"policy": ScanPolicy(), **changes}), NOW)  # type: ignore[arg-type]
    assert disagreements(NAME, body) == ()
    return Fields(body).part("security_scan")


def found(severity: Severity, rule: str = "R1") -> ScanRead:
    return replace(CLEAN_SCAN, findings=(finding("bandit", rule, severity, "a.py:1"),))


@pytest.mark.req("SEC-04", "SEC-06")
def test_a_clean_and_complete_scan_has_no_blocking_finding() -> None:
    body = security_body(CLEAN, NOW)
    about = Fields(body).part("security_scan")
    assert (about.flag("complete"), about.count("blocking_findings"), about.text("max_open_severity")) == (
        True,
        0,
        "none",
    )
    assert Fields(body).part("compliance").number("score") == 1
    assert incomplete(body) == ()


@pytest.mark.req("SEC-06", "C14")
@pytest.mark.parametrize(
    ("severity", "blocking", "worst"),
    [
        (Severity.INFO, 0, "info"),
        (Severity.LOW, 0, "low"),
        (Severity.MEDIUM, 0, "medium"),
        (Severity.HIGH, 1, "high"),
        (Severity.CRITICAL, 1, "critical"),
        (Severity.UNKNOWN, 1, "critical"),
    ],
)
def test_high_critical_and_unknown_findings_block(severity: Severity, blocking: int, worst: str) -> None:
    about = measured(scans=(found(severity),))
    assert (about.count("blocking_findings"), about.text("max_open_severity")) == (blocking, worst)


@pytest.mark.req("SEC-06")
def test_a_low_finding_blocks_when_the_policy_marks_its_rule() -> None:
    about = measured(scans=(found(Severity.LOW, "B105"),), policy=ScanPolicy(blocking_rules=("B1*",)))
    assert (about.count("blocking_findings"), about.text("max_open_severity")) == (1, "low")


@pytest.mark.req("C14")
def test_a_waived_finding_is_still_open_and_still_blocks() -> None:
    waived = found(Severity.HIGH)
    body = security_body(replace(CLEAN, scans=(waived,), waivers={waived.findings[0].fingerprint: "W-1"}), NOW)
    row = Fields(body).rows("findings")[0]
    assert (row.text("state"), row.text("waiver_id")) == ("waived", "W-1")
    assert Fields(body).part("security_scan").count("blocking_findings") == 1


@pytest.mark.req("SEC-05")
def test_a_finding_is_resolved_only_when_the_new_scan_no_longer_shows_it() -> None:
    old = found(Severity.HIGH).findings[0]
    gone, still = measured(resolved=(old,)), measured(resolved=(old,), scans=(found(Severity.HIGH),))
    assert (gone.count("resolved"), gone.count("blocking_findings")) == (1, 0)
    assert (still.count("resolved"), still.count("blocking_findings")) == (0, 1)


@pytest.mark.req("SEC-02", "SC-07")
@pytest.mark.parametrize("stated", ["GPL-3.0-only", "Proprietary", ""])
def test_a_forbidden_or_unknown_licence_blocks(stated: str) -> None:
    audit = LicenceAudit((LicenceSeen("lib 1", stated),), POLICY)
    assert measured(licences=audit).count("blocking_findings") == 1


@pytest.mark.req("SEC-01", "SC-01", "SC-08")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scanned_digest": Digest("cc" * 32)}, "another digest"),
        ({"scans": ()}, "no scan"),
        ({"policy": ScanPolicy(frozenset({"gitleaks"}))}, "gitleaks was not run"),
        ({"scans": (replace(CLEAN_SCAN, scanned=3),)}, "3 of 5"),
        ({"scans": (replace(CLEAN_SCAN, scanned=0, expected=0),)}, "0 of 0"),
        ({"scans": (replace(CLEAN_SCAN, skipped=("x: y",)),)}, "skipped"),
        ({"scans": (replace(CLEAN_SCAN, broken="died"),)}, "died"),
        ({"scans": (replace(CLEAN_SCAN, needs_database=True),)}, "unknown"),
        ({"scans": (replace(CLEAN_SCAN, needs_database=True, database_at=NOW - timedelta(days=2)),)}, "database is of"),
        ({"scans": (replace(CLEAN_SCAN, needs_database=True, database_at=NOW + timedelta(days=2)),)}, "database is of"),
        ({"licences": None}, "no licence"),
        ({"licences": LicenceAudit((), POLICY)}, "no licence"),
    ],
)
def test_an_incomplete_scan_shows_no_clean_count_and_says_why(changes: dict[str, object], words: str) -> None:
    body = security_body(replace(CLEAN, **changes), NOW)  # type: ignore[arg-type]  # the test chooses the field
    about = Fields(body).part("security_scan")
    assert not about.has("blocking_findings")
    assert not about.has("max_open_severity")
    assert words in " ".join(incomplete(body))


def test_an_incomplete_scan_that_found_something_still_forbids() -> None:
    about = measured(scans=(replace(found(Severity.HIGH), scanned=1),))
    assert (about.count("blocking_findings"), about.text("max_open_severity")) == (1, "high")


@pytest.mark.req("SEC-03", "C13")
@pytest.mark.parametrize(("met", "score"), [(19, "0.95"), (18, "0.9")])
def test_unanswered_controls_count_as_not_met(met: int, score: str) -> None:
    controls = tuple(ControlSeen(f"C{n}", "SOC 2", "met" if n < met else "unanswered") for n in range(20))
    body = security_body(replace(CLEAN, controls=controls), NOW)
    assert Fields(body).part("compliance").number("score") == Decimal(score)


@pytest.mark.req("SEC-03", "C16")
def test_no_control_at_all_has_no_score() -> None:
    assert not Fields(security_body(replace(CLEAN, controls=()), NOW)).part("compliance").has("score")


@pytest.mark.req("NB-02")
def test_a_finding_that_was_declared_harmless_by_hand_is_found() -> None:
    body = security_body(replace(CLEAN, scans=(found(Severity.HIGH),)), NOW)
    about = {**Fields(body).part("security_scan").values, "blocking_findings": 0}
    row = {**Fields(body).rows("findings")[0].values, "blocking": False}
    assert disagreements(NAME, {**body, "security_scan": about}) != ()
    assert disagreements(NAME, {**body, "security_scan": about, "findings": [row]}) != ()


@pytest.mark.req("SEC-04", "F6")
def test_a_whole_security_report_lacks_no_required_field() -> None:
    assert faults(NAME, security_body(replace(CLEAN, scans=(found(Severity.LOW),)), NOW)) == []


QUOTING: tuple[tuple[str, object], ...] = (
    (
        "gitleaks",
        [{"RuleID": "pat", "File": "a", "StartLine": 1, "Secret": PLANTED, "Match": PLANTED, "Line": PLANTED}],
    ),
    (
        "bandit",
        {
            "errors": [],
            "metrics": {"a.py": {}},
            "results": [
                {
                    "filename": "a.py",
                    "issue_severity": "LOW",
                    "line_number": 1,
                    "test_id": "B105",
                    "code": f"x = '{PLANTED}'",
                    "issue_text": PLANTED,
                }
            ],
        },
    ),
    (
        "secrets-sarif",
        sarif(
            {
                "ruleId": "x",
                "message": {"text": PLANTED},
                "partialFingerprints": {"a": PLANTED},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "a.env"},
                            "region": {"startLine": 2, "snippet": {"text": PLANTED}},
                            "contextRegion": {"snippet": {"text": PLANTED}},
                        }
                    }
                ],
            }
        ),
    ),
    (
        "semgrep",
        {
            "errors": [],
            "paths": {"scanned": ["a"]},
            "results": [
                {
                    "check_id": "r.x",
                    "path": "a",
                    "start": {"line": 1},
                    "extra": {"severity": "ERROR", "lines": PLANTED, "message": PLANTED, "metavars": {"$X": PLANTED}},
                }
            ],
        },
    ),
    ("trivy", {"SchemaVersion": 2, "Results": [{"Target": "a", "Secrets": [{"RuleID": "x", "Severity": "HIGH", "Match": PLANTED}]}]}),
)


@pytest.mark.req("SC-06", "NB-05", "SEC-11")
@pytest.mark.parametrize(("form", "output"), QUOTING)
def test_a_stored_scan_quotes_no_secret_and_has_the_same_findings(form: str, output: object) -> None:
    data = json.dumps(output).encode()
    stored = redacted_scan(data, "out.json")
    assert PLANTED.encode() not in stored
    assert read_scan(stored, form) == read_scan(data, form)
