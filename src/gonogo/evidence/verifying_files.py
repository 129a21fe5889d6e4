"""The part of verifying that is about files: evidence, manifest, judgements, and what the run was bound to (EVS-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.filing import Filed, expected_files, judgement_paths, text_in
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import EVIDENCE_MANIFEST, EVIDENCE_SUMS, read_sums
from gonogo.evidence.manifest_rows import ArtifactRow, read_manifest
from gonogo.evidence.packing import RELEASE_MANIFEST
from gonogo.evidence.verifying_case import Case

LOGGED_FOLDERS: Final = ("evidence/", "claims/", "gates/", "approvals/")


def evidence_problems(case: Case) -> list[str]:
    """Every file that the log names is here with its bytes, and nothing else poses as evidence (EVS-12)."""
    expected = expected_files(case.entries, case.filed)
    problems = []
    for path, digest in sorted(expected.items()):
        if path not in case.digests:
            problems.append(f"{path} is named by the log and missing")
        elif case.digests[path] != digest:
            problems.append(f"{path} is not what the log sealed")
    extra = sorted(path for path in case.digests if path.startswith(LOGGED_FOLDERS) and path not in expected)
    problems += [f"{path} is not named by the log" for path in extra]
    listed = read_sums(case.package.read(EVIDENCE_SUMS), name=EVIDENCE_SUMS)
    wanted = sum(path.startswith("evidence/") for path in case.digests)
    held = sum(path.startswith("evidence/") and case.digests.get(path) == digest for digest, path in listed)
    if not wanted == held == len(listed):
        problems.append(f"{EVIDENCE_SUMS} is not the list of the evidence")
    return problems


def manifest_problems(case: Case) -> list[str]:
    """The evidence manifest lists what the log sealed, and counts what is required (EVS-10, C80)."""
    manifest = read_manifest(case.package.chunks(EVIDENCE_MANIFEST))
    sealed = [item for item in case.filed if item.status != "claimed"]
    if len(manifest.rows) != len(sealed) or not all(map(_lists, manifest.rows, sealed)):
        return ["the evidence manifest lists other artifacts than the log"]
    missing, coverage = manifest.rest.get("missing"), manifest.rest.get("coverage")
    present = {item.name for item in case.filed if item.counts}
    needed = {row.name for row in manifest.rows if row.required}
    absent = [str(name) for name in missing] if isinstance(missing, list) else []
    if not isinstance(coverage, Mapping) or set(absent) & present:
        return ["the evidence manifest misstates what is missing"]
    if coverage.get("present") != len(needed & present) or coverage.get("required") != len(needed | set(absent)):
        return ["the evidence manifest counts its required artifacts wrongly"]
    return []


def _lists(row: ArtifactRow, item: Filed) -> bool:
    said = (row.sealed_seq, row.paths, row.sha256, row.status)
    return said == (item.entry.seq, [item.path], item.digest, item.status)


def gate_problems(case: Case) -> list[str]:
    """Every judgement says what the log says, was made over sealed files, and follows from its own clauses."""
    problems = []
    paths = judgement_paths(case.entries)
    sealed: dict[str, set[str]] = {}
    for entry in case.entries:
        if entry.type == "evidence.sealed":
            sealed.setdefault(text_in(entry, "name"), set()).add(text_in(entry, "sha256"))
        if entry.type == "gate.judged":
            judgement = read_object(case.package.read(paths[entry.seq]), name=paths[entry.seq], limit=16 << 20)
            problems += [f"{paths[entry.seq]}: {what}" for what in _judgement_problems(entry, judgement, sealed)]
    return problems


def _judgement_problems(entry: Entry, judgement: Mapping[str, Tree], sealed: Mapping[str, set[str]]) -> list[str]:
    problems = []
    verdict = judgement.get("verdict")
    if judgement.get("gate") != entry.data.get("gate") or verdict != entry.data.get("verdict"):
        problems.append("says another gate or verdict than the log")
    rows = {name: _rows(judgement.get(name)) for name in ("clauses", "evidence", "lacking")}
    foreign = [
        row.get("name") for row in rows["evidence"] if row.get("sha256") not in sealed.get(str(row.get("name")), set())
    ]
    if foreign:
        problems.append(f"judges {foreign[0]}, which was not sealed before")
    failing = [row for row in rows["clauses"] if row.get("result") != "pass"] + rows["lacking"]
    if verdict == "pass" and (failing or not (rows["clauses"] or rows["evidence"] or judgement.get("manual"))):
        problems.append("passes although not every clause does")
    return problems


def _rows(value: Tree) -> list[Mapping[str, Tree]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def binding_problems(case: Case) -> list[str]:
    """Document, lock, release and people are those that the run was bound to."""
    slug = case.said("/protocol/slug")
    wanted = {
        f"protocol/{slug}.md": case.said("/protocol/source_sha256"),
        f"protocol/{slug}.gonogo.lock.json": case.said("/protocol/lock_sha256"),
        RELEASE_MANIFEST: case.said("/release/digest"),
    }
    problems = [
        f"{path} is not the one of the seal" for path, digest in wanted.items() if case.digests.get(path) != digest
    ]
    pinned = {str(entry.data.get("approvers_sha256")) for entry in case.of_type("trust.pinned")}
    if pinned != {case.ring.digest}:
        problems.append("the run was bound to other people and rules than those of the trust files")
    for entry in case.of_type("run.opened"):
        if entry.data.get("release_digest") != case.said("/release/digest"):
            problems.append("the run was opened for another release")
        if entry.data.get("environment") != case.said("/environment"):
            problems.append("the run was opened for another environment")
    return problems
