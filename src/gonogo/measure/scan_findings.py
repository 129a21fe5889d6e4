"""What a scanner found, normalised: one shape for all tools, without the text that may hold a secret (SEC-01, SC-06).

Snippets, matches and messages of tools are never copied: some of them print the secret that they found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.measure.header import RawFile
from gonogo.terms import Severity
from gonogo.values import dataclass

FindingCause: TypeAlias = Literal["vulnerability", "licence", "compliance"]

MOST_TEXT = 300

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
_FRACTION = re.compile(r"\.\d+")


def severity_word(word: str | None) -> Severity:
    """The severity that a tool's word means; null, absent or a word not in the table is UNKNOWN, which blocks (C14)."""
    return _WORDS.get((word or "").strip().lower(), Severity.UNKNOWN)


def stated_time(text: str | None) -> datetime | None:
    """The moment that a tool states, to the second; None for none, for other text and for a time without a zone."""
    try:
        found = datetime.fromisoformat(_FRACTION.sub("", (text or "").strip()))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """One finding. `component` is a file with line, or a package with version; `remediation` what the tool advises."""

    tool: str
    rule: str
    severity: Severity
    component: str
    fingerprint: str
    cause: FindingCause = "vulnerability"
    remediation: str | None = None


@dataclass(frozen=True, slots=True)
class ScanRead:
    """The parsed output of one tool.

    `scanned` of `expected` items were looked at, None where the tool does not say; `names` are the items by name, None
    where the report names none. `skipped` names what it left out, with its reason. `broken` says why the run itself
    failed. `made_at` is when the report says that it was written. `needs_database` says that the tool judges by
    advisories: `database_at` is their age where the report states it, `live` that it asked a service while it ran.
    `missing` are items that the project expects and the report does not name.
    """

    tool: str
    version: str
    findings: tuple[ScanFinding, ...]
    scanned: int | None
    expected: int | None
    skipped: tuple[str, ...] = ()
    broken: str = ""
    needs_database: bool = False
    database_at: datetime | None = None
    raw: RawFile | None = None
    names: tuple[str, ...] | None = None
    made_at: datetime | None = None
    live: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanUnread:
    """Output of a tool that is empty, cut or not understood: never a clean scan (SC-02)."""

    tool: str
    reason: str
    raw: RawFile | None = None


def finding(tool: str, rule: str, severity: Severity, component: str, remediation: str | None = None) -> ScanFinding:
    """A finding with its fingerprint: the same tool, rule and component are one finding in every checkout (SC-05)."""
    rule, component = short(rule), short(component)
    return ScanFinding(tool, rule, severity, component, fingerprint(tool, rule, component), remediation=remediation)


def fingerprint(*parts: str) -> str:
    """SHA-256 over the parts, as JSON, in hex."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def short(text: str) -> str:
    """Foreign text on one line, at most 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_TEXT else f"{line[:MOST_TEXT]}…"


def place(file: str, line: int | None) -> str:
    """A file with its line, without the folder that the tool ran in."""
    path = file.removeprefix("file://").replace("\\", "/").removeprefix("./")
    return path if line is None else f"{path}:{line}"


def unique(findings: Iterable[ScanFinding]) -> tuple[ScanFinding, ...]:
    """The findings, each fingerprint once with its worst severity, in the order of first sight."""
    seen: dict[str, ScanFinding] = {}
    for one in findings:
        known = seen.get(one.fingerprint)
        if known is None or one.severity > known.severity:
            seen[one.fingerprint] = one
    return tuple(seen.values())
