"""The typed model of a protocol document (protocol-compiler sections 2 and 4; DOC-01).

All values are frozen, with tuples inside. Every part knows the place in the original file that it came from.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

from gonogo.findings import Origin
from gonogo.protocol.threshold import Clause
from gonogo.terms import Obligation
from gonogo.values import dataclass


class HaltEffect(enum.Enum):
    """What a halt sentence makes the engine do (DOC-15)."""

    STOP = "stop"
    PAUSE = "pause"
    HOLD = "hold"
    ROLLBACK = "rollback"
    ESCALATE = "escalate"


class Predicate(enum.Enum):
    """Shapes of halt conditions that the engine can see for itself (compiler section 7)."""

    ARTIFACT_MISSING = "artifact missing, expired or outdated"
    COMMAND_FAILED = "command, script or deployment failed"
    CHECK_FAILED = "tests or checks failed"
    BOUND_EXCEEDED = "a bound is exceeded"
    APPROVAL_MISSING = "approval missing or withheld"
    CHECKSUM_INVALID = "checksum invalid"
    FINDINGS_PRESENT = "drift or findings present"


@dataclass(frozen=True, slots=True)
class Halt:
    """One halt sentence, verbatim, with all its effects. `known` is false where no halting verb was found (GN0308).

    `predicates` are the parts of the condition that the engine sees; with `judged_by_person` a person of the step's
    role has to attest that the rest does not hold. `branch` says that it is a branch of a decision tree.
    """

    text: str
    effects: frozenset[HaltEffect]
    condition: str
    lifted_by: str | None
    known: bool
    origin: Origin
    predicates: frozenset[Predicate] = frozenset()
    judged_by_person: bool = True
    branch: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceRef:
    """An evidence file that a step, phase or gate names. `path` is as written; `name` is its base name."""

    name: str
    path: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Message:
    """A message template (communication, announcement, prompt, error), verbatim."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class CommandRef:
    """A command line that the document names, verbatim; nothing is ever run from here without a binding.

    `example` says that it stands in an example: a suggestion for a binding and no more.
    """

    text: str
    origin: Origin
    conditional: bool = False
    expected_output: str = ""
    example: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Text that explains and binds nothing: examples, reasoning, problem solving."""

    label: str
    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Step:
    """A step or sub-step. `stated` is false where the document gave no obligation (lowered as MUST, GN0309)."""

    id: str
    title: str
    obligation: Obligation
    stated: bool
    action: str
    halts: tuple[Halt, ...]
    evidence: tuple[EvidenceRef, ...]
    says: tuple[Message, ...]
    commands: tuple[CommandRef, ...]
    checks: tuple[str, ...]
    notes: tuple[Note, ...]
    substeps: tuple[Step, ...]
    conditional: bool
    origin: Origin


class BranchWay(enum.Enum):
    """Where a branch of a decision tree leads: on, into a halt, or back to what has to be done again (RSN-01)."""

    PROCEED = "proceed"
    HALT = "halt"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Branch:
    """One `IF`, `ELSE IF` or `ELSE` of a decision tree. `way` is None where the outcome says none of the three."""

    keyword: str
    condition: str
    outcome: str
    way: BranchWay | None
    effects: frozenset[HaltEffect]
    origin: Origin


@dataclass(frozen=True, slots=True)
class DecisionTree:
    """The branches of a phase in document order; `exit_checks` are its closing `THEN` lines, without their verb."""

    branches: tuple[Branch, ...]
    exit_checks: tuple[Message, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the workflow, in document order.

    `halts` hold for the whole phase: a halt written before its first step, and the halting branches of its decision
    trees. `trees` are those decision trees, whole.
    """

    id: str
    title: str
    number: str
    steps: tuple[Step, ...]
    evidence: tuple[EvidenceRef, ...]
    commands: tuple[CommandRef, ...]
    notes: tuple[Note, ...]
    origin: Origin
    halts: tuple[Halt, ...] = ()
    trees: tuple[DecisionTree, ...] = ()


@dataclass(frozen=True, slots=True)
class WaiverForbidden:
    """No waiver is possible; also where the document says nothing (C67)."""


@dataclass(frozen=True, slots=True)
class WaiverByRoles:
    """A waiver is possible, by all of `roles`, with what the document asks for."""

    roles: tuple[str, ...]
    needs: tuple[str, ...]


Waiver: TypeAlias = WaiverForbidden | WaiverByRoles


@dataclass(frozen=True, slots=True)
class Gate:
    """A quality gate. `thresholds` and `booleans` must all hold; `manual` are criteria that only prose states.

    `unbound` are parts of a threshold or check that are no comparison (GN0304; also among `manual`), `escapes` the
    branches that would let a threshold be missed (GN0405). `phase` is the id of the phase that states the gate, if one
    does. `waiver_written` tells a waiver rule from silence; both may mean that no waiver is possible.
    """

    id: str
    name: str
    number: str
    kind: str
    purpose: str
    criteria: tuple[str, ...]
    thresholds: tuple[Clause, ...]
    booleans: tuple[Clause, ...]
    manual: tuple[str, ...]
    metrics: tuple[str, ...]
    evidence: tuple[EvidenceRef, ...]
    commands: tuple[CommandRef, ...]
    on_fail: str
    rollback: str
    notify: tuple[str, ...]
    waiver: Waiver
    origins: tuple[Origin, ...]
    phase: str = ""
    unbound: tuple[Message, ...] = ()
    escapes: tuple[Message, ...] = ()
    waiver_written: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactRequired:
    """An upstream artifact that must be there before the start; `also` are further paths that the same entry names."""

    name: str
    source: str
    why: str
    optional: bool
    origin: Origin
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """An upstream approval that must be there before the start."""

    text: str
    optional: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class StateRequired:
    """A state of the world that must hold before the start."""

    text: str
    optional: bool
    origin: Origin


Prerequisite: TypeAlias = ArtifactRequired | ApprovalRequired | StateRequired


@dataclass(frozen=True, slots=True)
class Exchange:
    """Artifacts taken from, or given to, another protocol (integration points)."""

    protocol: str
    artifacts: tuple[str, ...]
    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """An item of the handoff checklist; `ticked_in_text` is reported and never believed (DOC-20)."""

    text: str
    ticked_in_text: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Handoff:
    """What has to be true at the end, and who takes over."""

    items: tuple[ChecklistItem, ...] = ()
    messages: tuple[Message, ...] = ()
    next_commands: tuple[CommandRef, ...] = ()
    next_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A whole protocol document. `halts` hold for every step of the workflow; `rule` tells a rule from a protocol."""

    slug: str
    title: str
    number: str
    tag: str
    brand: str
    purpose: str
    role: str
    mission: str
    guardrails: tuple[Message, ...]
    prerequisites: tuple[Prerequisite, ...]
    phases: tuple[Phase, ...]
    gates: tuple[Gate, ...]
    halts: tuple[Halt, ...]
    inputs: tuple[Exchange, ...]
    outputs: tuple[Exchange, ...]
    announcements: tuple[Message, ...]
    prompts: tuple[Message, ...]
    error_messages: tuple[Message, ...]
    hooks: tuple[CommandRef, ...]
    handoff: Handoff
    evidence_table: tuple[EvidenceRef, ...]
    notes: tuple[Note, ...]
    origin: Origin
    rule: bool = False


def all_steps(protocol: Protocol) -> tuple[Step, ...]:
    """Every step of the workflow in document order, sub-steps after their parent."""
    found: list[Step] = []
    pending = [step for phase in reversed(protocol.phases) for step in reversed(phase.steps)]
    while pending:
        step = pending.pop()
        found.append(step)
        pending.extend(reversed(step.substeps))
    return tuple(found)
