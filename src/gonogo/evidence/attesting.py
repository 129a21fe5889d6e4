"""Machine statements of a package: what was judged and deployed, for people and for other tools (EVS-16; in-toto).

The file `packing.ATTESTATIONS` holds one DSSE envelope a line, signed by the engine's key when the package is sealed.
Two kinds are ours and are verified with the package: `gate-judgement` for each judgement of the log, `deployment` for
each report of a deployment. The others (`exporting`) are for tools that read them; nothing here ever judges by them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.closed import moment_text
from gonogo.evidence.envelope import Subject, envelope_line, machine_statement, signing_bytes
from gonogo.evidence.exporting import exported
from gonogo.evidence.filing import Filed, filed, text_in
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import leaf_digest, prefix_roots
from gonogo.evidence.packing import PackageFacts
from gonogo.evidence.sshkeys import PublicKey
from gonogo.terms import Digest, digest_of

RELEASE: Final = "release-manifest.json"
REPORTS: Final = frozenset(
    {"production-deployment-report.json", "production-deployment.json", "staging-deployment.json"}
)
"""The evidence that tells what a deployment did (F15, F22)."""

MOST: Final = 64 << 20


def attested(facts: PackageFacts, key: PublicKey, sign: Callable[[bytes], bytes]) -> PackageFacts:
    """The facts with every machine statement signed; `sign` gives 64 bytes of Ed25519 by `key`."""
    lines = [envelope_line(payload, sign(signing_bytes(payload)), key) for payload in _payloads(facts)]
    return replace(facts, attestations=b"".join(lines))


def _payloads(facts: PackageFacts) -> Iterator[bytes]:
    yield from _judgements(facts)
    for item in filed(facts.entries):
        if item.name in REPORTS and item.counts:
            yield _deployment(facts, item)
    yield from exported(facts, artifacts(facts.release_manifest))


def artifacts(release_manifest: bytes) -> tuple[Subject, ...]:
    """The artefacts that a release manifest names, by path."""
    services = read_object(release_manifest, name=RELEASE, limit=MOST).get("services")
    rows = [row for row in services if isinstance(row, Mapping)] if isinstance(services, list) else []
    return tuple(Subject(str(row.get("artifact")), Digest(str(row.get("digest")))) for row in rows)


def _subjects(facts: PackageFacts, files: Sequence[Subject] = ()) -> list[Subject]:
    release = Subject(RELEASE, digest_of(facts.release_manifest))
    return [release, *artifacts(facts.release_manifest), *files]


def _judgements(facts: PackageFacts) -> Iterator[bytes]:
    judged = [entry for entry in facts.entries if entry.type == "gate.judged"]
    roots = prefix_roots((leaf_digest(entry.line) for entry in facts.entries), {entry.seq for entry in judged})
    stages = {item.digest: item.state for item in filed(facts.entries)}
    for entry in judged:
        digest = Digest(text_in(entry, "judgement_sha256"))
        body = _body(facts, digest)
        found = [Subject(str(row.get("name")), Digest(str(row.get("sha256")))) for row in _rows(body.get("evidence"))]
        clauses: list[Tree] = [{**row, "id": f"c{n}"} for n, row in enumerate(_rows(body.get("clauses")), start=1)]
        more: dict[str, Tree] = {
            "clauses": clauses,
            "run_id": facts.run_id,
            "state": stages.get(digest, ""),
            "attempt": entry.data.get("attempt"),
            "judgement_sha256": digest,
            "protocol": _protocol(facts),
            "policy": _policy(facts),
            "evaluator": {"name": facts.tool.name, "version": facts.tool.version, "sha256": facts.tool.sha256},
            "started_at": moment_text(entry.ts),
            "finished_at": moment_text(entry.ts),
            "checkpoint": _before(facts, entry, roots[entry.seq]),
        }
        yield machine_statement("gate-judgement", _subjects(facts, found), {**body, **more})


def _deployment(facts: PackageFacts, item: Filed) -> bytes:
    body = _body(facts, item.digest)
    deployment = body.get("deployment")
    said = deployment if isinstance(deployment, Mapping) else {}
    intents = [
        f"{facts.run_id}/{entry.data.get('task')}/{entry.data.get('attempt')}"
        for entry in facts.entries
        if entry.type == "task.intended" and entry.data.get("environment")
    ]
    used = {text_in(entry, "round") for entry in facts.entries if entry.type == "approval.consumed"}
    approvals: list[Tree] = [
        {"round": text_in(entry, "round"), "sha256": text_in(entry, "statement_sha256")}
        for entry in facts.entries
        if entry.type == "approval.recorded" and entry.data.get("round") in used
    ]
    expected = artifacts(facts.release_manifest)
    predicate: dict[str, Tree] = {
        **body,
        "run_id": facts.run_id,
        "environment": facts.environment,
        "report_sha256": item.digest,
        "intents": list(dict.fromkeys(intents)),
        "expected": [{"name": subject.name, "sha256": subject.digest} for subject in expected],
        "outcome": said.get("status", "unknown"),
        "approvals": approvals,
    }
    return machine_statement("deployment", _subjects(facts, [Subject(item.name, item.digest)]), predicate)


def _body(facts: PackageFacts, digest: Digest) -> Mapping[str, Tree]:
    content = facts.blobs.get(digest)
    return read_object(content, name=digest, limit=MOST) if isinstance(content, bytes) else {}


def _rows(value: Tree) -> list[Mapping[str, Tree]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _protocol(facts: PackageFacts) -> Tree:
    source, lock = facts.document_sha256, digest_of(facts.lock)
    return {"slug": facts.slug, "source_sha256": source, "lock_sha256": lock}


def _policy(facts: PackageFacts) -> Tree:
    """The people and rules that the run was opened with; the version stands in the policy file, where there is one."""
    data = facts.trust.get("policy.json")
    version = read_object(data, name="policy.json", limit=MOST).get("version") if data is not None else None
    pinned = [text_in(entry, "approvers_sha256") for entry in facts.entries if entry.type == "trust.pinned"]
    return {"version": version, "sha256": pinned[0] if pinned else None}


def _before(facts: PackageFacts, entry: Entry, root: bytes) -> Tree:
    """The log as it was when the gate was judged."""
    origin = f"{facts.site}/{facts.run_id}"
    return {"origin": origin, "size": entry.seq, "root": base64.b64encode(root).decode(), "head": entry.prev}
