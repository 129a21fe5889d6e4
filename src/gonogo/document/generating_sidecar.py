"""The skeleton of a sidecar: every name that has to be bound, with empty values that cannot run (GEN-01, CFG-11)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from gonogo.document.remarks import Remarks
from gonogo.protocol.guardrail import guardrail_parts
from gonogo.protocol.model import Protocol, Step, all_steps
from gonogo.protocol.references import words_of

_DECIDES = re.compile(r"\bgo\s*/\s*no-?\s?go\b|\bgo or no-?go\b", re.IGNORECASE)
_SCHEMA = "gonogo/sidecar/1"


def sidecar_skeleton(protocol: Protocol, remarks: Remarks) -> str:
    """YAML with one line for each metric, step and named role; an empty value is refused when it is read.

    A go/no-go prompt makes an approval: the step that asks for it is bound to a decision that people sign.
    """
    lines = [
        "# What binds the words of the document to facts. An empty value has to be filled in before anything runs.",
        f"schema: {_SCHEMA}",
        f"protocol: {_text(protocol.slug)}",
        f"name: {_text(protocol.slug)}",
        'environment: ""',
        f"role: {_text(protocol.role)}",
        f"next: {_text(words_of(protocol.handoff.next_protocol))}",
        *_section("metrics", _metrics(protocol)),
        *_section("steps", _steps(protocol, remarks)),
        *_section("manual", _manual(protocol)),
        *(_section("guardrail", _guardrail(protocol)) if protocol.guardrails else ()),
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, lines: Iterator[str]) -> list[str]:
    body = list(lines)
    return [f"{name}:", *(f"  {line}" for line in body)] if body else [f"{name}: {{}}"]


def _metrics(protocol: Protocol) -> Iterator[str]:
    clauses = [clause for gate in protocol.gates for clause in (*gate.thresholds, *gate.booleans)]
    for metric in dict.fromkeys(clause.metric for clause in clauses):
        yield f'{_text(metric)}: {{file: "", pointer: "", unit: ""}}'


def _steps(protocol: Protocol, remarks: Remarks) -> Iterator[str]:
    asked = any(_DECIDES.search(message.text) for message in protocol.prompts)
    for step in all_steps(protocol):
        if step.substeps:
            continue
        if asked and _decides(step):
            yield f"{_text(step.id)}: {{does: approval}}"
            asked = False
        else:
            for command in step.commands:
                yield f"# the document names {_text(command.text)}{_condition(command.text, remarks)}"
            yield f'{_text(step.id)}: {{does: ""}}'


def _condition(command: str, remarks: Remarks) -> str:
    when = next((words for words in remarks.commands.get(command, ()) if words.startswith("Only when")), "")
    return f" ({when})" if when else ""


def _decides(step: Step) -> bool:
    return _DECIDES.search(f"{step.title} {step.action}".replace("No-Go", "no-go")) is not None


def _manual(protocol: Protocol) -> Iterator[str]:
    for text in dict.fromkeys(text for gate in protocol.gates for text in gate.manual):
        yield f'{_text(text)}: ""'


def _guardrail(protocol: Protocol) -> Iterator[str]:
    for message in protocol.guardrails:
        for part in guardrail_parts(message.text):
            yield f'- {{text: {_text(part)}, by: ""}}'


def _text(text: str) -> str:
    """A double-quoted YAML scalar; JSON's spelling is one of YAML's."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
