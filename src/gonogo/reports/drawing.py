"""What a drawing shows, before it is drawn: boxes in lanes, and arrows between them.

Made from one protocol (phases as lanes, steps and gates as boxes) or from a set of protocols (arrows are artifacts).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from gonogo.protocol.artifacts import Flow
from gonogo.protocol.model import Gate, HaltEffect, Protocol, Step
from gonogo.terms import Obligation
from gonogo.values import dataclass


class Shape(enum.Enum):
    """Kind of a box."""

    EDGE = "edge"
    MUST = "must"
    GUIDELINE = "guideline"
    GATE = "gate"
    PROTOCOL = "protocol"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Box:
    """One state: its identity, what stands in it, a second smaller line, its lane."""

    id: str
    title: str
    detail: str
    shape: Shape
    lane: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one box to another; `broken` for ways that are taken only on failure."""

    source: str
    target: str
    text: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A title, named lanes from top to bottom, boxes in reading order, arrows."""

    title: str
    lanes: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw_protocol(protocol: Protocol) -> Drawing:
    """One protocol: prerequisites, then every phase with its leaf steps and gates, then the handoff.

    The gate that stands n-th in the document closes the n-th phase; further gates close the last one.
    """
    boxes = [_start(protocol)]
    for index, phase in enumerate(protocol.phases):
        lane = index + 1
        boxes += [_step(step, lane) for top in phase.steps for step in _leaves(top)]
        boxes += [_gate(gate, lane) for gate in _gates_of(protocol, index)]
    boxes.append(_end(protocol))
    names = [f"{number}. {phase.title}" for number, phase in enumerate(protocol.phases, start=1)]
    arrows = [Arrow(one.id, other.id) for one, other in pairwise(boxes)]
    arrows += _failures(protocol)
    stops = [Box("no-go", "NO-GO", "halted", Shape.STOP, len(names) + 1)] if any(a.broken for a in arrows) else []
    return Drawing(_titled(protocol), ("Start", *names, "End"), (*boxes, *stops), tuple(arrows))


def draw_set(protocols: Sequence[Protocol], flow: Flow) -> Drawing:
    """A set of protocols: an arrow for each pair that hands artifacts on, protocols in lanes after their sources."""
    carried: dict[tuple[str, str], list[str]] = {}
    for transfer in flow.transfers:
        carried.setdefault((transfer.source, transfer.target), []).append(transfer.artifact)
    rank = _ranks([protocol.slug for protocol in protocols], carried)
    boxes = tuple(
        Box(protocol.slug, protocol.title, protocol.slug, Shape.PROTOCOL, rank[protocol.slug])
        for protocol in sorted(protocols, key=lambda p: (rank[p.slug], p.slug))
    )
    arrows = tuple(Arrow(source, target, ", ".join(names)) for (source, target), names in sorted(carried.items()))
    return Drawing("Protocols and artifacts", ("",) * (max(rank.values(), default=0) + 1), boxes, arrows)


def _titled(protocol: Protocol) -> str:
    return f"Protocol {protocol.number}: {protocol.title}" if protocol.number else protocol.title


def _start(protocol: Protocol) -> Box:
    needed = sum(not item.optional for item in protocol.prerequisites)
    return Box("start", "Prerequisites", f"{needed} required", Shape.EDGE, 0)


def _end(protocol: Protocol) -> Box:
    return Box("handoff", "Handoff", f"{len(protocol.handoff.items)} items", Shape.EDGE, len(protocol.phases) + 1)


def _leaves(step: Step) -> Iterable[Step]:
    """Sub-steps in place of their parent: the parent is complete only through them (DOC-07)."""
    pending = [step]
    while pending:
        current = pending.pop()
        if current.substeps:
            pending.extend(reversed(current.substeps))
        else:
            yield current


def _step(step: Step, lane: int) -> Box:
    must = step.obligation is Obligation.MUST
    words = ["MUST" if must else "guideline"]
    words += sorted({effect.value for halt in step.halts for effect in halt.effects})
    return Box(step.id, step.title, " · ".join(words), Shape.MUST if must else Shape.GUIDELINE, lane)


def _gate(gate: Gate, lane: int) -> Box:
    clauses = "; ".join(clause.written for clause in (*gate.thresholds, *gate.booleans))
    return Box(f"gate/{gate.id}", gate.name, clauses or "no measurable threshold", Shape.GATE, lane)


def _gates_of(protocol: Protocol, index: int) -> tuple[Gate, ...]:
    last = index == len(protocol.phases) - 1
    return protocol.gates[index:] if last else protocol.gates[index : index + 1]


def _failures(protocol: Protocol) -> list[Arrow]:
    steps = [step for phase in protocol.phases for top in phase.steps for step in _leaves(top)]
    arrows = [Arrow(step.id, "no-go", _effects(step), broken=True) for step in steps if step.halts]
    return arrows + [Arrow(f"gate/{gate.id}", "no-go", "fail", broken=True) for gate in protocol.gates]


def _effects(step: Step) -> str:
    effects = {effect for halt in step.halts for effect in (halt.effects or {HaltEffect.STOP})}
    return ", ".join(sorted(effect.value for effect in effects))


def _ranks(names: Sequence[str], edges: Mapping[tuple[str, str], object]) -> dict[str, int]:
    """Longest way from a source, cut where it would go round: at most as many rounds as there are protocols."""
    rank = dict.fromkeys(names, 0)
    for _ in names:
        changed = False
        for source, target in edges:
            behind = source in rank and target in rank and source != target and rank[target] <= rank[source]
            if behind and rank[source] + 1 < len(names):
                rank[target] = rank[source] + 1
                changed = True
        if not changed:
            break
    return rank
