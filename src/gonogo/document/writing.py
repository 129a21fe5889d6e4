"""A protocol as canonical Markdown; reading what was written gives the same model (DOC-28).

Seven numbered sections (GEN-08), before them the prerequisites, after them evidence summary and notes where there are
any. The document's own words are written as they are; only spelling, bullets, indents and order of fields are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gonogo.document.extracts import is_path
from gonogo.document.markdown_text import fenced, harmless, one_line, ticked
from gonogo.document.remarks import Remarks
from gonogo.document.writing_gates import write_gates
from gonogo.document.writing_steps import write_command, write_phase
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    CommandRef,
    Exchange,
    Message,
    Note,
    Prerequisite,
    Protocol,
    StateRequired,
)

Lines = list[str]


_DASH = "\u2013"
_OPTIONAL = re.compile(r"\(\s*(?:if (?:available|applicable|present|needed)|optional)\s*\)|\[optional\]", re.IGNORECASE)


def write_protocol(protocol: Protocol, remarks: Remarks | None = None) -> str:
    """The whole document, ended by one line feed; `remarks` are words that stand beside and bind nothing."""
    remarks = remarks or Remarks()
    numbered = (
        ("AI ROLE AND MISSION", _role(protocol, remarks)),
        (workflow_name(protocol), _workflow(protocol, remarks)),
        ("INTEGRATION POINTS", _integration(protocol)),
        ("QUALITY GATES", write_gates(gate for gate in protocol.gates if not gate.phase)),
        ("COMMUNICATION PROTOCOLS", _communication(protocol, remarks)),
        ("AUTOMATION HOOKS", _automation(protocol, remarks)),
        ("HANDOFF CHECKLIST", _handoff(protocol)),
    )
    lines = [*_head(protocol), *_prerequisites(protocol)]
    for number, (name, body) in enumerate(numbered, start=1):
        lines += [f"## {number}. {name}", "", *body]
    lines += [*_evidence_table(protocol), *_notes(protocol)]
    return _tidy(lines)


def workflow_name(protocol: Protocol) -> str:
    """`RELEASE EXECUTION WORKFLOW` for the tag `RELEASE MANAGEMENT COMPLIANT`; `WORKFLOW` without a tag."""
    words = protocol.tag.upper().replace("COMPLIANT", "").split()
    return f"{words[0]} EXECUTION WORKFLOW" if words and words[0].isalpha() else "WORKFLOW"


def _tidy(lines: Iterable[str]) -> str:
    """Lines joined, never two blank ones in a row outside a fence, one line feed at the end."""
    out: Lines = []
    fence = ""
    for line in lines:
        mark = line.strip()
        if not fence and mark.startswith("```"):
            fence = mark.rstrip("abcdefghijklmnopqrstuvwxyz")
        elif fence and mark == fence:
            fence = ""
        if line.strip() or fence or (out and out[-1].strip()):
            out.append(line)
    while out and not out[-1].strip():
        out.pop()
    return "\n".join(out) + "\n"


def _head(protocol: Protocol) -> Lines:
    lines: Lines = []
    if protocol.brand:
        lines += ["---", f"**{one_line(protocol.brand)}**", "---", ""]
    word = "Rule: Protocol" if protocol.rule else "PROTOCOL"
    number = f" {protocol.number}" if protocol.number else ""
    mark = " -" if protocol.rule else ":"
    tag = f" ({protocol.tag})" if protocol.tag else ""
    lines += [f"# {word}{number}{mark} {one_line(protocol.title)}{tag}", ""]
    if protocol.purpose:
        lines += [f"**Purpose:** {one_line(protocol.purpose)}", ""]
    return lines


def _prerequisites(protocol: Protocol) -> Lines:
    if not protocol.prerequisites:
        return []
    artifacts: Lines = []
    approvals: Lines = []
    states: Lines = []
    for item in protocol.prerequisites:
        maybe = " (if available)" if item.optional and not _says_optional(item) else ""
        match item:
            case ArtifactRequired(name=name, source=source, why=why, also=also):
                origin = f" from {one_line(source)}" if source else ""
                more = f" ({ticked(also)})" if also else ""
                reason = f" {_DASH} {one_line(why)}" if why else ""
                artifacts.append(f"- [ ] {_name(name)}{origin}{more}{reason}{maybe}")
            case ApprovalRequired(text=text):
                approvals.append(f"- [ ] {harmless(text)}{maybe}")
            case StateRequired(text=text):
                states.append(f"- [ ] {harmless(text)}{maybe}")
    lines = ["## PREREQUISITES", ""]
    for name, items in (("Artifacts", artifacts), ("Approvals", approvals), ("System State", states)):
        if items:
            lines += [f"### Required {name}" if name != "System State" else f"### {name} Requirements", *items, ""]
    return lines


def _says_optional(item: Prerequisite) -> bool:
    """Whether the words of the entry already say that it is optional."""
    said = item.why if isinstance(item, ArtifactRequired) else item.text
    return _OPTIONAL.search(said) is not None


def _name(name: str) -> str:
    """A file in ticks; an artifact that only prose names as it stands."""
    return f"`{name}`" if is_path(name) else harmless(name)


def _role(protocol: Protocol, remarks: Remarks) -> Lines:
    lines: Lines = []
    role = f"You are a **{one_line(protocol.role)}**." if protocol.role else ""
    mission = f"Your mission is to {one_line(protocol.mission)}." if protocol.mission else ""
    if role or mission:
        lines += [" ".join(part for part in (role, mission, one_line(remarks.mission)) if part), ""]
    for guardrail in protocol.guardrails:
        lines += [f"**[CRITICAL] {one_line(guardrail.text)}**", ""]
    return lines


def _workflow(protocol: Protocol, remarks: Remarks) -> Lines:
    lines: Lines = []
    if protocol.halts:
        lines += ["### Halt Conditions", *(f"- {one_line(halt.text)}" for halt in protocol.halts), ""]
    for position, phase in enumerate(protocol.phases, start=1):
        gates = [gate for gate in protocol.gates if gate.phase == phase.id]
        lines += write_phase(phase, position, gates, remarks)
    return lines


def _integration(protocol: Protocol) -> Lines:
    lines: Lines = []
    for name, exchanges in (("Inputs From", protocol.inputs), ("Outputs To", protocol.outputs)):
        if exchanges:
            lines += [f"### {name}:", *(_exchange(exchange) for exchange in exchanges), ""]
    return lines


def _exchange(exchange: Exchange) -> str:
    words = one_line(exchange.text) or ticked(exchange.artifacts)
    return f"- **{one_line(exchange.protocol)}**: {words}" if exchange.protocol else f"- {words}"


def _communication(protocol: Protocol, remarks: Remarks) -> Lines:
    lines: Lines = []
    if protocol.announcements:
        lines += ["### Status Announcements:", *fenced(0, [message.text for message in protocol.announcements]), ""]
    for name, messages in (("Validation Prompts", protocol.prompts), ("Error Handling", protocol.error_messages)):
        if messages:
            lines += [f"### {name}:", *_messages(messages, remarks), ""]
    return lines


def _messages(messages: Iterable[Message], remarks: Remarks) -> Lines:
    lines: Lines = []
    for message in messages:
        before = remarks.before.get(message.text, "")
        lines += [f"- {before}"] if before else []
        lines += fenced(0, message.text.split("\n"))
        lines += [f"- {step}" for step in remarks.after.get(message.text, ())]
        lines.append("")
    return lines


def _automation(protocol: Protocol, remarks: Remarks) -> Lines:
    lines: Lines = []
    for number, hook in enumerate(protocol.hooks, start=1):
        lines += [*write_command(hook, remarks, f"Command {number}"), ""]
    lines += _placed(protocol, remarks)
    for note in protocol.notes:
        if _is_fence(note):
            lines += ["", *fenced(0, note.text.split("\n"), "" if note.label == "text" else note.label)]
    return [*lines, ""]


def _placed(protocol: Protocol, remarks: Remarks) -> Lines:
    """The commands that stand with their phases and steps, listed once more for those who look for them here."""
    owners: list[tuple[str, CommandRef]] = []
    for phase in protocol.phases:
        steps = [step for top in phase.steps for step in (top, *top.substeps)]
        owners += [(step.title, command) for step in steps for command in step.commands if not command.example]
        owners += [(phase.title, command) for command in phase.commands if not command.example]
    lines = ["Commands that stand with their phases and steps:"] if owners else []
    for title, command in owners:
        words = [one_line(command.text), *remarks.commands.get(command.text, ())]
        if command.expected_output:
            words.append(f"Writes {_DASH} {one_line(command.expected_output)}")
        lines.append(f"- {one_line(title)}: {'; '.join(words)}")
    return lines


def _handoff(protocol: Protocol) -> Lines:
    handoff = protocol.handoff
    # A tick in the text counts as open wherever it is read (DOC-20); it is written so that the model stays the same.
    lines = [f"- [{'x' if item.ticked_in_text else ' '}] {harmless(item.text)}" for item in handoff.items]
    for message in handoff.messages:
        lines += ["", *fenced(0, message.text.split("\n"))]
    if handoff.next_commands:
        lines += ["", *fenced(0, [one_line(command.text) for command in handoff.next_commands], "bash")]
    if handoff.next_protocol:
        lines += ["", f"**Next Protocol:** {one_line(handoff.next_protocol)}"]
    return [*lines, ""]


def _evidence_table(protocol: Protocol) -> Lines:
    if not protocol.evidence_table:
        return []
    rows = [f"| `{reference.name}` | `{reference.path}` |" for reference in protocol.evidence_table]
    return ["## EVIDENCE SUMMARY", "", "| Artifact | Location |", "|---|---|", *rows, ""]


def _is_fence(note: Note) -> bool:
    """Whether a note was a fence of the automation section: its label is then the language, not a section's name."""
    return note.label.islower() and " " not in note.label


def _notes(protocol: Protocol) -> Lines:
    """Sections that explain, with their lines as they were."""
    lines: Lines = []
    for note in protocol.notes:
        if not _is_fence(note):
            lines += [f"## {note.label}", "", *note.text.split("\n"), ""]
    return lines
