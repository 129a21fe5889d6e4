"""The layers of a protocol: mission, gates, procedures, communications, learning; what of a form is missing (GEN-13).

The analysis compares models, never words: a layer is whole when every item that the form's model has stands in the
document's model too. What is lost is named item by item; the form generates it again, and the analysis is made again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator

from gonogo.findings import Origin
from gonogo.protocol.change import Said, said, sense
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    Gate,
    Message,
    Phase,
    Protocol,
    StateRequired,
    Step,
    all_steps,
)
from gonogo.values import dataclass


class Layer(enum.Enum):
    """The layers, from decisions down to words."""

    MISSION = "mission"
    GATES = "gates"
    PROCEDURES = "procedures"
    COMMUNICATIONS = "communications"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a layer: the items that are there with their places, and those that only the form has."""

    layer: Layer
    name: str
    found: tuple[Said, ...]
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


Items = Callable[[Protocol], Iterable[Said]]
"""What a part consists of: a key that is compared, the words for people, the place."""


def analyse(protocol: Protocol, against: Protocol | None = None) -> Analysis:
    """Map `protocol` to its layers; with `against`, the model of its form, name every item that was lost."""
    parts = []
    for name, (layer, items) in _PARTS.items():
        found = {item.key: item for item in items(protocol)}
        wanted = {item.key: item.shown for item in items(against)} if against else {}
        missing = tuple(words for key, words in wanted.items() if key not in found)
        due = bool(wanted) if against else layer is not Layer.LEARNING
        parts.append(Part(layer, name, tuple(found.values()), missing, due))
    return Analysis(protocol.slug, tuple(parts))


def report(analysis: Analysis) -> str:
    """The analysis as Markdown: a table of the parts, then every lost item by name."""
    verdict = "whole" if analysis.whole else "not whole"
    lines = [f"# Layers of {analysis.slug}: {verdict}", ""]
    lines += ["| Layer | Part | Items | Lines | Missing |", "|---|---|---|---|---|"]
    lines += [
        f"| {part.layer.value} | {part.name} | {len(part.found)} | {_lines(part)} | {_missing_words(part)} |"
        for part in analysis.parts
    ]
    lost = [f"- {part.layer.value}, {part.name}: {_plain(item)}" for part in analysis.parts for item in part.missing]
    return "\n".join((*lines, *(["", "## Missing", "", *lost] if lost else []))) + "\n"


def _lines(part: Part) -> str:
    """The lines of a part's items, runs joined: `12, 40-43`."""
    lines = sorted({item.origin.line for item in part.found if item.origin is not None})
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _missing_words(part: Part) -> str:
    if part.missing:
        return str(len(part.missing))
    return "" if part.whole else "nothing there"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(origin: Origin, *texts: str) -> Iterator[Said]:
    yield from (said(text, origin) for text in texts if text.strip())


def _messages(messages: Iterable[Message]) -> Iterator[Said]:
    for message in messages:
        yield from _text(message.origin, message.text)


def _dependencies(protocol: Protocol) -> Iterator[Said]:
    for item in protocol.prerequisites:
        match item:
            case ArtifactRequired(name=name):
                yield from _text(item.origin, name)
            case ApprovalRequired(text=text) | StateRequired(text=text):
                yield from _text(item.origin, text)
    for exchange in protocol.inputs:
        yield from _text(exchange.origin, *(exchange.artifacts or (exchange.text,)))


def _gates(protocol: Protocol) -> Iterator[Said]:
    yield from (Said(gate.id, gate.name, gate.origins[0]) for gate in protocol.gates)


def _criteria(protocol: Protocol) -> Iterator[Said]:
    for gate in protocol.gates:
        clauses = [(clause.written, clause.origin) for clause in (*gate.thresholds, *gate.booleans)]
        texts = [*((text, gate.origins[0]) for text in gate.criteria), *clauses]
        for text, place in (*texts, *((text, gate.origins[0]) for text in gate.manual)):
            yield Said(f"{gate.id} {sense(text)}", f"{gate.name}: {text}", place)


def _halts(protocol: Protocol) -> Iterator[Said]:
    owned = [(step.id, step.halts) for step in all_steps(protocol)]
    owned += [(phase.id, phase.halts) for phase in protocol.phases] + [("workflow", protocol.halts)]
    for owner, halts in owned:
        yield from (Said(f"{owner} {sense(halt.text)}", f"{owner}: {halt.text}", halt.origin) for halt in halts)


def _phases(protocol: Protocol) -> Iterator[Said]:
    yield from (Said(phase.id, phase.title, phase.origin) for phase in protocol.phases)


def _steps(protocol: Protocol) -> Iterator[Said]:
    for step in all_steps(protocol):
        key = f"{step.id} {step.obligation.value} {sense(step.action)}"
        yield Said(key, f"{step.id} ({step.obligation.value})", step.origin)


def _evidence(protocol: Protocol) -> Iterator[Said]:
    owners: list[Step | Phase] = [*all_steps(protocol), *protocol.phases]
    names = [(owner.id, reference) for owner in owners for reference in owner.evidence]
    names += [(f"gate {gate.id}", reference) for gate in protocol.gates for reference in gate.evidence]
    for owner, reference in names:
        yield Said(f"{owner} {sense(reference.path)}", f"{owner}: {reference.path}", reference.origin)


def _automation(protocol: Protocol) -> Iterator[Said]:
    owners: list[Step | Phase | Gate] = [*all_steps(protocol), *protocol.phases, *protocol.gates]
    commands = [*protocol.hooks, *(command for owner in owners for command in owner.commands)]
    yield from (Said(" ".join(c.text.split()), c.text, c.origin) for c in commands)


def _announcements(protocol: Protocol) -> Iterator[Said]:
    spoken = [message for step in all_steps(protocol) for message in step.says]
    yield from _messages((*protocol.announcements, *spoken))


def _handoff(protocol: Protocol) -> Iterator[Said]:
    for item in protocol.handoff.items:
        yield from _text(item.origin, item.text)
    yield from _messages(protocol.handoff.messages)


def _learning(protocol: Protocol) -> Iterator[Said]:
    """What is handed on to be learned from; texts that only explain are no part of a model."""
    for exchange in protocol.outputs:
        if "retrospect" in sense(f"{exchange.protocol} {exchange.text}"):
            yield from _text(exchange.origin, *(exchange.artifacts or (exchange.text,)))


def _reflection(protocol: Protocol) -> Iterator[Said]:
    notes = (note for note in protocol.notes if any(word in sense(note.label) for word in ("reflection", "learning")))
    yield from (Said(sense(note.label), note.label, note.origin) for note in notes)


_PARTS: dict[str, tuple[Layer, Items]] = {
    "role": (Layer.MISSION, lambda protocol: _text(protocol.origin, protocol.role)),
    "mission": (Layer.MISSION, lambda protocol: _text(protocol.origin, protocol.mission)),
    "guardrails": (Layer.MISSION, lambda protocol: _messages(protocol.guardrails)),
    "dependencies": (Layer.MISSION, _dependencies),
    "gates": (Layer.GATES, _gates),
    "criteria": (Layer.GATES, _criteria),
    "halts": (Layer.GATES, _halts),
    "prompts": (Layer.GATES, lambda protocol: _messages(protocol.prompts)),
    "phases": (Layer.PROCEDURES, _phases),
    "steps": (Layer.PROCEDURES, _steps),
    "evidence": (Layer.PROCEDURES, _evidence),
    "automation": (Layer.PROCEDURES, _automation),
    "announcements": (Layer.COMMUNICATIONS, _announcements),
    "error templates": (Layer.COMMUNICATIONS, lambda protocol: _messages(protocol.error_messages)),
    "handoff": (Layer.COMMUNICATIONS, _handoff),
    "retrospective": (Layer.LEARNING, _learning),
    "reflection": (Layer.LEARNING, _reflection),
}
"""Each part with its layer and its items."""
