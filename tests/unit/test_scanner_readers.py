"""Reports of scanners as their tools write them: what they found, what they looked at, and what they did not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.errors import BadInput
from gonogo.measure.header import RawFile
from gonogo.measure.scan_findings import ScanRead
from gonogo.measure.scan_redaction import redacted_scan
from gonogo.measure.scan_terms import ScanTerms, held_to, unseen
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.scanners_of_packages import read_database_age
from gonogo.terms import Digest, Severity

RAW = RawFile("security-scans/out.json", Digest("aa" * 32))
PLANTED = "AKIAQ3EGRIV7ZOTAFAKE"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

REPORTS: dict[str, object] = {
    "bandit": {
        "errors": [],
        "generated_at": "2026-11-21T12:00:00Z",
        "metrics": {"_totals": {"loc": 3}, "./src/a.py": {"loc": 3}},
        "results": [
            {
                "filename": "./src/a.py",
                "issue_severity": "HIGH",
                "line_number": 3,
                "test_id": "B602",
                "code": f"x = '{PLANTED}'",
                "more_info": "https://bandit.readthedocs.io/",
            }
        ],
    },
    "semgrep": {
        "version": "1.182.0",
        "errors": [],
        "paths": {"scanned": ["src/a.py"]},
        "results": [
            {
                "check_id": "rules.eval",
                "path": "src/a.py",
                "start": {"line": 4},
                "extra": {"severity": "ERROR", "lines": PLANTED},
            }
        ],
    },
    "zizmor": [
        {
            "ident": "template-injection",
            "desc": "code injection via template expansion",
            "url": "https://docs.zizmor.sh/audits/#template-injection",
            "determinations": {"confidence": "High", "severity": "High", "persona": "Regular"},
            "locations": [
                {
                    "symbolic": {
                        "key": {"Local": {"verbatim_path": ".github/workflows/ci.yml"}},
                        "annotation": "may expand into attacker-controllable code",
                        "kind": "Primary",
                    },
                    "concrete": {
                        "location": {"start_point": {"row": 6, "column": 17}, "end_point": {"row": 6, "column": 48}},
                        "feature": f"run: echo {PLANTED}",
                        "comments": [],
                    },
                }
            ],
            "ignored": False,
        }
    ],
    "checkov": {
        "check_type": "terraform",
        "results": {
            "passed_checks": [{"check_id": "CKV_AWS_1", "file_path": "/net.tf", "file_line_range": [1, 4]}],
            "failed_checks": [
                {
                    "check_id": "CKV_AWS_20",
                    "severity": None,
                    "file_path": "/main.tf",
                    "file_line_range": [7, 12],
                    "guideline": "https://docs.example.org/CKV_AWS_20",
                    "code_block": [[7, f"key = {PLANTED}\n"]],
                    "check_result": {"result": "FAILED", "evaluated_keys": [PLANTED]},
                }
            ],
            "skipped_checks": [],
            "parsing_errors": [],
        },
        "summary": {"passed": 1, "failed": 1, "skipped": 0, "parsing_errors": 0, "resource_count": 2, "checkov_version": "3.3.30"},
    },
    "gitleaks": [
        {
            "RuleID": "aws-access-token",
            "Description": "AWS",
            "StartLine": 2,
            "Match": f"id={PLANTED}",
            "Secret": PLANTED,
            "File": f"keys/{PLANTED}/a.env",
            "Fingerprint": f"keys/{PLANTED}/a.env:aws-access-token:2",
        }
    ],
    "detect-secrets": {
        "version": "1.5.0",
        "plugins_used": [{"name": "AWSKeyDetector"}],
        "filters_used": [{"path": "detect_secrets.filters.allowlist.is_line_allowlisted"}],
        "results": {
            "src/a.py": [
                {
                    "type": "AWS Access Key",
                    "filename": "src/a.py",
                    "hashed_secret": "e175c6f5f2a92e8623bd9a4820edb4e8c1b0fd10",
                    "is_verified": False,
                    "line_number": 3,
                }
            ]
        },
        "generated_at": "2026-11-21T12:00:00Z",
    },
    "pip-audit": {
        "dependencies": [
            {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]},
            {"name": "idna", "version": "3.7", "vulns": []},
        ],
        "fixes": [],
    },
    "npm-audit": {
        "auditReportVersion": 2,
        "vulnerabilities": {"minimist": {"name": "minimist", "severity": "critical", "range": "<0.2.4"}},
        "metadata": {"vulnerabilities": {"critical": 1}, "dependencies": {"prod": 3, "dev": 9, "total": 12}},
    },
    "trivy": {
        "SchemaVersion": 2,
        "CreatedAt": "2026-11-21T13:00:00.123456789+01:00",
        "ArtifactName": "registry.example.org/shop:2.0",
        "Metadata": {"ImageID": "sha256:11", "RepoDigests": ["registry.example.org/shop@sha256:22"]},
        "Results": [
            {
                "Target": "registry.example.org/shop:2.0 (debian 12.5)",
                "Class": "os-pkgs",
                "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-2023-1", "PkgName": "zlib1g", "InstalledVersion": "1.2.13", "Severity": "HIGH"}
                ],
            },
            {"Target": "app/.env", "Class": "secret", "Secrets": [{"RuleID": "aws", "Severity": "CRITICAL", "Match": PLANTED}]},
        ],
    },
    "grype": {
        "matches": [
            {
                "vulnerability": {"id": "CVE-2023-1", "severity": "Negligible", "fix": {"versions": ["1.3"], "state": "fixed"}},
                "artifact": {"name": "zlib1g", "version": "1.2.13"},
            }
        ],
        "ignoredMatches": [
            {"vulnerability": {"id": "CVE-2023-2", "severity": "Critical"}, "artifact": {"name": "bash", "version": "5"}}
        ],
        "source": {"type": "image", "target": {"userInput": "shop:2.0", "imageID": "sha256:11", "tags": [], "repoDigests": []}},
        "descriptor": {
            "name": "grype",
            "version": "0.92.0",
            "timestamp": "2026-11-21T12:00:00.5Z",
            "db": {"status": {"built": "2026-11-21T01:31:18Z", "valid": True}},
        },
    },
    "osv-scanner": {
        "results": [
            {
                "source": {"path": "/repo/package-lock.json", "type": "lockfile"},
                "packages": [
                    {
                        "package": {"name": "lodash", "version": "4.17.4", "ecosystem": "npm"},
                        "vulnerabilities": [{"id": "GHSA-1"}, {"id": "CVE-1"}],
                        "groups": [{"ids": ["GHSA-1", "CVE-1"], "max_severity": "9.1"}],
                    },
                    {"package": {"name": "left-pad", "version": "1.3.0", "ecosystem": "npm"}},
                ],
            }
        ]
    },
    "sarif": {
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "CodeScan", "version": "2.1"}},
                "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-11-21T12:00:00Z"}],
                "artifacts": [{"location": {"uri": "src/a.py"}}, {"location": {"uri": "src/b.py"}}],
                "results": [{"ruleId": "R1", "level": "error", "message": {"text": PLANTED}}],
            }
        ],
    },
}
REPORTS["secrets-sarif"] = REPORTS["sarif"]

FOUND = {
    "bandit": ("src/a.py:3", "high"),
    "semgrep": ("src/a.py:4", "high"),
    "zizmor": (".github/workflows/ci.yml:7", "high"),
    "checkov": ("main.tf:7", "unknown"),
    "gitleaks": ("keys/[redacted]/a.env:2", "critical"),
    "detect-secrets": ("src/a.py:3", "critical"),
    "pip-audit": ("jinja2 2.4.1", "unknown"),
    "npm-audit": ("minimist <0.2.4", "critical"),
    "trivy": ("registry.example.org/shop:2.0 (debian 12.5) zlib1g 1.2.13", "high"),
    "grype": ("zlib1g 1.2.13", "info"),
    "osv-scanner": ("lodash 4.17.4", "critical"),
    "sarif": ("unknown place", "high"),
    "secrets-sarif": ("unknown place", "critical"),
}
NAMED = {
    "bandit": "src/a.py",
    "semgrep": "src/a.py",
    "checkov": "main.tf",
    "pip-audit": "idna==3.7",
    "trivy": "registry.example.org/shop@sha256:22",
    "grype": "shop:2.0",
    "osv-scanner": "package-lock.json",
    "sarif": "src/b.py",
    "secrets-sarif": "src/b.py",
}
FORMS = sorted(SCAN_READERS)


def data_of(form: str) -> bytes:
    return json.dumps(REPORTS[form]).encode()


def scan(form: str, data: bytes | None = None) -> ScanRead:
    return SCAN_READERS[form](data_of(form) if data is None else data, RAW.name)


@pytest.mark.req("SEC-01", "SEC-11")
@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_from_its_stored_report_with_place_and_severity(form: str) -> None:
    stored = redacted_scan(data_of(form), "out.json")
    first = scan(form, stored).findings[0]
    assert (first.component, first.severity.word) == FOUND[form]


@pytest.mark.req("SC-06", "SEC-11")
@pytest.mark.parametrize("form", FORMS)
def test_a_stored_report_of_any_form_holds_no_byte_of_the_planted_secret(form: str) -> None:
    stored = redacted_scan(data_of(form), "out.json")
    assert PLANTED.encode() not in stored
    assert b"e175c6f5f2a92e8623bd9a4820edb4e8c1b0fd10" not in stored, "an unsalted digest of a secret is as good as it"
    assert redacted_scan(stored, "out.json") == stored


@pytest.mark.req("SEC-01")
@pytest.mark.parametrize("form", FORMS)
def test_what_a_report_names_as_looked_at_answers_what_the_project_expects(form: str) -> None:
    read = scan(form)
    if form in NAMED:
        assert unseen(read, (NAMED[form],)) == ()
        assert unseen(read, (NAMED[form], "elsewhere/other.py")) == ("elsewhere/other.py",)
    else:
        held = held_to(read, ScanTerms(expects=("src/a.py",)))
        assert held.missing == ("src/a.py",)
        assert "names nothing that it looked at" in held.broken


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        ("src/a.py", ()),
        ("./src/a.py", ()),
        ("a.py", ()),
        ("src/*.py", ()),
        ("rc/a.py", ("rc/a.py",)),
        ("src/A.py", ("src/A.py",)),
        ("lib/*.py", ("lib/*.py",)),
    ],
)
def test_an_expected_file_is_found_below_any_folder_and_by_glob_and_not_by_half_a_name(
    wanted: str, missing: tuple[str, ...]
) -> None:
    assert unseen(scan("bandit"), (wanted,)) == missing


@pytest.mark.req("SC-02", "SC-04")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", FORMS)
def test_the_report_of_another_tool_is_never_read_as_a_clean_scan(form: str, other: str) -> None:
    if {form, other} <= {"sarif", "secrets-sarif"} or form == other:
        return
    with pytest.raises(BadInput) as caught:
        scan(form, data_of(other))
    assert "not the output of" in str(caught.value) or "/" in str(caught.value)


@pytest.mark.req("SC-02")
@pytest.mark.parametrize("form", FORMS)
def test_a_report_that_is_cut_anywhere_is_unread(form: str) -> None:
    data = data_of(form)
    for size in (0, 1, len(data) // 3, len(data) // 2, len(data) - 1):
        with pytest.raises(BadInput):
            scan(form, data[:size])


@pytest.mark.req("SEC-01")
def test_sarif_of_another_tool_than_the_bound_one_is_broken() -> None:
    read = scan("sarif")
    assert held_to(read, ScanTerms(tool="codescan")).broken == ""
    assert "one of CodeScan, not of trivy" in held_to(read, ScanTerms(tool="trivy")).broken


RAN = ScanTerms(began_at=NOON - timedelta(minutes=1), ended_at=NOON + timedelta(minutes=1))
DATED = [form for form in FORMS if form in ("bandit", "detect-secrets", "trivy", "grype", "sarif", "secrets-sarif")]


@pytest.mark.req("SEC-01", "TR-06")
@pytest.mark.parametrize("form", DATED)
def test_a_report_from_before_the_scan_or_from_the_future_is_no_answer(form: str) -> None:
    read = scan(form)
    assert read.made_at == NOON
    assert held_to(read, RAN).broken == ""
    day = timedelta(days=1)
    later = replace(RAN, began_at=RAN.began_at + day, ended_at=RAN.ended_at + day)  # type: ignore[operator]  # RAN has both
    assert "before this scan began" in held_to(read, later).broken
    assert held_to(read, replace(later, max_age=day)).broken == ""
    earlier = replace(RAN, began_at=RAN.began_at - day, ended_at=RAN.ended_at - day)  # type: ignore[operator]  # as above
    assert "after the scan had ended" in held_to(read, earlier).broken


@pytest.mark.req("SC-04")
def test_an_exit_status_passes_nothing_and_a_failed_command_without_a_finding_is_broken() -> None:
    clean = replace(scan("bandit"), findings=())
    assert held_to(clean, ScanTerms(exit_code=0)).broken == ""
    assert "exit status 2" in held_to(clean, ScanTerms(exit_code=2)).broken
    assert held_to(scan("bandit"), ScanTerms(exit_code=1)).broken == ""
    assert [one.severity for one in held_to(scan("bandit"), ScanTerms(exit_code=0)).findings] == [Severity.HIGH]


@pytest.mark.req("SC-08")
def test_a_live_service_is_as_fresh_as_the_scan_and_a_database_is_as_old_as_it_says() -> None:
    assert held_to(scan("pip-audit"), RAN).database_at == RAN.ended_at
    assert held_to(scan("trivy"), RAN).database_at is None
    assert str(scan("grype").database_at) == "2026-11-21 01:31:18+00:00"
    old = json.loads(data_of("grype"))
    old["descriptor"]["db"] = {"built": "2026-01-01T00:00:00Z", "schemaVersion": 5}
    assert str(scan("grype", json.dumps(old).encode()).database_at) == "2026-01-01 00:00:00+00:00"


@pytest.mark.req("SC-08")
@pytest.mark.parametrize(
    "text",
    [
        '{"Version": "0.60.0", "VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-11-21T06:15:00.1234567Z"}}',
        '{"schemaVersion": "v6.0.2", "built": "2026-11-21T06:15:00Z", "valid": true}',
    ],
)
def test_the_age_of_a_database_is_read_from_what_its_tool_says(text: str) -> None:
    assert str(read_database_age(text.encode(), "db.json")) == "2026-11-21 06:15:00+00:00"


def test_a_file_that_states_no_age_of_a_database_says_what_to_write_into_it() -> None:
    with pytest.raises(BadInput, match="advisory database") as caught:
        read_database_age(b'{"Version": "0.60.0"}', "db.json")
    assert caught.value.where == "db.json"
    assert "trivy version" in caught.value.next_step


@pytest.mark.req("SC-03")
def test_a_service_that_refused_npm_audit_is_named_with_its_answer() -> None:
    refused = b'{"message": "405 Method Not Allowed", "method": "POST", "statusCode": 405, "body": "", "error": {"summary": ""}}'
    with pytest.raises(BadInput, match="no `vulnerabilities`; its service answered 405"):
        scan("npm-audit", refused)


@pytest.mark.req("SC-01")
@pytest.mark.parametrize(
    ("form", "report"),
    [
        ("checkov", {"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0, "checkov_version": "3"}),
        ("bandit", {"errors": [], "metrics": {"_totals": {"loc": 0}}, "results": []}),
        ("semgrep", {"errors": [], "paths": {"scanned": []}, "results": []}),
        ("pip-audit", {"dependencies": [], "fixes": []}),
        ("osv-scanner", {"results": []}),
        ("trivy", {"SchemaVersion": 2, "Results": []}),
        ("npm-audit", {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 0}}}),
    ],
)
def test_a_scan_that_looked_at_nothing_has_scanned_nothing(form: str, report: object) -> None:
    assert scan(form, json.dumps(report).encode()).scanned == 0


def test_detect_secrets_without_a_plugin_looked_for_nothing() -> None:
    report = {**json.loads(data_of("detect-secrets")), "plugins_used": [], "results": {}}
    assert "no plugin" in scan("detect-secrets", json.dumps(report).encode()).broken


def test_what_grype_was_told_to_ignore_is_still_a_finding() -> None:
    assert [one.component for one in scan("grype").findings] == ["zlib1g 1.2.13", "bash 5"]
