"""Codes of what is found while a document is read: 00xx to 02xx.

The numbers are for good. The examples are lines of protocol text in one small world: a lighthouse.
"""

from __future__ import annotations

from gonogo.findings import Level
from gonogo.protocol.code import Code, FixKind

_E, _W, _I = Level.ERROR, Level.WARNING, Level.INFO
_M, _R, _H = FixKind.MACHINE, FixKind.REVIEW, FixKind.BY_HAND

_SOURCE = (
    Code(
        "GN0001",
        _W,
        _M,
        "text is UTF-8 that was read in another encoding",
        "Every damaged run turns back through one code page, so the text is repaired for reading; digests keep "
        "to the original bytes.",
        "- **Criteria:** Sea state â‰¤ low",
        "- **Criteria:** Sea state ≤ low",
    ),
    Code(
        "GN0002",
        _E,
        _R,
        "some characters look misread, others do not",
        "A text that is damaged in part cannot be repaired without guessing, and a guess could change a limit.",
        "Sea state â‰¤ low – before the tide",
        "Sea state ≤ low – before the tide",
    ),
    Code(
        "GN0003",
        _E,
        _M,
        "invisible or look-alike space character",
        "People cannot see it, so what they read and what is executed could differ.",
        "* **Halt U+200B condition:** Stop if a ship is silent.",
        "* **Halt condition:** Stop if a ship is silent.",
    ),
    Code(
        "GN0004",
        _E,
        _H,
        "line is not part of anything understood",
        "What is not understood inside a protocol cannot be enforced, and is never skipped silently.",
        "[Darkness]: ships.md 'link definition'",
        "- **Evidence:** `ships.md`",
    ),
    Code(
        "GN0005",
        _E,
        _H,
        "over a limit",
        "Limits keep reading linear in time and space; see the documentation for each number.",
        "a document of 1.4 MiB",
        "two documents that hand over to each other",
    ),
    Code(
        "GN0006",
        _E,
        _H,
        "not UTF-8",
        "Bytes that are not text have no reading that everybody shares.",
        "byte 0xFF",
        "the same text saved as UTF-8",
    ),
)

_STRUCTURE = (
    Code(
        "GN0101",
        _E,
        _H,
        "not a protocol",
        "Only protocols and rules are compiled; guides, forms, templates and prose would give an empty or "
        "invented pipeline.",
        "# Protocol 42 Generator - Lamp Change",
        "# PROTOCOL 42: LAMP CHANGE",
    ),
    Code(
        "GN0102",
        _W,
        _H,
        "block between rules is not YAML",
        "It is kept as a banner and carries no meaning.",
        "---\n**LIGHTHOUSE(tm)**\n---",
        "---\nid: lamp-change\n---",
    ),
    Code(
        "GN0103",
        _E,
        _H,
        "front matter key is not known",
        "A key that nobody checks could be taken for a rule. Known: id, title, tags, revision.",
        "---\nbypass: true\n---",
        "---\nrevision: 3\n---",
    ),
    Code(
        "GN0104",
        _E,
        _R,
        "fence hides grammar",
        "Code is never read as a protocol; a fence that was left open would swallow obligations.",
        "```\n* **Halt condition:** Stop if it rains.",
        "```\nbash strike.sh\n```\n* **Halt condition:** Stop if it rains.",
    ),
    Code(
        "GN0105",
        _E,
        _R,
        "table rows without a header, or with cells beyond it",
        "A viewer drops or misplaces such cells; they are no evidence.",
        "-----|---|\n| `ships.json` | list |",
        "| File | Is |\n|------|----|\n| `ships.json` | list |",
    ),
    Code(
        "GN0106",
        _W,
        _R,
        "indented code in a protocol section",
        "Four spaces more than the text around make code in a viewer.",
        "\n        a line by itself",
        "\n  a line by itself",
    ),
    Code(
        "GN0107",
        _E,
        _H,
        "raw HTML",
        "HTML can hide or recolour text; only comments are allowed, and they mean nothing.",
        "<span hidden>**Halt condition:** ...</span>",
        "* **Halt condition:** Stop if a ship is silent.",
    ),
    Code(
        "GN0108",
        _E,
        _H,
        "looks like a protocol but nothing in it can be enforced",
        "Without one step of stated obligation or one script an empty pipeline would pass everything.",
        "### Step 1: Think about lamps",
        "### STEP 1: Darkening\n1. **`[MUST]` Warn All Ships:**",
    ),
    Code(
        "GN0109",
        _W,
        _H,
        "second level-1 heading",
        "A protocol has one title; later ones are read as sections.",
        "# PROTOCOL 42: LAMP CHANGE\n# NOTES",
        "# PROTOCOL 42: LAMP CHANGE\n## NOTES",
    ),
    Code(
        "GN0110",
        _W,
        _H,
        "section carries no meaning",
        "Its name is not in the vocabulary; its text is kept as notes.",
        "## LORE",
        "## REFLECTION & LEARNING",
    ),
    Code(
        "GN0111",
        _E,
        _R,
        "section is defined twice",
        "The obligations of both are kept; people who read one of them would miss the other.",
        "## HANDOFF CHECKLIST ... ## HANDOFF CHECKLIST",
        "## HANDOFF CHECKLIST (once)",
    ),
    Code(
        "GN0112",
        _E,
        _H,
        "looks like a phase but stands outside the workflow",
        "It makes no state; if it is meant to run, it has to stand in the workflow section.",
        "## WORKFLOW ORCHESTRATION\n### STEP 1",
        "## LAMP CHANGE WORKFLOW\n### STEP 1: Darkening",
    ),
    Code(
        "GN0113",
        _E,
        _H,
        "gate stated twice with different content",
        "Both statements bind, and nobody can tell which one was meant.",
        "**Gate 1: Flame** Answers = 100% ... **Gate 1: Flame** Answers ≥ 90%",
        "state the gate once",
    ),
    Code(
        "GN0114",
        _E,
        _M,
        "unknown label, close to a known one",
        "A misspelt obligation would be a note, that is, nothing.",
        "* **Halt-condtion:** Stop if a ship is silent.",
        "* **Halt condition:** Stop if a ship is silent.",
    ),
    Code(
        "GN0115",
        _W,
        _H,
        "leftover placeholder text",
        "The author has not finished; inside an obligation it is an error.",
        "**Owner:** [TBD]",
        "**Owner:** keeper",
    ),
)

_ATTRIBUTION = (
    Code(
        "GN0201",
        _E,
        _R,
        "belongs to a step by order, but Markdown puts it outside",
        "The rule is kept with the step it stands under, but a viewer shows people another document.",
        "1. **`[MUST]` Lower the Lamp:**\n   * **Action:** Lower it.\n* **Halt condition:** Stop if it jams.",
        "1. **`[MUST]` Lower the Lamp:**\n   * **Action:** Lower it.\n   * **Halt condition:** Stop if it jams.",
    ),
    Code(
        "GN0202",
        _E,
        _H,
        "line looks like an obligation but was not read as one",
        "A second, independent reader of the raw lines disagrees with the first; nothing is lost on the quiet.",
        "Halt\u00a0condition Stop if a ship is silent",
        "* **Halt condition:** Stop if a ship is silent.",
    ),
    Code(
        "GN0203",
        _E,
        _H,
        "field has no owner",
        "No step, phase or gate stands above it that could hold it.",
        "## LAMP CHANGE WORKFLOW\n* **Evidence:** `ships.json`",
        "1. **`[MUST]` Warn:**\n   * **Evidence:** `ships.json`",
    ),
    Code(
        "GN0204",
        _I,
        _H,
        "label inside a note block is a note",
        "Reasoning explains and binds nothing, whatever its labels are called.",
        "**[REASONING]:**\n- **Evidence:** the lamp test",
        "* **Evidence:** `lamp-test.json`",
    ),
)

CODES_OF_READING: tuple[Code, ...] = (*_SOURCE, *_STRUCTURE, *_ATTRIBUTION)
"""The codes of this part, in order."""
