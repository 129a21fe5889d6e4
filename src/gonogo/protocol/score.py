"""Ten familiar headings of a protocol, each as compiled facts met of facts due (compiler section 1).

Only facts of the model count, never words: text without structure does not raise the score, and another halt, gate or
evidence file never lowers it. The score decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from gonogo.protocol.model import ArtifactRequired, Gate, Halt, Phase, Protocol, Step, all_steps
from gonogo.terms import Obligation
from gonogo.values import dataclass

Fact = Callable[[Protocol], bool]


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading: how many of its facts hold, and which do not."""

    name: str
    met: int
    due: int
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """All headings; `share` is the part of all facts that holds, from 0 to 1."""

    headings: tuple[Heading, ...]

    @property
    def share(self) -> Decimal:
        """Facts met of facts due."""
        due = sum(heading.due for heading in self.headings)
        return Decimal(sum(heading.met for heading in self.headings)) / due if due else Decimal(0)


def score(protocol: Protocol | None) -> Score:
    """The score of a protocol; of what is no protocol, nothing is met."""
    return Score(tuple(_heading(name, facts, protocol) for name, facts in _FACTS.items()))


def _heading(name: str, facts: dict[str, Fact], protocol: Protocol | None) -> Heading:
    lacking = tuple(text for text, holds in facts.items() if protocol is None or not holds(protocol))
    return Heading(name, len(facts) - len(lacking), len(facts), lacking)


def _binding(protocol: Protocol) -> Iterator[Step]:
    return (step for step in all_steps(protocol) if step.obligation is Obligation.MUST and not step.substeps)


def _halts(protocol: Protocol) -> Iterator[Halt]:
    yield from protocol.halts
    for phase in protocol.phases:
        yield from phase.halts
    for step in all_steps(protocol):
        yield from step.halts


def _measured(protocol: Protocol) -> Iterator[Gate]:
    return (gate for gate in protocol.gates if gate.thresholds or gate.booleans)


def _half(protocol: Protocol, has: Callable[[Step], bool]) -> bool:
    """Whether at least half of the binding steps have something, and there is one at all."""
    steps = list(_binding(protocol))
    return bool(steps) and 2 * sum(has(step) for step in steps) >= len(steps)


def _commanded(protocol: Protocol) -> bool:
    owners: tuple[Step | Phase | Gate, ...] = (*all_steps(protocol), *protocol.phases, *protocol.gates)
    return bool(protocol.hooks) or any(not command.example for owner in owners for command in owner.commands)


_FACTS: dict[str, dict[str, Fact]] = {
    "identity": {
        "a number or tag in the title": lambda p: bool(p.slug and (p.number or p.tag)),
        "a step that binds": lambda p: any(step.stated for step in _binding(p)),
    },
    "role": {"a guardrail that binds": lambda p: bool(p.guardrails) and any(_binding(p))},
    "workflow": {
        "two phases with steps": lambda p: sum(bool(phase.steps) for phase in p.phases) > 1,
        "half of the binding steps can halt": lambda p: _half(p, lambda step: bool(step.halts)),
        "a halt with an effect": lambda p: any(halt.known for halt in _halts(p)),
    },
    "gates": {
        "a gate that is measured": lambda p: any(_measured(p)),
        "as many measured gates as phases": lambda p: len(list(_measured(p))) >= len(p.phases) > 0,
        "a measured gate with its evidence": lambda p: any(gate.evidence for gate in _measured(p)),
    },
    "scripts": {"a command that is bound to a step, gate or hook": _commanded},
    "communication": {"half of the binding steps speak": lambda p: _half(p, lambda step: bool(step.says))},
    "evidence": {
        "half of the binding steps leave evidence": lambda p: _half(p, lambda step: bool(step.evidence)),
        "a required artifact": lambda p: any(isinstance(item, ArtifactRequired) for item in p.prerequisites),
    },
    "handoff": {
        "an open item": lambda p: bool(p.handoff.items) and any(_binding(p)),
        "an output for another protocol": lambda p: any(exchange.artifacts for exchange in p.outputs),
    },
    "reasoning": {"a halt on a fact that the engine sees": lambda p: any(halt.predicates for halt in _halts(p))},
    "reflection": {
        "an artifact for the retrospective": lambda p: any(
            exchange.artifacts for exchange in p.outputs if "retrospect" in exchange.protocol.casefold()
        )
    },
}
