"""Every code of a finding: its level, its kind of repair, why it exists, a bad and a good example (DOC-16, DOC-24).

The numbers are for good. `gonogo explain CODE` prints an entry; reading and linting make findings by "
"`finding`, so that
a level or a title stands in one place only. The examples are lines of protocol text in one small world: a lighthouse.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gonogo.findings import Finding, Fix, Label, Level, Origin


class FixKind(enum.Enum):
    """How a finding can be repaired: by the machine, by the machine after a review, or by hand only."""

    MACHINE = "machine"
    REVIEW = "review"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding."""

    code: str
    level: Level
    fix: FixKind
    title: str
    why: str
    bad: str
    good: str

    @property
    def waivable(self) -> bool:
        """Whether a signature can waive it; what hides an obligation or opens a way round a gate never can."""
        never = ("GN02", "GN07", "GN08")
        return not self.code.startswith(never) and self.code not in {"GN0401", "GN0403", "GN0404", "GN0603"}

    @property
    def eased_in_draft(self) -> bool:
        """Whether the draft profile shows it as a warning: what is not written yet (03xx, 06xx)."""
        return self.code.startswith(("GN03", "GN06"))


def finding(
    code: str,
    message: str,
    primary: Origin,
    *,
    labels: Iterable[Label] = (),
    notes: Iterable[str] = (),
    fixes: Iterable[Fix] = (),
) -> Finding:
    """The finding `code` at `primary`, at the level that the table gives."""
    return Finding(code, CODES[code].level, message, primary, tuple(labels), tuple(notes), tuple(fixes))


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

_COMPLETENESS = (
    Code(
        "GN0301",
        _E,
        _H,
        "MUST step has no halt condition",
        "Nothing says when the step has to stop.",
        "1. **`[MUST]` Warn:**\n   * **Action:** Call.",
        "   * **Halt condition:** Stop if a ship is silent.",
    ),
    Code(
        "GN0302",
        _W,
        _H,
        "MUST step names no evidence file",
        "Nothing will show later that the step was done.",
        "   * **Evidence:** the usual papers",
        "   * **Evidence:** `ships-warned.json`",
    ),
    Code(
        "GN0303",
        _E,
        _H,
        "gate has no measurable threshold and no named attestation",
        "A gate that nothing can fail is no gate.",
        "- **Criteria:** Everything is fine",
        "- **Pass Threshold**: Answers = 100%",
    ),
    Code(
        "GN0304",
        _E,
        _H,
        "cannot turn a threshold into a test",
        "A clause without metric, comparison or bound limit can never pass.",
        "- **Pass Threshold**: metrics look right",
        "- **Pass Threshold**: Error rate ≤ 0.5%",
    ),
    Code(
        "GN0305",
        _E,
        _R,
        "gate needs a file that only an optional step, or no step, writes",
        "The gate could never pass, or only by luck.",
        "the gate's `list.md` stands under a `[GUIDELINE]` step",
        "the step that writes `list.md` is `[MUST]`",
    ),
    Code(
        "GN0306",
        _W,
        _H,
        "evidence is written and never used",
        "No gate, table, package or handoff asks for it.",
        "* **Evidence:** `extra.json` (nowhere else)",
        "- **Evidence**: `extra.json` in a gate",
    ),
    Code(
        "GN0307",
        _I,
        _R,
        "a Boolean check could bind to a file",
        "An offer, never taken without a person.",
        "**Boolean Check:** `rope_check.status = pass`",
        "metrics: {rope_check.status: {from: evidence, file: rope-check.json}}",
    ),
    Code(
        "GN0308",
        _E,
        _H,
        "halt sentence names no halting verb",
        "It is read as stop; say what has to happen.",
        "* **Halt condition:** Document the gap.",
        "* **Halt condition:** Stop if the gap is not documented.",
    ),
    Code(
        "GN0309",
        _E,
        _R,
        "step states no obligation",
        "It is read as MUST.",
        "2. **Trim the Wick**",
        "2. **`[MUST]` Trim the Wick:**",
    ),
    Code(
        "GN0310",
        _E,
        _H,
        "conditional item has no trigger the engine can see",
        "It never runs by itself.",
        "4. **Douse (Conditional):**",
        "4. **`[MUST]` Douse if smoke = true:**",
    ),
)

_BYPASS = (
    Code(
        "GN0401",
        _E,
        _H,
        "lets the run continue past a failed check",
        "It is never executed; the halt or gate beside it stands.",
        "mark as `LATE` and proceed tentatively",
        "stop until the answer is there",
    ),
    Code(
        "GN0402",
        _E,
        _M,
        "checklist item is ticked in the protocol text",
        "Only a run can tick; in the text the item is open.",
        "- [x] Lamp lit",
        "- [ ] Lamp lit",
    ),
    Code(
        "GN0403",
        _E,
        _H,
        "a waiver is forbidden here and offered elsewhere",
        "The stricter text judges.",
        "- **Waiver:** Not permitted ... request a waiver",
        "- **Waiver:** Not permitted",
    ),
    Code(
        "GN0404",
        _E,
        _H,
        "an approval that is no approval",
        "The executor's own role, or an answer in a chat, cannot approve; an approval is signed by somebody else.",
        "> Approve relighting? (yes/no)",
        "* **Halt condition:** Do not continue without recorded approval.",
    ),
    Code(
        "GN0405",
        _E,
        _H,
        "threshold has an escape branch",
        "Both halves have to hold.",
        "Answers = 100% or signed exception",
        "Answers = 100%",
    ),
    Code(
        "GN0406",
        _E,
        _H,
        "halt can be lifted, but nobody is named who may",
        "Only a signed record by a named role lifts a halt.",
        "Pause if it jams without mitigation.",
        "Pause if it jams until the harbour master approves.",
    ),
)

_REFERENCES = (
    Code(
        "GN0501",
        _W,
        _R,
        "a number that belongs to another protocol",
        "Numbers contradict each other; identity is the slug.",
        "`python validate_gate_11_dark.py` in PROTOCOL 42",
        "`python validate_gate_42_dark.py`",
    ),
    Code(
        "GN0502",
        _W,
        _R,
        "one file name in two directories",
        "Written to one directory and read from another; a run keeps both as one.",
        "`.artifacts/lamp/ships.json`, `.artifacts/protocol-42/ships.json`",
        "`.artifacts/lamp/ships.json` everywhere",
    ),
    Code(
        "GN0503",
        _E,
        _H,
        "a protocol number can mean two protocols",
        "Name it by its title or slug.",
        "from Protocol 15",
        "from Protocol 15 (Lamp Stock)",
    ),
    Code(
        "GN0504",
        _E,
        _H,
        "nobody produces an artifact",
        "The run could never start; external inputs are declared.",
        "`LAMP-AUDIT.zip` with no producer",
        "external: [LAMP-AUDIT.zip]",
    ),
    Code(
        "GN0505", _E, _H, "prerequisites go round", "Each waits for the other.", "stock → lamp → stock", "stock → lamp"
    ),
    Code(
        "GN0506",
        _W,
        _H,
        "handoff target is not among the outputs",
        "The next protocol gets nothing.",
        "**Next Protocol:** 43-horn",
        "### Outputs To:\n- **Protocol 43**: `lamp.zip`",
    ),
)

_COMMANDS = (
    Code(
        "GN0601",
        _E,
        _H,
        "command needs a shell",
        "No command is ever given to a shell; patterns are expanded and pinned.",
        "`bash deploy_*.sh | tee log`",
        "`bash scripts/strike.sh --lamp main`",
    ),
    Code(
        "GN0602",
        _E,
        _H,
        "script not found or not pinned",
        "What runs has to be known before it runs.",
        "scripts/strike.sh (absent)",
        "scripts/strike.sh, pinned by SHA-256",
    ),
    Code(
        "GN0603",
        _E,
        _H,
        "gate script writes the evidence it judges",
        "A judge may not be its own witness.",
        "- Script: `rope.py --output rope-check.json` with Evidence Link `rope-check.json`",
        "a step writes `rope-check.json`; the gate reads it",
    ),
    Code(
        "GN0604",
        _E,
        _H,
        "adapter does not accept a flag",
        "The command would fail at the worst moment.",
        "strike.sh --dry-run",
        "strike.sh --lamp main",
    ),
)

_LOCK = (
    Code(
        "GN0701",
        _E,
        _H,
        "lock is stale or weaker",
        "The document changed after it was locked.",
        "a lock of yesterday's text",
        "compile again; weaker rules need a signature",
    ),
    Code(
        "GN0702",
        _E,
        _H,
        "binding is wrong",
        "It names something that does not exist, or is not readable.",
        "states: {x/y: ...}",
        "states: {relighting/strike-the-lamp: ...}",
    ),
    Code(
        "GN0703",
        _E,
        _H,
        "waived finding has no valid signer",
        "Only a listed person can waive, by signature.",
        "waived: GN0304",
        "waived: GN0304 by keeper-anna, signed",
    ),
    Code(
        "GN0801",
        _E,
        _H,
        "path reaches production without a guard",
        "Each production effect lies behind every MUST before it.",
        "deploy before the gate",
        "gate, approval, deploy",
    ),
    Code(
        "GN0802",
        _E,
        _H,
        "part of a guardrail is guarded by nothing",
        "A promise that no state keeps.",
        "DO NOT relight unless the horn sounds",
        "guardrail: [{text: the horn sounds, by: gate darkness-gate}]",
    ),
    Code(
        "GN0803",
        _E,
        _H,
        "state cannot be reached, or never ends",
        "Every state is reachable, every cycle is bounded.",
        "a retry without a limit",
        "retries: 2",
    ),
)

_FORMS = (
    Code(
        "GN0901",
        _E,
        _H,
        "form: field is empty or of the wrong type",
        "A protocol is not made from nothing.",
        "criteria: ''",
        "criteria: Answers = 100%",
    ),
    Code(
        "GN0902",
        _I,
        _M,
        "form: old name of a field",
        "Read as the present name.",
        "aio_role: Keeper",
        "ai_role: Keeper",
    ),
    Code(
        "GN0903",
        _E,
        _H,
        "form: unknown key",
        "What is not understood is not dropped.",
        "halt_conditon: ...",
        "halt_condition: ...",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType(
    {
        code.code: code
        for table in (
            _SOURCE,
            _STRUCTURE,
            _ATTRIBUTION,
            _COMPLETENESS,
            _BYPASS,
            _REFERENCES,
            _COMMANDS,
            _LOCK,
            _FORMS,
        )
        for code in table
    }
)
"""All codes, by number."""
