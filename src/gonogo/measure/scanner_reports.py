"""Readers of scanners' own JSON: bandit, pip-audit, gitleaks, npm audit, semgrep, trivy (components section 10).

Each takes the output alone. No exit code is an input: 0, 1, 14 and 200 mean different things to different tools
(SC-04). Output that lacks the key that holds the findings is refused, never read as "nothing found" (SC-02, SC-03).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json
from gonogo.measure.figures import read_time
from gonogo.measure.header import RawFile
from gonogo.measure.providers import ScanReader
from gonogo.measure.sarif import read_sarif
from gonogo.measure.scan_findings import ScanFinding, ScanRead, ScanUnread, finding, place, unique
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity

ScannerForm: TypeAlias = Literal[
    "sarif", "secrets-sarif", "bandit", "pip-audit", "gitleaks", "npm-audit", "semgrep", "trivy"
]

MOST_BYTES = 1 << 26

_WORDS: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "error": Severity.HIGH,
    "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
    "informational": Severity.INFO,
    "negligible": Severity.INFO,
}


def read_scan(data: bytes, form: ScannerForm, raw: RawFile) -> ScanRead | ScanUnread:
    """The output of one scanner; a `ScanUnread` with the reason where it is empty, cut or of another shape (SC-02)."""
    try:
        read = SCAN_READERS[form](data, raw.name)
    except BadInput as error:
        return ScanUnread(form, str(error).split("\n", 1)[0], raw)
    return replace(read, raw=raw)


def severity_word(word: str | None, *, semgrep: bool = False) -> Severity:
    """The severity that a tool's word means; null, absent or a word not in the table is UNKNOWN, which blocks (C14)."""
    lower = (word or "").strip().lower()
    if semgrep and lower == "info":
        return Severity.LOW
    return _WORDS.get(lower, Severity.UNKNOWN)


def read_bandit(data: bytes, name: str) -> ScanRead:
    """`bandit -f json`: files scanned are those of its metrics; files with errors are skipped."""
    fields = _object(data, name)
    files = [path for path in fields.part("metrics").values if path != "_totals"]
    failed = tuple(f"{row.text('filename')}: {row.text('reason')}" for row in fields.rows("errors"))
    findings = [
        finding(
            "bandit",
            row.text("test_id"),
            severity_word(row.maybe_text("issue_severity")),
            place(row.text("filename"), row.count("line_number")),
            row.maybe_text("more_info"),
        )
        for row in fields.rows("results")
    ]
    broken = {row.text("filename") for row in fields.rows("errors")}
    expected = len(broken | set(files))
    return ScanRead("bandit", "unknown", unique(findings), expected - len(broken), expected, skipped=failed)


def read_pip_audit(data: bytes, name: str) -> ScanRead:
    """`pip-audit -f json`: a package with a skip reason was not scanned, whatever the exit code said (SC-01)."""
    fields = _object(data, name)
    packages = fields.rows("dependencies")
    skipped = [row for row in packages if row.has("skip_reason") or not row.has("vulns")]
    findings = [
        finding(
            "pip-audit",
            vulnerability.text("id"),
            Severity.UNKNOWN,
            f"{row.text('name')} {row.text('version')}",
            _fixed_in(vulnerability),
        )
        for row in packages
        if row.has("vulns")
        for vulnerability in row.rows("vulns")
    ]
    return ScanRead(
        tool="pip-audit",
        version="unknown",
        findings=unique(findings),
        scanned=len(packages) - len(skipped),
        expected=len(packages),
        skipped=tuple(f"{row.text('name')}: {row.maybe_text('skip_reason') or 'not scanned'}" for row in skipped),
        needs_database=True,
    )


def read_gitleaks(data: bytes, name: str) -> ScanRead:
    """`gitleaks -f json`: a list; the fields that hold the secret are not looked at (SC-06). Critical by policy."""
    rows = Fields({"leaks": read_json(data, name=name, limit=MOST_BYTES)}, name).rows("leaks")
    findings = [
        finding("gitleaks", row.text("RuleID"), Severity.CRITICAL, place(row.text("File"), row.count("StartLine")))
        for row in rows
    ]
    return ScanRead("gitleaks", "unknown", unique(findings), None, None)


def read_npm_audit(data: bytes, name: str) -> ScanRead:
    """`npm audit --json`: a refused request also exits 1, but has no `vulnerabilities` (SC-03)."""
    fields = _object(data, name)
    entries = fields.part("vulnerabilities")
    total = fields.part("metadata").part("dependencies").count("total")
    findings = []
    for package in entries.values:
        row = entries.part(package)
        severity = severity_word(row.maybe_text("severity"))
        findings.append(
            finding("npm-audit", "vulnerable-package", severity, f"{package} {row.maybe_text('range') or ''}")
        )
    return ScanRead("npm-audit", "unknown", unique(findings), total, total, needs_database=True)


def read_semgrep(data: bytes, name: str) -> ScanRead:
    """`semgrep --json`: rule ids lose the folder of the rule file (SC-05); errors are skipped files."""
    fields = _object(data, name)
    paths = fields.part("paths")
    scanned = len(paths.texts("scanned"))
    failed = tuple(row.maybe_text("path") or row.maybe_text("message") or "error" for row in fields.rows("errors"))
    findings = []
    for row in fields.rows("results"):
        rule = row.text("check_id").rsplit(".", 1)[-1]
        severity = severity_word(row.part("extra").maybe_text("severity"), semgrep=True)
        findings.append(finding("semgrep", rule, severity, place(row.text("path"), row.part("start").count("line"))))
    version = fields.maybe_text("version") or "unknown"
    return ScanRead("semgrep", version, unique(findings), scanned, scanned + len(failed), skipped=failed)


def read_trivy(data: bytes, name: str) -> ScanRead:
    """`trivy --format json`: vulnerabilities, misconfigurations and secrets of all results."""
    fields = _object(data, name)
    results = fields.rows("Results")
    database = fields.maybe_text("VulnerabilityDBUpdatedAt")
    return ScanRead(
        tool="trivy",
        version="unknown",
        findings=unique(found for result in results for found in _trivy_findings(result)),
        scanned=len(results),
        expected=len(results),
        needs_database=True,
        database_at=read_time(database) if database else None,
    )


def _trivy_findings(result: Fields) -> list[ScanFinding]:
    target = result.text("Target")
    answer = []
    for key, rule, package in (
        ("Vulnerabilities", "VulnerabilityID", "PkgName"),
        ("Misconfigurations", "ID", ""),
        ("Secrets", "RuleID", ""),
    ):
        for row in result.rows(key) if result.has(key) else ():
            severity = severity_word(row.maybe_text("Severity"))
            part = f"{row.text(package)} {row.maybe_text('InstalledVersion') or ''}" if package else ""
            advice = row.maybe_text("FixedVersion")
            answer.append(finding("trivy", row.text(rule), severity, f"{target} {part}".strip(), advice))
    return answer


def _fixed_in(vulnerability: Fields) -> str | None:
    versions = vulnerability.texts("fix_versions") if vulnerability.has("fix_versions") else ()
    return f"update to {' or '.join(versions)}" if versions else None


def _object(data: bytes, name: str) -> Fields:
    value: Tree = read_json(data, name=name, limit=MOST_BYTES)
    if not isinstance(value, Mapping):
        raise BadInput("the output is not a JSON object", where=name, next_step="let the scanner run again")
    return Fields(value, name)


def read_secrets_sarif(data: bytes, name: str) -> ScanRead:
    """SARIF of a scanner that looks for secrets: what has no severity is critical, by policy."""
    return read_sarif(data, name, secrets=True)


SCAN_READERS: Mapping[str, ScanReader] = {
    "sarif": read_sarif,
    "secrets-sarif": read_secrets_sarif,
    "bandit": read_bandit,
    "pip-audit": read_pip_audit,
    "gitleaks": read_gitleaks,
    "npm-audit": read_npm_audit,
    "semgrep": read_semgrep,
    "trivy": read_trivy,
}
"""The built-in scanner formats by the word that a project file uses; registered in group `gonogo.scanners`, too."""
