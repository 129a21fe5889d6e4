"""Reading a document: bytes in, typed protocol and findings out (compiler sections 1 to 5; DOC-01, DOC-08, DOC-23).

This is the one reader: check, compile, run, format, diff, the editor and the agent door all see what it says.
"""

from __future__ import annotations

from functools import lru_cache

from gonogo.document.assembling import assemble
from gonogo.document.blocks import MOST_BLOCKS, MOST_CELLS, MOST_MARKERS, blocks, markers
from gonogo.document.claims import Claims, Coverage, LineClass
from gonogo.document.fence_checks import fence_findings
from gonogo.document.kinds import DocumentKind, kind_of
from gonogo.document.line_checks import line_findings, repeated
from gonogo.document.lines import Layer
from gonogo.document.numbers import number_findings
from gonogo.document.outline import Outline, outline
from gonogo.document.scanning import Scan, scan
from gonogo.document.second_reader import disagreements
from gonogo.document.text import Source, open_source
from gonogo.document.tree_check import Tree, headings_lost, misplaced
from gonogo.document.vocabulary import NOTE_SECTIONS, Section
from gonogo.findings import Finding, Origin
from gonogo.protocol.codes import finding
from gonogo.protocol.model import Protocol
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says. `protocol` is None where it is refused; the findings say why.

    `source_digest` covers the original bytes, `text` is what was read (repaired where the encoding was damaged).
    """

    kind: DocumentKind
    protocol: Protocol | None
    findings: tuple[Finding, ...]
    coverage: Coverage
    source_digest: Digest
    encoding: str
    text: str


MOST_KEPT = 8
"""Compiling reads a document several times, and each protocol of a release anew: the same bytes are read once."""


@lru_cache(maxsize=MOST_KEPT)
def read_document(data: bytes, file: str) -> Reading:
    """Read one document. Never raises for what stands in it; whatever is wrong is a finding."""
    opened = open_source(data, file)
    if opened.source is None:
        return _refused(data, DocumentKind.PROSE, opened.findings, opened.encoding, "")
    source = opened.source
    scanned = scan(source)
    parts = outline(source, scanned)
    kind = kind_of(source, parts)
    if kind not in {DocumentKind.PROTOCOL, DocumentKind.RULE}:
        findings = (*opened.findings, _wrong_kind(kind, source, parts))
        return _refused(data, kind, findings, source.encoding, source.text)
    costly = _costly(source)
    found = () if costly else blocks(source)
    if costly or len(found) > MOST_BLOCKS:
        message = costly or f"{len(found)} blocks; the limit is {MOST_BLOCKS}"
        findings = (*opened.findings, finding("GN0005", message, Origin(file, 1)))
        return _refused(data, kind, findings, source.encoding, source.text)
    return _read(source, scanned, parts, kind, opened.findings, Tree(found))


def _costly(source: Source) -> str:
    """What would cost the Markdown parser more time than any document of people is worth; empty where nothing does."""
    nested, cells = markers(source), source.text.count("|")
    if nested > MOST_MARKERS:
        return f"{nested} quote and list marks; the limit is {MOST_MARKERS}"
    return f"{cells} cells of tables; the limit is {MOST_CELLS}" if cells > MOST_CELLS else ""


def _refused(data: bytes, kind: DocumentKind, findings: tuple[Finding, ...], encoding: str, text: str) -> Reading:
    return Reading(kind, None, findings, Coverage(), digest_of(data), encoding, text)


def _wrong_kind(kind: DocumentKind, source: Source, parts: Outline) -> Finding:
    line = 0 if parts.heading is None else parts.heading.index
    advice = {
        DocumentKind.GENERATOR: "compile the protocol that it tells how to write",
        DocumentKind.FORM: "make a protocol of it first: gonogo generate",
        DocumentKind.TEMPLATE: "fill in its placeholders",
    }.get(kind, "a protocol starts with `# PROTOCOL n: TITLE` and has a workflow")
    place = source.origin(line) if source.raw else Origin(source.file, 1)
    return finding("GN0101", f"this is {kind.phrase}, not a protocol", place, notes=(advice,))


def _read(
    source: Source, scanned: Scan, parts: Outline, kind: DocumentKind, before: tuple[Finding, ...], tree: Tree
) -> Reading:
    claims = Claims()
    for line in scanned.lines:
        if line.index < parts.front.end:
            claims.take(line, LineClass.DECORATION)
    assembled = assemble(source, scanned, parts, claims)
    findings = [*before, *parts.front.findings, *repeated(parts, source), *assembled.findings]
    for top in assembled.workflows:
        findings.extend(misplaced(top, source, tree))
    findings.extend(headings_lost(_headings(parts, claims), source, tree))
    findings.extend(fence_findings(source, parts, scanned, claims, tree))
    findings.extend(line_findings(source, parts, claims, tree))
    findings.extend(_open_comments(source, scanned))
    findings.extend(_second(source, scanned, parts, claims))
    findings.extend(_uncovered(source, scanned, claims, tree))
    protocol: Protocol | None = assembled.protocol
    if not assembled.enforceable:
        place = source.origin(0 if parts.heading is None else parts.heading.index)
        message = "looks like a protocol but nothing in it can be enforced: no step with an obligation, no script"
        findings.append(finding("GN0108", message, place, notes=("mark its steps: 1. **`[MUST]` Title:**",)))
        protocol = None
    else:
        findings.extend(number_findings(source, parts, assembled.protocol))
    return Reading(
        kind,
        protocol,
        _ordered(findings),
        claims.coverage(len(scanned.lines)),
        source.digest,
        source.encoding,
        source.text,
    )


def _ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    unique = {(item.code, item.primary.line, item.primary.col, item.message): item for item in findings}
    return tuple(sorted(unique.values(), key=lambda item: (item.primary.line, item.primary.col, item.code)))


def _headings(parts: Outline, claims: Claims) -> dict[int, str]:
    """Heading lines that make structure: title, sections, phases, gates, sub-headings."""
    found: dict[int, str] = {} if parts.heading is None else {parts.heading.index: "the title"}
    for part in parts.parts:
        if part.heading is not None:
            found[part.heading.index] = f"section `{part.name}`"
        if part.kind in NOTE_SECTIONS:
            continue
        for line in part.lines:
            claim = claims.of(line.index)
            if line.level and line.layer is Layer.TEXT and claim is not None and claim[0] is not LineClass.NOTE:
                found.setdefault(line.index, f"`{line.body}`")
    return found


def _open_comments(source: Source, scanned: Scan) -> tuple[Finding, ...]:
    return tuple(
        finding("GN0107", "comment is never closed; a viewer hides everything after it", source.origin(line))
        for line in scanned.open_comments
    )


def _second(source: Source, scanned: Scan, parts: Outline, claims: Claims) -> tuple[Finding, ...]:
    fence_of = {line: fence.first for fence in scanned.fences.values() for line in range(fence.first, fence.end)}
    section = {line.index: part.kind for part in parts.parts for line in part.lines}
    explains = NOTE_SECTIONS | {Section.COMMUNICATION, Section.ERRORS}

    def excused(line: int, what: str) -> bool:
        kind = section.get(line, Section.PREAMBLE)
        return kind in explains or (
            what in {"a criterion", "evidence", "a phase"} and kind in {Section.EVIDENCE, Section.HANDOFF}
        )

    return disagreements(source, claims, fence_of, excused)


def _uncovered(source: Source, scanned: Scan, claims: Claims, tree: Tree) -> tuple[Finding, ...]:
    """GN0004: lines that a viewer drops, and lines that nothing claimed."""
    found: list[Finding] = []
    before = -2
    for line in scanned.lines:
        claimed = claims.of(line.index) is not None
        if claimed and tree.kind(line.index) != "lost":
            continue
        if line.index != before + 1:
            message = "line is not part of anything understood" if not claimed else "line is dropped by Markdown"
            note = "a link definition, or a list nested too deep; write it as plain text"
            found.append(finding("GN0004", message, source.origin(line.index), notes=(note,)))
        before = line.index
    return tuple(found)
