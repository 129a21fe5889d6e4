"""What a scanner found, normalised: one shape for all tools, without the text that may hold a secret (SEC-01, SC-06).

Snippets, matches and messages of tools are never copied: some of them print the secret that they found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.measure.header import RawFile
from gonogo.terms import Severity

FindingCause: TypeAlias = Literal["vulnerability", "licence", "compliance"]

MOST_TEXT = 300


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

    `scanned` of `expected` items were looked at, None where the tool does not say; `skipped` names what it left out,
    with its reason. `broken` says why the run itself failed. `database_at` is the age of its advisories, None where
    unknown; `needs_database` says that it has any.
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
