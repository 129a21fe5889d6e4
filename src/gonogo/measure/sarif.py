"""Reader of SARIF 2.1.0: results with severities by score, level, or the rule's default (components section 10).

`security-severity` ≥ 9 critical, ≥ 7 high, ≥ 4 medium, else low; without it error high, warning medium, note low, none
info. A run that says that it failed, or has no tool, is broken. Suppressed results stay findings: only people waive.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.scan_findings import ScanFinding, ScanRead, finding, place, stated_time, unique
from gonogo.measure.scanner_output import json_object
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity

_LEVELS: Mapping[str, Severity] = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.INFO,
}
_STEPS = ((9, Severity.CRITICAL), (7, Severity.HIGH), (4, Severity.MEDIUM))
_OTHER_KINDS = ("pass", "notApplicable", "informational")


def read_sarif(data: bytes, name: str, *, secrets: bool = False) -> ScanRead:
    """All runs of one SARIF file as one scan; BadInput where it is not SARIF 2.1.

    With `secrets`, results without a score are critical: a secret in the open has no lower rating (section 10).
    """
    fields = json_object(data, name, "a tool that writes SARIF 2.1.0", "version", "runs")
    if not fields.text("version").startswith("2.1"):
        raise BadInput(f"SARIF {fields.text('version')[:20]}", where=name, next_step="write SARIF 2.1.0")
    runs = fields.rows("runs")
    if not runs:
        raise BadInput("no run stands in this file", where=name, next_step="let the scanner run and write it again")
    drivers = [run.part("tool").part("driver") for run in runs]
    findings = [found for run in runs for found in _findings(run, secrets=secrets)]
    return ScanRead(
        tool=drivers[0].text("name"),
        version=drivers[0].maybe_text("semanticVersion") or drivers[0].maybe_text("version") or "unknown",
        findings=unique(findings),
        scanned=None,
        expected=None,
        broken="; ".join(_failures(runs)),
        names=_artifacts(runs),
        made_at=max(_ends(runs), default=None),
    )


def _artifacts(runs: tuple[Fields, ...]) -> tuple[str, ...] | None:
    """The files that the runs list as artifacts; None where no run lists any."""
    listed = [row for run in runs if run.has("artifacts") for row in run.rows("artifacts")]
    places = [
        location.text("uri") for row in listed if (location := row.maybe_part("location")) and location.has("uri")
    ]
    return tuple(places) or None


def _ends(runs: tuple[Fields, ...]) -> list[datetime]:
    invocations = [row for run in runs if run.has("invocations") for row in run.rows("invocations")]
    return [end for row in invocations if (end := stated_time(row.maybe_text("endTimeUtc"))) is not None]


def _failures(runs: tuple[Fields, ...]) -> list[str]:
    found = []
    for run in runs:
        found += [
            invocation.maybe_text("exitCodeDescription") or "the tool says that its run failed"
            for invocation in (run.rows("invocations") if run.has("invocations") else ())
            if invocation.has("executionSuccessful") and not invocation.flag("executionSuccessful")
        ]
        if not run.has("results"):
            found.append("the run has no list of results")
    return found


def _findings(run: Fields, *, secrets: bool) -> list[ScanFinding]:
    driver = run.part("tool").part("driver")
    tool = driver.text("name")
    listed = driver.rows("rules") if driver.has("rules") else ()
    by_id = {rule.text("id"): rule for rule in listed}
    answer = []
    for result in run.rows("results") if run.has("results") else ():
        rule = _rule(result, listed, by_id)
        if result.maybe_text("kind") in _OTHER_KINDS:
            continue
        name = result.maybe_text("ruleId") or (rule.text("id") if rule else "unknown")
        severity = _severity(result, rule, secrets=secrets)
        answer.append(finding(tool, name, severity, _component(result), rule.maybe_text("helpUri") if rule else None))
    return answer


def _rule(result: Fields, listed: tuple[Fields, ...], by_id: Mapping[str, Fields]) -> Fields | None:
    if result.has("ruleIndex"):
        index = result.whole("ruleIndex")
        if 0 <= index < len(listed):
            return listed[index]
    return by_id.get(result.maybe_text("ruleId") or "")


def _severity(result: Fields, rule: Fields | None, *, secrets: bool) -> Severity:
    for holder in (result, rule):
        score = _score(holder)
        if score is not None:
            return score
    if secrets:
        return Severity.CRITICAL
    level = result.maybe_text("level")
    if level is None and rule is not None:
        defaults = rule.maybe_part("defaultConfiguration")
        level = defaults.maybe_text("level") if defaults else None
    return _LEVELS.get(level or "warning", Severity.UNKNOWN)


def _score(holder: Fields | None) -> Severity | None:
    properties = holder.maybe_part("properties") if holder else None
    stated: Tree = properties.values.get("security-severity") if properties else None
    if stated is None:
        return None
    try:
        score = Decimal(str(stated))
    except InvalidOperation:
        return Severity.UNKNOWN
    if isinstance(stated, bool) or not score.is_finite():
        return Severity.UNKNOWN
    return next((severity for least, severity in _STEPS if score >= least), Severity.LOW)


def _component(result: Fields) -> str:
    for location in result.rows("locations") if result.has("locations") else ():
        physical = location.maybe_part("physicalLocation")
        artifact = physical.maybe_part("artifactLocation") if physical else None
        if physical and artifact and artifact.has("uri"):
            region = physical.maybe_part("region")
            line = region.whole("startLine") if region and region.has("startLine") else None
            return place(artifact.text("uri"), line)
    return "unknown place"
