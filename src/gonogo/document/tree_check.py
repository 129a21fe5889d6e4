"""Where the Markdown tree shows another document than the one that document order gives (GN0201, GN0104, GN0106; T2).

Attribution is never changed here. A viewer nests by indent; when a field that binds a step is shown outside the step,
people read another document, and that is an error with the line that causes it. One cause is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gonogo.document.blocks import Block
from gonogo.document.nodes import Held, Kind, Opener
from gonogo.document.text import Source
from gonogo.document.vocabulary import Field
from gonogo.findings import Applicability, Edit, Finding, Fix, Label
from gonogo.protocol.codes import finding

_BINDING = frozenset({Field.ACTION, Field.SAYS, Field.HALT, Field.EVIDENCE, Field.AUTOMATION, Field.VALIDATION})
_PHASE_LEVEL = frozenset({Field.EVIDENCE_LIST, Field.HALT})


class Tree:
    """Which block each line belongs to."""

    def __init__(self, found: Sequence[Block]) -> None:
        self._block: dict[int, Block] = {}
        for block in found:
            for line in range(block.line0, block.line1):
                self._block[line] = block

    def path(self, line: int) -> tuple[int, ...]:
        """First lines of the list items around `line`, outermost first; its own item is the last."""
        block = self._block.get(line)
        return () if block is None else block.list_path

    def kind(self, line: int) -> str:
        """What a viewer makes of `line`."""
        block = self._block.get(line)
        return "" if block is None else block.kind


def misplaced(workflow: Opener, source: Source, tree: Tree) -> tuple[Finding, ...]:
    """GN0201 for every step, sub-step or phase whose fields a viewer shows elsewhere."""
    found: list[Finding] = []
    for phase in workflow.children:
        found.extend(_phase(phase, source, tree))
        for step in phase.children:
            found.extend(_step(step, None, source, tree))
            for sub in step.children:
                found.extend(_step(sub, step, source, tree))
    return tuple(found)


def _phase(phase: Opener, source: Source, tree: Tree) -> Iterator[Finding]:
    for held in phase.fields:
        path = tree.path(held.line.index)
        inside = path and path[0] != held.line.index
        if held.field in _PHASE_LEVEL and inside and not held.line.bullet:
            yield _inside(held.line.index, f"`{held.name}` belongs to phase `{phase.title}`", path[0], source)
    for gate in phase.gates:
        path = tree.path(gate.line.index)
        if path and path[0] != gate.line.index:
            yield _inside(gate.line.index, f"gate `{gate.title}` stands by itself", path[0], source)


def _step(step: Opener, parent: Opener | None, source: Source, tree: Tree) -> Iterator[Finding]:
    line = step.line.index
    path = tree.path(line)
    outer = [item for item in path if item != line]
    if parent is None and step.kind is Kind.STEP and outer and not step.line.level:
        yield _inside(line, f"step `{step.title}` stands by itself", outer[0], source)
    if parent is not None and not parent.line.level and parent.line.index not in path:
        yield _outside(line, f"sub-step `{step.title}`", parent, [], line, source)
    if step.line.level or not step.line.item or (line not in path and tree.kind(line) != "paragraph"):
        return
    displaced = [held for held in step.fields if held.field in _BINDING and line not in tree.path(held.line.index)]
    if displaced:
        cause = _cause(step, displaced[0], tree)
        worst = next((held for held in displaced if held.field is Field.HALT), displaced[0])
        yield _outside(cause, f"`{worst.name}`", step, displaced, displaced[0].line.index, source)


def _cause(step: Opener, first: Held, tree: Tree) -> int:
    """The first line after the step's own that a viewer shows outside it."""
    start = step.line.index
    for line in range(start + 1, first.line.index + 1):
        if tree.kind(line) not in {"blank", ""} and start not in tree.path(line):
            return line
    return first.line.index


def _outside(cause: int, what: str, step: Opener, displaced: Sequence[Held], last: int, source: Source) -> Finding:
    title = f"{step.kind.value} `{step.title}`"
    message = f"{what} looks like part of {title}, but Markdown puts it outside the {step.kind.value}"
    labels = [Label(source.origin(step.line.index), f"the {step.kind.value}")]
    labels.extend(
        Label(source.origin(held.line.index, held.line.col), "belongs to it by order, not by indent")
        for held in displaced
    )
    end = max((held.line.index for held in displaced), default=last)
    return finding(
        "GN0201",
        message,
        source.origin(cause, _indent(source, cause)),
        labels=labels,
        notes=("it is kept where it stands by order, but a viewer shows people another document",),
        fixes=_deeper(step, cause, end, source),
    )


def _inside(line: int, what: str, item: int, source: Source) -> Finding:
    message = f"{what}, but Markdown puts it inside the list item of line {item + 1}"
    indent = _indent(source, line)
    edits = (Edit(source.span(line, 0, indent), ""),) if indent else (Edit(source.span(line, 0, 0), "\n"),)
    title = "remove its indent" if indent else "put a blank line before it"
    return finding(
        "GN0201",
        message,
        source.origin(line, indent),
        labels=(Label(source.origin(item), "the list item"),),
        fixes=(Fix(title, Applicability.REVIEW, edits),),
    )


def _deeper(step: Opener, first: int, last: int, source: Source) -> tuple[Fix, ...]:
    """Indent the lines that stand too far left, far enough to stand inside the step's item again."""
    inner = step.line.col
    left = [line for line in range(first, last + 1) if source.raw[line].strip() and _indent(source, line) < inner]
    if not left:
        return ()
    by = inner + 2 - min(_indent(source, line) for line in left)
    edits = tuple(Edit(source.span(line, 0, 0), " " * by) for line in left)
    return (Fix(f"indent lines {left[0] + 1} to {left[-1] + 1} by {by}", Applicability.REVIEW, edits),)


def _indent(source: Source, line: int) -> int:
    text = source.raw[line]
    return len(text) - len(text.lstrip())


def headings_lost(headings: Mapping[int, str], source: Source, tree: Tree) -> tuple[Finding, ...]:
    """GN0201 for headings that a viewer shows as text, as code, or inside a list item."""
    found = []
    for line, what in headings.items():
        path = tree.path(line)
        if tree.kind(line) == "heading" and not path:
            continue
        shown = f"inside the list item of line {path[0] + 1}" if path and tree.kind(line) == "heading" else "as text"
        indent = _indent(source, line)
        edits = (Edit(source.span(line, 0, indent), ""),)
        fixes = (Fix("remove its indent", Applicability.REVIEW, edits),) if indent else ()
        message = f"{what} is a heading by its words, but Markdown shows it {shown}"
        found.append(finding("GN0201", message, source.origin(line, indent), fixes=fixes))
    return tuple(found)
