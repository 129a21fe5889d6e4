"""Phases, steps and sub-steps as canonical Markdown (DOC-28): one spelling, one indent, document order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gonogo.document.markdown_text import block, fenced, field, one_line, said, ticked
from gonogo.document.remarks import Remarks
from gonogo.document.writing_gates import write_gate_fields
from gonogo.protocol.model import CommandRef, Gate, Note, Phase, Step

_STEP_INDENT = 3
_SUB_INDENT = 5
_LOOSE = "text"


def write_phase(phase: Phase, position: int, gates: Iterable[Gate], remarks: Remarks) -> list[str]:
    """A phase: its heading, what holds for all of it, its steps, then evidence, its own gates and automation."""
    lines = [f"### STEP {phase.number or position}: {one_line(phase.title)}", ""]
    for note in phase.notes:
        lines += [*_phase_note(note), ""]
    for halt in phase.halts:
        if not halt.branch:
            lines += [f"**Halt condition:** {one_line(halt.text)}", ""]
    for number, step in enumerate(phase.steps, start=1):
        lines += [*_step(step, number), ""]
    if phase.evidence:
        lines.append("**Evidence Collection:**")
        for reference in phase.evidence:
            told = [f"- {what} → `{reference.path}`" for what in remarks.evidence.get(reference.path, ())]
            lines += told or [f"- `{reference.path}`"]
        lines.append("")
    for gate in gates:
        lines += [
            f"**{f'Gate {gate.number}' if gate.number else 'Quality Gate'}: {one_line(gate.name)}**",
            *write_gate_fields(gate),
            "",
        ]
    shown = "\n".join(note.text for note in phase.notes)
    for command in phase.commands:
        if command.example and _within(command.text, shown):
            continue
        lines += [*write_command(command, remarks, "Phase Automation"), ""]
    return lines


def write_command(command: CommandRef, remarks: Remarks, heading: str) -> list[str]:
    """A command in a fence under a heading, with what it is for and what it is expected to write (GEN-10)."""
    suffix = " (Conditional)" if command.conditional else ""
    lines = [f"#### {heading}{suffix}"] if heading else []
    lines += [f"- {remark}" for remark in remarks.commands.get(command.text, ())]
    lines += fenced(0, [one_line(command.text)], "bash")
    if command.expected_output:
        lines.append(f"*Expected Output:* {one_line(command.expected_output)}")
    return lines


def _phase_note(note: Note) -> list[str]:
    if note.label == _LOOSE:
        return [line.strip() for line in note.text.split("\n")]
    first, *later = block(0, note.label.title(), note.text)
    return [first.removeprefix("* "), *(line.removeprefix("  ") for line in later)]


def _step(step: Step, number: int) -> list[str]:
    lines = [f"{number}. {_head(step)}", *_fields(step, _STEP_INDENT)]
    for position, child in enumerate(step.substeps, start=1):
        pad = " " * _STEP_INDENT
        lines += [f"{pad}* **{number}.{position}. {_child_mark(step, child)}{_title(child)}:**"]
        lines += _fields(child, _SUB_INDENT)
    return lines


def _child_mark(step: Step, child: Step) -> str:
    """A sub-step inherits the obligation; only another one is written."""
    return "" if child.obligation is step.obligation else f"`[{child.obligation.value}]` "


def _head(step: Step) -> str:
    mark = f"`[{step.obligation.value}]` " if step.stated else ""
    return f"**{mark}{_title(step)}:**"


def _title(step: Step) -> str:
    return one_line(step.title) + (" (Conditional)" if step.conditional else "")


def _fields(step: Step, indent: int) -> list[str]:
    lines: list[str] = []
    for note in step.notes:
        if note.label == _LOOSE:
            lines += [f"{' ' * indent}{line.strip()}" for line in note.text.split("\n")]
    lines += block(indent, "Action", step.action) if step.action else []
    for message in step.says:
        lines += [field(indent, "Communication", ""), *said(indent + 2, message.text)]
    lines += [field(indent, "Halt condition", one_line(halt.text)) for halt in step.halts if not halt.branch]
    if step.evidence:
        lines.append(field(indent, "Evidence", ticked(reference.path for reference in step.evidence)))
    for check in step.checks:
        lines += block(indent, "Validation", check)
    lines += _commands(step, indent)
    for note in step.notes:
        if note.label != _LOOSE:
            lines += block(indent, note.label.title(), note.text)
    return lines


def _commands(step: Step, indent: int) -> list[str]:
    """Commands of the step; those that an example shows come back with the example, which is a note."""
    lines: list[str] = []
    shown = "\n".join(note.text for note in step.notes)
    for command in step.commands:
        if command.example and _within(command.text, shown):
            continue
        label = "Automation (Conditional)" if command.conditional else "Automation"
        lines += [field(indent, label, ""), *fenced(indent + 2, [one_line(command.text)], "bash")]
        if command.expected_output:
            lines.append(f"{' ' * (indent + 2)}*Expected Output:* {one_line(command.expected_output)}")
    return lines


def _within(command: str, shown: str) -> bool:
    words: Sequence[str] = command.split()
    return all(word in shown for word in words)
