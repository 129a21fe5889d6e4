"""Preamble, title and sections of a document (DOC-01 to DOC-03, DOC-18)."""

from __future__ import annotations

import re

from gonogo.document.headings import Title, phase_of, title_of
from gonogo.document.lines import Line
from gonogo.document.scanning import Scan
from gonogo.document.text import Source
from gonogo.document.vocabulary import Section, bare_name, section_named
from gonogo.document.yaml_nodes import Pairs, read_yaml
from gonogo.errors import BadInput
from gonogo.findings import Finding
from gonogo.protocol.codes import finding
from gonogo.values import dataclass

FRONT_KEYS = frozenset({"id", "title", "tags", "revision"})

_MOST_FRONT_LINES = 40
_BRAND = re.compile(r"^(?P<brand>.*?(?:™|®|\(tm\)|\(r\)))", re.IGNORECASE)
_KEY = re.compile(r"^[A-Za-z][\w-]*\s*:(\s|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Front:
    """What stands between the rules at the top: lines up to `end`, the brand of a banner, findings."""

    end: int
    brand: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section: its heading line (None before the first), bare name, kind, and its lines without the heading."""

    kind: Section
    name: str
    heading: Line | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The title (None where the first heading is none of a protocol), its line, and the sections in order."""

    title: Title | None
    heading: Line | None
    parts: tuple[Part, ...]
    front: Front
    extra_titles: tuple[Line, ...]


def outline(source: Source, scanned: Scan) -> Outline:
    """Cut the lines into preamble and sections; find the title."""
    front = _front(source)
    lines = [line for line in scanned.lines if line.index >= front.end]
    firsts = [line for line in lines if line.level == 1]
    heading = next((line for line in firsts if title_of(line.body) is not None), firsts[0] if firsts else None)
    title = None if heading is None else title_of(heading.body)
    has_workflow = any(line.level in {1, 2} and _kind(line) is Section.WORKFLOW for line in lines)
    parts: list[Part] = []
    current: list[Line] = []
    opened: Line | None = None
    kind = Section.PREAMBLE
    extra: list[Line] = []
    for line in lines:
        if line is heading:
            current.append(line)
            continue
        if line.level not in {1, 2} or _stays(line, kind, has_workflow=has_workflow):
            current.append(line)
            continue
        if line.level == 1:
            extra.append(line)
        parts.append(_part(kind, opened, current))
        kind = Section.WORKFLOW if phase_of(line.body) else _kind(line)
        opened, current = line, [line] if phase_of(line.body) else []
    parts.append(_part(kind, opened, current))
    return Outline(title, heading, tuple(parts), front, tuple(extra))


def _part(kind: Section, opened: Line | None, lines: list[Line]) -> Part:
    return Part(kind, "" if opened is None else bare_name(opened.body), opened, tuple(lines))


def _kind(line: Line) -> Section:
    return section_named(bare_name(line.body))


def _stays(line: Line, kind: Section, *, has_workflow: bool) -> bool:
    """Whether a level-2 phase heading belongs to the section that is open: not a section of its own.

    Some documents write phases at the level of sections. They open a workflow only where no section bears that name
    and no orchestration section is open, whose steps are the outer envelope (DOC-09).
    """
    if phase_of(line.body) is None:
        return False
    return kind is Section.WORKFLOW or has_workflow or kind is Section.ORCHESTRATION


def _front(source: Source) -> Front:
    lines = source.raw
    if not lines or lines[0].strip() != "---":
        return Front(0, "", ())
    end = next((index for index in range(1, min(len(lines), _MOST_FRONT_LINES)) if lines[index].strip() == "---"), None)
    if end is None:
        return Front(1, "", ())
    body = "\n".join(lines[1:end])
    node = _mapping(body, source.file)
    if node is None:
        note = "kept as a banner; it carries no meaning"
        problem = finding("GN0102", "`---` block is not YAML; read as a banner", source.origin(0), notes=(note,))
        return Front(end + 1, _brand(lines[1:end]), (problem,))
    unknown = tuple(
        finding(
            "GN0103",
            f"front matter key `{key}` is not known",
            source.origin(place.line),
            notes=(f"known keys: {', '.join(sorted(FRONT_KEYS))}",),
        )
        for key, place in node.keys.items()
        if key not in FRONT_KEYS
    )
    return Front(end + 1, "", unknown)


def _mapping(body: str, file: str) -> Pairs | None:
    if not _KEY.search(body):
        return None
    try:
        node = read_yaml(body.encode(), file)
    except BadInput:
        return None
    return node if isinstance(node, Pairs) else None


def _brand(lines: tuple[str, ...]) -> str:
    for line in lines:
        text = line.strip()
        if text.startswith("**") and text.endswith("**"):
            name = text.strip("* ")
            match = _BRAND.match(name)
            return match["brand"] if match else name
    return ""
