"""Readers of tools that compare packages with advisories: pip-audit, npm audit, trivy, grype, osv-scanner.

A tool that asks a service while it runs is as fresh as its run (`live`); one that brings a database states its age, or
a second file does, and without it nothing is clean (SC-08).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.scan_findings import ScanFinding, ScanRead, finding, severity_word, stated_time, unique
from gonogo.measure.scanner_output import json_object
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity

_WITHOUT_ADVISORIES = frozenset({"config", "secret", "license", "license-file"})
_DATABASES = (
    ("VulnerabilityDB", "UpdatedAt"),
    ("vulnerabilityDbStatus", "built"),
    ("db", "built"),
    ("", "built"),
    ("", "updated"),
)
"""Where the age of a database stands: trivy version, grype version with its database, grype report, grype db status."""


def read_pip_audit(data: bytes, name: str) -> ScanRead:
    """`pip-audit -f json`: a package with a skip reason was not scanned, whatever the exit code said (SC-01)."""
    packages = json_object(data, name, "pip-audit -f json", "dependencies").rows("dependencies")
    skipped = [row for row in packages if row.has("skip_reason") or not row.has("vulns")]
    asked = [row for row in packages if row not in skipped]
    findings = [
        finding(
            "pip-audit",
            vulnerability.text("id"),
            Severity.UNKNOWN,
            f"{row.text('name')} {row.text('version')}",
            _fixed_in(vulnerability),
        )
        for row in asked
        for vulnerability in row.rows("vulns")
    ]
    return ScanRead(
        tool="pip-audit",
        version="unknown",
        findings=unique(findings),
        scanned=len(asked),
        expected=len(packages),
        skipped=tuple(f"{row.text('name')}: {row.maybe_text('skip_reason') or 'not scanned'}" for row in skipped),
        needs_database=True,
        names=tuple(name for row in asked for name in _named(row)),
        live=True,
    )


def read_npm_audit(data: bytes, name: str) -> ScanRead:
    """`npm audit --json`: a refused request also exits 1, but has no `vulnerabilities` (SC-03)."""
    fields = json_object(data, name, "npm audit --json", "vulnerabilities", "metadata")
    entries = fields.part("vulnerabilities")
    total = fields.part("metadata").part("dependencies").count("total")
    findings = []
    for package in entries.values:
        row = entries.part(package)
        severity = severity_word(row.maybe_text("severity"))
        findings.append(
            finding("npm-audit", "vulnerable-package", severity, f"{package} {row.maybe_text('range') or ''}")
        )
    return ScanRead("npm-audit", "unknown", unique(findings), total, total, needs_database=True, live=True)


def read_trivy(data: bytes, name: str) -> ScanRead:
    """`trivy --format json`: vulnerabilities, misconfigurations and secrets of all results.

    Its report does not say how old its database is: the output of `trivy version --format json` beside it does.
    """
    fields = json_object(data, name, "trivy --format json", "SchemaVersion", "Results")
    results = fields.rows("Results")
    stated = fields.maybe_text("VulnerabilityDBUpdatedAt")
    classes = {row.maybe_text("Class") for row in results}
    return ScanRead(
        tool="trivy",
        version=_trivy_version(fields),
        findings=unique(found for result in results for found in _trivy_findings(result)),
        scanned=len(results),
        expected=len(results),
        needs_database=not (classes and classes <= _WITHOUT_ADVISORIES),
        database_at=stated_time(stated),
        names=tuple(_trivy_names(fields, results)),
        made_at=stated_time(fields.maybe_text("CreatedAt")),
    )


def read_grype(data: bytes, name: str) -> ScanRead:
    """`grype -o json`: matches of one image or folder; the report names the database that it used.

    A match that a rule of its own configuration ignored stays a finding: only people waive.
    """
    fields = json_object(data, name, "grype -o json", "matches", "source", "descriptor")
    descriptor = fields.part("descriptor")
    rows = (*fields.rows("matches"), *(fields.rows("ignoredMatches") if fields.has("ignoredMatches") else ()))
    return ScanRead(
        tool="grype",
        version=descriptor.maybe_text("version") or "unknown",
        findings=unique(_grype_finding(row) for row in rows),
        scanned=None,
        expected=None,
        needs_database=True,
        database_at=_grype_database(descriptor),
        names=tuple(_grype_names(fields.part("source"))),
        made_at=stated_time(descriptor.maybe_text("timestamp")),
    )


def read_osv_scanner(data: bytes, name: str) -> ScanRead:
    """`osv-scanner --format json --all-packages`: results by source; without the option clean packages are not named.

    The tool asks its service while it runs. A group of aliases is one finding, rated by its greatest score.
    """
    fields = json_object(data, name, "osv-scanner --format json", "results")
    names: list[str] = []
    findings: list[ScanFinding] = []
    packages = 0
    for result in fields.rows("results"):
        names.append(result.part("source").text("path"))
        for row in result.rows("packages"):
            package = row.part("package")
            packages += 1
            names += _named(package)
            findings += _osv_findings(row, f"{package.text('name')} {package.maybe_text('version') or ''}".strip())
    return ScanRead(
        tool="osv-scanner",
        version="unknown",
        findings=unique(findings),
        scanned=packages,
        expected=packages,
        needs_database=True,
        names=tuple(names),
        live=True,
    )


def read_database_age(data: bytes, name: str) -> datetime:
    """When the database was made that `trivy version --format json` or `grype db status -o json` tells of (SC-08)."""
    fields = Fields(read_object(data, name=name), name)
    for part, key in _DATABASES:
        holder = fields.maybe_part(part) if part else fields
        found = stated_time(holder.maybe_text(key)) if holder is not None else None
        if found is not None:
            return found
    raise BadInput(
        "it does not say when the advisory database was made",
        where=name,
        next_step="let the command write `trivy version --format json` or `grype db status -o json` into it",
    )


def _named(row: Fields) -> tuple[str, ...]:
    """A package by name, and by name with version, so that a project may expect either."""
    version = row.maybe_text("version")
    return (row.text("name"),) if version is None else (row.text("name"), f"{row.text('name')}=={version}")


def _fixed_in(vulnerability: Fields) -> str | None:
    versions = vulnerability.texts("fix_versions") if vulnerability.has("fix_versions") else ()
    return f"update to {' or '.join(versions)}" if versions else None


def _trivy_version(fields: Fields) -> str:
    about = fields.maybe_part("Trivy")
    return (about.maybe_text("Version") if about else None) or "unknown"


def _trivy_names(fields: Fields, results: tuple[Fields, ...]) -> Iterator[str]:
    yield from (row.text("Target") for row in results)
    artifact = fields.maybe_text("ArtifactName")
    if artifact:
        yield artifact
    about = fields.maybe_part("Metadata")
    if about is not None:
        yield from (image for image in (about.maybe_text("ImageID"),) if image)
        for key in ("RepoDigests", "RepoTags"):
            yield from about.texts(key) if about.has(key) else ()


def _trivy_findings(result: Fields) -> list[ScanFinding]:
    target = result.text("Target")
    answer = []
    for key, rule, package in (
        ("Vulnerabilities", "VulnerabilityID", "PkgName"),
        ("Misconfigurations", "ID", ""),
        ("Secrets", "RuleID", ""),
    ):
        for row in result.rows(key) if result.has(key) else ():
            if row.maybe_text("Status") == "PASS":
                continue
            severity = severity_word(row.maybe_text("Severity"))
            part = f"{row.text(package)} {row.maybe_text('InstalledVersion') or ''}" if package else ""
            advice = row.maybe_text("FixedVersion")
            answer.append(finding("trivy", row.text(rule), severity, f"{target} {part}".strip(), advice))
    return answer


def _grype_finding(row: Fields) -> ScanFinding:
    vulnerability, artifact = row.part("vulnerability"), row.part("artifact")
    fix = vulnerability.maybe_part("fix")
    versions = fix.texts("versions") if fix is not None and fix.has("versions") else ()
    return finding(
        "grype",
        vulnerability.text("id"),
        severity_word(vulnerability.maybe_text("severity")),
        f"{artifact.text('name')} {artifact.maybe_text('version') or ''}".strip(),
        f"update to {' or '.join(versions)}" if versions else None,
    )


def _grype_database(descriptor: Fields) -> datetime | None:
    """Its place changed between releases: `db.status.built` since 0.88, `db.built` before."""
    database = descriptor.maybe_part("db")
    if database is None:
        return None
    status = database.maybe_part("status")
    return stated_time((status or database).maybe_text("built"))


def _grype_names(source: Fields) -> Iterator[str]:
    target: Tree = source.values.get("target")
    if isinstance(target, str):
        yield target
    elif isinstance(target, Mapping):
        about = Fields(target, source.path)
        yield from (found for key in ("userInput", "imageID", "manifestDigest") if (found := about.maybe_text(key)))
        for key in ("repoDigests", "tags"):
            yield from about.texts(key) if about.has(key) else ()


def _osv_findings(row: Fields, component: str) -> Iterator[ScanFinding]:
    for group in row.rows("groups") if row.has("groups") else ():
        ids = group.texts("ids")
        yield finding("osv-scanner", ids[0] if ids else "unknown", _score(group.maybe_text("max_severity")), component)
    if row.has("vulnerabilities") and not row.has("groups"):
        for vulnerability in row.rows("vulnerabilities"):
            yield finding("osv-scanner", vulnerability.text("id"), Severity.UNKNOWN, component)


def _score(text: str | None) -> Severity:
    """A CVSS score as text; none is UNKNOWN."""
    try:
        score = Decimal(text or "")
    except InvalidOperation:
        return Severity.UNKNOWN
    steps = ((9, Severity.CRITICAL), (7, Severity.HIGH), (4, Severity.MEDIUM))
    return next((severity for least, severity in steps if score >= least), Severity.LOW)
