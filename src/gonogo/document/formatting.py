"""The formatter (compiler section 15): label spelling, bullets, indent under a step, boxes, table widths, last newline.

It owns nothing else: no prose, no order, no numbers, no fences. Every kind of edit is made only where the model stays
the same, which is read again after each; what would change it is left as it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence

from gonogo.document.display import width_of
from gonogo.document.reading import read_document
from gonogo.errors import Refused
from gonogo.findings import Finding, Level
from gonogo.protocol.model import Protocol
from gonogo.protocol.sameness import without_places
from gonogo.values import dataclass

_FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,})")
_LABEL = re.compile(r"^(?P<head>\s*(?:[-*+]\s+)?)\*\*(?P<name>[A-Z][\w /-]{0,40}?)\*\*\s*:(?P<rest>\s|$)")
_HALT = re.compile(r"^(?P<head>\s*[-*+]\s+)\*\*(?:Halt|Halt Condition|HALT|Halt-condition):\*\*(?P<rest>.*)$")
_PLUS = re.compile(r"^(?P<head>\s*)\+(?P<rest>\s+\S)")
_BOX = re.compile(r"^(?P<head>\s*[-*+]\s+)\[(?P<tick>\s*[xX]?\s*)\]\s+(?P<rest>\S)")
_STEP = re.compile(r"^\d{1,3}\.\s+\S")
_FIELD = re.compile(r"^\s+[-*+]\s+\*\*[^*]+")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_SEPARATOR = re.compile(r"^:?-+:?$")
_INDENT = 3
_MOST_TRIES = 64


@dataclass(frozen=True, slots=True)
class Formatted:
    """The canonical text, and the difference as a unified diff (empty where there is none)."""

    text: str
    diff: str


def format_document(data: bytes, file: str) -> Formatted:
    """Format; Refused where the document cannot be read surely (an error of 01xx or 02xx), with the first finding."""
    reading = read_document(data, file)
    unsure = [finding for finding in reading.findings if _unsure(finding)]
    if reading.protocol is None or unsure:
        first = str(unsure[0]) if unsure else "it is no protocol"
        raise Refused(f"cannot be formatted: {first}", where=file, next_step="repair the findings of `check` first")
    text, model = reading.text, without_places(reading.protocol)
    end = "\r\n" if "\r\n" in text else "\n"
    lines = re.split(r"\r\n|\n|\r", text)
    for change in _CHANGES:
        lines = _kept(lines, change(lines), lambda tried: _same(tried, end, file, model))
    out = end.join(lines).rstrip("\r\n") + end
    shown = difflib.unified_diff(
        text.splitlines(keepends=True), out.splitlines(keepends=True), file, f"{file} (formatted)"
    )
    return Formatted(out, "".join(shown) if out != text else "")


def _unsure(finding: Finding) -> bool:
    return finding.level is Level.ERROR and finding.code.startswith(("GN01", "GN02"))


def _same(lines: Sequence[str], end: str, file: str, model: Protocol) -> bool:
    after = read_document(end.join(lines).encode(), file)
    return after.protocol is not None and without_places(after.protocol) == model


def _kept(old: list[str], new: list[str], same: Callable[[Sequence[str]], bool]) -> list[str]:
    """As much of `new` as keeps the model: all of it, else the half that does, and so on down to one run of lines."""
    changed = [number for number, line in enumerate(old) if line != new[number]]
    pending = [changed] if changed else []
    for _ in range(_MOST_TRIES):
        if not pending:
            break
        group = pending.pop()
        tried = list(old)
        for number in group:
            tried[number] = new[number]
        if same(tried):
            old = tried
        elif len(group) > 1:
            half = len(group) // 2
            pending += [group[half:], group[:half]]
    return old


def _text_lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that are in no fence, with their numbers."""
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark is not None and not fence:
            fence = mark["mark"]
        elif mark is not None and mark["mark"].startswith(fence) and line.strip().strip("`~") == "":
            fence = ""
        elif not fence:
            yield number, line


def _labels(lines: Sequence[str]) -> list[str]:
    out = list(lines)
    for number, line in _text_lines(lines):
        spelled = _LABEL.sub(r"\g<head>**\g<name>:**\g<rest>", line)
        out[number] = _HALT.sub(r"\g<head>**Halt condition:**\g<rest>", spelled)
    return out


def _bullets(lines: Sequence[str]) -> list[str]:
    out = list(lines)
    for number, line in _text_lines(lines):
        out[number] = _PLUS.sub(r"\g<head>*\g<rest>", line)
    return out


def _boxes(lines: Sequence[str]) -> list[str]:
    out = list(lines)
    for number, line in _text_lines(lines):
        found = _BOX.match(line)
        if found is not None:
            tick = "x" if found["tick"].strip() else " "
            out[number] = f"{found['head']}[{tick}] {line[found.start('rest') :]}"
    return out


def _indents(lines: Sequence[str]) -> list[str]:
    """Moves what stands under a step so that its fields begin at the canonical column; all of it by the same amount."""
    out = list(lines)
    for first, last in _steps(lines):
        fields = [len(line) - len(line.lstrip()) for line in lines[first + 1 : last] if _FIELD.match(line)]
        shift = _INDENT - min(fields, default=_INDENT)
        inside = [line for line in lines[first + 1 : last] if line.strip()]
        shallow = any(len(line) - len(line.lstrip(" ")) < min(fields, default=0) for line in inside)
        if shift and not shallow and not any("\t" in line for line in inside):
            for number in range(first + 1, last):
                out[number] = _moved(lines[number], shift)
    return out


def _moved(line: str, shift: int) -> str:
    if not line.strip():
        return line
    return " " * shift + line if shift > 0 else line[-shift:]


def _steps(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First line of each step, and the first line that is not under it."""
    heads = [number for number, line in _text_lines(lines) if _STEP.match(line)]
    for number in heads:
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end][:1] in " \t"):
            end += 1
        yield number, end


def _tables(lines: Sequence[str]) -> list[str]:
    out = list(lines)
    rows = [number for number, line in _text_lines(lines) if _ROW.match(line)]
    run: list[int] = []
    for number in [*rows, -1]:
        if run and number != run[-1] + 1:
            _aligned(out, run)
            run = []
        run.append(number)
    return out


def _aligned(out: list[str], run: Sequence[int]) -> None:
    """Widens the cells of one table to the widest of their column; a ragged table is left alone."""
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", out[number].strip()[1:-1])] for number in run]
    if len(cells) == 1 or len({len(row) for row in cells}) != 1:
        return
    widths = [max(3, *(width_of(cell) for cell in column)) for column in zip(*cells, strict=True)]
    for number, row in zip(run, cells, strict=True):
        out[number] = "| " + " | ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)) + " |"


def _padded(cell: str, width: int) -> str:
    if _SEPARATOR.match(cell):
        left, right = cell[:1] == ":", cell[-1:] == ":"
        return ":" * left + "-" * (width - left - right) + ":" * right
    return cell + " " * (width - width_of(cell))


_CHANGES: tuple[Callable[[Sequence[str]], list[str]], ...] = (_labels, _bullets, _boxes, _indents, _tables)
