"""What the judge knows between two ticks, and its lossless form for the ledger.

The ledger takes no floats: a float is written as its shortest exact decimal text, so that reading gives the same bits
and a replay from any stored state equals the straight run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from gonogo.errors import BadInput
from gonogo.run.judging_exam import EventTotals, LatencyTotals
from gonogo.run.judging_mixture import Process
from gonogo.terms import Json
from gonogo.values import dataclass

FORMAT = "gonogo-judge-state/2"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """The first sample of a metric that could not be true, and how many there were."""

    tick: int
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class MetricState:
    """One metric: its processes, the totals for the exam, and how complete its data are.

    `canary_silent_ms` counts while only the new version is silent, `silent_ms` while any arm is.
    """

    name: str
    main: Process
    guard: Process | None
    certificate: Process
    events: EventTotals
    latency: LatencyTotals
    used: int
    skipped: int
    canary_silent_ms: int
    silent_ms: int
    silence: str
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class ExamScore:
    """Score of one metric, already divided by the root of its dispersion; nothing without data."""

    metric: str
    z: float | None


@dataclass(frozen=True, slots=True)
class Exam:
    """The exam, taken once at the planned end: every score, and what each had to stay below."""

    critical: float
    scores: tuple[ExamScore, ...]

    @property
    def failed(self) -> tuple[ExamScore, ...]:
        """The metrics at or above the limit, worst first."""
        bad = [score for score in self.scores if score.z is not None and score.z >= self.critical]
        return tuple(sorted(bad, key=lambda score: -(score.z or 0.0)))


@dataclass(frozen=True, slots=True)
class Abort:
    """The first time the judge said ABORT; it does not take that back. `tick` counts from 0."""

    tick: int
    metric: str
    evidence: float
    by_guard: bool = False
    by_exam: bool = False


@dataclass(frozen=True, slots=True)
class JudgeState:
    """Everything the judge knows. `ticks` is the index of the next tick, `evidence` the release's ln E."""

    ticks: int
    metrics: tuple[MetricState, ...]
    evidence: float
    exam: Exam | None = None
    abort: Abort | None = None

    def metric(self, name: str) -> MetricState:
        """The state of one metric of the plan."""
        for state in self.metrics:
            if state.name == name:
                return state
        raise BadInput(f"no metric {name} in this judgement", next_step="name a metric of the rollout section")


_Leaf: TypeAlias = bool | int | float | str


def state_to_json(state: JudgeState) -> Json:
    """The state with integers and texts only."""
    return {"format": FORMAT, "state": _written(state)}


def state_from_json(document: Json) -> JudgeState:
    """The same state, bit for bit. Raises BadInput when the document is not one."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise BadInput("not a stored judge state", next_step=f"give a document of format {FORMAT}")
    return _read(document.get("state"), JudgeState, "state")


def _written(value: object) -> Json:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return repr(value)
        case tuple():
            return [_written(item) for item in value]
        case _ if is_dataclass(value):
            return {field.name: _written(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise BadInput(f"a {type(value).__name__} cannot be stored", where="judge state")


def _read(value: object, kind: type[T], where: str) -> T:
    if not isinstance(value, Mapping):
        raise _unreadable(where, "an object")
    hints = get_type_hints(kind)
    if set(value) != set(hints):
        raise _unreadable(where, f"the members {', '.join(sorted(hints))}")
    return kind(**{name: _member(value[name], hint, f"{where}.{name}") for name, hint in hints.items()})


def _member(value: object, hint: object, where: str) -> object:
    if get_origin(hint) in (Union, UnionType):
        inner = [each for each in get_args(hint) if each is not NoneType]
        return None if value is None else _member(value, inner[0], where)
    if get_origin(hint) is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise _unreadable(where, "a list")
        return tuple(_member(item, get_args(hint)[0], f"{where}[{place}]") for place, item in enumerate(value))
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(value, hint, where)
    return _leaf(value, hint, where)


def _leaf(value: object, hint: object, where: str) -> _Leaf:
    if hint is float and isinstance(value, str):
        return _number(value, where)
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        return value
    raise _unreadable(where, f"a value of another kind than {type(value).__name__}")


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _unreadable(where, "a finite number as text")
    return number


def _unreadable(where: str, expected: str) -> BadInput:
    return BadInput(
        f"the stored judge state needs {expected}",
        where=where,
        next_step="rebuild the state by folding the recorded ticks of the ledger",
    )
