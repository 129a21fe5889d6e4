"""A filled requirement form as values: what it says, in one shape, whatever names its fields had (GEN-01)."""

from __future__ import annotations

from gonogo.document.form_fields import Text
from gonogo.findings import Origin
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class FormHook:
    """A command, when it runs, what comes out of it. `conditional_on` names what must have happened (GEN-10)."""

    name: Text
    trigger: Text
    command: Text
    expected: Text
    purpose: Text
    conditional_on: Text


@dataclass(frozen=True, slots=True)
class FormEvidence:
    """What is kept and where; `location` may be a directory that ends in `/`."""

    item: Text
    location: Text


@dataclass(frozen=True, slots=True)
class FormStep:
    """A step. `obligation` is MUST, GUIDELINE or empty where the form says nothing (then read as MUST, GN0309)."""

    number: str
    obligation: str
    title: Text
    instructions: tuple[Text, ...]
    communication: tuple[Text, ...]
    halts: tuple[Text, ...]
    evidence: tuple[Text, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class FormGate:
    """A quality gate; `criteria` are also tried as comparisons."""

    name: Text
    criteria: tuple[Text, ...]
    clauses: tuple[Text, ...]
    evidence: tuple[Text, ...]
    failure: Text
    waiver: Text
    origin: Origin


@dataclass(frozen=True, slots=True)
class FormPhase:
    """A phase of the workflow."""

    number: str
    title: Text
    objective: Text
    steps: tuple[FormStep, ...]
    evidence: tuple[FormEvidence, ...]
    hooks: tuple[FormHook, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class FormExchange:
    """Artifacts from or to another protocol; `protocol` is as the form writes it."""

    protocol: Text
    artifacts: tuple[Text, ...]
    usage: Text


@dataclass(frozen=True, slots=True)
class FormError:
    """An error template with its recovery steps."""

    name: Text
    template: Text
    recovery: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class FormPrompt:
    """A question to people, and when it is asked."""

    context: Text
    template: Text


@dataclass(frozen=True, slots=True)
class Form:
    """The whole form."""

    number: Text
    name: Text
    domain: Text
    purpose: Text
    role: Text
    mission: Text
    guardrails: tuple[Text, ...]
    prerequisites: tuple[FormExchange, ...]
    remarks: tuple[tuple[str, Text], ...]
    phases: tuple[FormPhase, ...]
    gates: tuple[FormGate, ...]
    inputs: tuple[FormExchange, ...]
    outputs: tuple[FormExchange, ...]
    hooks: tuple[FormHook, ...]
    announcements: tuple[Text, ...]
    prompts: tuple[FormPrompt, ...]
    errors: tuple[FormError, ...]
    checklist: tuple[Text, ...]
    handoff_messages: tuple[Text, ...]
    next_protocol: Text
    origin: Origin
