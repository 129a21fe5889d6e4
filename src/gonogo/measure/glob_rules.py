"""Path patterns of parity rules: severity and weight, expected differences, accepted drift (F42, PAR-04, PAR-12).

Patterns are globs over whole paths (`*` also spans `/`), compared exactly in case. Of several rules the first that
matches counts. A path that no rule names weighs 1 and is `medium` (III.6).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.terms import Severity
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """Differences below `path` are rated `severity` and weigh `weight` (not below 0)."""

    path: str
    severity: Severity
    weight: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not self.weight.is_finite() or self.weight < 0:
            raise BadInput(
                f"weight {self.weight} of rule `{self.path}` is not a number from 0 on",
                next_step="correct the weight in the severity rules",
            )


@dataclass(frozen=True, slots=True)
class ExpectedDifference:
    """Values below `path` may differ, for `reason`; with `must_differ` equal values are the drift (shared secrets)."""

    path: str
    reason: str
    must_differ: bool = False


@dataclass(frozen=True, slots=True)
class AcceptedDrift:
    """Drift below `path` that `owner` has accepted until a time; without owner or reason it accepts nothing (NB-04)."""

    path: str
    owner: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ParityRules:
    """What a comparison is rated by; first match wins in each list."""

    severities: tuple[SeverityRule, ...] = ()
    expected: tuple[ExpectedDifference, ...] = ()
    accepted: tuple[AcceptedDrift, ...] = ()


def first_match(patterns: Sequence[str]) -> Callable[[str], int | None]:
    """A function that gives the index of the first of `patterns` that matches a path, None where none does.

    All patterns are one compiled alternation of atomic globs, so that a path costs one search whatever the number of
    rules, and no pattern can make it slow.
    """
    if not patterns:
        return _none
    compiled = re.compile("|".join(f"({fnmatch.translate(pattern)})" for pattern in patterns))

    def index_of(path: str) -> int | None:
        found = compiled.match(path)
        return None if found is None or found.lastindex is None else found.lastindex - 1

    return index_of


def _none(_path: str) -> int | None:
    return None
