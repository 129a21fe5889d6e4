"""Reads what a project, and the files beside it, say about parity; every fault is a finding with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from gonogo.document.yaml_nodes import Items, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.findings import Level
from gonogo.measure.parity import MARK, RemediationMark, RemediationPlan
from gonogo.measure.parity_forms import ENDINGS, SETTINGS_READERS
from gonogo.plan.parity_project import AcceptedDrift, ParityFiles, ParityRule, RuleSet, SettingsSource
from gonogo.plan.reading import WRONG_VALUE, Findings, Section, moment_of
from gonogo.values import dataclass

RULES_SCHEMA = "gonogo/parity-rules/1"
REMEDIATION_SCHEMA = "gonogo/parity-remediation/1"
REVIEWS_SCHEMA = "gonogo/parity-reviews/1"
REVIEW_NAMESPACE = "gonogo/parity-review/v1"
WHOLE = "environment"
CLASSES = ("configuration", "secrets", "infrastructure", "feature_flags", WHOLE)
SEVERITIES = ("none", "low", "medium", "high", "critical")
_MOMENT = "2027-01-31T22:00:00Z"
_FORMS = tuple(SETTINGS_READERS)


@dataclass(frozen=True, slots=True)
class Remediation:
    """The remediation file: plans and marks by path pattern."""

    plans: tuple[RemediationPlan, ...] = ()
    marks: tuple[RemediationMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An item that nobody could compare and a person has looked at; nothing later than `until` counts."""

    path: str
    finding: str
    until: datetime


def settings_of(section: Section) -> Mapping[str, tuple[SettingsSource, ...]]:
    """The sources of an environment by class; a plain list is configuration (PAR-01)."""
    node = section.node("settings", required=False)
    if node is None:
        return {}
    if not isinstance(node, Pairs):
        return {"configuration": tuple(_sources(section, "settings"))}
    classes = section.section("settings")
    found = {name: tuple(_sources(classes, name)) for name in CLASSES}
    classes.finish()
    return {name: sources for name, sources in found.items() if sources}


def _sources(section: Section, key: str) -> Iterator[SettingsSource]:
    node = section.node(key, required=False)
    for item in node.items if isinstance(node, Items) else () if node is None else (node,):
        if isinstance(item, Scalar):
            yield SettingsSource(item.text, "", _form(item.text, key), "", {}, item.origin)
        elif isinstance(item, Pairs):
            yield _source(Section(item, f"{section.path}.{key}" if section.path else key, section.notes), key)
        else:
            section.notes.error("GN1002", f"`{key}` lists files, or mappings with `path` or `command`", item.origin)


def _source(section: Section, below: str) -> SettingsSource:
    path, command = section.text("path", ""), section.text("command", "")
    if bool(path) == bool(command):
        section.notes.error(WRONG_VALUE, f"`{section.path}` needs either `path` or `command`", section.origin)
    default = _form(path, below) if path else None
    found = SettingsSource(
        path=path,
        command=command,
        form=section.provider("format", _FORMS, default if default is None or default in _FORMS else "json"),
        below=section.text("below", ""),
        rename=section.mapping("rename"),
        origin=section.origin,
    )
    section.finish()
    return found


def _form(path: str, below: str) -> str:
    """What a file is read as by its ending; empty where nobody knows, which is said when it is compared."""
    if below == WHOLE:
        return WHOLE
    return next((form for ending, form in ENDINGS.items() if path.endswith(ending)), "")


def parity_rule(section: Section) -> ParityRule:
    """One rule."""
    expected, must_differ = section.flag("expected", default=False), section.flag("must_differ", default=False)
    found = ParityRule(
        pattern=section.text("path"),
        severity=section.choice("severity", SEVERITIES, "medium"),
        weight=section.integer("weight", 1),
        expected=expected or must_differ,
        must_differ=must_differ,
        reason=section.text("reason", "declared in the rules"),
        origin=section.origin,
    )
    section.finish()
    return found


def accepted_drift(section: Section) -> AcceptedDrift:
    """One accepted difference; its date needs a zone, because it ends at a moment."""
    until = _moment(section, "until")
    found = AcceptedDrift(section.text("path"), section.text("owner"), section.text("reason"), until, section.origin)
    section.finish()
    return found


def parity_files(section: Section | None) -> ParityFiles:
    """Where the files beside the project file lie."""
    if section is None:
        return ParityFiles()
    known = ParityFiles()
    found = ParityFiles(
        rules=section.text("rules", ""),
        remediation=section.text("remediation", known.remediation),
        reviews=section.text("reviews", known.reviews),
        owner=section.text("owner", known.owner),
        answer_within=section.seconds("answer_within", Decimal(known.answer_within)),
    )
    section.finish()
    return found


def _moment(section: Section, key: str) -> str:
    text = section.text(key)
    if text and moment_of(text) is None:
        what = f"`{section.path}.{key}` is `{text}`; it must be a moment with its zone, such as {_MOMENT}"
        section.notes.error(WRONG_VALUE, what, section.origin_of(key))
        return _MOMENT
    return text or _MOMENT


def is_rule_file(data: bytes) -> bool:
    """Whether a file says of itself that it holds parity rules."""
    return f"schema: {RULES_SCHEMA}".encode() in data[:4096]


def read_rule_file(data: bytes, file: str) -> RuleSet:
    """A versioned file of rules (PAR-12); BadInput with the place of the first fault."""
    notes = Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (RULES_SCHEMA,))
    found = RuleSet(
        rules=tuple(parity_rule(item) for item in top.sections("rules")),
        accepted=tuple(accepted_drift(item) for item in top.sections("accepted_drift")),
        version=top.integer("version", least=1),
        name=top.text("name", ""),
    )
    top.finish()
    _require_sound(notes)
    return found


def environment_rules(data: bytes, file: str) -> RuleSet:
    """The rules that a description of an environment brings with it: `severity_rules` and `accepted_drift` (F42)."""
    notes = Findings()
    top = Section(read_yaml(data, file), "", notes)
    rules = tuple(parity_rule(item) for item in top.sections("severity_rules"))
    accepted = tuple(accepted_drift(item) for item in top.sections("accepted_drift"))
    _require_sound(notes)
    return RuleSet(rules, accepted)


def read_remediation(data: bytes, file: str) -> Remediation:
    """Plans and marks; BadInput with the place of the first fault."""
    notes = Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (REMEDIATION_SCHEMA,))
    plans = []
    for item in top.sections("plans"):
        due = datetime.fromisoformat(_moment(item, "due"))
        plans.append(RemediationPlan(item.text("path"), item.text("owner"), item.text("action"), due))
        item.finish()
    marks = []
    for item in top.sections("marks"):
        item.choice("mark", (MARK,), MARK)
        marks.append(RemediationMark(item.text("path"), item.text("by"), item.text("reason")))
        item.finish()
    top.finish()
    _require_sound(notes)
    return Remediation(tuple(plans), tuple(marks))


def read_reviews(data: bytes, file: str) -> tuple[Reviewed, ...]:
    """What was reviewed that nobody could compare; BadInput with the place of the first fault."""
    notes = Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (REVIEWS_SCHEMA,))
    found = []
    for item in top.sections("reviews", required=True):
        until = datetime.fromisoformat(_moment(item, "until"))
        found.append(Reviewed(item.text("path"), item.text("finding"), until))
        item.finish()
    top.finish()
    _require_sound(notes)
    return tuple(found)


def _require_sound(notes: Findings) -> None:
    first = next((finding for finding in notes.found if finding.level is Level.ERROR), None)
    if first is not None:
        raise BadInput(str(first.message), where=str(first.primary), next_step="; ".join(first.notes) or "correct it")
