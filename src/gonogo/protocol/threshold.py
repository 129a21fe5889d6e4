"""Thresholds and Boolean checks as comparable values (protocol-compiler section 6; DOC-13, DOC-14)."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TypeAlias

from gonogo.findings import Origin
from gonogo.values import dataclass


class Op(enum.Enum):
    """Comparison of a measured value (left) with a limit (right)."""

    EQ = "="
    NE = "≠"
    GE = "≥"
    LE = "≤"
    GT = ">"
    LT = "<"


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number or a ratio. `percent` says that it was written as a percentage (0.90 written `90%`)."""

    value: Decimal
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """A duration in seconds."""

    seconds: Decimal


@dataclass(frozen=True, slots=True)
class Word:
    """A status word or an ordered word, lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A symbolic bound (RTO, SLO, ...) that the configuration has to bind (DOC-13)."""

    name: str


Limit: TypeAlias = Number | Period | Word | Ref


@dataclass(frozen=True, slots=True)
class Clause:
    """`metric op limit`, e.g. `coverage ≥ 0.90`. For Boolean checks `metric` is the dotted path as written."""

    metric: str
    op: Op
    limit: Limit
    unit: str
    scope: str
    written: str
    origin: Origin
