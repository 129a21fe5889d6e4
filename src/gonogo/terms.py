"""The words of the trade: ids, verdicts, severities, actors and secrets.

Everything here is a value; every other part may import it, and it imports no part.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NewType, TypeAlias

from gonogo.values import dataclass

Digest = NewType("Digest", str)
"""SHA-256 in 64 lower-case hex digits."""

RunId = NewType("RunId", str)
"""Identity of one run of one protocol for one release, e.g. `pre-deployment-v2-1f3a`."""

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
"""What gonogo writes as JSON. Floats are absent on purpose: ratios are decimals written as JSON numbers by text."""


def digest_of(data: bytes) -> Digest:
    """SHA-256 of `data` in lower-case hex."""
    return Digest(hashlib.sha256(data).hexdigest())


def argv_digest(argv: Sequence[str]) -> Digest:
    """SHA-256 of the arguments, each followed by a NUL: what an intent says about the command (never its secrets)."""
    return digest_of(b"".join(argument.encode("utf-8", "surrogateescape") + b"\0" for argument in argv))


class Obligation(enum.Enum):
    """How binding a step is. `[STRICT]`, `[CRITICAL]`, `[REQUIRED]` on a step mean MUST (DOC-05)."""

    MUST = "MUST"
    GUIDELINE = "GUIDELINE"


class Verdict(enum.IntEnum):
    """Answer of a clause, a gate or a judge, ordered from best to worst. Only PASS is a pass (GAT-01)."""

    PASS = 0
    INCONCLUSIVE = 1
    ERROR = 2
    FAIL = 3

    @property
    def word(self) -> str:
        """The verdict in lower case, as it stands in every file."""
        return self.name.lower()


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; none at all is INCONCLUSIVE, never a pass."""
    return max(verdicts, default=Verdict.INCONCLUSIVE)


class Decision(enum.Enum):
    """What a person decides. Only a verified signature makes one."""

    GO = "go"
    NO_GO = "no_go"


class Severity(enum.IntEnum):
    """Ordered severities of drift and findings (C15). UNKNOWN counts as the worst (C14)."""

    NONE = 0
    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    UNKNOWN = 6

    @property
    def word(self) -> str:
        """The severity in lower case, as it stands in every file."""
        return self.name.lower()


class Occasion(enum.Enum):
    """On what occasion people are told something; a channel chooses among them (PRG-01, COM-23)."""

    STARTED = "started"
    PROGRESS = "progress"
    HALF = "half"
    ASKED = "asked"
    EXPIRING = "expiring"
    GATE_FAILED = "gate_failed"
    HALTED = "halted"
    ROLLBACK = "rollback"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    ENDED = "ended"
    NOTED = "noted"
    CALENDAR = "calendar"


LOUD: tuple[Occasion, ...] = tuple(
    one for one in Occasion if one not in {Occasion.PROGRESS, Occasion.NOTED, Occasion.CALENDAR}
)
"""What people elsewhere are told unless they choose otherwise: what begins, ends, fails or waits for somebody."""


@dataclass(frozen=True, slots=True)
class Person:
    """A listed person, by handle (`[a-z0-9][a-z0-9._-]{1,31}`), never by e-mail address."""

    handle: str

    def __str__(self) -> str:
        return self.handle


@dataclass(frozen=True, slots=True)
class Agent:
    """An automated actor that drives a release for somebody; it can ask, never approve (C34)."""

    name: str

    def __str__(self) -> str:
        return f"agent:{self.name}"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A CI job; it can start and read, never approve (CIW-08)."""

    name: str

    def __str__(self) -> str:
        return f"pipeline:{self.name}"


@dataclass(frozen=True, slots=True)
class Engine:
    """gonogo itself at one site."""

    name: str

    def __str__(self) -> str:
        return f"engine:{self.name}"


Actor: TypeAlias = Person | Agent | Pipeline | Engine


class Secret:
    """A value that must never reach an argument list, a log, an event or a page.

    It shows itself as `‹secret›`; `reveal()` is called at the one place that hands it to a process.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "‹secret›"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("secret", self._value))
