"""Findings as text for people (protocol-compiler section 15): the line, the mark under it, consequences, notes, fixes.

The primary mark (`^`) is the cause, labels (`-`) are consequences; lines and columns are those of the original file.
A label at the primary's own place is the text beside its mark. Colours are plain ANSI and only on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from gonogo.document.display import shown, width_of, window_of
from gonogo.findings import Finding, Level, Origin
from gonogo.values import dataclass

WIDTH = 110
"""Columns that a rendered finding takes at most."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_WORD = re.compile(r"\S+")
_COLOURS = {Level.ERROR: "1;31", Level.WARNING: "1;33", Level.INFO: "1;36"}
_PLACE_COLOUR = "1;34"


@dataclass(frozen=True, slots=True)
class Canvas:
    """How to draw: total columns, and whether ANSI colours are wanted."""

    width: int = WIDTH
    colour: bool = False

    def paint(self, text: str, code: str) -> str:
        """`text` in the ANSI colour `code`, or unchanged where colours are off."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


@dataclass(frozen=True, slots=True)
class _Mark:
    origin: Origin
    text: str
    primary: bool


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by file, line and column, the graver first at one place; exact repetitions are shown once."""
    unique = dict.fromkeys(findings)
    return tuple(
        sorted(unique, key=lambda f: (f.primary.file, f.primary.line, f.primary.col, -f.level, f.code, f.message))
    )


def counted(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning`; `no findings` where there is none."""
    levels = [finding.level for finding in findings]
    parts = []
    for level, word in ((Level.ERROR, "error"), (Level.WARNING, "warning"), (Level.INFO, "note")):
        number = levels.count(level)
        if number:
            parts.append(f"{number} {word}{'' if number == 1 else 's'}")
    return ", ".join(parts) or "no findings"


def render_text(findings: Iterable[Finding], sources: Mapping[str, bytes], canvas: Canvas | None = None) -> str:
    """All findings as text, each with its source lines from `sources` (original bytes by file name), and a count.

    A file that is not in `sources` gives the place without the line. Ends with one line feed.
    """
    canvas = canvas or Canvas()
    ordered = in_order(findings)
    lines = {file: _LINE_END.split(data.decode("utf-8", "replace")) for file, data in sources.items()}
    blocks = [_render(finding, lines, canvas) for finding in ordered]
    return "\n\n".join([*blocks, counted(ordered)]) + "\n"


def _render(finding: Finding, lines: Mapping[str, Sequence[str]], canvas: Canvas) -> str:
    marks = _marks(finding)
    gutter = max([len(str(mark.origin.line)) for mark in marks if mark.origin.file in lines] or [1])
    bar = canvas.paint(" " * gutter + " |", _PLACE_COLOUR)
    word = "note" if finding.level is Level.INFO else finding.level.name.lower()
    head = canvas.paint(f"{word}[{finding.code}]", _COLOURS[finding.level])
    out = [f"{head}: {shown(finding.message)}"]
    for number, (file, group) in enumerate(groupby(marks, key=lambda mark: mark.origin.file)):
        same_file = list(group)
        place = next((mark.origin for mark in same_file if mark.primary), same_file[0].origin)
        arrow = canvas.paint(" " * gutter + ("--> " if number == 0 else "::: "), _PLACE_COLOUR)
        out.append(f"{arrow}{shown(file)}:{place.line}:{place.col}")
        source = lines.get(file)
        if source is not None:
            out.append(bar)
            out.extend(_snippet(same_file, source, gutter, canvas, finding.level))
    equals = canvas.paint(" " * gutter + " =", _PLACE_COLOUR)
    for note in finding.notes:
        out.extend(_wrapped(f"{equals} note: ", shown(note), gutter + 9, canvas.width))
    for fix in finding.fixes:
        lead = f"fix ({fix.applicability.value}): "
        out.extend(_wrapped(f"{equals} {lead}", shown(fix.title), gutter + 3 + len(lead), canvas.width))
    return "\n".join(out)


def _marks(finding: Finding) -> list[_Mark]:
    """Primary mark and labels, the primary's file first, then by place."""
    beside = [label.text for label in finding.labels if label.origin == finding.primary]
    marks = [_Mark(finding.primary, "; ".join(beside), primary=True)]
    marks += [
        _Mark(label.origin, label.text, primary=False) for label in finding.labels if label.origin != finding.primary
    ]
    first = finding.primary.file
    return sorted(
        marks, key=lambda m: (m.origin.file != first, m.origin.file, m.origin.line, m.origin.col, not m.primary)
    )


def _snippet(marks: Sequence[_Mark], source: Sequence[str], gutter: int, canvas: Canvas, level: Level) -> list[str]:
    out: list[str] = []
    room = canvas.width - gutter - 3
    bar = canvas.paint(" " * gutter + " |", _PLACE_COLOUR)
    for line_number, group in groupby(marks, key=lambda mark: mark.origin.line):
        line = source[line_number - 1] if 0 < line_number <= len(source) else ""
        for number, mark in enumerate(group):
            start, end = _extent(line, mark.origin)
            window = window_of(line, start, end, room)
            if number == 0:
                out.append(f"{canvas.paint(f'{line_number:>{gutter}} |', _PLACE_COLOUR)} {window.text}".rstrip())
            sign = ("^" if mark.primary else "-") * window.under
            colour = _COLOURS[level] if mark.primary else _PLACE_COLOUR
            lead = f"{bar} {' ' * window.before}"
            used = gutter + 3 + window.before + window.under + 1
            out.extend(_labelled(lead, canvas.paint(sign, colour), mark.text, used, (bar, gutter, canvas.width)))
    return out


def _labelled(lead: str, sign: str, text: str, used: int, frame: tuple[str, int, int]) -> list[str]:
    """The sign with its text beside it, or below it where the room to the right is too small."""
    bar, gutter, width = frame
    if not text:
        return [lead + sign]
    clean = shown(text)
    if used + width_of(clean) <= width:
        return [f"{lead}{sign} {clean}"]
    return [lead + sign, *(f"{bar} {line}" for line in _broken(clean, width - gutter - 3))]


def _extent(line: str, origin: Origin) -> tuple[int, int]:
    """Code points of `line` under the mark: the origin's bytes where it has them, else the word at its column."""
    start = max(0, origin.col - 1)
    if origin.byte1 > origin.byte0:
        part = line[start:].encode("utf-8", "replace")[: origin.byte1 - origin.byte0]
        end = start + len(part.decode("utf-8", "ignore"))
        return start, max(start + 1, start + len(line[start:end].rstrip()))
    word = _WORD.match(line, start)
    return start, word.end() if word else start + 1


def _wrapped(lead: str, text: str, indent: int, width: int) -> list[str]:
    """`text` broken to fit beside `lead`, later lines under its first."""
    first, *later = _broken(text, width - indent)
    return [lead + first, *(" " * indent + line for line in later)]


def _broken(text: str, room: int) -> list[str]:
    """`text` broken at blanks into lines of at most `room` columns, as far as its words allow."""
    out: list[str] = []
    current = ""
    for word in text.split(" "):
        candidate = f"{current} {word}" if current else word
        if current and width_of(candidate) > room:
            out.append(current)
            current = word
        else:
            current = candidate
    return [*out, current]
