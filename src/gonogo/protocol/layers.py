"""The four layers of a protocol: mission, gates, procedures, communications, and what of a form is missing (GEN-13).

The analysis compares models, never words: a layer is whole when every item that the form's model has stands in the
document's model too. `refined` puts the missing items back, and the analysis is made again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from gonogo.protocol.change import sense
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    Gate,
    Phase,
    Protocol,
    StateRequired,
    Step,
    all_steps,
)


class Layer(enum.Enum):
    """The layers, from decisions down to words."""

    MISSION = "mission"
    GATES = "gates"
    PROCEDURES = "procedures"
    COMMUNICATIONS = "communications"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a layer: the items that are there, and those that the form has and the document has not."""

    layer: Layer
    name: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    due: bool

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, and something is there where something is due."""
        return not self.missing and (bool(self.found) or not self.due)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The layer map of one document."""

    slug: str
    parts: tuple[Part, ...]

    @property
    def whole(self) -> bool:
        """Whether every layer is whole."""
        return all(part.whole for part in self.parts)

    def missing_layers(self) -> tuple[Layer, ...]:
        """The layers that are not whole."""
        return tuple(layer for layer in Layer if any(p.layer is layer and not p.whole for p in self.parts))


Items = Callable[[Protocol], Iterable[tuple[str, str]]]
"""What a part consists of: a key that is compared, and the words for people."""


def analyse(protocol: Protocol, against: Protocol | None = None) -> Analysis:
    """Map `protocol` to the four layers; with `against`, the model of its form, name every item that was lost."""
    parts = []
    for name, (layer, items, _) in _PARTS.items():
        found = dict(items(protocol))
        wanted = dict(items(against)) if against else {}
        missing = tuple(words for key, words in wanted.items() if key not in found)
        parts.append(Part(layer, name, tuple(found.values()), missing, bool(wanted) if against else True))
    return Analysis(protocol.slug, tuple(parts))


def refined(protocol: Protocol, wanted: Protocol) -> Protocol:
    """`protocol` with every part that lost something replaced by that of `wanted`, the model of its form."""
    for part in analyse(protocol, wanted).parts:
        if part.missing:
            for field in _PARTS[part.name][2]:
                protocol = replace(protocol, **{field: getattr(wanted, field)})
    return protocol


def report(analysis: Analysis) -> str:
    """The analysis as Markdown: a table of the parts, then every lost item by name."""
    verdict = "whole" if analysis.whole else "not whole"
    lines = [f"# Layers of {analysis.slug}: {verdict}", "", "| Layer | Part | Items | Missing |", "|---|---|---|---|"]
    lines += [
        f"| {part.layer.value} | {part.name} | {len(part.found)} | {_missing_words(part)} |" for part in analysis.parts
    ]
    lost = [f"- {part.layer.value}, {part.name}: {_plain(item)}" for part in analysis.parts for item in part.missing]
    return "\n".join((*lines, *(["", "## Missing", "", *lost] if lost else []))) + "\n"


def _missing_words(part: Part) -> str:
    if part.missing:
        return str(len(part.missing))
    return "" if part.whole else "nothing there"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(*texts: str) -> Iterator[tuple[str, str]]:
    yield from ((sense(text), text) for text in texts if text.strip())


def _guardrails(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from _text(*(message.text for message in protocol.guardrails))


def _dependencies(protocol: Protocol) -> Iterator[tuple[str, str]]:
    for item in protocol.prerequisites:
        match item:
            case ArtifactRequired(name=name):
                yield from _text(name)
            case ApprovalRequired(text=text) | StateRequired(text=text):
                yield from _text(text)
    for exchange in protocol.inputs:
        yield from _text(*(exchange.artifacts or (exchange.text,)))


def _gates(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from ((gate.id, gate.name) for gate in protocol.gates)


def _criteria(protocol: Protocol) -> Iterator[tuple[str, str]]:
    for gate in protocol.gates:
        texts = (*gate.criteria, *(clause.written for clause in (*gate.thresholds, *gate.booleans)), *gate.manual)
        yield from ((f"{gate.id} {sense(text)}", f"{gate.name}: {text}") for text in texts)


def _halts(protocol: Protocol) -> Iterator[tuple[str, str]]:
    owned = [(step.id, step.halts) for step in all_steps(protocol)]
    owned += [(phase.id, phase.halts) for phase in protocol.phases] + [("workflow", protocol.halts)]
    yield from ((f"{owner} {sense(halt.text)}", f"{owner}: {halt.text}") for owner, halts in owned for halt in halts)


def _prompts(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from _text(*(message.text for message in protocol.prompts))


def _phases(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from ((phase.id, phase.title) for phase in protocol.phases)


def _steps(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from (
        (f"{s.id} {s.obligation.value} {sense(s.action)}", f"{s.id} ({s.obligation.value})")
        for s in all_steps(protocol)
    )


def _evidence(protocol: Protocol) -> Iterator[tuple[str, str]]:
    owners: list[Step | Phase] = [*all_steps(protocol), *protocol.phases]
    names = [(owner.id, reference.path) for owner in owners for reference in owner.evidence]
    names += [(f"gate {gate.id}", reference.path) for gate in protocol.gates for reference in gate.evidence]
    yield from ((f"{owner} {sense(path)}", f"{owner}: {path}") for owner, path in names)


def _automation(protocol: Protocol) -> Iterator[tuple[str, str]]:
    owners: list[Step | Phase | Gate] = [*all_steps(protocol), *protocol.phases, *protocol.gates]
    commands = [*protocol.hooks, *(command for owner in owners for command in owner.commands)]
    yield from ((" ".join(c.text.split()), c.text) for c in commands)


def _announcements(protocol: Protocol) -> Iterator[tuple[str, str]]:
    spoken = [message for step in all_steps(protocol) for message in step.says]
    yield from _text(*(message.text for message in (*protocol.announcements, *spoken)))


def _errors(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from _text(*(message.text for message in protocol.error_messages))


def _handoff(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield from _text(*(item.text for item in protocol.handoff.items))
    yield from _text(*(message.text for message in protocol.handoff.messages))


_PARTS: dict[str, tuple[Layer, Items, tuple[str, ...]]] = {
    "role": (Layer.MISSION, lambda protocol: _text(protocol.role), ("role",)),
    "mission": (Layer.MISSION, lambda protocol: _text(protocol.mission), ("mission",)),
    "guardrails": (Layer.MISSION, _guardrails, ("guardrails",)),
    "dependencies": (Layer.MISSION, _dependencies, ("prerequisites", "inputs")),
    "gates": (Layer.GATES, _gates, ("gates",)),
    "criteria": (Layer.GATES, _criteria, ("gates",)),
    "halts": (Layer.GATES, _halts, ("phases", "halts")),
    "prompts": (Layer.GATES, _prompts, ("prompts",)),
    "phases": (Layer.PROCEDURES, _phases, ("phases",)),
    "steps": (Layer.PROCEDURES, _steps, ("phases",)),
    "evidence": (Layer.PROCEDURES, _evidence, ("phases", "gates")),
    "automation": (Layer.PROCEDURES, _automation, ("phases", "gates", "hooks")),
    "announcements": (Layer.COMMUNICATIONS, _announcements, ("announcements", "phases")),
    "error templates": (Layer.COMMUNICATIONS, _errors, ("error_messages",)),
    "handoff": (Layer.COMMUNICATIONS, _handoff, ("handoff",)),
}
"""Each part with its layer, its items, and the fields of the protocol that hold it."""
