"""Placeholders of a document as typed slots that are filled with data, never with a second message (DOC-17).

`{name}` is filled by the engine, `${NAME}` is a parameter of a command and filled through its binding, `PHASE X` is the
phase that is running, `[TBD]` stays open until people fill it in.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

from gonogo.values import dataclass

_SLOT = re.compile(
    r"(?P<variable>\$\{(?P<variable_name>[A-Za-z_]\w{0,63})\})"
    r"|(?P<brace>\{(?P<brace_name>[A-Za-z_][\w .-]{0,63})\})"
    r"|(?P<phase>\bPHASE X\b)"
    r"|(?P<open>\[TBD\])"
)
_BRACKETS = str.maketrans("[]{}<>`", "()()()'")
_MOST = 2000


class SlotKind(enum.Enum):
    """What fills a slot."""

    BRACE = "brace"
    VARIABLE = "variable"
    PHASE = "phase"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder: its kind, its name in lower case, and how it is written."""

    kind: SlotKind
    name: str
    written: str


def slots_in(text: str) -> tuple[Slot, ...]:
    """Every slot of `text`, in order, each as often as it stands there."""
    return tuple(_slot(found) for found in _SLOT.finditer(text))


def _slot(found: re.Match[str]) -> Slot:
    if found["variable"]:
        return Slot(SlotKind.VARIABLE, found["variable_name"].lower(), found.group())
    if found["brace"]:
        return Slot(SlotKind.BRACE, found["brace_name"].lower(), found.group())
    if found["phase"]:
        return Slot(SlotKind.PHASE, "phase", found.group())
    return Slot(SlotKind.OPEN, "", found.group())


def filled(template: str, values: Mapping[str, str]) -> str:
    """`template` with its slots filled in one pass: a value that holds a slot, a line end or a bracket stays data.

    A slot without a value stays as it is written, so that everybody sees that nothing is known.
    """

    def value(found: re.Match[str]) -> str:
        slot = _slot(found)
        text = values.get(slot.name)
        if text is None or slot.kind is SlotKind.OPEN:
            return slot.written
        return f"PHASE {as_data(text)}" if slot.kind is SlotKind.PHASE else as_data(text)

    return _SLOT.sub(value, template)


def as_data(text: str) -> str:
    """Foreign text for the inside of a message: one line, no brackets that could begin another message."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.translate(_BRACKETS).split())[:_MOST]
