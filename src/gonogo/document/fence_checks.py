"""Fences that hide grammar, or that a viewer sees elsewhere (GN0104, GN0106; T12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gonogo.document.claims import Claims, LineClass
from gonogo.document.lines import Layer, Line
from gonogo.document.outline import Outline
from gonogo.document.scanning import Fence, Scan
from gonogo.document.text import Source
from gonogo.document.tree_check import Tree
from gonogo.document.vocabulary import NOTE_SECTIONS
from gonogo.findings import Finding
from gonogo.protocol.codes import finding

_GRAMMAR = re.compile(
    r"^\s*(?:#{2,4}\s+(?:[\d.]+\s+)?(?:step|phase|gate)\s+\d"
    r"|#{2}\s+(?:[\dA-Z.]{1,4}\s+)?(?:QUALITY GATES|.*WORKFLOW|HANDOFF|PREREQUISITES|AUTOMATION HOOKS)"
    r"|(?:\d+[.)]|[-*+])\s+\**\s*`?\[(?:MUST|GUIDELINE|STRICT|CRITICAL)\]"
    r"|(?:[-*+]\s+)?\*\*(?:halt(?: conditions?)?|evidence(?: collection| link)?|criteria"
    r"|pass (?:threshold|criteria)|threshold"
    r"|boolean check|waiver|failure handling|action|quality gate)\b[^*]{0,60}(?:\*\*|:))",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"\b(example|template|format|sample)", re.IGNORECASE)


def fence_findings(source: Source, outline: Outline, scanned: Scan, claims: Claims, tree: Tree) -> tuple[Finding, ...]:
    """GN0104 for grammar inside fences and for fences that Markdown sees otherwise; GN0106 for indented code."""
    notes = {line.index for part in outline.parts if part.kind in NOTE_SECTIONS for line in part.lines}
    found: list[Finding] = []
    for fence in scanned.fences.values():
        found.extend(_hidden(fence, source, noted=fence.first in notes))
        found.extend(_seen_otherwise(fence, source, tree))
    found.extend(_shown_as_code(outline, source, claims, tree))
    return tuple(found)


def _hidden(fence: Fence, source: Source, *, noted: bool) -> Iterator[Finding]:
    grammar = [line for line in range(fence.first + 1, fence.end) if _GRAMMAR.match(source.lines[line])]
    nested = any(source.lines[line].lstrip().startswith("```") for line in range(fence.first + 1, fence.end - 1))
    if not fence.closed:
        message = f"fence opened here is never closed; it hides {max(fence.end - fence.first - 1, 0)} lines"
        yield finding("GN0104", message, source.origin(fence.first), notes=("close it, or delete this line",))
    elif grammar and not noted and (nested or not _is_example(fence, source)):
        message = f"fence opened here hides {len(grammar)} lines of grammar; line {grammar[0] + 1} is the first"
        yield finding("GN0104", message, source.origin(fence.first), notes=("code is never read as a protocol",))


def _is_example(fence: Fence, source: Source) -> bool:
    """A fence with an info string right under a label that calls it an example."""
    above = next((source.lines[line] for line in range(fence.first - 1, -1, -1) if source.lines[line].strip()), "")
    return bool(fence.info) and _EXAMPLE.search(above) is not None


def _seen_otherwise(fence: Fence, source: Source, tree: Tree) -> Iterator[Finding]:
    for line in range(fence.first, fence.end):
        if source.lines[line].strip() and tree.kind(line) != "fence":
            message = "fence is not closed or opened where it looks: Markdown shows its lines as text"
            yield finding(
                "GN0104", message, source.origin(fence.first), notes=("indent its marks like the text around it",)
            )
            return


def _shown_as_code(outline: Outline, source: Source, claims: Claims, tree: Tree) -> Iterator[Finding]:
    """Lines that are read as text and shown as code: a warning, and an error where they bind."""
    before = -2
    for line in _texts(outline):
        kind = tree.kind(line.index)
        if kind not in {"code", "fence", "html", "lost"}:
            continue
        claim = claims.of(line.index)
        if claim is not None and claim[0] in {LineClass.OBLIGATION, LineClass.STRUCTURE} and kind != "lost":
            message = f"line binds, but Markdown shows it as {'HTML' if kind == 'html' else 'code'}"
            yield finding(
                "GN0201", message, source.origin(line.index, line.col), notes=("indent it like the lines around it",)
            )
        elif kind == "code" and line.index != before + 1:
            yield finding("GN0106", "indented code in a protocol section", source.origin(line.index))
        elif kind == "fence" and line.index != before + 1:
            yield finding("GN0104", "Markdown shows this line inside a fence", source.origin(line.index))
        before = line.index


def _texts(outline: Outline) -> Iterable[Line]:
    for part in outline.parts:
        for line in part.lines:
            if line.layer is Layer.TEXT:
                yield line
