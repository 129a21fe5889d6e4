"""What a project binds for the comparison of staging with production: sources, rules, accepted drift, files."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from gonogo.findings import Origin
from gonogo.values import dataclass

BASELINE = "config/staging-env.yaml"
"""The description of staging where no source is bound (PAR-10)."""

DAY = Decimal(86400)


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """One source of settings: the file `path`, or what the bound `command` prints, read as `form`.

    `below` is put before its paths, so that sources of one class do not collide; `rename` replaces parts of paths that
    are called otherwise in this environment, such as a namespace.
    """

    path: str
    command: str
    form: str
    below: str
    rename: Mapping[str, str]
    origin: Origin

    @property
    def name(self) -> str:
        """The source as reports name it."""
        return self.path or f"the output of `{self.command}`"


@dataclass(frozen=True, slots=True)
class ParityRule:
    """Severity and weight of the settings whose path matches `pattern`; `expected` differences are not drift.

    With `must_differ` it is equality that is drift: both sides need a value of their own.
    """

    pattern: str
    severity: str
    weight: int
    expected: bool
    must_differ: bool
    reason: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class AcceptedDrift:
    """A difference that somebody answers for until a date."""

    path: str
    owner: str
    reason: str
    until: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ParityFiles:
    """Files beside the project file that change while a run waits, and who is asked for a remedy until when.

    `rules` is a versioned rule file (PAR-12), `remediation` holds plans and marks (PAR-05, PAR-07), `reviews` what a
    person reviewed that nobody could compare, signed in a file of the same name with `.sig` (PAR-09).
    """

    rules: str = ""
    remediation: str = "config/parity-remediation.yaml"
    reviews: str = "config/parity-reviews.yaml"
    owner: str = "devops_lead"
    answer_within: Decimal = DAY


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules and accepted drift, in the order in which they count, with the version that a rule file states."""

    rules: tuple[ParityRule, ...] = ()
    accepted: tuple[AcceptedDrift, ...] = ()
    version: int = 0
    name: str = ""
