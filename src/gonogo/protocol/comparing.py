"""The difference between two revisions of a protocol, part by part: stronger, weaker or other (DOC-27).

The order is partial. What cannot be shown equal or stronger counts as weaker. Numbers of the protocol, of its
sections, phases, steps and gates, and spelling, are no difference at all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gonogo.findings import Origin
from gonogo.protocol.change import Change, Direction, Said, added_and_removed, edited, said, sense
from gonogo.protocol.comparing_clauses import compare_clauses
from gonogo.protocol.comparing_halts import compare_halts
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    CommandRef,
    EvidenceRef,
    Exchange,
    Gate,
    Message,
    Phase,
    Prerequisite,
    Protocol,
    StateRequired,
    Step,
    WaiverByRoles,
    WaiverForbidden,
    all_steps,
)
from gonogo.terms import Obligation

_WORKFLOW = "workflow"


def compare(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    """Every difference from `old` to `new`, in document order of the parts; equal parts give no line."""
    return (
        *_identity(old, new),
        *added_and_removed("protocol", "guardrail", _messages(old.guardrails), _messages(new.guardrails)),
        *_prerequisites(old, new),
        *_phases(old, new),
        *_workflow(old, new),
        *compare_halts(_WORKFLOW, old.halts, new.halts),
        *_gates(old, new),
        *_exchanges("input", old.inputs, new.inputs),
        *_exchanges("output", old.outputs, new.outputs),
        *_commands("hooks", old.hooks, new.hooks),
        *_handoff(old, new),
        *added_and_removed(
            "evidence summary", "evidence", _evidence(old.evidence_table), _evidence(new.evidence_table)
        ),
        *_announcements(old, new),
    )


def _identity(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    changes: list[Change] = []
    for part in ("title", "tag", "purpose", "role", "mission"):
        before, after = getattr(old, part), getattr(new, part)
        changes += edited(Direction.OTHER, "protocol", part, said(before, old.origin), said(after, new.origin))
    return tuple(changes)


def _messages(messages: Iterable[Message]) -> tuple[Said, ...]:
    return tuple(said(message.text, message.origin) for message in messages)


def _evidence(references: Iterable[EvidenceRef]) -> tuple[Said, ...]:
    # Inside a protocol a file is known by its base name; the run's own vault path replaces every directory.
    return tuple(Said(reference.name, reference.path or reference.name, reference.origin) for reference in references)


def _prerequisites(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    changes = list(added_and_removed("prerequisites", "requires", _required(old), _required(new)))
    before = {_prerequisite_key(item): item for item in old.prerequisites}
    for item in new.prerequisites:
        earlier = before.get(_prerequisite_key(item))
        if earlier is not None and earlier.optional != item.optional:
            direction = Direction.WEAKER if item.optional else Direction.STRONGER
            words = ("required", "optional")
            changes.append(
                Change(
                    direction,
                    "prerequisites",
                    _prerequisite_words(item),
                    words[earlier.optional],
                    words[item.optional],
                    earlier.origin,
                    item.origin,
                )
            )
    return tuple(changes)


def _required(protocol: Protocol) -> tuple[Said, ...]:
    return tuple(
        Said(_prerequisite_key(item), _prerequisite_words(item), item.origin) for item in protocol.prerequisites
    )


def _prerequisite_key(item: Prerequisite) -> str:
    match item:
        case ArtifactRequired(name=name, source=source, also=also):
            return " ".join(("artifact", name, *also, _unnumbered(source)))
        case ApprovalRequired(text=text):
            return f"approval {sense(text)}"
        case StateRequired(text=text):
            return f"state {sense(text)}"


def _prerequisite_words(item: Prerequisite) -> str:
    match item:
        case ArtifactRequired(name=name):
            return name
        case ApprovalRequired(text=text) | StateRequired(text=text):
            return text


def _unnumbered(reference: str) -> str:
    """A reference to a protocol without its number: numbers are display text (IOP-08)."""
    return re.sub(r"\b(protocol)?\s*#?\d+[a-z]?\b", "", sense(reference)).strip(" ()-:")


def _phases(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    changes = list(
        added_and_removed(
            _WORKFLOW,
            "phase",
            (Said(phase.id, phase.title, phase.origin) for phase in old.phases),
            (Said(phase.id, phase.title, phase.origin) for phase in new.phases),
        )
    )
    before = {phase.id: phase for phase in old.phases}
    for phase in new.phases:
        earlier = before.get(phase.id)
        if earlier is not None:
            changes += added_and_removed(phase.id, "evidence", _evidence(earlier.evidence), _evidence(phase.evidence))
            changes += compare_halts(phase.id, earlier.halts, phase.halts)
            changes += added_and_removed(phase.id, "exit check", _exit_checks(earlier), _exit_checks(phase))
            changes += _commands(phase.id, earlier.commands, phase.commands)
    return tuple(changes)


def _exit_checks(phase: Phase) -> tuple[Said, ...]:
    return _messages(check for tree in phase.trees for check in tree.exit_checks)


def _workflow(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    steps, earlier_steps = all_steps(new), all_steps(old)
    before = {step.id: step for step in earlier_steps}
    after = {step.id for step in steps}
    changes = [
        Change(Direction.WEAKER, step.id, "step", step.title, "", step.origin, None)
        for step in earlier_steps
        if step.id not in after
    ]
    for step in steps:
        earlier = before.get(step.id)
        if earlier is None:
            changes.append(Change(Direction.STRONGER, step.id, "step", "", step.title, None, step.origin))
        else:
            changes += _step(earlier, step)
    moved = _moved([step.id for step in earlier_steps if step.id in after], [s.id for s in steps if s.id in before])
    changes += [
        Change(Direction.WEAKER, step.id, "step", "earlier order", "moved", before[step.id].origin, step.origin)
        for step in steps
        if step.id in moved
    ]
    return tuple(changes)


def _step(old: Step, new: Step) -> tuple[Change, ...]:
    where = new.id
    changes: list[Change] = []
    if old.obligation is not new.obligation:
        direction = Direction.STRONGER if new.obligation is Obligation.MUST else Direction.WEAKER
        changes.append(
            Change(direction, where, "obligation", old.obligation.value, new.obligation.value, old.origin, new.origin)
        )
    if old.conditional != new.conditional:
        direction = Direction.WEAKER if new.conditional else Direction.STRONGER
        words = ("always", "conditional")
        changes.append(
            Change(direction, where, "runs", words[old.conditional], words[new.conditional], old.origin, new.origin)
        )
    binding = Direction.WEAKER if old.obligation is Obligation.MUST else Direction.OTHER
    changes += edited(binding, where, "action", said(old.action, old.origin), said(new.action, new.origin))
    changes += compare_halts(where, old.halts, new.halts)
    changes += added_and_removed(where, "evidence", _evidence(old.evidence), _evidence(new.evidence))
    changes += added_and_removed(where, "check", _texts(old.checks, old), _texts(new.checks, new))
    changes += _commands(where, old.commands, new.commands)
    return tuple(changes)


def _texts(texts: Iterable[str], owner: Step) -> tuple[Said, ...]:
    return tuple(said(text, owner.origin) for text in texts)


def _commands(where: str, old: Iterable[CommandRef], new: Iterable[CommandRef]) -> tuple[Change, ...]:
    """A command that is gone, new or written otherwise cannot be shown equal or stronger; so it is weaker."""
    changes = added_and_removed(where, "command", _command_keys(old), _command_keys(new))
    return tuple(Change(Direction.WEAKER, c.where, c.part, c.before, c.after, c.old, c.new) for c in changes)


def _command_keys(commands: Iterable[CommandRef]) -> tuple[Said, ...]:
    # Case and quotes matter in a command line; only the spacing between arguments does not.
    return tuple(
        Said(
            f"{' '.join(command.text.split())}\0{command.conditional}\0{sense(command.expected_output)}",
            command.text + (" (conditional)" if command.conditional else ""),
            command.origin,
        )
        for command in commands
    )


def _moved(old: Sequence[str], new: Sequence[str]) -> frozenset[str]:
    """Members of `new` that left the order of `old` (the same names): all but the longest part that kept it."""
    rank = {name: position for position, name in enumerate(old)}
    tails: list[int] = []
    ends: list[str] = []
    before: dict[str, str | None] = {}
    for name in new:
        place = bisect_left(tails, rank[name])
        before[name] = ends[place - 1] if place else None
        tails[place : place + 1] = [rank[name]]
        ends[place : place + 1] = [name]
    kept: set[str] = set()
    at = ends[-1] if ends else None
    while at is not None:
        kept.add(at)
        at = before[at]
    return frozenset(new) - kept


def _place(gate: Gate) -> Origin | None:
    return gate.origins[0] if gate.origins else None


def _gates(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    changes = list(
        added_and_removed(
            "gates",
            "gate",
            (Said(gate.id, gate.name, _place(gate)) for gate in old.gates),
            (Said(gate.id, gate.name, _place(gate)) for gate in new.gates),
        )
    )
    before = {gate.id: gate for gate in old.gates}
    for gate in new.gates:
        if gate.id in before:
            changes += _gate(before[gate.id], gate)
    shared = {gate.id for gate in new.gates} & set(before)
    moved = _moved([g.id for g in old.gates if g.id in shared], [g.id for g in new.gates if g.id in shared])
    changes += [
        Change(Direction.WEAKER, gate.id, "gate", "earlier order", "moved", _place(before[gate.id]), _place(gate))
        for gate in new.gates
        if gate.id in moved
    ]
    return tuple(changes)


def _gate(old: Gate, new: Gate) -> tuple[Change, ...]:
    where, before, after = new.id, _place(old), _place(new)
    changes = [
        *compare_clauses(where, "threshold", old.thresholds, new.thresholds),
        *compare_clauses(where, "Boolean check", old.booleans, new.booleans),
        *added_and_removed(where, "criterion", _prose(old), _prose(new)),
        *added_and_removed(where, "metric", _gate_texts(old.metrics, before), _gate_texts(new.metrics, after)),
        *added_and_removed(where, "evidence", _evidence(old.evidence), _evidence(new.evidence)),
        *added_and_removed(where, "notifies", _gate_texts(old.notify, before), _gate_texts(new.notify, after)),
        *_commands(where, old.commands, new.commands),
        *edited(Direction.WEAKER, where, "kind", said(old.kind, before), said(new.kind, after)),
        *edited(Direction.WEAKER, where, "on failure", said(old.on_fail, before), said(new.on_fail, after)),
        *edited(Direction.WEAKER, where, "rollback", said(old.rollback, before), said(new.rollback, after)),
        *_escapes(old, new),
        *edited(Direction.OTHER, where, "purpose", said(old.purpose, before), said(new.purpose, after)),
    ]
    return (*changes, *_waiver(old, new))


def _escapes(old: Gate, new: Gate) -> tuple[Change, ...]:
    """A branch by which a threshold may be missed: one more is weaker, one less is stronger."""
    turned = added_and_removed(new.id, "escape", _messages(old.escapes), _messages(new.escapes))
    opposite = {Direction.WEAKER: Direction.STRONGER, Direction.STRONGER: Direction.WEAKER}
    return tuple(replace(change, direction=opposite[change.direction]) for change in turned)


def _gate_texts(texts: Iterable[str], origin: Origin | None) -> tuple[Said, ...]:
    return tuple(said(text, origin) for text in texts)


def _prose(gate: Gate) -> tuple[Said, ...]:
    """Criteria that only prose states; those that became clauses are compared as clauses."""
    written = [sense(clause.written) for clause in (*gate.thresholds, *gate.booleans)]
    texts = dict.fromkeys((*gate.criteria, *gate.manual))
    prose = [text for text in texts if not any(clause and clause in sense(text) for clause in written)]
    return tuple(said(text, _place(gate)) for text in dict.fromkeys((*prose, *gate.manual)))


def _waiver(old: Gate, new: Gate) -> tuple[Change, ...]:
    match old.waiver, new.waiver:
        case WaiverForbidden(), WaiverForbidden():
            return ()
        case WaiverForbidden(), WaiverByRoles():
            direction = Direction.WEAKER
        case WaiverByRoles(), WaiverForbidden():
            direction = Direction.STRONGER
        case (WaiverByRoles(roles=had, needs=needed), WaiverByRoles(roles=has, needs=needs)):
            # All named roles have to sign, so a superset of roles and conditions is harder to get.
            before = {sense(text) for text in (*had, *needed)}
            after = {sense(text) for text in (*has, *needs)}
            if before == after:
                return ()
            direction = Direction.STRONGER if after > before else Direction.WEAKER
    words = (_waiver_words(old), _waiver_words(new))
    return (Change(direction, new.id, "waiver", *words, _place(old), _place(new)),)


def _waiver_words(gate: Gate) -> str:
    match gate.waiver:
        case WaiverForbidden():
            return "not permitted"
        case WaiverByRoles(roles=roles, needs=needs):
            return "by " + " and ".join(roles) + (f", with {'; '.join(needs)}" if needs else "")


def _exchanges(part: str, old: Iterable[Exchange], new: Iterable[Exchange]) -> tuple[Change, ...]:
    return added_and_removed("integration", part, _exchanged(old), _exchanged(new))


def _exchanged(exchanges: Iterable[Exchange]) -> tuple[Said, ...]:
    return tuple(
        Said(
            f"{_unnumbered(exchange.protocol)} {sense(artifact)}", f"{artifact} ({exchange.protocol})", exchange.origin
        )
        for exchange in exchanges
        for artifact in (exchange.artifacts or (exchange.text,))
    )


def _handoff(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    before = (said(item.text, item.origin) for item in old.handoff.items)
    after = (said(item.text, item.origin) for item in new.handoff.items)
    return (
        *added_and_removed("handoff", "item", before, after),
        *_commands("handoff", old.handoff.next_commands, new.handoff.next_commands),
    )


def _announcements(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    changes: list[Change] = []
    for part in ("announcements", "prompts", "error_messages"):
        lines = added_and_removed(
            "communication", part.replace("_", " "), _messages(getattr(old, part)), _messages(getattr(new, part))
        )
        changes += [Change(Direction.OTHER, c.where, c.part, c.before, c.after, c.old, c.new) for c in lines]
    return tuple(changes)
