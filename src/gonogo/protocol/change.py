"""One difference between two revisions of a protocol, with its direction (DOC-27)."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable

from gonogo.findings import Origin
from gonogo.values import dataclass


class Direction(enum.Enum):
    """Where a change leads. What cannot be shown equal or stronger is WEAKER; text that binds nothing is OTHER."""

    STRONGER = "stronger"
    WEAKER = "weaker"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference: `where` (state or gate id), what it was, what it is, and both places."""

    direction: Direction
    where: str
    part: str
    before: str
    after: str
    old: Origin | None
    new: Origin | None

    def __str__(self) -> str:
        """E.g. `darkness-gate: threshold Answers 100% → 95%  weaker`."""
        match self.before, self.after:
            case "", after:
                words = f"+ {after}"
            case before, "":
                words = f"- {before}"
            case before, after:
                words = f"{before} → {after}"
        return f"{self.where}: {self.part} {words}  {self.direction.value}"


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the document, how it is shown, and its place."""

    key: str
    shown: str
    origin: Origin | None


def any_weaker(changes: Iterable[Change]) -> bool:
    """Whether any change is weaker; then `gonogo diff` answers 2 and a lock needs a signature (GN0701)."""
    return any(change.direction is Direction.WEAKER for change in changes)


# By number, since these characters are mistaken for each other: dashes, the arrow, curly quotes.
_MARKS = {ord("*"): None, ord("`"): None, 0x2013: "-", 0x2014: "-", 0x2192: "-"} | {
    0x201C: '"',
    0x201D: '"',
    0x2018: "'",
    0x2019: "'",
}


def sense(text: str) -> str:
    """`text` without what only spells it: emphasis, ticks, case, spacing, closing stop, kind of dash and quote."""
    plain = unicodedata.normalize("NFC", text).translate(_MARKS)
    return re.sub(r"\s+", " ", plain).strip().rstrip(".;:").strip().casefold()


def added_and_removed(where: str, part: str, old: Iterable[Said], new: Iterable[Said]) -> tuple[Change, ...]:
    """Compare two bags of obligations by key: one more is stronger, one less is weaker."""
    left, right = _bag(old), _bag(new)
    changes = [
        Change(Direction.WEAKER, where, part, said.shown, "", said.origin, None)
        for key, said in left.items()
        if key not in right
    ]
    changes += [
        Change(Direction.STRONGER, where, part, "", said.shown, None, said.origin)
        for key, said in right.items()
        if key not in left
    ]
    return tuple(changes)


def _bag(items: Iterable[Said]) -> dict[tuple[str, int], Said]:
    """Items by key and how many of that key came before: a second equal one is not lost."""
    out: dict[tuple[str, int], Said] = {}
    for item in items:
        count = 0
        while (item.key, count) in out:
            count += 1
        out[item.key, count] = item
    return out


def edited(direction: Direction, where: str, part: str, old: Said, new: Said) -> tuple[Change, ...]:
    """A change of one text into another, or nothing where both say the same."""
    if old.key == new.key:
        return ()
    if not old.key and direction is Direction.WEAKER:
        direction = Direction.STRONGER
    return (Change(direction, where, part, old.shown, new.shown, old.origin, new.origin),)


def said(text: str, origin: Origin | None) -> Said:
    """`text` as a comparable value."""
    return Said(sense(text), text, origin)
