"""Openers and the fields they hold, before they become values of the model (compiler section 5).

An opener is a phase, a step, a sub-step or a gate. A field is a label with everything that stands under it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator

from gonogo.document.lines import Label, Layer, Line
from gonogo.document.vocabulary import Field

_BRANCH = re.compile(r"\**(?:IF|ELSE IF|ELSE|THEN|OTHERWISE)\b\**\s")


class Kind(enum.Enum):
    """The kinds of openers, in rank order; a gate is a rival of a step."""

    WORKFLOW = "workflow"
    PHASE = "phase"
    STEP = "step"
    SUBSTEP = "sub-step"
    GATE = "gate"


class Held:
    """A field: its label, the line it stands on, and the lines under it."""

    __slots__ = ("after", "body", "field", "line", "name", "value", "value_col")

    def __init__(self, field: Field | None, name: str, line: Line, value: str, value_col: int) -> None:
        self.field = field
        self.name = name
        self.line = line
        self.value = value
        self.value_col = value_col
        self.body: list[Line] = []
        self.after: list[Line] = []

    @classmethod
    def labelled(cls, label: Label, line: Line) -> Held:
        """The field that `label` opens."""
        return cls(label.field, label.name, line, label.value, label.col)

    def add(self, line: Line) -> None:
        """Take a line under the label: as part of the value, or, after a gap and out of its list, as mere text."""
        if self.after and not line.item:
            self.after.append(line)
        elif line.layer is Layer.FENCE or line.quote or line.row or line.item or not line.gap or self._goes_on(line):
            self.body.append(line)
        else:
            self.after.append(line)

    def _goes_on(self, line: Line) -> bool:
        """A sentence that a blank line tore apart goes on in lower case, further in than its label."""
        before = self.body[-1].body if self.body else self.value
        torn = bool(before) and not before.rstrip().endswith((".", ";", ":", "!", ")", "`"))
        empty = not before
        return line.indent > self.line.indent and (empty or (torn and line.body[:1].islower()))

    def text(self) -> str:
        """The value with its wrapped lines joined."""
        parts = [self.value]
        for line in self.body:
            if line.layer is Layer.FENCE or line.item or line.quote or line.row:
                break
            parts.append(line.body)
        return " ".join(part for part in parts if part).strip()

    def entries(self) -> Iterator[tuple[str, Line]]:
        """The list items under the label, each with its wrapped lines joined; fences, tables and quotes are not."""
        text, first = "", None
        for line in self.body:
            if line.layer is Layer.FENCE or line.quote or line.row:
                if first is not None:
                    yield text, first
                text, first = "", None
            elif line.item or _BRANCH.match(line.body):
                if first is not None:
                    yield text, first
                text, first = line.body, line
            elif first is not None:
                text = f"{text} {line.body}"
        if first is not None:
            yield text, first

    def whole(self) -> str:
        """Everything under the label, verbatim, lines joined by line ends."""
        lines = [self.value] if self.value else []
        lines.extend(line.text.strip() for line in (*self.body, *self.after))
        return "\n".join(lines)


class Opener:
    """A phase, step, sub-step or gate with its fields and what stands under it, in document order."""

    __slots__ = (
        "bullet",
        "children",
        "field_indent",
        "fields",
        "gates",
        "kind",
        "line",
        "loose",
        "mark",
        "number",
        "rest",
        "title",
    )

    def __init__(self, kind: Kind, line: Line, title: str, *, number: str = "", mark: str = "", rest: str = "") -> None:
        self.kind = kind
        self.line = line
        self.title = title
        self.number = number
        self.mark = mark
        self.rest = rest
        self.fields: list[Held] = []
        self.children: list[Opener] = []
        self.gates: list[Opener] = []
        self.loose: list[Line] = []
        self.bullet = ""
        self.field_indent = -1

    def hold(self, held: Held) -> None:
        """Take a field; the first bulleted one says how this author writes fields."""
        if self.field_indent < 0 and held.line.bullet:
            self.bullet, self.field_indent = held.line.bullet, held.line.indent
        self.fields.append(held)
