"""Who owns what in a workflow, by document order (compiler section 5; law 3; DOC-07 to DOC-10).

1. A field belongs to the most recent open opener that may hold it; any heading of level 1 to 4 closes the step.
2. Phase-level labels without a bullet close the step.
3. A note block holds its own labels, until a label outside its vocabulary or the return of the step's own list.
4. A field with no owner is GN0203.
5. Where the Markdown tree disagrees, document order stays, and `tree_check` reports it (GN0201).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.extracts import paths_in
from gonogo.document.headings import gate_of, phase_of
from gonogo.document.lines import Label, Layer, Line, label_of, mark_of
from gonogo.document.nodes import Held, Kind, Opener
from gonogo.document.note_blocks import NoteBlock, block_for
from gonogo.document.step_heads import is_step_title, marked_title, phase_shape, split_title, substep_of
from gonogo.document.text import Source
from gonogo.document.vocabulary import GATE_FIELDS, LABELS, STEP_FIELDS, STEP_MARKS, Field, bare_name
from gonogo.findings import Finding
from gonogo.protocol.codes import finding

_GATE_TITLE = re.compile(r"^(?:quality\s+)?gate\s*\d*\s*[:–—-]\s*(?P<name>.+)$", re.IGNORECASE)
_BOUND_TO_STEP = frozenset({Field.ACTION, Field.SAYS, Field.HALT, Field.EVIDENCE})


class Attribution:
    """Walks the lines of one workflow section and builds its openers."""

    def __init__(self, source: Source, lines: Sequence[Line], claims: Claims, top: Opener) -> None:
        self.source = source
        self.lines = lines
        self.claims = claims
        self.workflow = top
        self.phase: Opener | None = None
        self.step: Opener | None = None
        self.sub: Opener | None = None
        self.gate: Opener | None = None
        self.held: Held | None = None
        self.block: NoteBlock | None = None
        self.findings: list[Finding] = []
        self.noted: list[tuple[Opener, Line, Label]] = []
        self.at = 0
        self.shapes: Mapping[int, bool] = phase_shape(lines)

    def run(self) -> Opener:
        """Build the openers of the section under `workflow`."""
        for at, line in enumerate(self.lines):
            self.at = at
            if line.layer is Layer.COMMENT:
                self.claims.take(line, LineClass.COMMENT)
            elif line.layer is Layer.FENCE or line.row:
                self._content(line)
            elif line.level:
                self._heading(line)
            elif line.rule:
                self.claims.take(line, LineClass.DECORATION)
            else:
                self._text(line)
        self.findings.extend(self._swallowed())
        return self.workflow

    def _swallowed(self) -> Iterator[Finding]:
        """GN0202 for evidence inside a note block of a step that has no evidence of its own: perhaps it fell in."""
        for owner, line, label in self.noted:
            own = any(held.field is Field.EVIDENCE for held in owner.fields)
            if not own and paths_in(label.value):
                message = f"line looks like evidence of `{owner.title}` but stands inside a note block"
                place = self.source.origin(line.index, line.col)
                notes = ("write it at the level of the step's own fields, or without a file name",)
                yield finding("GN0202", message, place, notes=notes)

    # -- headings --------------------------------------------------------------------------------------------------

    def _heading(self, line: Line) -> None:
        head = phase_of(line.body)
        if head is not None:
            if self._heads_step(line, head.word, dotted=head.dotted):
                mark, rest = mark_of(head.title)
                title = marked_title(rest)[0] if mark in STEP_MARKS else head.title
                kept = mark if mark in STEP_MARKS else ""
                self._open_step(line, title or f"{head.word.title()} {head.number}", head.number, kept, "")
            else:
                self._open_phase(line, head.title or f"{head.word.title()} {head.number}", head.number)
            return
        gate = gate_of(line.body)
        if gate is not None:
            self._open_gate(line, gate.name, gate.number)
            return
        self._close_step()
        name = bare_name(line.body).lower()
        field = LABELS.get(name)
        if name.endswith("automation"):
            field = Field.AUTOMATION
        owner = self.workflow if field is Field.HALT else self.phase or self.workflow
        self._hold(owner, Held(field, name, line, "", line.col))
        self.block = block_for(self.held) if self.held else None
        self.claims.take(line, LineClass.STRUCTURE, "heading")

    def _heads_step(self, line: Line, word: str, *, dotted: bool) -> bool:
        """Dotted headings head steps; so does a `STEP` under a deeper-ranking `PHASE` that has no steps of its own."""
        if self.phase is None:
            return False
        if dotted:
            return True
        under = phase_of(self.phase.line.body) if self.phase.line.level else None
        if under is None or under.word != "phase" or word != "step" or line.level <= self.phase.line.level:
            return False
        return not self.shapes.get(line.index, False)

    def _open_phase(self, line: Line, title: str, number: str) -> None:
        self._close_step()
        self.phase = Opener(Kind.PHASE, line, title, number=number)
        self.workflow.children.append(self.phase)
        self.claims.take(line, LineClass.STRUCTURE, "phase")

    def _close_step(self) -> None:
        self.step = self.sub = self.gate = self.held = self.block = None

    # -- text ------------------------------------------------------------------------------------------------------

    def _text(self, line: Line) -> None:
        if self._is_gate_head(line):
            return
        if line.number and self._ordered(line):
            return
        if not line.number and self._is_substep(line):
            return
        label = label_of(line)
        mark, rest = mark_of(line.body)
        if label is None and mark in {"REASONING", "AUTOMATION"}:
            label = Label(mark.lower(), LABELS[mark.lower()], bold=True, value=rest.strip(" *:"), col=line.col)
        if self.block is not None and self.block.holds(line, label, self.sub or self.step):
            self._noted(line, label)
            return
        if label is None or not self._labelled(line, label):
            self._content(line)

    def _is_gate_head(self, line: Line) -> bool:
        if line.item and line.number:
            return False
        head = gate_of(line.body) if "ate" in line.body[:24] else None
        if head is None or not (line.body.startswith("**") or line.body.endswith("**") or not line.item):
            return False
        self._open_gate(line, head.name, head.number)
        return True

    def _open_gate(self, line: Line, name: str, number: str) -> None:
        self._close_step()
        self.gate = Opener(Kind.GATE, line, name, number=number)
        (self.phase or self.workflow).gates.append(self.gate)
        self.claims.take(line, LineClass.STRUCTURE, "gate")

    def _ordered(self, line: Line) -> bool:
        mark, rest = mark_of(line.body)
        if mark in STEP_MARKS:
            title, after = marked_title(rest)
            gate = _GATE_TITLE.match(title)
            if gate is not None:
                self._open_gate(line, gate["name"].strip(), line.number)
            elif self.step is not None and "." in line.number and line.indent > self.step.line.indent:
                self._open_substep(line, title, line.number, mark, after)
            else:
                self._open_step(line, title, line.number, mark, after)
            return True
        if not self._unmarked_step(line):
            return False
        title, after = split_title(line.body)
        gate = _GATE_TITLE.match(title)
        if gate is not None:
            self._open_gate(line, gate["name"].strip(), line.number)
        else:
            plain = "**" not in line.body and not line.body.rstrip().endswith(":")
            self._open_step(line, title, line.number, "", title if plain else after)
        return True

    def _unmarked_step(self, line: Line) -> bool:
        """Whether an ordered item without a mark is a step: by what follows it, by its stars, by its place."""
        title, _ = split_title(line.body)
        if not is_step_title(title) or line.body.startswith("{"):
            return False
        followed = self._followed_by_fields(line)
        bold = "**" in line.body[:4] or line.body.rstrip(": ").endswith("**")
        restart = line.number == "1" and self.held is not None and self._has_steps()
        structured = self.shapes.get(self.phase.line.index if self.phase else -1, False)
        if self.step is not None and line.indent > self.step.line.indent:
            return (bold or not structured) and self._continues_steps(line) and not self._continues_list(line)
        if restart or self.block is not None:
            return followed and self._continues_steps(line)
        if bold or followed:
            return True
        return not structured

    def _continues_list(self, line: Line) -> bool:
        """Whether the item goes on a list that an item of the step started, and not the list of the steps."""
        held = [*self.held.body, *self.held.after] if self.held is not None else []
        loose = self.step.loose if self.step is not None else []
        before = next((other.number for other in reversed([*loose, *held]) if other.number), "")
        return before.isdigit() and line.number.isdigit() and int(line.number) == int(before) + 1

    def _has_steps(self) -> bool:
        return self.phase is not None and bool(self.phase.children)

    def _continues_steps(self, line: Line) -> bool:
        steps = self.phase.children if self.phase is not None else []
        last = steps[-1].number if steps else "0"
        return last.isdigit() and line.number.isdigit() and int(line.number) == int(last) + 1

    def _followed_by_fields(self, line: Line) -> bool:
        following = next(
            (other for other in self.lines[self.at + 1 : self.at + 4] if other.layer is not Layer.COMMENT), None
        )
        if following is None or following.layer is Layer.FENCE or following.level or following.number:
            return False
        label = label_of(following)
        return label is not None and label.field in STEP_FIELDS and following.indent >= line.indent

    def _is_substep(self, line: Line) -> bool:
        head = substep_of(line)
        if head is None or self.phase is None:
            return False
        number, mark, title, after = head
        if self.step is None:
            self._open_step(line, title, number, mark, after)
        else:
            self._open_substep(line, title, number, mark, after)
        return True

    def _open_step(self, line: Line, title: str, number: str, mark: str, rest: str) -> None:
        if self.phase is None:
            self.phase = Opener(Kind.PHASE, self.workflow.line, self.workflow.title)
            self.workflow.children.append(self.phase)
        self._close_step()
        self.step = Opener(Kind.STEP, line, title, number=number, mark=mark, rest=rest)
        self.phase.children.append(self.step)
        self.claims.take(line, LineClass.OBLIGATION, "step")

    def _open_substep(self, line: Line, title: str, number: str, mark: str, rest: str) -> None:
        self.held = self.block = self.gate = None
        self.sub = Opener(Kind.SUBSTEP, line, title, number=number, mark=mark, rest=rest)
        if self.step is not None:
            self.step.children.append(self.sub)
        self.claims.take(line, LineClass.OBLIGATION, "step")

    # -- fields ----------------------------------------------------------------------------------------------------

    def _labelled(self, line: Line, label: Label) -> bool:
        """Give a labelled line to its owner; False where it is text after all."""
        if label.field is None and not label.bold:
            return False
        if label.field is None and self._inside_list(line):
            return False
        owner = self._owner(line, label)
        if owner is None:
            self._homeless(line, label)
            return True
        held = Held.labelled(label, line)
        self._hold(owner, held)
        self.block = block_for(held)
        binding = label.field in _BOUND_TO_STEP | GATE_FIELDS | {Field.EVIDENCE_LIST}
        what = label.field.value if label.field else "note"
        self.claims.take(line, LineClass.OBLIGATION if binding else LineClass.NOTE, what)
        return True

    def _inside_list(self, line: Line) -> bool:
        """Whether an unknown bold start is an entry of the list that the open field holds."""
        if self.held is None or not line.item:
            return False
        return line.indent > self.held.line.indent or not self.held.line.item

    def _hold(self, owner: Opener, held: Held) -> None:
        owner.hold(held)
        self.held = held

    def _owner(self, line: Line, label: Label) -> Opener | None:
        if self._is_phase_level(line, label):
            self._close_step()
            return self.phase or (self.workflow if label.field is Field.HALT else None)
        if self.gate is not None:
            if label.field in GATE_FIELDS | {Field.EVIDENCE, Field.AUTOMATION, Field.VALIDATION, None}:
                return self.gate
            self._close_step()
        if self.step is None and self.phase is not None and self._wants_step(label):
            self._open_step(self.phase.line, self.phase.title, "", "", "")
        owner = self.sub or self.step or self.phase
        if owner is None and label.field in {
            Field.HALT,
            None,
            Field.NOTE,
            Field.REASONING,
            Field.PURPOSE,
            Field.DECISION,
        }:
            return self.workflow
        return owner

    def _wants_step(self, label: Label) -> bool:
        """Fields that stand right under a phase heading make the phase its own step, where it has no others."""
        if self.phase is None or self.phase.children or self.shapes.get(self.phase.line.index, False):
            return False
        return label.field in {Field.ACTION, Field.HALT}

    def _is_phase_level(self, line: Line, label: Label) -> bool:
        if line.bullet:
            return False
        if label.field is Field.EVIDENCE_LIST or label.name in {
            "quality gate",
            "validation checkpoint",
            "decision tree",
        }:
            return True
        return label.name.endswith(" automation") or (line.indent == 0 and label.name.startswith("meta-"))

    def _homeless(self, line: Line, label: Label) -> None:
        if label.field in _BOUND_TO_STEP | GATE_FIELDS | {Field.EVIDENCE_LIST}:
            message = f"{label.name} belongs to no step, phase or gate"
            place = self.source.origin(line.index, line.col)
            self.findings.append(finding("GN0203", message, place, notes=("write it under the step that owes it",)))
            self.claims.take(line, LineClass.OBLIGATION, "homeless")
        else:
            self._content(line)

    def _noted(self, line: Line, label: Label | None) -> None:
        """A line of a note block; a label that would bind elsewhere is named (GN0204)."""
        if label is not None and label.field in {Field.EVIDENCE, Field.HALT, Field.CRITERIA, Field.THRESHOLD}:
            message = f"`{label.name}` inside a note block is a note"
            self.findings.append(finding("GN0204", message, self.source.origin(line.index, line.col)))
            self.claims.take(line, LineClass.NOTE, "noted")
            owner = self.sub or self.step
            if owner is not None and label.field is Field.EVIDENCE:
                self.noted.append((owner, line, label))
        self._content(line)

    def _content(self, line: Line) -> None:
        if self.held is not None:
            self.held.add(line)
            binding = self.held.field in _BOUND_TO_STEP | GATE_FIELDS | {Field.EVIDENCE_LIST}
            value = binding and self.held.body[-1:] == [line]
            self.claims.take(line, LineClass.OBLIGATION if value else LineClass.NOTE, "content")
            return
        owner = self.gate or self.sub or self.step or self.phase or self.workflow
        owner.loose.append(line)
        self.claims.take(line, LineClass.NOTE, "content")
