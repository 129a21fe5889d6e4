"""Findings for machines: JSON, SARIF 2.1.0 (OASIS) and GitHub workflow annotations, all from the same `Finding`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from gonogo.document.rendering import in_order
from gonogo.findings import Applicability, Finding, Level, Origin
from gonogo.terms import Json, digest_of

FINDINGS_FORMAT = "gonogo-findings-1"
"""Name and version of the JSON form."""

_SARIF_LEVEL = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
_GITHUB_LEVEL = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}


def render_json(findings: Iterable[Finding]) -> str:
    """One JSON object: `format`, `counts` by level, `findings` in file order. Ends with one line feed."""
    ordered = in_order(findings)
    counts = {level.name.lower(): sum(finding.level is level for finding in ordered) for level in Level}
    return _written({"format": FINDINGS_FORMAT, "counts": counts, "findings": [finding_json(f) for f in ordered]})


def finding_json(finding: Finding) -> Mapping[str, Json]:
    """One finding as a JSON object; edits are code point ranges of the repaired text."""
    return {
        "code": finding.code,
        "level": finding.level.name.lower(),
        "message": finding.message,
        "primary": _place(finding.primary),
        "labels": [{**_place(label.origin), "text": label.text} for label in finding.labels],
        "notes": list(finding.notes),
        "fixes": [
            {
                "title": fix.title,
                "applicability": fix.applicability.value,
                "edits": [{"start": e.span.start, "end": e.span.end, "text": e.text} for e in fix.edits],
            }
            for fix in finding.fixes
        ],
    }


def render_sarif(findings: Iterable[Finding], titles: Mapping[str, str], version: str) -> str:
    """A SARIF 2.1.0 log with one run; `titles` are the short descriptions of the codes, `version` is gonogo's own."""
    ordered = in_order(findings)
    codes = sorted({finding.code for finding in ordered})
    rules: list[Json] = [{"id": code, "shortDescription": {"text": titles.get(code, code)}} for code in codes]
    driver: Json = {"name": "gonogo", "semanticVersion": version, "rules": rules}
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, codes.index(finding.code)) for finding in ordered],
    }
    return _written({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def render_github(findings: Iterable[Finding]) -> str:
    """One GitHub workflow command a finding, e.g. `::error file=a.md,line=3,col=1,title=GN0301::...`."""
    return "".join(_github_line(finding) + "\n" for finding in in_order(findings))


def _place(origin: Origin) -> Mapping[str, Json]:
    return {
        "file": origin.file,
        "line": origin.line,
        "col": origin.col,
        "byte_start": origin.byte0,
        "byte_end": origin.byte1,
    }


def _sarif_result(finding: Finding, rule: int) -> Json:
    words = [finding.message, *(f"note: {note}" for note in finding.notes)]
    words += [f"fix ({fix.applicability.value}): {fix.title}" for fix in finding.fixes]
    identity = f"{finding.code}\0{finding.primary.file}\0{finding.message}"
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _SARIF_LEVEL[finding.level],
        "message": {"text": "\n".join(words)},
        "locations": [_sarif_location(finding.primary)],
        "relatedLocations": [
            {"id": number, "message": {"text": label.text}, **_sarif_location(label.origin)}
            for number, label in enumerate(finding.labels)
        ],
        "partialFingerprints": {"gonogoFinding/v1": digest_of(identity.encode("utf-8", "replace"))},
        "properties": {"fixable": any(fix.applicability is Applicability.MACHINE for fix in finding.fixes)},
    }


def _sarif_location(origin: Origin) -> Mapping[str, Json]:
    region: dict[str, Json] = {"startLine": max(1, origin.line), "startColumn": max(1, origin.col)}
    if origin.byte1 > origin.byte0:
        region |= {"byteOffset": origin.byte0, "byteLength": origin.byte1 - origin.byte0}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(origin.file)}, "region": region}}


def _github_line(finding: Finding) -> str:
    place = finding.primary
    properties = (("file", place.file), ("line", str(place.line)), ("col", str(place.col)), ("title", finding.code))
    head = ",".join(f"{name}={_escaped(value, inside_property=True)}" for name, value in properties)
    message = "\n".join((finding.message, *(f"fix: {fix.title}" for fix in finding.fixes)))
    return f"::{_GITHUB_LEVEL[finding.level]} {head}::{_escaped(message)}"


def _escaped(text: str, *, inside_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if inside_property else text


def _written(value: Json) -> str:
    # ASCII only: a hidden character in a message shows as an escape and a lone surrogate cannot break the encoding.
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
