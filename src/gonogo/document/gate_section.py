"""The QUALITY GATES section: headed gates, bold gates, gates as table rows (DOC-11; class R)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.headings import gate_of
from gonogo.document.lines import Label, Layer, Line, label_of
from gonogo.document.nodes import Held, Kind, Opener
from gonogo.document.tables import Table, tables_in
from gonogo.document.vocabulary import GATE_FIELDS, LABELS, Field, bare_name

_COLUMNS: Mapping[str, Field] = {
    "criteria": Field.CRITERIA,
    "criterion": Field.CRITERIA,
    "pass criteria": Field.CRITERIA,
    "threshold": Field.THRESHOLD,
    "pass threshold": Field.THRESHOLD,
    "thresholds": Field.THRESHOLD,
    "boolean check": Field.BOOLEAN,
    "evidence": Field.EVIDENCE,
    "evidence link": Field.EVIDENCE,
    "script": Field.SCRIPT,
    "automation": Field.AUTOMATION,
    "command": Field.AUTOMATION,
    "validator": Field.SCRIPT,
    "failure handling": Field.FAILURE,
    "on failure": Field.FAILURE,
    "failure": Field.FAILURE,
    "waiver": Field.WAIVER,
    "type": Field.TYPE,
    "purpose": Field.PURPOSE,
    "notification": Field.NOTIFY,
}
_OWN = GATE_FIELDS | {Field.EVIDENCE, Field.AUTOMATION}


class GateSection:
    """Walks the lines of one gates section and builds an opener for each gate."""

    def __init__(self, lines: Sequence[Line], claims: Claims) -> None:
        self.lines = lines
        self.claims = claims
        self.gates: list[Opener] = []
        self.loose: list[Line] = []
        self.gate: Opener | None = None
        self.held: Held | None = None

    def run(self) -> tuple[Opener, ...]:
        """The gates of the section, in order."""
        tables = {table.first: table for table in tables_in(self.lines)}
        rows = {line.index for table in tables.values() for line in table.lines}
        for at, line in enumerate(self.lines):
            if line.layer is Layer.COMMENT:
                self.claims.take(line, LineClass.COMMENT)
            elif line.index in tables and self._table(tables[line.index]):
                continue
            elif line.layer is Layer.FENCE or line.index in rows:
                self._content(line)
            elif line.level:
                self._heading(at, line)
            elif line.rule:
                self.claims.take(line, LineClass.DECORATION)
            else:
                self._text(line)
        return tuple(self.gates)

    def _heading(self, at: int, line: Line) -> None:
        head = gate_of(line.body)
        if head is not None:
            self._open(line, head.name, head.number)
            return
        name = bare_name(line.body)
        field = LABELS.get(name.lower())
        if field in _OWN and self.gate is not None and line.level > self.gate.line.level:
            self._hold(Held(field, name.lower(), line, "", line.col))
            self.claims.take(line, LineClass.STRUCTURE, "heading")
        elif self._heads_gate(at, line):
            self._open(line, name, "")
        else:
            self.gate = self.held = None
            self.claims.take(line, LineClass.STRUCTURE, "heading")

    def _heads_gate(self, at: int, line: Line) -> bool:
        """Whether criteria or thresholds stand under a heading that does not call itself a gate."""
        for other in self.lines[at + 1 :]:
            if other.level and other.level <= line.level:
                return False
            label = label_of(other) if other.layer is Layer.TEXT and not other.level else None
            if label is not None and label.field in {Field.CRITERIA, Field.THRESHOLD, Field.BOOLEAN}:
                return True
        return False

    def _open(self, line: Line, name: str, number: str) -> None:
        self.gate = Opener(Kind.GATE, line, name, number=number)
        self.held = None
        self.gates.append(self.gate)
        self.claims.take(line, LineClass.STRUCTURE, "gate")

    def _text(self, line: Line) -> None:
        head = gate_of(line.body) if "ate" in line.body[:24] else None
        bold = line.body.startswith("**") or line.body.rstrip(": ").endswith("**")
        if head is not None and (bold or not line.item) and not line.quote:
            self._open(line, head.name, head.number)
            return
        label = label_of(line)
        if label is None or not self._labelled(line, label):
            self._content(line)

    def _labelled(self, line: Line, label: Label) -> bool:
        if label.field is None and (not label.bold or self._inside_list(line)):
            return False
        if self.gate is None:
            return False
        held = Held.labelled(label, line)
        self._hold(held)
        what = label.field.value if label.field in _OWN and label.field else "note"
        self.claims.take(line, LineClass.NOTE if what == "note" else LineClass.OBLIGATION, what)
        return True

    def _inside_list(self, line: Line) -> bool:
        return (
            self.held is not None and line.item and self.held.field in {Field.CRITERIA, Field.THRESHOLD, Field.BOOLEAN}
        )

    def _hold(self, held: Held) -> None:
        if self.gate is not None:
            self.gate.hold(held)
        self.held = held

    def _content(self, line: Line) -> None:
        if self.gate is None:
            self.loose.append(line)
            self.claims.take(line, LineClass.NOTE, "content")
        elif self.held is not None:
            self.held.add(line)
            value = self.held.field in _OWN and self.held.body[-1:] == [line]
            self.claims.take(line, LineClass.OBLIGATION if value else LineClass.NOTE, "content")
        else:
            self.gate.loose.append(line)
            self.claims.take(line, LineClass.NOTE, "content")

    def _table(self, table: Table) -> bool:
        """Gates as rows: the first column names the gate, the header says what the others are."""
        names = [bare_name(cell.text).lower() for cell in table.header]
        if not names or "gate" not in names[0] or not any(name in _COLUMNS for name in names):
            return False
        self.gate = self.held = None
        for line, cells in table.rows:
            if not cells:
                continue
            head = gate_of(cells[0].text)
            name = head.name if head else cells[0].text.replace("*", "").replace("`", "").strip()
            self._open(line, name, head.number if head else "")
            for title, cell in zip(names[1:], cells[1:], strict=False):
                field = _COLUMNS.get(title)
                if field is not None and cell.text and self.gate is not None:
                    self.gate.hold(Held(field, title, line, cell.text, cell.col))
        self.claims.take_all(table.lines, LineClass.OBLIGATION, "gate row")
        self.gate = self.held = None
        return True
