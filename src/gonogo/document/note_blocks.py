"""Blocks that explain: reasoning, problem solving, decision trees, self-checks (compiler section 5, rule 3; T14)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from gonogo.document.lines import Label, Line
from gonogo.document.nodes import Held, Opener
from gonogo.document.vocabulary import META_WORDS, PROBLEM_WORDS, REASONING_WORDS, TREE_WORDS, Field

_WORDS: dict[Field, AbstractSet[str]] = {
    Field.REASONING: REASONING_WORDS,
    Field.PROBLEM: PROBLEM_WORDS,
    Field.DECISION: TREE_WORDS,
}


class NoteBlock:
    """An open note block: which labels are its own, and how its items are written."""

    def __init__(self, opened: Line, words: AbstractSet[str]) -> None:
        self.opened = opened
        self.words = words
        self.item_bullet = ""
        self.item_indent = -1
        self.seen: set[str] = set()

    def holds(self, line: Line, label: Label | None, step: Opener | None) -> bool:
        """Whether `line` belongs to the block; asked once for each line, in order."""
        if label is None:
            return self._holds_text(line)
        if label.name not in self.words and not label.name.startswith(("if ", "else")):
            return label.field is None and self._is_item(line) and not label.bold
        if not self._own_place(line, step) or (label.field is Field.EVIDENCE and label.name in self.seen):
            return False
        self.seen.add(label.name)
        self._learn(line)
        return True

    def _holds_text(self, line: Line) -> bool:
        if line.item:
            self._learn(line)
        return True

    def _is_item(self, line: Line) -> bool:
        return line.item and line.indent > self.opened.indent

    def _learn(self, line: Line) -> None:
        if self.item_indent < 0 and line.bullet:
            self.item_bullet, self.item_indent = line.bullet, line.indent

    def _own_place(self, line: Line, step: Opener | None) -> bool:
        """Whether a label of the block's vocabulary stands where the block's items stand, not where the step's do."""
        if line.number:
            return True
        if self.opened.bullet:
            return line.indent > self.opened.indent
        if line.indent < self.opened.indent:
            return False
        if step is None or not step.bullet or line.bullet != step.bullet:
            return True
        if self.item_bullet and self.item_bullet != step.bullet:
            return False
        return not self.item_bullet or line.indent > step.field_indent or self.item_indent <= step.field_indent


def block_for(held: Held | None) -> NoteBlock | None:
    """The note block that a field opens, if it opens one."""
    if held is None:
        return None
    if held.name.startswith("meta-"):
        return NoteBlock(held.line, META_WORDS)
    words = _WORDS.get(held.field) if held.field is not None else None
    return None if words is None else NoteBlock(held.line, words)
