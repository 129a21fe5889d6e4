"""What each line was read as: the ledger of coverage and of the second reader (compiler section 5; law 2)."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping

from gonogo.document.lines import Line
from gonogo.values import dataclass


class LineClass(enum.Enum):
    """The class of a non-blank line; each line has exactly one."""

    STRUCTURE = "structure"
    OBLIGATION = "obligation"
    NOTE = "note"
    DECORATION = "decoration"
    COMMENT = "comment"
    IGNORED = "ignored section"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of lines by class; `lines` is the number of non-blank lines, and their sum (GN0004)."""

    lines: int = 0
    structure: int = 0
    obligation: int = 0
    note: int = 0
    decoration: int = 0
    comment: int = 0
    ignored: int = 0


class Claims:
    """Collects, while a document is read, what each line was taken for. The first claim of a line stands."""

    def __init__(self) -> None:
        self._taken: dict[int, tuple[LineClass, str]] = {}

    def take(self, line: Line | int, kind: LineClass, what: str = "") -> None:
        """Claim one line as `what` (`halt`, `evidence`, `step`, ...)."""
        self._taken.setdefault(line if isinstance(line, int) else line.index, (kind, what))

    def take_all(self, lines: Iterable[Line], kind: LineClass, what: str = "") -> None:
        """Claim the lines that nobody has claimed yet."""
        for line in lines:
            self.take(line, kind, what)

    def of(self, line: int) -> tuple[LineClass, str] | None:
        """What `line` was taken for, if anything."""
        return self._taken.get(line)

    def coverage(self, lines: int) -> Coverage:
        """Counts by class over `lines` non-blank lines."""
        counts: Mapping[LineClass, int] = Counter(kind for kind, _ in self._taken.values())
        return Coverage(
            lines=lines,
            structure=counts.get(LineClass.STRUCTURE, 0),
            obligation=counts.get(LineClass.OBLIGATION, 0),
            note=counts.get(LineClass.NOTE, 0),
            decoration=counts.get(LineClass.DECORATION, 0),
            comment=counts.get(LineClass.COMMENT, 0),
            ignored=counts.get(LineClass.IGNORED, 0),
        )
