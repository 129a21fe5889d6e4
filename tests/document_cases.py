"""Documents of every dialect for the tests of reading, what a reading holds, and how authors damage documents."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from gonogo.document.blocks import Block
from gonogo.document.reading import Reading, read_document
from gonogo.document.text import Source
from gonogo.findings import Level
from gonogo.protocol.model import Halt, Protocol, Step, all_steps

CASES = Path(__file__).parent / "cases" / "documents"
PROTOCOLS = (
    "d2_generated.md",
    "d3_plain.md",
    "d4_reflective.md",
    "d5_reasoned.md",
    "d6_nested.md",
    "d7_appended.md",
    "legacy.md",
    "odd_columns.md",
    "odd_strict.md",
    "rule.md",
)
CLEAN = ("d2_generated.md", "d3_plain.md", "d4_reflective.md", "d5_reasoned.md", "odd_columns.md", "rule.md")
NEGATIVES = (
    "negative_form.yaml",
    "negative_generator.md",
    "negative_lookalike.md",
    "negative_report.md",
    "negative_salad.md",
    "negative_template.md",
)

Inventory = Counter[tuple[str, ...]]


def text_of(name: str) -> str:
    """The text of one case."""
    return (CASES / name).read_text(encoding="utf-8")


def read(text: str, name: str = "lamp.md") -> Reading:
    """Read a text as a document."""
    return read_document(text.encode(), name)


def protocol_of(text: str) -> Protocol:
    """The protocol in `text`; it has to be one."""
    protocol = read(text).protocol
    assert protocol is not None
    return protocol


def printed(source: Source, found: tuple[Block, ...]) -> str:
    """The text of the blocks, one after the other."""
    return "".join(source.text[block.span.start : block.span.end] for block in found)


def codes(reading: Reading) -> Counter[str]:
    """The codes of a reading, counted."""
    return Counter(finding.code for finding in reading.findings)


def lines_of(reading: Reading, code: str) -> list[int]:
    """The lines at which `code` was found."""
    return [finding.primary.line for finding in reading.findings if finding.code == code]


def errors(reading: Reading) -> Counter[tuple[str, str]]:
    """Errors by code and message, without their places."""
    return Counter((item.code, item.message) for item in reading.findings if item.level is Level.ERROR)


def inventory(protocol: Protocol) -> Inventory:
    """Everything that binds, with its owner: what may be refused, and never be lost."""
    found: Inventory = Counter()
    for phase in protocol.phases:
        found["phase", phase.id] += 1
        found.update(_halt(phase.id, halt) for halt in phase.halts)
        found.update(("evidence", phase.id, ref.path) for ref in phase.evidence)
    for step in all_steps(protocol):
        found.update(_step(step))
    for gate in protocol.gates:
        found["gate", gate.id] += 1
        clauses = (*gate.thresholds, *gate.booleans)
        found.update(("clause", gate.id, c.metric, c.op.value, str(c.limit), c.scope) for c in clauses)
        found.update(("gate evidence", gate.id, ref.name) for ref in gate.evidence)
        found.update(("attested", gate.id, text) for text in gate.manual)
        found["waiver", gate.id, str(gate.waiver)] += 1
        found["on fail", gate.id, gate.on_fail] += 1
    found.update(_halt("workflow", halt) for halt in protocol.halts)
    found.update(("guardrail", message.text) for message in protocol.guardrails)
    found.update(("item", item.text) for item in protocol.handoff.items)
    for item in protocol.prerequisites:
        found["prerequisite", str(getattr(item, "name", getattr(item, "text", ""))), str(item.optional)] += 1
    return found


def _step(step: Step) -> Inventory:
    found: Inventory = Counter({("step", step.id, step.obligation.value, str(step.stated)): 1})
    found.update(_halt(step.id, halt) for halt in step.halts)
    found.update(("evidence", step.id, ref.path) for ref in step.evidence)
    return found


def _halt(owner: str, halt: Halt) -> tuple[str, ...]:
    return ("halt", owner, " ".join(halt.text.split()), *sorted(effect.value for effect in halt.effects))


def mutated(text: str, rng: random.Random) -> str:
    """`text` with one to three edits of layout, as authors and editors make them; no word is changed."""
    lines = text.split("\n")
    ending, mark = "\n", ""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        kind = rng.choice(("in", "out", "bullet", "tab", "blank", "close", "stars", "colon", "space", "crlf", "bom"))
        if kind == "crlf":
            ending = "\r\n"
        elif kind == "bom":
            mark = "\ufeff"
        elif kind == "blank":
            lines.insert(at, "")
        elif kind == "close" and not lines[at].strip() and len(lines) > 1:
            del lines[at]
        else:
            lines[at] = _edited(lines[at], kind, rng)
    return mark + ending.join(lines)


def _edited(line: str, kind: str, rng: random.Random) -> str:
    bare = line.lstrip(" ")
    indent = len(line) - len(bare)
    match kind:
        case "in":
            return " " * rng.randint(1, 8) + line
        case "out":
            return line[min(rng.randint(1, 8), indent) :]
        case "bullet" if bare[:2] in {"* ", "- ", "+ "}:
            return line[:indent] + rng.choice(("* ", "- ", "+ ", "")) + bare[2:]
        case "tab":
            return "\t" * rng.randint(1, 2) + bare
        case "stars" if "**" in line:
            cut = rng.choice([at for at in range(len(line) - 1) if line.startswith("**", at)])
            return line[:cut] + line[cut + 2 :]
        case "colon" if ":**" in line:
            return line.replace(":**", "**:", 1)
        case "space" if " " in line:
            cut = rng.choice([at for at, char in enumerate(line) if char == " "])
            return f"{line[:cut]}\u00a0{line[cut + 1 :]}"
        case _:
            return line
