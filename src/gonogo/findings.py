"""What linting, compiling, checking and verifying say: findings with places, notes and repairs."""

from __future__ import annotations

import enum

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of code points in the (repaired) text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in the *original* file: 1-based line and column, byte range."""

    file: str
    line: int
    col: int = 1
    byte0: int = 0
    byte1: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Level(enum.IntEnum):
    """How much a finding weighs: an ERROR forbids, a WARNING and an INFO do not."""

    INFO = 0
    WARNING = 1
    ERROR = 2


class Applicability(enum.Enum):
    """Who may apply a fix: `MACHINE` by `--fix`, `REVIEW` only with `--fix --review`."""

    MACHINE = "machine"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `span` of the repaired text by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A repair of a finding. A fix that removes an obligation does not exist."""

    title: str
    applicability: Applicability
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A secondary place of a finding, with what it has to do with it."""

    origin: Origin
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or worth knowing, with a stable code and the place that causes it."""

    code: str
    level: Level
    message: str
    primary: Origin
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    def __str__(self) -> str:
        return f"{self.primary}: {self.level.name.lower()}[{self.code}]: {self.message}"


def forbids(findings: tuple[Finding, ...]) -> bool:
    """Whether any of `findings` is an error."""
    return any(finding.level is Level.ERROR for finding in findings)
