"""Readers of tools that look for secrets: gitleaks, detect-secrets. The fields that hold the secret are not looked at.

A secret has no lower rating than critical, by policy (SC-06). Neither report names the files that were looked at.
"""

from __future__ import annotations

from gonogo.measure.scan_findings import ScanRead, finding, place, stated_time, unique
from gonogo.measure.scanner_output import json_object, json_rows
from gonogo.terms import Severity


def read_gitleaks(data: bytes, name: str) -> ScanRead:
    """`gitleaks -f json`: a list, empty where nothing was found."""
    findings = [
        finding("gitleaks", row.text("RuleID"), Severity.CRITICAL, place(row.text("File"), row.count("StartLine")))
        for row in json_rows(data, name, "gitleaks dir -f json")
    ]
    return ScanRead("gitleaks", "unknown", unique(findings), None, None)


def read_detect_secrets(data: bytes, name: str) -> ScanRead:
    """`detect-secrets scan`: results by file; without an active plugin nothing was looked for.

    A result that an audit marked as no secret stays a finding: only people waive, by signature.
    """
    fields = json_object(data, name, "detect-secrets scan", "results", "plugins_used", "version")
    results = fields.part("results")
    findings = [
        finding("detect-secrets", row.text("type"), Severity.CRITICAL, place(path, row.count("line_number")))
        for path in results.values
        for row in results.rows(path)
    ]
    return ScanRead(
        tool="detect-secrets",
        version=fields.text("version"),
        findings=unique(findings),
        scanned=None,
        expected=None,
        broken="" if fields.rows("plugins_used") else "no plugin was active, so that nothing was looked for",
        made_at=stated_time(fields.maybe_text("generated_at")),
    )
