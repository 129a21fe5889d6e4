"""The acceptance checklist of a generated protocol (GEN-11, GEN-12): every item computed, none ticked by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gonogo.protocol.change import sense
from gonogo.protocol.layers import analyse
from gonogo.protocol.model import CommandRef, Gate, Phase, Protocol, Step, all_steps
from gonogo.protocol.references import words_of
from gonogo.terms import Obligation
from gonogo.values import dataclass

SECTIONS = (
    "role",
    "workflow",
    "integration",
    "gates",
    "communication",
    "automation",
    "handoff",
)
"""The seven sections in order, by the word that its name holds."""

_GO = re.compile(r"\bgo\s*/\s*no-?\s?go\b|\bgo or no-?go\b", re.IGNORECASE)
_AFTER = re.compile(
    r"\b(post-?release|post-?deployment|after (the )?release|monitoring|hand-?off|released)\b", re.IGNORECASE
)
_SCRIPT = re.compile(r"[\w./-]+\.(?:py|sh|bash|js|ts|rb|pl|ps1)\b")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a protocol is accepted against. Defaults are those of a production deployment (IOP-06, HND-12).

    `wanted` is the form's model; `scripts` the files that exist. Where they are None, what needs them is judged by
    presence only.
    """

    upstream: tuple[str, ...] = ("pre-deployment", "quality-audit")
    downstream: tuple[str, ...] = ("monitoring", "incident-response", "retrospective")
    next_protocol: str = "monitoring"
    wanted: Protocol | None = None
    scripts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist; `detail` says what is wrong."""

    id: str
    text: str
    ok: bool
    detail: str


def accept(protocol: Protocol, sections: tuple[str, ...], expected: Expected) -> tuple[Item, ...]:
    """Judge every item. `sections` are the names of the document's level-2 headings in order."""
    faults: tuple[tuple[str, str, Callable[[], Iterator[str]]], ...] = (
        ("header", "number, name and domain tag stand in the title", lambda: _header(protocol, expected)),
        ("sections", "sections 1 to 7 are there and in order", lambda: _sections(sections)),
        ("steps", "steps are marked, binding ones speak and can halt", lambda: _steps(protocol)),
        ("integration", "upstream and downstream protocols are covered", lambda: _integration(protocol, expected)),
        ("form", "evidence and gates are those of the form", lambda: _form(protocol, expected)),
        ("commands", "commands name existing scripts and what they write", lambda: _commands(protocol, expected)),
        ("prompts", "people are asked before (go/no-go) and after the release", lambda: _prompts(protocol)),
        ("success gate", "the gate on success tests health and rollback readiness", lambda: _success(protocol)),
        ("checklist", "the checklist names archive and communications", lambda: _checklist(protocol)),
        ("completion", f"completion goes to {expected.next_protocol}", lambda: _completion(protocol, expected)),
    )
    items = []
    for name, text, find in faults:
        detail = "; ".join(find())
        items.append(Item(name, text, not detail, detail))
    return tuple(items)


def accepted(items: tuple[Item, ...]) -> bool:
    """Whether every item holds; no items at all is no acceptance."""
    return bool(items) and all(item.ok for item in items)


def _header(protocol: Protocol, expected: Expected) -> Iterator[str]:
    if not protocol.number:
        yield "the title has no number"
    if not sense(protocol.tag).endswith("compliant"):
        yield "the title has no domain tag"
    wanted = expected.wanted
    if wanted is None:
        return
    for name in ("number", "title", "tag"):
        there, due = getattr(protocol, name), getattr(wanted, name)
        if sense(there) != sense(due):
            yield f"{name} is `{there}`, the form says `{due}`"


def _sections(sections: tuple[str, ...]) -> Iterator[str]:
    at = -1
    for word in SECTIONS:
        place = next((i for i, name in enumerate(sections) if i > at and word in sense(name)), None)
        if place is not None:
            at = place
        elif any(word in sense(name) for name in sections):
            yield f"section {word.upper()} is out of order"
        else:
            yield f"section {word.upper()} is missing"


def _steps(protocol: Protocol) -> Iterator[str]:
    steps = [step for step in all_steps(protocol) if not step.substeps]
    if not steps:
        yield "there is no step"
    for step in steps:
        if not step.stated:
            yield f"`{step.id}` is neither [MUST] nor [GUIDELINE]"
        if step.obligation is Obligation.MUST and not step.says:
            yield f"`{step.id}` says nothing"
        if step.obligation is Obligation.MUST and not step.halts:
            yield f"`{step.id}` has no halt"


def _integration(protocol: Protocol, expected: Expected) -> Iterator[str]:
    for due, exchanges, word in (
        (expected.upstream, protocol.inputs, "takes nothing from"),
        (expected.downstream, protocol.outputs, "gives nothing to"),
    ):
        there = [f"{words_of(exchange.protocol)}-{words_of(exchange.text)}" for exchange in exchanges]
        for slug in due:
            if not any(slug in name for name in there):
                yield f"{word} `{slug}`"


def _form(protocol: Protocol, expected: Expected) -> Iterator[str]:
    compared = {"gates", "criteria", "evidence"}
    for part in analyse(protocol, expected.wanted).parts:
        if part.name in compared:
            yield from (f"{part.name}: {item} is missing" for item in part.missing)
            if not part.whole and not part.missing:
                yield f"there are no {part.name}"
    if expected.wanted is not None:
        for part in analyse(expected.wanted, protocol).parts:
            if part.name in compared:
                yield from (f"{part.name}: {item} is not in the form" for item in part.missing)


def _commands(protocol: Protocol, expected: Expected) -> Iterator[str]:
    commands = list(_all_commands(protocol))
    if not commands:
        yield "there is no command"
    for command in commands:
        named = _SCRIPT.findall(command.text)
        if expected.scripts is not None:
            yield from (f"script `{name}` does not exist" for name in named if name not in expected.scripts)
    for hook in protocol.hooks:
        if not hook.expected_output:
            yield f"`{hook.text}` does not say what it writes"


def _all_commands(protocol: Protocol) -> Iterator[CommandRef]:
    owners: list[Step | Phase | Gate] = [*all_steps(protocol), *protocol.phases, *protocol.gates]
    yield from protocol.hooks
    for owner in owners:
        yield from owner.commands


def _prompts(protocol: Protocol) -> Iterator[str]:
    texts = [message.text for message in protocol.prompts]
    if not any(_GO.search(text) for text in texts):
        yield "no prompt asks for go/no-go"
    if not any(_AFTER.search(text) and not _GO.search(text) for text in texts):
        yield "no prompt asks after the release"


def _success(protocol: Protocol) -> Iterator[str]:
    gate = next((gate for gate in protocol.gates if "deployment success" in sense(gate.name)), None)
    if gate is None:
        yield "there is no Deployment Success gate"
        return
    said = _said(gate)
    yield from (f"`{gate.name}` does not speak of {word}" for word in ("health", "rollback") if word not in said)


def _said(gate: Gate) -> str:
    """What the gate tests; what it does on failure is no test."""
    clauses = [clause.written for clause in (*gate.thresholds, *gate.booleans)]
    return sense(" ".join((gate.purpose, *gate.criteria, *gate.manual, *gate.metrics, *clauses)))


def _checklist(protocol: Protocol) -> Iterator[str]:
    items = [sense(item.text) for item in protocol.handoff.items]
    for word in ("archiv", "communicat"):
        if not any(word in item for item in items):
            yield f"no item speaks of {'the archive' if word == 'archiv' else 'communications'}"


def _completion(protocol: Protocol, expected: Expected) -> Iterator[str]:
    handoff = protocol.handoff
    texts = [handoff.next_protocol, *(m.text for m in handoff.messages), *(c.text for c in handoff.next_commands)]
    if not any(expected.next_protocol in words_of(text) for text in texts):
        yield f"nothing leads to `{expected.next_protocol}`"
