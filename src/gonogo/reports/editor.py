"""What an editor asks of a protocol document: hovers, symbols, and the way from an artifact to who makes and needs it.

Values only; the server turns them into messages. Lines and columns are 1-based, as in every other place of gonogo.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence

from gonogo.findings import Origin
from gonogo.protocol.artifacts import base_name
from gonogo.protocol.codes import CODES
from gonogo.protocol.model import ArtifactRequired, EvidenceRef, Gate, HaltEffect, Protocol, Step, all_steps
from gonogo.protocol.slots import slots_in
from gonogo.values import dataclass

_NAME = re.compile(r"[\w.{}$*/-]+")


class SymbolKind(enum.Enum):
    """What a symbol of the outline is."""

    PHASE = "phase"
    STEP = "step"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Symbol:
    """One entry of the outline, with those inside it."""

    name: str
    detail: str
    kind: SymbolKind
    origin: Origin
    inside: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A place where an artifact is made or needed."""

    name: str
    makes: bool
    origin: Origin


def symbols(protocol: Protocol) -> tuple[Symbol, ...]:
    """Phases with their steps, then the gates, in document order."""
    phases = tuple(
        Symbol(
            phase.title or phase.id,
            f"phase {phase.number}".strip(),
            SymbolKind.PHASE,
            phase.origin,
            _steps(phase.steps),
        )
        for phase in protocol.phases
    )
    gates = tuple(Symbol(gate.name, _bounds(gate), SymbolKind.GATE, gate.origins[0]) for gate in protocol.gates)
    return (*phases, *gates)


def _steps(steps: Sequence[Step]) -> tuple[Symbol, ...]:
    return tuple(
        Symbol(step.title, step.obligation.value, SymbolKind.STEP, step.origin, _steps(step.substeps)) for step in steps
    )


def _bounds(gate: Gate) -> str:
    return "; ".join(clause.written for clause in (*gate.thresholds, *gate.booleans)) or "no measurable threshold"


def hover(protocol: Protocol, line: int) -> str:
    """What the engine reads in a line, as Markdown; empty where it reads nothing there."""
    words = [
        *_step_words(protocol, line),
        *_halt_words(protocol, line),
        *_gate_words(protocol, line),
        *_slot_words(protocol, line),
    ]
    return "\n\n".join(words)


def _step_words(protocol: Protocol, line: int) -> Iterator[str]:
    for step in all_steps(protocol):
        if step.origin.line == line:
            stated = "" if step.stated else " (not stated)"
            evidence = ", ".join(f"`{ref.path}`" for ref in step.evidence) or "none"
            effects = ", ".join(sorted({effect.value for halt in step.halts for effect in halt.effects})) or "none"
            yield f"**{step.obligation.value}**{stated} `{step.id}`  \nhalts: {effects}  \nevidence: {evidence}"


def _halt_words(protocol: Protocol, line: int) -> Iterator[str]:
    owned = (*protocol.halts, *(halt for phase in protocol.phases for halt in phase.halts))
    for halt in (*owned, *(halt for step in all_steps(protocol) for halt in step.halts)):
        if halt.origin.line == line:
            effects = halt.effects or {HaltEffect.STOP}
            seen = ", ".join(sorted(predicate.value for predicate in halt.predicates)) or "nothing"
            person = "; a person judges the rest" if halt.judged_by_person else ""
            words = ", ".join(sorted(effect.value for effect in effects))
            yield f"halt: **{words}**  \nthe engine sees: {seen}{person}"


def _gate_words(protocol: Protocol, line: int) -> Iterator[str]:
    for gate in protocol.gates:
        if any(origin.line == line for origin in gate.origins):
            yield f"gate `{gate.id}`  \n{_bounds(gate)}"
        for clause in (*gate.thresholds, *gate.booleans):
            if clause.origin.line == line:
                yield f"`{clause.metric}` {clause.op.value} {clause.limit}"


def _slot_words(protocol: Protocol, line: int) -> Iterator[str]:
    spoken = (message for step in all_steps(protocol) for message in step.says)
    for message in (*protocol.announcements, *protocol.prompts, *protocol.error_messages, *spoken):
        if message.origin.line == line:
            for slot in dict.fromkeys(slots_in(message.text)):
                yield f"slot `{slot.written}`: filled with data, never with a second message"


def explained(code: str) -> str:
    """A code of a finding as Markdown: why it exists, a wrong and a right example; empty for an unknown one."""
    entry = CODES.get(code)
    if entry is None:
        return ""
    return f"**{code}** {entry.title}\n\n{entry.why}\n\nwrong: `{entry.bad}`\n\nright: `{entry.good}`"


def name_at(text: str, col: int) -> str:
    """The artifact name at a 1-based column of a line, without its folders; empty where there is none."""
    for found in _NAME.finditer(text):
        if found.start() < col <= found.end() + 1:
            return base_name(found.group().strip("."))
    return ""


def uses(protocol: Protocol, artifact: str) -> tuple[Use, ...]:
    """Every place of `protocol` that makes or needs `artifact`, in document order."""
    found = (use for use in _all_uses(protocol) if use.name == artifact)
    return tuple(sorted(dict.fromkeys(found), key=lambda use: (use.origin.line, use.origin.col)))


def _all_uses(protocol: Protocol) -> Iterator[Use]:
    for step in all_steps(protocol):
        yield from _made(step.evidence)
    for phase in protocol.phases:
        yield from _made(phase.evidence)
    for exchange in protocol.outputs:
        yield from (Use(base_name(name), makes=True, origin=exchange.origin) for name in exchange.artifacts)
    for exchange in protocol.inputs:
        yield from (Use(base_name(name), makes=False, origin=exchange.origin) for name in exchange.artifacts)
    for item in protocol.prerequisites:
        if isinstance(item, ArtifactRequired):
            yield Use(base_name(item.name), makes=False, origin=item.origin)
    for gate in protocol.gates:
        yield from (Use(base_name(ref.path), makes=False, origin=ref.origin) for ref in gate.evidence)


def _made(evidence: Sequence[EvidenceRef]) -> Iterator[Use]:
    return (Use(base_name(ref.path), makes=True, origin=ref.origin) for ref in evidence)
