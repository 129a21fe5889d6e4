"""Findings about single lines: boxes, HTML, leftovers, labels, odd spaces, bypasses, tables (compiler section 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.headings import phase_of
from gonogo.document.lines import Layer, Line, label_of
from gonogo.document.outline import Outline, Part
from gonogo.document.tables import tables_in
from gonogo.document.text import Source, odd_space
from gonogo.document.tree_check import Tree
from gonogo.document.vocabulary import CONTRACT_SECTIONS, GUARDED_LABELS, NOTE_SECTIONS, Section
from gonogo.findings import Applicability, Edit, Finding, Fix, Label, Level
from gonogo.protocol.codes import finding
from gonogo.protocol.rules.bypass import bypass_phrases

_TICKS = re.compile(r"`[^`]*`")
_HTML = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>")
_LEFTOVER = re.compile(
    r"\bUnknown Protocol\b|\[(?:TBD|TODO|Define [^\]]*|Insert [^\]]*|Describe [^\]]*|Specify [^\]]*"
    r"|Enter [^\]]*|Fill [^\]]*"
    r"|Add [^\]]*|Your [^\]]*|Action description|Outcome [^\]]*|Error type[^\]]*|Email/Slack/Meeting"
    r"|Description|Placeholder)\]"
    r"|\bPHASE X\b|\bKnown issues: None\b|\bLast execution: \d|✅ Exists|\bTODO\b|\bLorem ipsum\b",
    re.IGNORECASE,
)
_LEFTOVER_HINTS = ("[", "unknown protocol", "phase x", "known issues", "last execution", "exists", "todo", "lorem")
_ACTUAL = re.compile(r"\|\s*\[TBD\]\s*\|", re.IGNORECASE)
_MOST_DISTANCE = 2
_SHORTEST = 5
_GUARDED = tuple(
    (label, (label[: len(label) // 3], label[len(label) // 3 : 2 * len(label) // 3], label[2 * len(label) // 3 :]))
    for label in GUARDED_LABELS
)
"""The guarded labels in thirds: two changed letters leave one third whole, which is quick to look for."""


def line_findings(source: Source, outline: Outline, claims: Claims, tree: Tree) -> tuple[Finding, ...]:
    """Everything that can be said of a line by itself, section by section."""
    found: list[Finding] = []
    for part in outline.parts:
        texts = [line for line in part.lines if line.layer is Layer.TEXT]
        found.extend(_sections(part, source))
        found.extend(_bypasses(part, source))
        found.extend(_tables(part, source, tree))
        for line in texts:
            found.extend(_text(line, part, source, claims))
        if part.kind in {Section.WORKFLOW, Section.GATES}:
            for line in texts:
                found.extend(_misspelt(line, source, claims))
    return tuple(found)


def _sections(part: Part, source: Source) -> Iterator[Finding]:
    if part.heading is not None and part.heading.level > 1 and part.kind is Section.UNKNOWN:
        message = f"section `{part.name}` carries no meaning; its text is kept as notes"
        yield finding("GN0110", message, source.origin(part.heading.index))
    if part.kind is Section.WORKFLOW:
        return
    for line in part.lines:
        if line.layer is Layer.TEXT and line.level > 1 and phase_of(line.body) is not None:
            message = f"`{line.body}` looks like a phase but stands outside the workflow; it makes no state"
            yield finding("GN0112", message, source.origin(line.index))


def repeated(outline: Outline, source: Source) -> tuple[Finding, ...]:
    """GN0111 for a contract section that stands twice, GN0109 for further level-1 headings."""
    found: list[Finding] = []
    first: dict[Section, Line] = {}
    for part in outline.parts:
        if part.heading is None or part.kind not in CONTRACT_SECTIONS:
            continue
        before = first.setdefault(part.kind, part.heading)
        if before is not part.heading and phase_of(part.heading.body) is None:
            message = f"section {part.name.upper()} is defined twice; the obligations of both bind"
            label = Label(source.origin(before.index), "the first one")
            found.append(finding("GN0111", message, source.origin(part.heading.index), labels=(label,)))
    for line in outline.extra_titles:
        message = "second level-1 heading; it is read as a section"
        found.append(finding("GN0109", message, source.origin(line.index)))
    return tuple(found)


def _text(line: Line, part: Part, source: Source, claims: Claims) -> Iterator[Finding]:
    if line.box == "ticked" and part.kind not in NOTE_SECTIONS:
        at = source.raw[line.index].lower().find("[x]")
        fix = Fix("open the box", Applicability.MACHINE, (Edit(source.span(line.index, at, at + 3), "[ ]"),))
        message = "checklist item is already ticked in the protocol text; it counts as open"
        yield finding("GN0402", message, source.origin(line.index, max(at, 0)), fixes=(fix,))
    if "<" in line.body:
        html = _HTML.search(_TICKS.sub(lambda match: " " * len(match.group()), line.text))
        if html is not None:
            place = source.origin(line.index, html.start(), html.end())
            yield finding(
                "GN0107", f"raw HTML `{html.group()[:40]}`", place, notes=("write it in ticks, or leave it out",)
            )
    yield from _leftovers(line, source, claims)
    yield from _odd(line, source, claims)


def _leftovers(line: Line, source: Source, claims: Claims) -> Iterator[Finding]:
    lowered = line.text.lower()
    if not any(hint in lowered for hint in _LEFTOVER_HINTS):
        return
    match = _LEFTOVER.search(line.text)
    if match is None or (line.row and _ACTUAL.search(line.text)):
        return
    claim = claims.of(line.index)
    binding = claim is not None and claim[0] is LineClass.OBLIGATION
    found = finding(
        "GN0115", f"leftover placeholder text: {match.group()}", source.origin(line.index, match.start(), match.end())
    )
    yield Finding(found.code, Level.ERROR, found.message, found.primary) if binding else found


def _odd(line: Line, source: Source, claims: Claims) -> Iterator[Finding]:
    """GN0003 where a look-alike space stands in what a viewer takes for structure, or inside ticks."""
    claim = claims.of(line.index)
    raw = source.raw[line.index]
    if raw.isascii() or claim is None or claim[0] not in {LineClass.STRUCTURE, LineClass.OBLIGATION}:
        return
    label = label_of(line)
    end = label.col if label is not None else len(raw) if line.level or claim[1] == "step" else line.col + 1
    at = odd_space(raw, end)
    if at is None:
        at = next(
            (match.start() + hit for match in _TICKS.finditer(raw) if (hit := _inner(match.group())) is not None), None
        )
    if at is None:
        return
    fix = Fix("put a plain space", Applicability.MACHINE, (Edit(source.span(line.index, at, at + 1), " "),))
    message = f"look-alike space U+{ord(raw[at]):04X} where a plain space is due"
    yield finding("GN0003", message, source.origin(line.index, at, at + 1), fixes=(fix,))


def _inner(ticked: str) -> int | None:
    return odd_space(ticked, len(ticked))


def _bypasses(part: Part, source: Source) -> Iterator[Finding]:
    """GN0401 at every phrase that would let the run go on past a check; wrapped lines are read as one."""
    before: Line | None = None
    for line in part.lines:
        if line.layer is Layer.COMMENT:
            continue
        text = line.text
        for phrase in bypass_phrases(text):
            yield _bypass(line.index, phrase.start, phrase.end, phrase.text, source)
        if before is not None and not line.gap and line.index == before.index + 1:
            yield from _wrapped(before, line, source)
        before = line


def _wrapped(before: Line, line: Line, source: Source) -> Iterator[Finding]:
    if line.item or line.level or line.row or before.level or before.row:
        return
    left = before.text.rstrip()
    for phrase in bypass_phrases(f"{left[-80:]} {line.text.lstrip()[:80]}"):
        cut = len(left[-80:])
        if phrase.start < cut < phrase.end:
            start = len(left) - cut + phrase.start
            yield _bypass(before.index, start, len(left), phrase.text, source)


def _bypass(line: int, start: int, end: int, text: str, source: Source) -> Finding:
    message = f"clause lets the run continue past a failed check: {' '.join(text.split())}"
    note = "it is never executed; the halt or gate beside it stands"
    return finding("GN0401", message, source.origin(line, start, end), notes=(note,))


def _tables(part: Part, source: Source, tree: Tree) -> Iterator[Finding]:
    for table in tables_in(part.lines):
        lost = [line for line, _ in table.rows if not table.header or tree.kind(line.index) != "table"]
        if lost and table.rows:
            message = f"table rows without a header; {len(lost)} rows lost"
            yield finding("GN0105", message, source.origin(table.first), notes=("give the table a header row",))
        for line in table.surplus:
            yield finding("GN0105", "table row with more cells than its header", source.origin(line.index))


def _misspelt(line: Line, source: Source, claims: Claims) -> Iterator[Finding]:
    if ":" not in line.body:
        return
    label = label_of(line)
    if label is None or label.field is not None or len(label.name) < _SHORTEST or not (label.bold or line.item):
        return
    claim = claims.of(line.index)
    if claim is not None and claim[1] in {"gate", "step", "phase"}:
        return
    near = nearest(label.name)
    if near is None:
        return
    at = line.text.lower().find(label.name)
    edit = Edit(source.span(line.index, at, at + len(label.name)), near.capitalize())
    fixes = (Fix(f"write `{near.capitalize()}`", Applicability.MACHINE, (edit,)),) if at >= 0 else ()
    message = f"unknown label `{label.name}`; did you mean `{near.capitalize()}`?"
    yield finding("GN0114", message, source.origin(line.index, max(at, 0)), fixes=fixes)


def nearest(name: str) -> str | None:
    """The guarded label that `name` misses by one or two letters (one for short ones)."""
    for known, chunks in _GUARDED:
        most = 1 if len(known) < 2 * _SHORTEST - 1 else _MOST_DISTANCE
        if abs(len(known) - len(name)) > most or not any(chunk in name for chunk in chunks):
            continue
        if 0 < _distance(name, known) <= most:
            return known
    return None


def _distance(one: str, other: str) -> int:
    row: Sequence[int] = range(len(other) + 1)
    for at, left in enumerate(one, 1):
        below = [at]
        for position, right in enumerate(other, 1):
            below.append(min(below[-1] + 1, row[position] + 1, row[position - 1] + (left != right)))
        row = below
    return row[-1]
