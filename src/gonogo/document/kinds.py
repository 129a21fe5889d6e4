"""What kind of document this is, decided before it is read (DOC-23; compiler section 3)."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

from gonogo.document.lines import Layer, Line, mark_of
from gonogo.document.outline import Outline
from gonogo.document.step_heads import marked_title
from gonogo.document.text import Source
from gonogo.document.vocabulary import STEP_MARKS
from gonogo.document.yaml_nodes import Pairs, read_yaml
from gonogo.errors import BadInput

MOST_FORM_BYTES = 256 * 1024

_GENERATOR = re.compile(r"\b(generator|meta-?prompt|generation guide)\b", re.IGNORECASE)
_TEMPLATE = re.compile(r"\btemplate\b", re.IGNORECASE)
_SLOT = re.compile(r"\{[A-Za-z_][\w .-]*\}|\[[A-Z][A-Za-z_ .-]*\]|\{\{|<[A-Za-z_][\w -]*>|\b(?:XX+|NN|TITLE HERE)\b")
_FORM_KEY = re.compile(r"^(protocol_number|protocol_name)\s*:", re.MULTILINE)


class DocumentKind(enum.Enum):
    """Kinds of documents; only a protocol and a rule are compiled."""

    PROTOCOL = "protocol"
    RULE = "rule"
    GENERATOR = "generator guide"
    FORM = "form"
    TEMPLATE = "template"
    PROSE = "prose"

    @property
    def phrase(self) -> str:
        """The kind with its article, for messages."""
        return self.value if self is DocumentKind.PROSE else f"a {self.value}"


def kind_of(source: Source, outline: Outline) -> DocumentKind:
    """Decide the kind by the title, by placeholders, and by where the grammar stands."""
    if _is_form(source, outline):
        return DocumentKind.FORM
    heading = "" if outline.heading is None else outline.heading.body
    steps = _marked_titles(outline)
    if _GENERATOR.search(heading) and not steps:
        return DocumentKind.GENERATOR
    if outline.title is None:
        slotted = _SLOT.search(heading) is not None and ("protocol" in heading.lower() or _TEMPLATE.search(heading))
        return DocumentKind.TEMPLATE if slotted else DocumentKind.PROSE
    if _is_slot_title(heading, outline.title.name) or _mostly_slots(steps):
        return DocumentKind.TEMPLATE
    return DocumentKind.RULE if outline.title.rule else DocumentKind.PROTOCOL


def _is_form(source: Source, outline: Outline) -> bool:
    if outline.title is not None or not _FORM_KEY.search(source.text) or len(source.text) > MOST_FORM_BYTES:
        return False
    try:
        node = read_yaml(source.text.encode(), source.file)
    except BadInput:
        return False
    return isinstance(node, Pairs) and bool({"protocol_number", "protocol_name"} & set(node.values))


def _marked_titles(outline: Outline) -> Sequence[str]:
    lines: list[Line] = [
        line for part in outline.parts for line in part.lines if line.layer is Layer.TEXT and line.number
    ]
    marks = ((mark_of(line.body)) for line in lines)
    return [marked_title(rest)[0] for mark, rest in marks if mark in STEP_MARKS]


def _is_slot_title(heading: str, name: str) -> bool:
    """A title that is a placeholder, or whose number is one (`# PROTOCOL {n}: {TITLE}`)."""
    slot = _SLOT.search(heading)
    return (slot is not None and (slot.group() in name or not name.strip())) or "{" in heading


def _mostly_slots(titles: Sequence[str]) -> bool:
    return bool(titles) and sum(_SLOT.search(title) is not None for title in titles) * 2 > len(titles)
