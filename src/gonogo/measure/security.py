"""Security, licences and compliance: body of `security-compliance-report.json` (F6, SEC-01..08, C13, C14).

Blocking = not resolved and (high, critical or unknown, or a forbidden or unknown licence, or marked by policy). A
waived finding is still open: an exception is accepted at the gate, by people, and resolves nothing (C14). Where a scan
is missing, partial, stale or of another digest, counts appear only if they already forbid; a clean count never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import (
    Body,
    duration_text,
    maybe_time,
    severity_of,
    share,
    time_text,
    without_none,
    worst_severity,
)
from gonogo.measure.header import raw_row
from gonogo.measure.licences import LicencePolicy, LicenceSeen, standing
from gonogo.measure.scan_findings import ScanFinding, ScanRead, ScanUnread, fingerprint
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from gonogo.values import dataclass

ControlState: TypeAlias = Literal["met", "not_met", "unanswered"]
FindingState: TypeAlias = Literal["open", "resolved", "waived"]


@dataclass(frozen=True, slots=True)
class LicenceAudit:
    """Every component of the release with its stated licence, and the policy that they are judged by."""

    components: tuple[LicenceSeen, ...]
    policy: LicencePolicy


@dataclass(frozen=True, slots=True)
class ControlSeen:
    """One compliance control; unanswered counts as not met (SEC-03). `evidence` names the file that shows it."""

    id: str
    standard: str
    state: ControlState
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class GateControls:
    """The controls of standards that a gate answers, by id and title (SEC-08)."""

    gate: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanPolicy:
    """What has to be scanned and what blocks.

    Tools that must have run, globs of rules that block at any severity, the greatest age of a database (SC-08).
    """

    required_tools: frozenset[str] = frozenset()
    blocking_rules: tuple[str, ...] = ()
    database_max_age: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SecuritySeen:
    """All scans of one release.

    `resolved` are earlier findings that the newest scans no longer show; `waivers` and `remediations` are by
    fingerprint; `approvals` are rows of signed approvals as F8 writes them.
    """

    release_digest: Digest
    scanned_digest: Digest
    scans: tuple[ScanRead | ScanUnread, ...]
    policy: ScanPolicy
    licences: LicenceAudit | None
    controls: tuple[ControlSeen, ...]
    resolved: tuple[ScanFinding, ...] = ()
    waivers: Mapping[str, str] = field(default_factory=dict)
    remediations: Mapping[str, str] = field(default_factory=dict)
    approvals: tuple[Mapping[str, Tree], ...] = ()
    mapping: tuple[GateControls, ...] = ()


def security_body(seen: SecuritySeen, now: datetime) -> Body:
    """Body of the security and compliance report as of `now` (F6)."""
    raw: Body = {
        "security_scan": {
            "release_digest": seen.release_digest,
            "scanned_digest": seen.scanned_digest,
            "checked_at": time_text(now),
            "database_max_age": duration_text(seen.policy.database_max_age),
            "required_tools": sorted(seen.policy.required_tools),
        },
        "scans": [_scan_row(scan) for scan in seen.scans],
        "findings": _finding_rows(seen),
        "compliance": {
            "controls": [_control_row(control) for control in seen.controls],
            "mapping": [{"gate": row.gate, "controls": list(row.controls)} for row in seen.mapping],
        },
        "approvals": [dict(row) for row in seen.approvals],
        "raw": [raw_row(scan.raw) for scan in seen.scans if scan.raw is not None],
    }
    if seen.licences is not None:
        raw["licences"] = _licence_counts(seen.licences)
    return filled(raw, derived_security(raw))


def derived_security(body: Mapping[str, Tree]) -> Derived:
    """Counts, worst open severity, completeness of the scans and compliance score (III.2)."""
    fields = Fields(body)
    findings = fields.rows("findings")
    unresolved = [row for row in findings if row.text("state") != "resolved"]
    blocking = sum(_blocks(row) for row in unresolved)
    worst = worst_severity(severity_of(row.text("severity")) for row in unresolved)
    complete = _is_complete(fields)
    controls = fields.part("compliance").rows("controls")
    met = sum(control.text("state") == "met" for control in controls)
    return {
        "/security_scan/complete": complete,
        "/security_scan/open": len(unresolved),
        "/security_scan/resolved": len(findings) - len(unresolved),
        "/security_scan/blocking_findings": blocking if complete or blocking else None,
        "/security_scan/max_open_severity": worst.word if complete or worst > Severity.MEDIUM else None,
        "/compliance/score": share(met, len(controls)),
    }


def findings_in(body: Mapping[str, Tree]) -> tuple[ScanFinding, ...]:
    """The findings of scanners that a report lists, licences left out: they are looked at anew each time."""
    return tuple(
        ScanFinding(
            tool=row.text("source"),
            rule=row.text("id").rsplit("@", 1)[0],
            severity=severity_of(row.text("severity")),
            component=row.text("component"),
            fingerprint=row.text("fingerprint"),
            remediation=row.maybe_text("remediation"),
        )
        for row in Fields(body).rows("findings")
        if row.text("cause") == "vulnerability" and row.has("fingerprint")
    )


def incomplete(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Why the scans do not cover the release, one sentence each; none where they do (SC-01, SEC-01)."""
    fields = Fields(body)
    scan = fields.part("security_scan")
    found = []
    if scan.text("scanned_digest") != scan.text("release_digest"):
        found.append("the scans looked at another digest than that of the release")
    if not fields.rows("scans"):
        found.append("no scan was run")
    ran = {row.text("tool") for row in fields.rows("scans")}
    found += [f"{tool} was not run" for tool in scan.texts("required_tools") if tool not in ran]
    found += [f"{row.text('tool')}: {_gap(row, scan)}" for row in fields.rows("scans") if _gap(row, scan)]
    licences = fields.maybe_part("licences")
    if licences is None or not licences.count("components"):
        found.append("no licence of the release was looked at")
    return tuple(found)


def _is_complete(fields: Fields) -> bool:
    return not incomplete(fields.values)


def _gap(row: Fields, scan: Fields) -> str:
    """Why one scan is not complete; empty where it is."""
    if row.filled("broken"):
        return row.text("broken")
    if row.has("missing") and row.texts("missing"):
        return _missing(row.texts("missing"))
    if row.texts("skipped"):
        return f"{len(row.texts('skipped'))} items were skipped"
    if row.has("scanned") and (row.count("scanned") != row.count("expected") or not row.count("scanned")):
        return f"{row.count('scanned')} of {row.count('expected')} items were scanned"
    if row.flag("needs_database"):
        return _database_gap(row.maybe_moment("database_at"), scan)
    return ""


def _missing(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"its report does not name what it was to look at: {', '.join(names[:5])}{more}; scan that, too"


def _database_gap(database_at: datetime | None, scan: Fields) -> str:
    if database_at is None:
        return "the age of its advisory database is unknown; bind the file that states it under `database`"
    age = scan.moment("checked_at") - database_at
    if timedelta(0) <= age <= scan.duration("database_max_age"):
        return ""
    return f"its advisory database is of {time_text(database_at)}"


def _blocks(row: Fields) -> bool:
    severe = severity_of(row.text("severity")) >= Severity.HIGH
    return row.flag("blocking") or severe or row.text("cause") == "licence"


def _scan_row(scan: ScanRead | ScanUnread) -> Body:
    match scan:
        case ScanRead():
            return without_none(
                {
                    "tool": scan.tool,
                    "version": scan.version,
                    "findings": len(scan.findings),
                    "scanned": scan.scanned,
                    "expected": scan.expected if scan.scanned is not None else None,
                    "skipped": list(scan.skipped),
                    "broken": scan.broken or None,
                    "named": None if scan.names is None else len(scan.names),
                    "missing": list(scan.missing) or None,
                    "made_at": maybe_time(scan.made_at),
                    "needs_database": scan.needs_database,
                    "database_at": maybe_time(scan.database_at),
                }
            )
        case ScanUnread(tool=tool, reason=reason):
            return {"tool": tool, "skipped": [], "broken": reason, "needs_database": False}


def _finding_rows(seen: SecuritySeen) -> list[Tree]:
    found = [one for scan in seen.scans if isinstance(scan, ScanRead) for one in scan.findings]
    rows: list[Tree] = [
        _finding_row(one, seen, "waived" if one.fingerprint in seen.waivers else "open") for one in found
    ]
    present = {one.fingerprint for one in found}
    rows += [_finding_row(one, seen, "resolved") for one in seen.resolved if one.fingerprint not in present]
    return rows + (_licence_rows(seen.licences) if seen.licences else [])


def _finding_row(one: ScanFinding, seen: SecuritySeen, state: FindingState) -> Body:
    marked = any(fnmatchcase(one.rule, pattern) for pattern in seen.policy.blocking_rules)
    return without_none(
        {
            "id": f"{one.rule}@{one.fingerprint[:12]}",
            "source": one.tool,
            "severity": one.severity.word,
            "blocking": state != "resolved" and (marked or one.severity >= Severity.HIGH),
            "component": one.component,
            "fingerprint": one.fingerprint,
            "state": state,
            "remediation": seen.remediations.get(one.fingerprint) or one.remediation,
            "cause": one.cause,
            "waiver_id": seen.waivers.get(one.fingerprint),
        }
    )


def _licence_rows(audit: LicenceAudit) -> list[Tree]:
    return [
        {
            "id": f"licence@{fingerprint('licence', seen.component, seen.stated)[:12]}",
            "source": "licence-audit",
            "severity": "high" if standing(seen.stated, audit.policy) == "forbidden" else "unknown",
            "blocking": True,
            "component": f"{seen.component}: {seen.stated or 'no licence stated'}",
            "state": "open",
            "cause": "licence",
        }
        for seen in audit.components
        if standing(seen.stated, audit.policy) != "allowed"
    ]


def _licence_counts(audit: LicenceAudit) -> Body:
    words = [standing(seen.stated, audit.policy) for seen in audit.components]
    return {
        "policy": audit.policy.digest,
        "components": len(words),
        "forbidden": words.count("forbidden"),
        "unknown": words.count("unknown"),
    }


def _control_row(control: ControlSeen) -> Body:
    return without_none(
        {"id": control.id, "standard": control.standard, "state": control.state, "evidence": control.evidence}
    )
