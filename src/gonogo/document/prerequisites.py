"""Prerequisites: artifacts, approvals, states of the world (DOC-01, DOC-20, DOC-21; compiler section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.extracts import base_name, paths_in
from gonogo.document.lines import Layer, Line, label_of, mark_of, plain
from gonogo.document.text import Source
from gonogo.document.vocabulary import bare_name
from gonogo.protocol.model import ApprovalRequired, ArtifactRequired, Prerequisite, StateRequired

_OPTIONAL = re.compile(
    r"\(\s*(?:if (?:available|applicable|present|needed)|optional)\s*\)|\[optional\]|^optional\b", re.IGNORECASE
)
_FROM = re.compile(r"\bfrom\s+(?P<source>.+?)(?=\s+[–—-]\s+|\s*\(|$)", re.IGNORECASE)
_WHY = re.compile(r"\s[–—-]\s+(?P<why>.+)$")
_APPROVAL = re.compile(
    r"\b(approv|sign-?off|signed|authori[sz]|clearance|consent|confirmation|recommendation)", re.IGNORECASE
)
_GROUPS = (
    ("approval", re.compile(r"approval|authori[sz]ation|sign-?off", re.IGNORECASE)),
    ("state", re.compile(r"state|system|environment|access|condition|tool|setup", re.IGNORECASE)),
    ("artifact", re.compile(r"artifact|input|document|file|deliverable|evidence", re.IGNORECASE)),
)


class _Entry:
    """One entry and the lines that belong to it."""

    def __init__(self, group: str, line: Line, text: str, *, optional: bool) -> None:
        self.group = group
        self.line = line
        self.texts = [text]
        self.optional = optional


def prerequisites_of(lines: Sequence[Line], source: Source, claims: Claims) -> tuple[Prerequisite, ...]:
    """The prerequisites of one section, in order."""
    group = ""
    entries: list[_Entry] = []
    for line in lines:
        if line.layer is not Layer.TEXT:
            claims.take(line, LineClass.COMMENT if line.layer is Layer.COMMENT else LineClass.NOTE)
        elif line.level or _is_group_label(line):
            group = _group(line) or group
            claims.take(line, LineClass.STRUCTURE, "heading")
        elif line.rule:
            claims.take(line, LineClass.DECORATION)
        else:
            _text(line, group, entries, claims)
    return tuple(_value(entry, source) for entry in entries)


def _is_group_label(line: Line) -> bool:
    label = label_of(line) if not line.item else None
    return label is not None and label.bold and not label.value and bool(_group(line))


def _group(line: Line) -> str:
    name = bare_name(line.body)
    return next((group for group, pattern in _GROUPS if pattern.search(name)), "")


def _text(line: Line, group: str, entries: list[_Entry], claims: Claims) -> None:
    mark, rest = mark_of(line.body)
    required = mark == "REQUIRED" and bool(rest.strip(" *`:"))
    stands_alone = line.box or mark or (" from " in line.body and paths_in(line.body))
    nested = bool(entries) and line.indent > entries[-1].line.indent and not stands_alone
    unbulleted = bool(group and stands_alone and entries and not line.item and paths_in(line.body))
    if line.box or required or unbulleted or (line.item and not nested and (mark or group or paths_in(line.body))):
        text = rest.strip(" *`:") if mark and rest.strip(" *`:") == "" else _after_mark(rest) if mark else line.body
        optional = mark in {"GUIDELINE", "OPTIONAL"} or _OPTIONAL.search(line.body) is not None
        entries.append(_Entry(group, line, text, optional=optional))
        claims.take(line, LineClass.OBLIGATION, "prerequisite")
    elif entries and (nested or not line.gap) and not line.quote:
        entries[-1].texts.append(line.body)
        claims.take(line, LineClass.NOTE, "content")
    else:
        claims.take(line, LineClass.NOTE, "content")


def _after_mark(rest: str) -> str:
    """The text after a mark, without the star run that closed it: `**`[REQUIRED]`** text`."""
    rest = rest.lstrip("` ")
    return rest.removeprefix("**").lstrip(" :")


def _value(entry: _Entry, source: Source) -> Prerequisite:
    origin = source.origin(entry.line.index, entry.line.col)
    text = " ".join(entry.texts).strip()
    paths = paths_in(text)
    kind = entry.group or _guess(text, paths)
    if kind == "approval":
        return ApprovalRequired(plain(text), entry.optional, origin)
    if kind == "state":
        return StateRequired(plain(text), entry.optional, origin)
    name = paths[0] if paths else plain(_WHY.sub("", _FROM.sub("", text))).strip(" ,")
    found, why = _FROM.search(text), _WHY.search(text)
    return ArtifactRequired(
        name=name if not paths or "*" in name else base_name(name) if "/" not in name else name,
        source=plain(found["source"]).strip("` ") if found else "",
        why=plain(why["why"]) if why else "",
        optional=entry.optional,
        origin=origin,
        also=paths[1:],
    )


def _guess(text: str, paths: tuple[str, ...]) -> str:
    if paths:
        return "artifact"
    return "approval" if _APPROVAL.search(text) else "state"
