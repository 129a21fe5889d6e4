"""The closed vocabulary of protocol documents: names of sections, labels and marks (section 4; DOC-05, DOC-06).

Both readers take their words from here, and nothing else is shared between them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType

MARKS = ("MUST", "GUIDELINE", "STRICT", "CRITICAL", "REQUIRED", "OPTIONAL", "REASONING", "AUTOMATION", "HALT")
BINDING_MARKS = frozenset({"MUST", "STRICT", "CRITICAL", "REQUIRED"})
STEP_MARKS = BINDING_MARKS | {"GUIDELINE", "OPTIONAL"}


class Section(enum.Enum):
    """What a section is about; its number means nothing (DOC-18)."""

    PREREQUISITES = "prerequisites"
    ROLE = "role"
    WORKFLOW = "workflow"
    REFLECTION = "reflection"
    INTEGRATION = "integration"
    GATES = "gates"
    COMMUNICATION = "communication"
    ERRORS = "errors"
    AUTOMATION = "automation"
    HANDOFF = "handoff"
    EVIDENCE = "evidence"
    REASONING = "reasoning"
    SCRIPTS = "scripts"
    ORCHESTRATION = "orchestration"
    STAKEHOLDERS = "stakeholders"
    PREAMBLE = "preamble"
    UNKNOWN = "unknown"


CONTRACT_SECTIONS = frozenset(
    {
        Section.PREREQUISITES,
        Section.ROLE,
        Section.WORKFLOW,
        Section.INTEGRATION,
        Section.GATES,
        Section.COMMUNICATION,
        Section.AUTOMATION,
        Section.HANDOFF,
        Section.EVIDENCE,
    }
)
"""Sections that bind; a second one of the same name is GN0111."""

NOTE_SECTIONS = frozenset(
    {
        Section.REFLECTION,
        Section.REASONING,
        Section.SCRIPTS,
        Section.ORCHESTRATION,
        Section.STAKEHOLDERS,
    }
)
"""Sections that explain; nothing in them becomes a state."""

_SECTION_NAMES = (
    (Section.ORCHESTRATION, r"orchestration"),
    (Section.REASONING, r"reasoning|cognitive|meta-?cognition"),
    (Section.REFLECTION, r"reflection|retrospective|\blearning|continuous improvement|lessons"),
    (Section.PREREQUISITES, r"pre-?requisites?\b|preconditions?\b"),
    (Section.ROLE, r"\brole\b|^(the )?mission\b"),
    (Section.STAKEHOLDERS, r"stakeholder"),
    (
        Section.WORKFLOW,
        (
            r"\bworkflow( steps| phases)?$|^execution (steps|phases|process)$"
            r"|^the .*process$|^protocol for .*execution$|^protocol (steps|phases|execution)$"
        ),
    ),
    (Section.INTEGRATION, r"integration points?|^integrations?$"),
    (Section.GATES, r"\bgates?\b"),
    (Section.ERRORS, r"^error (handling|messages?|messaging)"),
    (Section.COMMUNICATION, r"communication"),
    (Section.SCRIPTS, r"^scripts?\b"),
    (Section.AUTOMATION, r"automation( hooks?| integration)?$|^hooks$"),
    (Section.HANDOFF, r"hand-?\s?off|^completion checklist$"),
    (Section.EVIDENCE, r"^evidence\b|evidence summary"),
)
_SECTIONS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SECTION_NAMES)


def section_named(name: str) -> Section:
    """The kind of a section by its bare name (see `bare_name`)."""
    return next((kind for kind, pattern in _SECTIONS if pattern.search(name)), Section.UNKNOWN)


class Field(enum.Enum):
    """What a label introduces."""

    ACTION = "action"
    SAYS = "communication"
    HALT = "halt"
    EVIDENCE = "evidence"
    EVIDENCE_LIST = "evidence collection"
    EXAMPLE = "example"
    VALIDATION = "validation"
    AUTOMATION = "automation"
    DECISION = "decision"
    REASONING = "reasoning"
    PROBLEM = "problem-solving"
    PROMPT = "validation prompt"
    NOTE = "note"
    CRITERIA = "criteria"
    THRESHOLD = "threshold"
    BOOLEAN = "boolean check"
    METRICS = "metrics"
    FAILURE = "failure handling"
    ROLLBACK = "rollback"
    NOTIFY = "notification"
    WAIVER = "waiver"
    TYPE = "type"
    PURPOSE = "purpose"
    SCRIPT = "script"
    CONFIG = "config"
    EXPECTED = "expected output"


_LABELS: Mapping[Field, str] = {
    Field.ACTION: "action|actions|action steps|instruction|instructions",
    Field.SAYS: "communication|communications|communication template|announcement|announce",
    Field.HALT: "halt condition|halt conditions|halt|halts|halt if|halt when|halt trigger|halt triggers"
    "|halting condition|stop condition|stop conditions",
    Field.EVIDENCE: "evidence|evidence file|evidence files|evidence artifact|evidence artifacts|evidence link"
    "|evidence links|evidence required|required evidence|evidence output|evidence location|supporting evidence",
    Field.EVIDENCE_LIST: "evidence collection|phase evidence|evidence collected|step evidence",
    Field.EXAMPLE: "example|examples",
    Field.VALIDATION: "validation|validations|verification|validate|check|checks",
    Field.AUTOMATION: "automation|automation command|automation commands|automation script|automation scripts"
    "|automation hook|automation hooks|command|commands",
    Field.DECISION: "decision|decision tree|decision logic",
    Field.REASONING: "reasoning|reasoning block|reasoning process",
    Field.PROBLEM: "problem-solving|problem solving|problem-solving logic",
    Field.PROMPT: "validation prompt|validation prompts|confirmation prompt",
    Field.NOTE: "input|inputs|output|outputs|owner|duration|error handling|root cause|solution|recovery steps|recovery"
    "|note|notes|rationale|objective|goal|context|description|timing|tools|usage|risk|risks|dependencies|responsible|why",
    Field.CRITERIA: "criteria|criterion|pass criteria|success criteria|acceptance criteria|gate criteria",
    Field.THRESHOLD: "pass threshold|pass thresholds|threshold|thresholds|success threshold|minimum threshold",
    Field.BOOLEAN: "boolean check|boolean checks",
    Field.METRICS: "metric|metrics",
    Field.FAILURE: "failure handling|fail action|failure action|on failure|on fail|if failed|failure response",
    Field.ROLLBACK: "rollback",
    Field.NOTIFY: "notification|notifications|notify",
    Field.WAIVER: "waiver|waivers",
    Field.TYPE: "type|gate type",
    Field.PURPOSE: "purpose",
    Field.SCRIPT: "script|scripts|validation script",
    Field.CONFIG: "config|configuration|ci integration|ci/cd integration|ci",
    Field.EXPECTED: "expected output|expected outputs",
}
LABELS: Mapping[str, Field] = MappingProxyType(
    {name: field for field, names in _LABELS.items() for name in names.split("|")}
)
"""Every known label, in lower case, with the field that it introduces."""

GATE_FIELDS = frozenset(
    {
        Field.CRITERIA,
        Field.THRESHOLD,
        Field.BOOLEAN,
        Field.METRICS,
        Field.FAILURE,
        Field.ROLLBACK,
        Field.NOTIFY,
        Field.WAIVER,
        Field.TYPE,
        Field.PURPOSE,
        Field.SCRIPT,
        Field.CONFIG,
    }
)
"""Labels that only a gate owns; a step that bears one keeps it as a note."""

STEP_FIELDS = frozenset({Field.ACTION, Field.SAYS, Field.HALT, Field.EVIDENCE, Field.EXAMPLE, Field.AUTOMATION})
"""Labels that make a bare ordered item a step when they stand right under it."""

GUARDED_LABELS = (
    "halt condition",
    "halt conditions",
    "evidence",
    "evidence collection",
    "evidence link",
    "criteria",
    "pass criteria",
    "pass threshold",
    "threshold",
    "boolean check",
    "failure handling",
    "waiver",
    "quality gate",
)
"""Labels whose misspelling would drop an obligation (GN0114)."""

NOTE_TITLES = frozenset(
    {
        "root cause",
        "solution",
        "validation",
        "automation",
        "validation prompt",
        "recovery steps",
        "recovery",
        "problem-solving",
        "example",
        "reasoning",
        "verification",
    }
)
"""Titles of ordered items that are notes or fields, never steps."""

REASONING_WORDS = frozenset(
    {
        "premises",
        "premise",
        "constraints",
        "alternatives",
        "alternatives considered",
        "decision",
        "evidence",
        "risks",
        "risks & mitigations",
        "risk",
        "mitigation",
        "mitigations",
        "acceptance link",
        "conclusion",
        "assumptions",
        "inference",
        "reasoning",
        "reasoning process",
        "rationale",
        "observation",
        "observations",
        "criteria",
        "context",
        "validation",
        "source",
        "sources",
        "trade-offs",
        "confidence",
        "alternative",
    }
)
"""Labels that a `[REASONING]` block holds as its own (T14)."""

PROBLEM_WORDS = frozenset(
    {
        "root cause",
        "root causes",
        "solution",
        "solutions",
        "validation",
        "verification",
        "mitigation",
        "prevention",
        "recovery",
        "recovery steps",
        "fallback",
        "symptom",
        "symptoms",
        "fix",
        "resolution",
        "workaround",
    }
)
"""Labels that a problem-solving block holds as its own."""

TREE_WORDS = frozenset({"if", "else if", "elif", "else", "then", "otherwise", "when"})
"""Labels of the branches of a decision tree."""

META_WORDS = frozenset(
    {
        "awareness",
        "limitations",
        "limitation",
        "capacity",
        "correction",
        "monitoring",
        "reflection",
        "confidence",
    }
)
"""Labels of a meta-cognitive block."""

_NUMBERING = re.compile(r"^(?:\d+[A-Za-z]?(?:\.\d+)*\.?|[A-Z]{2}\.)\s+")
_SUFFIX = re.compile(r"\s*\([^()]*\)\s*$")


def bare_name(text: str) -> str:
    """A heading or label without numbering, marks of emphasis, emoji, suffix in brackets and final colon."""
    name = text.replace("*", "").replace("`", "").strip()
    name = _NUMBERING.sub("", name)
    while name and not (name[0].isalnum() or name[0] in "[{"):
        name = name[1:]
    name = _NUMBERING.sub("", name)
    return _SUFFIX.sub("", name.strip().rstrip(":").strip()).strip()


def slug_of(text: str) -> str:
    """Lower case letters and digits joined by single hyphens (compiler section 10)."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
