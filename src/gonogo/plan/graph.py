"""A plan as a graph of states: every way in which a run can move, forward, back and round (compiler section 17).

The graph may only ever have more ways than the engine takes, never fewer: what holds for it holds for the engine.

    next      the task was done
    skip      a guideline may end without success; a MUST never
    retry     the stage begins again, or the engine was restarted; bounded by attempts
    fail      the task or gate did not hold; the run stands still
    resume    a person lifts the halt; the run goes back to this stage or an earlier one, never ahead
    rollback  production was touched and something failed, or a person aborted
    abort     a person ends a run; before anything is touched that leads to the closing
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from gonogo.findings import Origin
from gonogo.plan.model import Decide, Effect, Execute, Judge, Plan, Roll, Route, Shift, Stage, Task, Watch
from gonogo.terms import Obligation
from gonogo.values import dataclass

START, END = "(start)", "(end)"


class EdgeKind(enum.Enum):
    """Why a run moves along an edge."""

    NEXT = "next"
    SKIP = "skip"
    RETRY = "retry"
    FAIL = "fail"
    RESUME = "resume"
    ROLLBACK = "rollback"
    ABORT = "abort"


class StateKind(enum.Enum):
    """What happens in a state."""

    EDGE = "edge"
    STEP = "step"
    GATE = "gate"
    APPROVAL = "approval"
    ROLLOUT = "rollout"
    SOAK = "soak"
    ROLLBACK = "rollback"
    CLOSING = "closing"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class State:
    """One state. `must`: it binds, so nothing behind it may be reached round it. Its place is in the document."""

    id: str
    title: str
    kind: StateKind
    effect: Effect
    must: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one state to another."""

    source: str
    target: str
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class Graph:
    """States in document order and all edges; a run begins at `start` and is over at `end`."""

    states: tuple[State, ...]
    edges: tuple[Edge, ...]
    start: str = START
    end: str = END


def targets(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """For each state the states that can follow it."""
    out: dict[str, list[str]] = {state.id: [] for state in graph.states}
    for edge in graph.edges:
        out.setdefault(edge.source, []).append(edge.target)
    return {source: tuple(dict.fromkeys(following)) for source, following in out.items()}


def graph_of(plan: Plan) -> Graph:
    """Every state of `plan` and every way between them."""
    forward = _forward_pieces(plan)
    rollback = _piece(plan.rollback, touched=True) if plan.rollback is not None and plan.rollback.tasks else None
    closing = _piece(plan.closing, touched=False)
    origin = plan.closing.origin
    start = State(START, "start", StateKind.EDGE, Effect.NONE, must=False, origin=origin)
    end = State(END, "end", StateKind.EDGE, Effect.NONE, must=False, origin=origin)
    pieces = [*forward, *([rollback] if rollback else []), closing]
    states = tuple(state for piece in pieces for state in (*piece.states, *piece.halts))
    edges = dict.fromkeys(
        (
            *_onward(forward, closing),
            *(edge for piece in pieces for edge in _inside(piece)),
            *_resumes(forward),
            *_away(forward, rollback, closing),
            Edge(closing.last, END, EdgeKind.NEXT),
        )
    )
    return Graph((start, *states, end), tuple(edges))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stage with its states and where it stands still.

    `calm` are the states before the first change of production, with their own halt: a run that stands still there has
    nothing to take back. From that change on every state is touched. A resumed run that is touched may roll back from a
    calm state too; that adds no way, since its change was reached before and rolls back from its own halt.
    """

    stage: Stage
    calm: tuple[State, ...]
    touched: tuple[State, ...]

    @property
    def states(self) -> tuple[State, ...]:
        return (*self.calm, *self.touched)

    @property
    def halts(self) -> tuple[State, ...]:
        found = [self._halt("halted")] if self.calm else []
        return (*found, *([self._halt("halted, touched")] if self.touched else []))

    @property
    def first(self) -> str:
        return self.states[0].id

    @property
    def last(self) -> str:
        return self.states[-1].id

    def _halt(self, word: str) -> State:
        name, origin = f"{self.stage.id} ({word})", self.stage.origin
        return State(name, self.stage.title, StateKind.HALT, Effect.NONE, must=False, origin=origin)

    def ways_out(self) -> Iterator[tuple[State, bool]]:
        """Every state and halt with whether production may be touched there."""
        for state in self.calm:
            yield state, False
        for state in self.touched:
            yield state, True
        for halt in self.halts:
            yield halt, halt.id.endswith("touched)")

    def halt_of(self, state: State) -> State:
        """Where the stage stands still when `state` fails."""
        return self.halts[0] if state in self.calm else self.halts[-1]


def _forward_pieces(plan: Plan) -> list[_Piece]:
    pieces: list[_Piece] = []
    touched = False
    for stage in plan.stages:
        if stage.tasks:
            piece = _piece(stage, touched=touched)
            touched = touched or bool(piece.touched)
            pieces.append(piece)
    return pieces


def _piece(stage: Stage, *, touched: bool) -> _Piece:
    states = tuple(_state(stage, task) for task in stage.tasks)
    changes = (number for number, state in enumerate(states) if state.effect is Effect.PRODUCTION)
    first = 0 if touched else next(changes, len(states))
    return _Piece(stage, states[:first], states[first:])


def _state(stage: Stage, task: Task) -> State:
    kind = {"rollback": StateKind.ROLLBACK, "closing": StateKind.CLOSING}.get(stage.kind) or _kind(task)
    must = stage.obligation is Obligation.MUST and stage.kind not in {"rollback", "closing"}
    return State(task.id, f"{stage.title}: {task.title}", kind, _effect(task), must, stage.origin)


def _kind(task: Task) -> StateKind:
    match task.act:
        case Judge():
            return StateKind.GATE
        case Decide():
            return StateKind.APPROVAL
        case Roll() | Route() | Shift():
            return StateKind.ROLLOUT
        case Watch():
            return StateKind.SOAK
        case _:
            return StateKind.STEP


def _effect(task: Task) -> Effect:
    match task.act:
        case Execute(effect=effect) | Route(effect=effect) | Shift(effect=effect):
            return effect
        case Roll():
            return Effect.PRODUCTION
        case _:
            return Effect.NONE


def _onward(forward: Sequence[_Piece], closing: _Piece) -> Iterator[Edge]:
    yield Edge(START, forward[0].first if forward else closing.first, EdgeKind.NEXT)
    for one, other in pairwise([*forward, closing]):
        yield Edge(one.last, other.first, EdgeKind.NEXT)
        if one.stage.obligation is Obligation.GUIDELINE:
            for state in one.states:
                yield Edge(state.id, other.first, EdgeKind.SKIP)


def _inside(piece: _Piece) -> Iterator[Edge]:
    for one, other in pairwise(piece.states):
        yield Edge(one.id, other.id, EdgeKind.NEXT)
    yield from _begun_again(piece.stage)
    for state in piece.states:
        yield Edge(state.id, state.id, EdgeKind.RETRY)
        yield Edge(state.id, piece.first, EdgeKind.RETRY)
        yield Edge(state.id, piece.halt_of(state).id, EdgeKind.FAIL)
    for halt in piece.halts:
        yield Edge(halt.id, piece.first, EdgeKind.RESUME)


def _begun_again(stage: Stage) -> Iterator[Edge]:
    """Acts that run at the same time begin in their order, but one of them may begin again behind all the others."""
    for number, task in enumerate(stage.tasks):
        if task.at_once > 1:
            for earlier in stage.tasks[:number]:
                if earlier.at_once > 1:
                    yield Edge(task.id, earlier.id, EdgeKind.RETRY)


def _resumes(forward: Sequence[_Piece]) -> Iterator[Edge]:
    """A halt may be lifted toward any earlier stage, whose work is then done again; never toward a later one."""
    for number, piece in enumerate(forward):
        for earlier in forward[:number]:
            for halt in piece.halts:
                yield Edge(halt.id, earlier.first, EdgeKind.RESUME)


def _away(forward: Sequence[_Piece], rollback: _Piece | None, closing: _Piece) -> Iterator[Edge]:
    """Out of the way forward: by abort before production is touched, by the rollback from then on."""
    for piece in forward:
        for state, touched in piece.ways_out():
            if touched and rollback is not None:
                yield Edge(state.id, rollback.first, EdgeKind.ROLLBACK)
            else:
                yield Edge(state.id, closing.first, EdgeKind.ABORT)
    if rollback is not None:
        yield Edge(rollback.last, closing.first, EdgeKind.NEXT)
