"""Automation hooks, the handoff checklist and the evidence table (DOC-10, DOC-20, DOC-21; compiler section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.extracts import (
    base_name,
    commands_in_fence,
    commands_in_text,
    fence_content,
    fence_text,
    is_shell_fence,
    paths_in,
    runs,
)
from gonogo.document.lines import Layer, Line, label_of, mark_of, plain
from gonogo.document.tables import Cell, tables_in
from gonogo.document.text import Source
from gonogo.protocol.model import ChecklistItem, CommandRef, EvidenceRef, Handoff, Message, Note
from gonogo.values import dataclass

_EXPECTED = re.compile(r"^[*_]*(?:expected )?outputs?[*_]*\s*:[*_]*\s*(?P<what>.+)$", re.IGNORECASE)
_COMPLETE = re.compile(r"^\W*\[[^\]]*\b(?:complete|handoff|ready)[^\]]*\]", re.IGNORECASE)
_NEXT = re.compile(r"^next protocol\b(?! command| brief)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands of an automation section, and its other fences (CI configuration) as notes."""

    commands: tuple[CommandRef, ...] = ()
    notes: tuple[Note, ...] = ()


def hooks_of(lines: Sequence[Line], source: Source, claims: Claims, infos: Mapping[int, str]) -> Hooks:
    """The commands of an automation section; a line `Expected Output: x` belongs to the command before it."""
    commands: list[CommandRef] = []
    notes: list[Note] = []
    for run in runs(lines):
        first = run[0]
        if first.layer is Layer.FENCE:
            info = infos.get(first.fence, "")
            content = [line.body for line in fence_content(run) if not line.body.startswith("#")]
            if content and is_shell_fence(info, content[0]):
                commands.extend(commands_in_fence(run, source))
                claims.take_all(run, LineClass.OBLIGATION, "command")
            else:
                notes.append(Note(info or "text", fence_text(run), source.origin(first.index)))
                claims.take_all(run, LineClass.NOTE, "content")
            continue
        for line in run:
            _hook_line(line, source, claims, commands)
    return Hooks(tuple(commands), tuple(notes))


def _hook_line(line: Line, source: Source, claims: Claims, commands: list[CommandRef]) -> None:
    claims.take(line, _plain_class(line), "content")
    if line.layer is not Layer.TEXT or line.level:
        return
    expected = _EXPECTED.match(line.body)
    if expected is not None and commands and not commands[-1].expected_output and not line.item:
        last = commands[-1]
        commands[-1] = CommandRef(last.text, last.origin, last.conditional, expected["what"].strip())
        return
    label = label_of(line)
    if label is not None and label.name in {"script", "command", "automation"}:
        commands.extend(commands_in_text(line.body, line, source))


def _plain_class(line: Line) -> LineClass:
    if line.layer is Layer.COMMENT:
        return LineClass.COMMENT
    if line.rule:
        return LineClass.DECORATION
    return LineClass.STRUCTURE if line.level else LineClass.NOTE


def handoff_of(lines: Sequence[Line], source: Source, claims: Claims) -> Handoff:
    """The items of a handoff checklist (a tick in the text counts as open), its messages, what comes next."""
    items: list[ChecklistItem] = []
    messages: list[Message] = []
    commands: list[CommandRef] = []
    follows = ""
    for run in runs(lines):
        first = run[0]
        if first.layer is Layer.FENCE:
            _handoff_fence(run, source, messages, commands)
            claims.take_all(run, LineClass.OBLIGATION, "message")
            continue
        for line in run:
            claims.take(
                line, LineClass.OBLIGATION if line.box else _plain_class(line), "checklist" if line.box else "content"
            )
            if line.layer is not Layer.TEXT:
                continue
            label = label_of(line)
            if line.box:
                items.append(ChecklistItem(plain(line.body), line.box == "ticked", source.origin(line.index, line.col)))
            elif not line.item and not line.level and _COMPLETE.match(line.body) and not mark_of(line.body)[0]:
                messages.append(Message(plain(line.body), source.origin(line.index, line.col)))
            elif label is not None and _NEXT.match(label.name) and label.value:
                follows = follows or plain(label.value).strip("`")
    return Handoff(tuple(items), tuple(messages), tuple(commands), follows)


def _handoff_fence(run: Sequence[Line], source: Source, messages: list[Message], commands: list[CommandRef]) -> None:
    content = [line for line in fence_content(run) if not line.body.startswith("#")]
    if not content:
        return
    if content[0].body.startswith("@") or is_shell_fence("", content[0].body):
        commands.extend(commands_in_fence(run, source))
    else:
        messages.append(Message(fence_text(run), source.origin(content[0].index)))


def evidence_table_of(lines: Sequence[Line], source: Source, claims: Claims) -> tuple[EvidenceRef, ...]:
    """The files of the evidence tables: the first cell names a file, a column of places says where it lies."""
    found: list[EvidenceRef] = []
    for table in tables_in(lines):
        if not table.header:
            continue
        names = [cell.text.replace("*", "").strip().lower() for cell in table.header]
        place = next(
            (at for at, name in enumerate(names) if name in {"location", "path", "storage", "storage location"}), None
        )
        for line, cells in table.rows:
            ref = _row(line, cells, place, source)
            if ref is not None:
                found.append(ref)
                claims.take(line, LineClass.OBLIGATION, "evidence row")
    for line in lines:
        claims.take(line, _plain_class(line), "content")
    return tuple(found)


def _row(line: Line, cells: tuple[Cell, ...], place: int | None, source: Source) -> EvidenceRef | None:
    names = paths_in(cells[0].text) if cells else ()
    if not names:
        return None
    origin = source.origin(line.index, cells[0].col)
    places = paths_in(cells[place].text) if place is not None and place < len(cells) else ()
    path = names[0]
    if places:
        path = places[0] + base_name(names[0]) if places[0].endswith("/") else places[0]
    return EvidenceRef(base_name(names[0]), path, origin)
