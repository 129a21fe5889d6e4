"""`NAME.gonogo.yaml` beside a document: what binds its prose to facts (CFG-11; compiler section 11).

A binding may add or tighten, never remove: it can neither lower an obligation nor leave a MUST step out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from gonogo.document.yaml_nodes import Scalar, read_yaml
from gonogo.findings import Finding, Origin
from gonogo.plan.reading import Findings, Section
from gonogo.protocol.branching import words_key
from gonogo.values import dataclass

SCHEMA = "gonogo/sidecar/1"
INDEPENDENT = ("tests", "security", "smoke", "post_checks", "dry_run")
"""Activities whose commands need nothing of each other."""
MOST_AT_ONCE = 16
UNITS = ("ratio", "count", "duration", "word", "severity", "flag", "hours")


@dataclass(frozen=True, slots=True)
class MetricBinding:
    """Where a clause's measured value stands: a JSON pointer into an evidence file, with its unit."""

    file: str
    pointer: str
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class StepBinding:
    """What a step does: a built-in activity, commands of the project, or a person's attestation.

    `at_once` of its commands may be at work at the same time (C57); 1 is one after the other.
    """

    does: str
    commands: tuple[str, ...]
    attested_by: str
    effect: str
    origin: Origin
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class GuardedPart:
    """One part of a guardrail sentence and what guards it: `gate ID`, `approval POINT` or `step ID` (RGD-03)."""

    text: str
    by: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A whole sidecar file. `external` names the artifacts that no known protocol makes.

    `branches` name the step that a branch of a decision tree, or a part of its THEN, is about, where words do not.
    """

    protocol: str
    name: str
    aliases: tuple[str, ...]
    environment: str
    role: str
    next_protocol: str
    metrics: Mapping[str, MetricBinding]
    refs: Mapping[str, str]
    steps: Mapping[str, StepBinding]
    approvals: tuple[str, ...]
    states: tuple[str, ...]
    manual: Mapping[str, str]
    rollback_gates: tuple[str, ...]
    guardrail: tuple[GuardedPart, ...]
    external: tuple[str, ...]
    origin: Origin
    branches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SidecarReading:
    """What came of reading a sidecar: usable only where no finding is an error."""

    sidecar: Sidecar
    findings: tuple[Finding, ...]


def metric_key(text: str) -> str:
    """A metric's name as it is compared: lower case, words and dots only, single blanks."""
    return re.sub(r"[^a-z0-9.]+", " ", text.lower()).strip()


def read_sidecar(data: bytes, file: str, notes: Findings | None = None) -> SidecarReading:
    """Read a sidecar; BadInput only where it is no YAML at all."""
    notes = notes or Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (SCHEMA,))
    sidecar = Sidecar(
        protocol=top.text("protocol"),
        name=top.text("name", pattern=r"[a-z0-9][a-z0-9-]{0,63}", kind="a name of lower-case letters, digits, hyphens"),
        aliases=top.texts("aliases", ()),
        environment=top.choice("environment", ("staging", "production")),
        role=top.text("role"),
        next_protocol=top.text("next", ""),
        metrics=_metrics(top.section("metrics")),
        refs=top.mapping("refs"),
        steps={name: _step(child) for name, child in top.section("steps").children()},
        approvals=top.texts("approvals", ()),
        states=top.texts("states", ()),
        manual=top.mapping("manual"),
        rollback_gates=top.texts("rollback_gates", ()),
        guardrail=tuple(_guarded(item) for item in top.sections("guardrail")),
        external=top.texts("external", ()),
        origin=top.origin,
        branches={words_key(text): step for text, step in top.mapping("branches").items()},
    )
    top.finish()
    return SidecarReading(sidecar, tuple(notes.found))


def _metrics(section: Section) -> dict[str, MetricBinding]:
    found: dict[str, MetricBinding] = {}
    for name, child in section.children():
        if _unfilled(child, "file", "pointer", "unit"):
            continue
        found[metric_key(name)] = MetricBinding(
            child.text("file"),
            child.text("pointer", pattern=r"(/[^/]+)+", kind="a JSON pointer such as /a/b"),
            child.choice("unit", UNITS),
            child.origin,
        )
        child.finish()
    return found


def _guarded(section: Section) -> GuardedPart:
    if _unfilled(section, "by"):
        return GuardedPart(section.text("text"), "", section.origin)
    by = section.text("by", pattern=r"(gate|approval|step) \S+", kind="`gate ID`, `approval POINT` or `step ID`")
    found = GuardedPart(section.text("text"), by, section.origin)
    section.finish()
    return found


def _unfilled(section: Section, *keys: str) -> bool:
    """Whether all that is there is empty, as a skeleton leaves it: one finding then, not one for each key."""
    nodes = [section.node(key, required=False) for key in keys]
    written = [node for node in nodes if node is not None]
    if not written or not all(isinstance(node, Scalar) and not node.text.strip() for node in written):
        return False
    section.notes.error("GN1004", f"`{section.path}` is not filled in yet", section.origin)
    return True


def _step(section: Section) -> StepBinding:
    if _unfilled(section, "does", "command", "attested_by"):
        return StepBinding("", (), "", "none", section.origin)
    command, commands = section.text("command", ""), section.texts("commands", ())
    found = StepBinding(
        section.text("does", ""),
        commands or ((command,) if command else ()),
        section.text("attested_by", ""),
        section.choice("effect", ("none", "staging", "production"), "none"),
        section.origin,
        section.integer("at_once", 1, least=1),
    )
    if sum(1 for way in (found.does, command, commands, found.attested_by) if way) != 1:
        ways = "`does`, `command`, `commands`, `attested_by`"
        section.notes.error("GN0702", f"`{section.path}` needs exactly one of {ways}", section.origin)
    if found.at_once > 1:
        _check_at_once(found, section)
    section.finish()
    return found


def _check_at_once(found: StepBinding, section: Section) -> None:
    """Only acts that need nothing of each other may be at work together; the others are done in their order."""
    fits = found.does in INDEPENDENT or len(found.commands) > 1
    if not fits or found.at_once > MOST_AT_ONCE or len(set(found.commands)) < len(found.commands):
        known = f"`commands` (each named once) or one of {', '.join(INDEPENDENT)}, up to {MOST_AT_ONCE}"
        words = f"`{section.path}.at_once` lets acts of one step run at the same time; this step does its acts in order"
        section.notes.error("GN0702", words, section.origin_of("at_once"), f"it can stand beside {known}")
