"""What a code of a finding is: level, kind of repair, why it exists, a bad and a good example."""

from __future__ import annotations

import enum

from gonogo.findings import Level
from gonogo.values import dataclass


class FixKind(enum.Enum):
    """How a finding can be repaired: by the machine, by the machine after a review, or by hand only."""

    MACHINE = "machine"
    REVIEW = "review"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding."""

    code: str
    level: Level
    fix: FixKind
    title: str
    why: str
    bad: str
    good: str

    @property
    def waivable(self) -> bool:
        """Whether a signature can waive it; what hides an obligation or opens a way round a gate never can."""
        never = ("GN02", "GN07", "GN08")
        return not self.code.startswith(never) and self.code not in {"GN0401", "GN0403", "GN0404", "GN0407", "GN0603"}

    @property
    def eased_in_draft(self) -> bool:
        """Whether the draft profile shows it as a warning: what is not written yet (03xx, 06xx)."""
        return self.code.startswith(("GN03", "GN06"))
