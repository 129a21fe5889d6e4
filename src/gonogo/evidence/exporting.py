"""Statements in the predicates that other tools read: test result, vulnerabilities, parts list, SVR (in-toto).

They are exports: made from evidence that was sealed and judged, never judged by us. A property of the simple
verification result is present only when it is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.closed import moment_text
from gonogo.evidence.envelope import Subject, statement_of
from gonogo.evidence.filing import Filed, filed, text_in
from gonogo.evidence.packing import PackageFacts
from gonogo.terms import Digest

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
VULNS: Final = "https://in-toto.io/attestation/vulns/v0.2"
SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
CYCLONEDX: Final = "https://cyclonedx.org/bom"
SPDX: Final = "https://spdx.dev/Document"
PARTS_LIST: Final = "parts-list.json"
VERIFIER: Final = "urn:gonogo:verifier:v1"

PROPERTIES: Final[Mapping[str, str]] = {
    "GONOGO_STAGING_PARITY": "staging-parity-report.json",
    "GONOGO_REHEARSED": "rehearsal-report.json",
    "GONOGO_ROLLBACK_WITHIN_RTO": "rollback-verification-report.json",
    "GONOGO_SECURITY_CLEAR": "security-compliance-report.json",
}
"""What each property stands on: the newest judgement over this very file is a pass."""

GO: Final = "GONOGO_GO_PRODUCTION"
MOST: Final = 64 << 20


def exported(facts: PackageFacts, subjects: Sequence[Subject]) -> Iterator[bytes]:
    """The payloads of all exports about `subjects`, the artefacts of the release; nothing without an artefact."""
    if not subjects:
        return
    held = {item.name: item for item in filed(facts.entries) if item.counts}
    for name, made in (("staging-test-results.json", _tests), ("security-compliance-report.json", _vulns)):
        body = _body(facts, held.get(name))
        if body:
            kind, predicate = made(body, held[name])
            yield statement_of(kind, subjects, predicate)
    parts = _body(facts, held.get(PARTS_LIST))
    kind = CYCLONEDX if parts.get("bomFormat") == "CycloneDX" else SPDX if "spdxVersion" in parts else ""
    if kind:
        yield statement_of(kind, subjects, parts)
    yield statement_of(SVR, subjects, _verified(facts, held))


def _body(facts: PackageFacts, item: Filed | None) -> Mapping[str, Tree]:
    content = facts.blobs.get(item.digest) if item else None
    try:
        return read_object(content, name=item.name, limit=MOST) if item and isinstance(content, bytes) else {}
    except BadInput:
        return {}


def _part(body: Mapping[str, Tree], name: str) -> Mapping[str, Tree]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _rows(body: Mapping[str, Tree], name: str) -> list[Mapping[str, Tree]]:
    value = body.get(name)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _tests(body: Mapping[str, Tree], item: Filed) -> tuple[str, Mapping[str, Tree]]:
    """Test result v0.1 from F3. Only a status that is `pass` is PASSED; suites are what passed, tests what failed."""
    passed = _part(body, "test_execution").get("status") == "pass"
    suites = _rows(body, "suites")
    whole = [row.get("name") for row in suites if row.get("failed") == 0 and row.get("executed") not in {0, None}]
    raw = [row for suite in suites for row in _rows(suite, "raw")]
    listed: list[Tree] = [_resource(item.name, item.digest)]
    listed += [_resource(str(row.get("name")), Digest(str(row.get("sha256")))) for row in raw]
    return TEST_RESULT, {
        "result": "PASSED" if passed else "FAILED",
        "configuration": listed,
        "passedTests": [str(name) for name in whole],
        "failedTests": [str(row.get("test")) for row in _rows(body, "failures")],
    }


def _resource(name: str, digest: Digest) -> Tree:
    return {"name": name, "digest": {"sha256": digest}}


def _vulns(body: Mapping[str, Tree], item: Filed) -> tuple[str, Mapping[str, Tree]]:
    """Vulnerabilities v0.2 from F6; the oldest advisory database is the one that counts, where any names its date."""
    scans = _rows(body, "scans")
    dates = sorted(str(row["database_at"]) for row in scans if "database_at" in row)
    names = ",".join(f"{row.get('tool')}@{row.get('version', 'unknown')}" for row in scans)
    found: list[Tree] = [
        {"id": str(row.get("id")), "severity": [{"method": "gonogo", "score": str(row.get("severity"))}]}
        for row in _rows(body, "findings")
        if row.get("state") != "resolved" and row.get("cause") == "vulnerability"
    ]
    scanner: dict[str, Tree] = {"uri": f"urn:gonogo:scans:{names}", "result": found}
    if dates:
        scanner["db"] = {"lastUpdate": dates[0]}
    at = _part(body, "security_scan").get("checked_at", moment_text(item.entry.ts))
    return VULNS, {"scanner": scanner, "metadata": {"scanStartedOn": at, "scanFinishedOn": at}}


def _verified(facts: PackageFacts, held: Mapping[str, Filed]) -> Mapping[str, Tree]:
    verdicts: dict[tuple[str, str], str] = {}
    for entry in facts.entries:
        if entry.type == "gate.judged":
            content = facts.blobs.get(Digest(text_in(entry, "judgement_sha256")))
            body = read_object(content, name="judgement", limit=MOST) if isinstance(content, bytes) else {}
            for row in _rows(body, "evidence"):
                verdicts[str(row.get("name")), str(row.get("sha256"))] = text_in(entry, "verdict")
    stands = [
        name for name, file in PROPERTIES.items() if file in held and verdicts.get((file, held[file].digest)) == "pass"
    ]
    if _went(facts):
        stands.append(GO)
    return {
        "verifier": {"id": VERIFIER, "policies": [_resource(f"protocol/{facts.slug}.md", facts.document_sha256)]},
        "timeCreated": moment_text(facts.entries[-1].ts),
        "properties": [str(name) for name in sorted(stands)],
    }


def _went(facts: PackageFacts) -> bool:
    """Whether an approval of the production launch was complete and used."""
    points = {entry.data.get("round"): entry.data.get("point") for entry in facts.entries if "challenge" in entry.data}
    used = [entry for entry in facts.entries if entry.type == "approval.consumed"]
    return any(points.get(entry.data.get("round")) == "production" for entry in used)
