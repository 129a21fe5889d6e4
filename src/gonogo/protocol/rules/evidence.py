"""Evidence from the step that writes it to the gate that reads it (GN0305 to GN0307, GN0502, GN0507, GN0603)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.findings import Finding, Label, Origin
from gonogo.protocol.codes import finding
from gonogo.protocol.model import ArtifactRequired, CommandRef, EvidenceRef, Gate, Protocol, all_steps
from gonogo.terms import Obligation
from gonogo.values import dataclass

_OUTPUT = re.compile(r"(?:--output(?:-file)?|--out|--report-file|-o|>{1,2})[ =]\s*(?P<path>[^\s`'\"]+)")

_LEAVING = re.compile(r"^[/~]|^[A-Za-z]:|\\|(?:^|/)\.\.(?:/|$)")


@dataclass(frozen=True, slots=True)
class _Producer:
    where: str
    binding: bool
    origin: Origin


def evidence_findings(protocol: Protocol) -> Iterator[Finding]:
    """What gates need and nobody owes, what is written for nothing, what lies in two places, who judges himself."""
    producers = _producers(protocol)
    for gate in protocol.gates:
        yield from _needs(gate, producers)
        yield from _own_witness(gate)
        yield from _offers(gate)
    yield from _unused(protocol)
    yield from _two_places(protocol)
    yield from _outside(protocol)


def outputs_of(command: CommandRef) -> tuple[str, ...]:
    """The files that a command line says it writes."""
    return tuple(match["path"] for match in _OUTPUT.finditer(command.text))


def _name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _producers(protocol: Protocol) -> dict[str, list[_Producer]]:
    found: dict[str, list[_Producer]] = {}
    for step in all_steps(protocol):
        binding = step.obligation is Obligation.MUST and not step.conditional
        names = [ref.name for ref in step.evidence]
        names.extend(_name(path) for command in step.commands for path in outputs_of(command))
        names.extend(_name(word) for word in re.findall(r"`([^`]+\.\w+)`", step.action))
        for name in names:
            found.setdefault(name, []).append(_Producer(f"step `{step.title}`", binding, step.origin))
    for phase in protocol.phases:
        binding = any(step.obligation is Obligation.MUST for step in phase.steps)
        names = [ref.name for ref in phase.evidence]
        names.extend(_name(path) for command in phase.commands for path in outputs_of(command))
        for name in names:
            found.setdefault(name, []).append(_Producer(f"phase `{phase.title}`", binding, phase.origin))
    for item in protocol.prerequisites:
        if isinstance(item, ArtifactRequired):
            for path in (item.name, *item.also):
                found.setdefault(_name(path), []).append(_Producer("a prerequisite", not item.optional, item.origin))
    return found


def _needs(gate: Gate, producers: dict[str, list[_Producer]]) -> Iterator[Finding]:
    for ref in gate.evidence:
        known = producers.get(ref.name, [])
        if any(producer.binding for producer in known) or ref.name.endswith("/") or "*" in ref.name:
            continue
        if known:
            message = f"gate needs `{ref.name}`, which only an optional step writes"
            labels = tuple(Label(producer.origin, producer.where) for producer in known)
            yield finding(
                "GN0305", message, ref.origin, labels=labels, notes=("mark the step that writes it `[MUST]`",)
            )
        else:
            message = f"gate needs `{ref.name}`, which no step writes"
            yield finding("GN0305", message, ref.origin, notes=("name it as evidence of the step that writes it",))


def _own_witness(gate: Gate) -> Iterator[Finding]:
    names = {ref.name for ref in gate.evidence}
    for command in gate.commands:
        for path in outputs_of(command):
            if _name(path) in names:
                message = f"gate script writes `{_name(path)}`, the evidence it judges"
                yield finding("GN0603", message, command.origin, notes=("a step has to write it; the gate only reads",))


def _offers(gate: Gate) -> Iterator[Finding]:
    """One evidence file whose stem equals the path's first name could hold the value: offered, never assumed."""
    for clause in gate.booleans:
        first = clause.metric.split(".")[0].replace("_", "-").lower()
        fitting = [ref.name for ref in gate.evidence if _stem(ref.name) == first]
        if len(fitting) == 1:
            yield finding("GN0307", f"`{clause.metric}` could bind to {fitting[0]}", clause.origin)


def _stem(name: str) -> str:
    return name.split(".", maxsplit=1)[0].replace("_", "-").lower()


def _unused(protocol: Protocol) -> Iterator[Finding]:
    used = {ref.name for gate in protocol.gates for ref in gate.evidence}
    used |= {ref.name for ref in protocol.evidence_table}
    used |= {_name(path) for exchange in protocol.outputs for path in exchange.artifacts}
    texts = [item.text for item in protocol.handoff.items] + [message.text for message in protocol.handoff.messages]
    texts.extend(exchange.text for exchange in protocol.outputs)
    texts.extend(step.action for step in all_steps(protocol))
    for place, refs in _written(protocol):
        for ref in refs:
            if ref.name not in used and not any(ref.name in text for text in texts):
                yield finding("GN0306", f"`{ref.name}` of {place} is written and never used", ref.origin)


def _written(protocol: Protocol) -> Iterator[tuple[str, tuple[EvidenceRef, ...]]]:
    for phase in protocol.phases:
        yield f"phase `{phase.title}`", phase.evidence
    for step in all_steps(protocol):
        yield f"step `{step.title}`", step.evidence


def _named(protocol: Protocol) -> list[EvidenceRef]:
    refs = [ref for _, refs in _written(protocol) for ref in refs]
    refs.extend(ref for gate in protocol.gates for ref in gate.evidence)
    refs.extend(protocol.evidence_table)
    return refs


def _outside(protocol: Protocol) -> Iterator[Finding]:
    """GN0507: a path that leaves the folder of the project; each is told once."""
    told: set[str] = set()
    for ref in _named(protocol):
        if _LEAVING.search(ref.path) and ref.path not in told:
            told.add(ref.path)
            yield finding("GN0507", f"`{ref.path}` lies outside of the project", ref.origin)


def _two_places(protocol: Protocol) -> Iterator[Finding]:
    """GN0502: one base name under two directories; the first place is the label."""
    first: dict[str, EvidenceRef] = {}
    told: set[str] = set()
    for ref in _named(protocol):
        if "/" not in ref.path.rstrip("/"):
            continue
        before = first.setdefault(ref.name, ref)
        if before.path != ref.path and ref.name not in told:
            told.add(ref.name)
            message = f"`{ref.name}` stands under two directories: `{before.path}` and `{ref.path}`"
            labels = (Label(before.origin, "the other directory"),)
            yield finding("GN0502", message, ref.origin, labels=labels, notes=("a run keeps both names as one file",))
