"""Readers of tools that look at source code and configuration: bandit, semgrep, zizmor, checkov."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.evidence.canonical import Tree, read_json
from gonogo.measure.scan_findings import (
    ScanFinding,
    ScanRead,
    finding,
    place,
    severity_word,
    stated_time,
    unique,
)
from gonogo.measure.scanner_output import MOST_BYTES, json_object, json_rows, not_of
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity

CHECKOV = "checkov -o json"


def read_bandit(data: bytes, name: str) -> ScanRead:
    """`bandit -f json`: files scanned are those of its metrics; files with errors are skipped."""
    fields = json_object(data, name, "bandit -f json", "metrics", "results", "errors")
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
    return ScanRead(
        tool="bandit",
        version="unknown",
        findings=unique(findings),
        scanned=expected - len(broken),
        expected=expected,
        skipped=failed,
        names=tuple(path for path in files if path not in broken),
        made_at=stated_time(fields.maybe_text("generated_at")),
    )


def read_semgrep(data: bytes, name: str) -> ScanRead:
    """`semgrep --json`: rule ids lose the folder of the rule file (SC-05); errors and rules not used are no scan."""
    fields = json_object(data, name, "semgrep scan --json", "results", "errors", "paths")
    names = fields.part("paths").texts("scanned")
    failed = tuple(row.maybe_text("path") or row.maybe_text("message") or "error" for row in fields.rows("errors"))
    unused = tuple(str(rule) for rule in _listed(fields, "skipped_rules"))
    failed += tuple(f"rule not used: {rule[:200]}" for rule in unused)
    findings = []
    for row in fields.rows("results"):
        rule = row.text("check_id").rsplit(".", 1)[-1]
        word = row.part("extra").maybe_text("severity")
        severity = Severity.LOW if (word or "").upper() == "INFO" else severity_word(word)
        findings.append(finding("semgrep", rule, severity, place(row.text("path"), row.part("start").count("line"))))
    return ScanRead(
        tool="semgrep",
        version=fields.maybe_text("version") or "unknown",
        findings=unique(findings),
        scanned=len(names),
        expected=len(names) + len(failed),
        skipped=failed,
        names=names,
    )


def _listed(fields: Fields, name: str) -> Sequence[Tree]:
    value = fields.values.get(name)
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def read_zizmor(data: bytes, name: str) -> ScanRead:
    """`zizmor --format json`: a list of findings; it does not say which workflows it looked at. Ignored ones count."""
    findings = []
    for row in json_rows(data, name, "zizmor --format json"):
        severity = severity_word(row.part("determinations").maybe_text("severity"))
        findings.append(finding("zizmor", row.text("ident"), severity, _workflow(row), row.maybe_text("url")))
    return ScanRead("zizmor", "unknown", unique(findings), None, None)


def _workflow(row: Fields) -> str:
    """File and line of the primary location, which is counted from 0."""
    for location in row.rows("locations"):
        key = location.part("symbolic").part("key")
        local = key.maybe_part("Local") or key.maybe_part("Remote")
        if local is not None:
            row_number = location.part("concrete").part("location").part("start_point").count("row")
            return place(local.maybe_text("verbatim_path") or local.maybe_text("path") or "unknown", row_number + 1)
    return "unknown place"


def read_checkov(data: bytes, name: str) -> ScanRead:
    """`checkov -o json`: one report, or one for each framework. Offline it states no severity, which then blocks."""
    reports = _checkov_reports(data, name)
    findings: list[ScanFinding] = []
    names: dict[str, None] = {}
    skipped: list[str] = []
    resources = 0
    for report in reports:
        resources += report.part("summary").count("resource_count")
        results = report.part("results")
        for kind in ("passed_checks", "failed_checks", "skipped_checks"):
            rows = results.rows(kind) if results.has(kind) else ()
            names |= dict.fromkeys(row.text("file_path").lstrip("/") for row in rows)
        findings += [_check(row) for row in results.rows("failed_checks")]
        skipped += list(results.texts("parsing_errors")) if results.has("parsing_errors") else []
    version = next((found for report in reports if (found := report.part("summary").maybe_text("checkov_version"))), "")
    return ScanRead(
        tool="checkov",
        version=version or "unknown",
        findings=unique(findings),
        scanned=resources,
        expected=resources + len(skipped),
        skipped=tuple(f"{path}: not parsed" for path in skipped),
        names=tuple(names),
    )


def _checkov_reports(data: bytes, name: str) -> tuple[Fields, ...]:
    """The reports in the output; where there was nothing to look at, the tool writes bare totals without results."""
    value: Tree = read_json(data, name=name, limit=MOST_BYTES) if data.strip() else None
    listed: Sequence[Tree] = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    reports = []
    for item in listed:
        if not isinstance(item, Mapping):
            raise not_of(CHECKOV, name, "it is no report")
        bare = "resource_count" in item and "results" not in item
        report = {"summary": item, "results": {"failed_checks": []}} if bare else item
        if report.get("results") is None or report.get("summary") is None:
            raise not_of(CHECKOV, name, "it has no `results` and `summary`")
        reports.append(Fields(report, name))
    if not reports:
        raise not_of(CHECKOV, name, "it holds no report")
    return tuple(reports)


def _check(row: Fields) -> ScanFinding:
    lines = row.values.get("file_line_range")
    first = lines[0] if isinstance(lines, Sequence) and lines and isinstance(lines[0], int) else None
    where = place(row.text("file_path").lstrip("/"), first)
    return finding(
        "checkov", row.text("check_id"), severity_word(row.maybe_text("severity")), where, row.maybe_text("guideline")
    )
