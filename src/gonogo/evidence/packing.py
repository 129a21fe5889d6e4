"""What goes into a package, and its seal (PKG-01 to PKG-06, ARC-01, EVS-12).

The log says which files belong to a run; `wanted` names them, the caller brings their bytes, `package_files` puts every
one in its place. Sealing is done in two steps, so that no key ever comes here: `seal_payload` gives the bytes to sign,
`with_seal` adds the signatures. All times come from the log.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.artifacts import Head, Lineage, evidence_manifest, traceability
from gonogo.evidence.canonical import Tree
from gonogo.evidence.closed import moment_text
from gonogo.evidence.envelope import Subject, envelope, machine_statement, signing_bytes
from gonogo.evidence.filing import evidence_list, expected_files, filed
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import EVIDENCE_MANIFEST, EVIDENCE_SUMS, PACKAGE_SUMS, write_sums
from gonogo.evidence.merkle import root_over
from gonogo.evidence.note import Checkpoint
from gonogo.evidence.package import Content
from gonogo.evidence.signers import namespace
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import signature_from, signed_data
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

SEAL: Final = "seal.json"
SEAL_SIGNATURE: Final = "seal.json.sig"
SEAL_ENVELOPE: Final = "seal.dsse.json"
SEAL_FILES: Final = frozenset({SEAL, SEAL_SIGNATURE, SEAL_ENVELOPE})
LOG: Final = "log/log.jsonl"
CHECKPOINT: Final = "log/checkpoint"
RELEASE_MANIFEST: Final = "release/release-manifest.json"
ATTESTATIONS: Final = "attestations.intoto.jsonl"
DECISIONS: Final = frozenset({"go", "no_go", "pending", "rolled_back", "aborted"})


@dataclass(frozen=True, slots=True)
class Tool:
    """The program that packs: name, version, digest of its code."""

    name: str
    version: str
    sha256: Digest


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """All that a package is made from. `blobs` holds, by digest, the files that `wanted` names.

    `package` is `readiness`, `handoff` or `deployment`; `decision` one of `DECISIONS`; `checkpoint` the signed note
    over `entries`; `trust`, `reports`, `packages` and `statements` map paths below their folder to bytes, `verifiers`
    paths at the top. `sequence` is the number of the run in the site's own log, `proofs` hold that it stands there, and
    `attestations` the signed machine statements (`attesting.attested`). `inputs` are the further files that the
    plan is compiled from, by their path below `protocol/`, so that every gate can be judged again.
    """

    package: str
    site: str
    run_id: str
    environment: str
    slug: str
    version: str
    decision: str
    entries: tuple[Entry, ...]
    blobs: Mapping[Digest, Content]
    document: bytes
    lock: bytes
    release_manifest: bytes
    checkpoint: bytes
    tool: Tool
    lineage: Lineage
    sequence: int = 0
    codec: str = "stored"
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    trust: Mapping[str, bytes] = field(default_factory=dict)
    reports: Mapping[str, bytes] = field(default_factory=dict)
    packages: Mapping[str, bytes] = field(default_factory=dict)
    statements: Mapping[str, bytes] = field(default_factory=dict)
    verifiers: Mapping[str, bytes] = field(default_factory=dict)
    proofs: Mapping[str, bytes] = field(default_factory=dict)
    attestations: bytes = b""
    separation: str = ""
    rules_in_force: tuple[str, ...] = ()
    previous_package: Digest | None = None
    anchoring: Mapping[str, Tree] = field(default_factory=dict)

    @property
    def document_sha256(self) -> Digest:
        """The digest of the protocol document."""
        return digest_of(self.document)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a package with its digest."""

    content: Content
    digest: Digest


@dataclass(frozen=True, slots=True)
class SealSignatures:
    """Two raw Ed25519 signatures (64 bytes each) by one engine key: over `seal_signing_bytes` and over DSSE's bytes."""

    key: PublicKey
    over_seal: bytes
    over_envelope: bytes


def input_paths(slug: str) -> Mapping[str, str]:
    """Where the further inputs of a plan lie below `protocol/`, by their name in `plan.bound`."""
    return {
        "sidecar": f"{slug}.gonogo.yaml",
        "project": "gonogo.yaml",
        "gate_limits": "gate-limits.yaml",
        "openslo": "openslo.yaml",
    }


def wanted(entries: tuple[Entry, ...]) -> frozenset[Digest]:
    """The digests of all files that the log names; their bytes have to stand in `PackageFacts.blobs`."""
    return frozenset(expected_files(entries).values())


def checkpoint_of(site: str, run_id: str, entries: tuple[Entry, ...]) -> Checkpoint:
    """The checkpoint over `entries`; sign its `body` and make the note with `note.with_signature`."""
    return Checkpoint(f"{site}/{run_id}", len(entries), root_over(entry.line for entry in entries))


def package_files(facts: PackageFacts) -> Mapping[str, Member]:
    """Every file of the package by path, except the seal. Raises BadInput naming a file whose bytes are missing."""
    if facts.decision not in DECISIONS or not facts.entries:
        raise BadInput(f"a package with the decision {facts.decision!r} and {len(facts.entries)} log entries is none")
    members = {path: _blob(facts, path, digest) for path, digest in expected_files(facts.entries).items()}
    for path, data in _fixed(facts).items():
        if path in members:
            raise BadInput(f"{path} is filed twice", where=facts.package, next_step="rename the report or statement")
        members[path] = Member(data, digest_of(data))
    evidence = {path: member.digest for path, member in members.items() if path.startswith("evidence/")}
    listed = write_sums(evidence)
    members[EVIDENCE_SUMS] = Member(listed, digest_of(listed))
    sums = write_sums({path: member.digest for path, member in members.items()})
    members[PACKAGE_SUMS] = Member(sums, digest_of(sums))
    return members


def _blob(facts: PackageFacts, path: str, digest: Digest) -> Member:
    content = facts.blobs.get(digest)
    if content is None:
        raise BadInput(
            f"{path} ({digest[:12]}…) is not at hand",
            where=facts.run_id,
            next_step="verify the vault with: gonogo verify; a package is made complete or not at all",
        )
    if isinstance(content, bytes) and digest_of(content) != digest:
        raise BadInput(f"the bytes of {path} are not those that were sealed", where=facts.run_id, next_step=_VAULT)
    return Member(content, digest)


_VAULT: Final = "verify the vault with: gonogo verify"


def _fixed(facts: PackageFacts) -> Mapping[str, bytes]:
    files = filed(facts.entries)
    last = facts.entries[-1]
    found = {
        LOG: b"".join(entry.line for entry in facts.entries),
        CHECKPOINT: facts.checkpoint,
        RELEASE_MANIFEST: facts.release_manifest,
        f"protocol/{facts.slug}.md": facts.document,
        f"protocol/{facts.slug}.gonogo.lock.json": facts.lock,
        EVIDENCE_MANIFEST: evidence_manifest(files, facts.lineage, Head(last.seq, last.digest)),
        "traceability.json": traceability(files, facts.lineage),
        ATTESTATIONS: facts.attestations,
        **facts.verifiers,
    }
    folders = {
        "protocol": facts.inputs,
        "trust": facts.trust,
        "reports": facts.reports,
        "packages": facts.packages,
        "statements": facts.statements,
        "proofs": facts.proofs,
    }
    found |= {f"{folder}/{name}": data for folder, held in folders.items() for name, data in held.items()}
    return found


def seal_payload(facts: PackageFacts, members: Mapping[str, Member]) -> bytes:
    """The bytes of `seal.json`: which list of files, of which run, at which point of the log (EVS-16)."""
    last, files = facts.entries[-1], filed(facts.entries)
    root = root_over(entry.line for entry in facts.entries)
    predicate: dict[str, Tree] = {
        "package": facts.package,
        "run_id": facts.run_id,
        "sequence": facts.sequence,
        "protocol": {
            "slug": facts.slug,
            "source_sha256": facts.document_sha256,
            "lock_sha256": digest_of(facts.lock),
        },
        "release": {"version": facts.version, "digest": digest_of(facts.release_manifest)},
        "environment": facts.environment,
        "decision": facts.decision,
        "separation": facts.separation,
        "rules_in_force": list(facts.rules_in_force),
        "counts": {
            "files": len(members),
            "evidence": sum(item.status != "claimed" for item in files),
            "claims": sum(item.status == "claimed" for item in files),
            "statements": sum(entry.type == "approval.recorded" for entry in facts.entries),
            "judgements": sum(entry.type == "gate.judged" for entry in facts.entries),
        },
        "log": {
            "origin": f"{facts.site}/{facts.run_id}",
            "size": len(facts.entries),
            "root": base64.b64encode(root).decode(),
            "head": last.digest,
        },
        "anchoring": dict(facts.anchoring),
        "site_log": {"origin": facts.site, "index": facts.sequence},
        "codec": facts.codec,
        "tool": {"name": facts.tool.name, "version": facts.tool.version, "sha256": facts.tool.sha256},
        "created_at": moment_text(last.ts),
    }
    if facts.previous_package is not None:
        predicate["previous_package"] = {"sha256": facts.previous_package}
    subject = Subject(PACKAGE_SUMS, members[PACKAGE_SUMS].digest)
    return machine_statement("package", [subject], predicate)


def seal_signing_bytes(payload: bytes, environment: str) -> bytes:
    """What the engine key signs for `seal.json.sig`, so that ssh-keygen verifies it."""
    return signed_data(namespace("seal", environment), payload)


def envelope_signing_bytes(payload: bytes) -> bytes:
    """What the engine key signs for `seal.dsse.json`."""
    return signing_bytes(payload)


def with_seal(
    members: Mapping[str, Member], payload: bytes, environment: str, signatures: SealSignatures
) -> Mapping[str, Content]:
    """The contents of the package with its three seal files, ready for `package.write_package`."""
    contents: dict[str, Content] = {path: member.content for path, member in members.items()}
    contents[SEAL] = payload
    contents[SEAL_SIGNATURE] = signature_from(signatures.key, namespace("seal", environment), signatures.over_seal)
    contents[SEAL_ENVELOPE] = envelope(payload, signatures.over_envelope, signatures.key)
    return contents


__all__ = [
    "CHECKPOINT",
    "LOG",
    "SEAL",
    "SEAL_FILES",
    "Member",
    "PackageFacts",
    "SealSignatures",
    "Tool",
    "checkpoint_of",
    "envelope_signing_bytes",
    "evidence_list",
    "input_paths",
    "package_files",
    "seal_payload",
    "seal_signing_bytes",
    "wanted",
    "with_seal",
]
