"""A filled form into a protocol document and the skeleton of its sidecar (GEN-01 to GEN-14).

The same form gives the same bytes. What was written is read back by the one reader, and every item of the form has to
stand in the model again; a form that asks for something unclear gives questions instead (GEN-14).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace

from gonogo.document.form import Form
from gonogo.document.form_drafting import draft, reference
from gonogo.document.form_reading import read_form
from gonogo.document.generating_sidecar import sidecar_skeleton
from gonogo.document.reading import read_document
from gonogo.document.writing import write_protocol
from gonogo.findings import Finding, Level, forbids
from gonogo.protocol.change import sense
from gonogo.protocol.halt_grammar import parse_halt
from gonogo.protocol.layers import analyse
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    Gate,
    Phase,
    Prerequisite,
    Protocol,
    StateRequired,
    Step,
    all_steps,
)
from gonogo.protocol.references import number_of, words_of
from gonogo.values import dataclass

_SCRIPT = re.compile(r"[\w./-]+\.(?:py|sh|bash|js|ts|rb|pl|ps1)\b")

_PLAINLY = "write it as one plain sentence or one plain path"


@dataclass(frozen=True, slots=True)
class Generated:
    """What came of a form. `protocol` is None, and the texts are empty, where the form cannot be a protocol at all.

    An error among `findings` forbids to write the texts into a project: they ask a question first. `wanted` is the
    form's own model, for the analysis of the four layers.
    """

    protocol: Protocol | None
    wanted: Protocol | None
    markdown: str
    sidecar: str
    findings: tuple[Finding, ...]


def generate(data: bytes, file: str, scripts: frozenset[str] | None = None) -> Generated:
    """Generate from the bytes of a form. `scripts` are the files that exist; None where that is not known."""
    reading = read_form(data, file)
    if reading.form is None or forbids(reading.findings):
        return Generated(None, None, "", "", reading.findings)
    form = reading.form
    drafted = draft(form)
    wanted = _binding(drafted.protocol)
    markdown = write_protocol(drafted.protocol, drafted.remarks)
    read = read_document(markdown.encode(), f"{drafted.protocol.slug}.md")
    asked = [*reading.findings, *_scripts(form, scripts), *_conflicts(form), *_omissions(form)]
    if read.protocol is None:
        asked += [_own(finding, drafted.protocol) for finding in read.findings if finding.level is Level.ERROR]
        return Generated(None, wanted, "", "", tuple(asked))
    asked += [*_lost(wanted, read.protocol), *_ambiguous(wanted, read.protocol)]
    return Generated(read.protocol, wanted, markdown, sidecar_skeleton(read.protocol, drafted.remarks), tuple(asked))


def _own(finding: Finding, wanted: Protocol) -> Finding:
    return Finding(finding.code, finding.level, f"form: {finding.message}", wanted.origin, notes=finding.notes)


def _binding(drafted: Protocol) -> Protocol:
    """The draft without sentences that say that there is no halt: they stand in the document and bind nothing."""

    def stops(step: Step) -> Step:
        return replace(step, halts=tuple(halt for halt in step.halts if parse_halt(halt.text, halt.origin)))

    phases = (replace(phase, steps=tuple(map(stops, phase.steps))) for phase in drafted.phases)
    return replace(drafted, phases=tuple(phases))


def _lost(wanted: Protocol, read: Protocol) -> Iterator[Finding]:
    """Whatever the form says and the read model does not: the generator may never lose or change a word."""
    for part in analyse(read, wanted).parts:
        for item in part.missing:
            message = f"form: {part.name} cannot be written so that it reads back: {item}"
            yield Finding("GN0901", Level.ERROR, message, wanted.origin, notes=(_PLAINLY,))
    was, now = _texts(wanted), _texts(read)
    for name, texts in was.items():
        for text in texts:
            if text not in now[name]:
                message = f"form: {name} cannot be written so that it reads back: {text}"
                yield Finding("GN0901", Level.ERROR, message, wanted.origin, notes=(_PLAINLY,))


def _texts(protocol: Protocol) -> dict[str, list[str]]:
    """What the four layers do not hold, by name, ready to be compared."""
    owners: list[Step | Phase] = [*all_steps(protocol), *protocol.phases]
    commands = [*protocol.hooks, *(command for owner in owners for command in owner.commands)]
    exchanges = (*protocol.inputs, *protocol.outputs)
    return {
        "title": [sense(f"{protocol.number} {protocol.title} {protocol.tag}")],
        "purpose": [sense(protocol.purpose)],
        "prerequisites": [sense(_needed(item)) for item in protocol.prerequisites],
        "exchange": [f"{sense(exchange.protocol)}: {sense(exchange.text)}" for exchange in exchanges],
        "command": [f"{c.text} {c.conditional} {sense(c.expected_output)}" for c in commands],
        "failure handling": [f"{gate.id}: {sense(gate.on_fail)}" for gate in protocol.gates],
        "waiver": [f"{gate.id}: {sense(gate.waiver_written)}" for gate in protocol.gates],
        "next protocol": [sense(protocol.handoff.next_protocol)],
    }


def _needed(item: Prerequisite) -> str:
    match item:
        case ArtifactRequired(name=name, source=source):
            return f"{name} {source}"
        case ApprovalRequired(text=text) | StateRequired(text=text):
            return text


def _ambiguous(wanted: Protocol, read: Protocol) -> Iterator[Finding]:
    """Gates that nothing measurable decides: asked for, never guessed (GEN-14)."""
    places = {gate.id: gate.origins[0] for gate in wanted.gates}
    for gate in read.gates:
        if not (gate.thresholds or gate.booleans):
            message = f"form: gate `{gate.name}` has no measurable criterion: {_criteria(gate)}"
            ask = "which number, of what, and how large (for example `critical alerts = 0`)?"
            yield Finding("GN0303", Level.ERROR, message, places.get(gate.id, wanted.origin), notes=(ask,))
    if not read.gates:
        ask = "which gates decide, and by which number?"
        yield Finding("GN0303", Level.ERROR, "form: no gate is described", wanted.origin, notes=(ask,))


def _criteria(gate: Gate) -> str:
    return "; ".join(gate.criteria or gate.manual) or "nothing is stated"


def _scripts(form: Form, scripts: frozenset[str] | None) -> Iterator[Finding]:
    """Commands whose script does not exist: confirm or rename (GEN-14)."""
    if scripts is None:
        return
    hooks = (*form.hooks, *(hook for phase in form.phases for hook in phase.hooks))
    for hook in hooks:
        for name in _SCRIPT.findall(hook.command.text):
            if name in scripts:
                continue
            alike = difflib.get_close_matches(name, sorted(scripts), n=1)
            ask = f"is `{alike[0]}` meant?" if alike else "will it be there, or has it another name?"
            message = f"form: script `{name}` does not exist"
            yield Finding("GN0602", Level.ERROR, message, hook.command.origin, notes=(ask,))


def _conflicts(form: Form) -> Iterator[Finding]:
    """One number for two protocols, one artifact from two protocols: settle it first (GEN-14)."""
    numbers: dict[str, str] = {}
    if form.number:
        numbers[form.number.text.lstrip("0")] = words_of(form.name.text)
    sources: dict[str, str] = {}
    for entry in (*form.prerequisites, *form.inputs, *form.outputs):
        name = reference(entry.protocol)
        number, words = number_of(name), words_of(name)
        known = numbers.setdefault(number, words) if number and words else words
        if known != words:
            message = f"form: number {number} means `{known}` and `{words}`"
            yield Finding("GN0503", Level.ERROR, message, entry.protocol.origin, notes=("which protocol has it?",))
    for entry in (*form.prerequisites, *form.inputs):
        words = words_of(reference(entry.protocol))
        for artifact in entry.artifacts:
            known = sources.setdefault(artifact.text, words) if words else words
            if known != words:
                message = f"form: `{artifact}` comes from `{known}` and from `{words}`"
                yield Finding("GN0503", Level.ERROR, message, artifact.origin, notes=("which one makes it?",))


def _omissions(form: Form) -> Iterator[Finding]:
    """No evidence at all is an omission that nobody can repair later; no automation is worth a question."""
    steps = [step for phase in form.phases for step in phase.steps]
    if not any(phase.evidence for phase in form.phases) and not any(step.evidence for step in steps):
        ask = "which file proves each phase, and where is it kept?"
        yield Finding("GN0901", Level.ERROR, "form: no evidence is named", form.origin, notes=(ask,))
    if not form.hooks and not any(phase.hooks for phase in form.phases):
        ask = "which commands do the work, and what do they write?"
        yield Finding("GN0901", Level.WARNING, "form: no automation is named", form.origin, notes=(ask,))
