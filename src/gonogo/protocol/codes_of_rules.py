"""Codes of what rules, references, locks and forms find: 03xx to 09xx.

The numbers are for good. The examples are lines of protocol text in one small world: a lighthouse.
"""

from __future__ import annotations

from gonogo.findings import Level
from gonogo.protocol.code import Code, FixKind

_E, _W, _I = Level.ERROR, Level.WARNING, Level.INFO
_M, _R, _H = FixKind.MACHINE, FixKind.REVIEW, FixKind.BY_HAND

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
        "* **Halt condition:** Do not go on without a recorded yes.",
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
    Code(
        "GN0507",
        _E,
        _H,
        "evidence outside of the project",
        "What lies elsewhere was not written by this run and is nobody's evidence.",
        "`../../etc/lamp.json`",
        "`.artifacts/lamp/lamp.json`",
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

CODES_OF_RULES: tuple[Code, ...] = (*_COMPLETENESS, *_BYPASS, *_REFERENCES, *_COMMANDS, *_LOCK, *_FORMS)
"""The codes of this part, in order."""
