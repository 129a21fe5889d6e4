"""What goes between gonogo and a provider in a process of its own: plain trees, checked on both ends.

A provider that gives anything else than its group's values is refused where its answer is taken apart; nothing of it is
kept, and nothing of it is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, time
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import maybe_time, severity_of
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Unknown
from gonogo.measure.providers import CheckAnswer, CheckQuestion, MetricQuestion, Setting, Settings
from gonogo.measure.scan_findings import ScanFinding, ScanRead
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult, ReportRead
from gonogo.terms import Secret

MOST_DEPTH = 60
_RESULTS = ("pass", "fail", "inconclusive")
_OUTCOMES = ("passed", "failed", "skipped")
_CAUSES = ("vulnerability", "licence", "compliance")


def scan_tree(read: object) -> Tree:
    """A `ScanRead` as a tree; BadInput for anything else."""
    if not isinstance(read, ScanRead):
        raise _wrong("ScanRead", read)
    return {
        "tool": read.tool,
        "version": read.version,
        "findings": [{**asdict(found), "severity": found.severity.word} for found in read.findings],
        "scanned": read.scanned,
        "expected": read.expected,
        "skipped": list(read.skipped),
        "broken": read.broken,
        "needs_database": read.needs_database,
        "database_at": maybe_time(read.database_at),
        "names": None if read.names is None else list(read.names),
        "made_at": maybe_time(read.made_at),
        "live": read.live,
    }


def scan_of(tree: Tree) -> ScanRead:
    """The `ScanRead` that a tree tells of; BadInput where it tells of none."""
    fields = _fields(tree)
    scanned, expected = (fields.count(key) if fields.has(key) else None for key in ("scanned", "expected"))
    if scanned is not None and expected is not None and scanned > expected:
        raise BadInput("it says that it scanned more than there was")
    return ScanRead(
        tool=fields.text("tool"),
        version=fields.text("version"),
        findings=tuple(_finding(row) for row in fields.rows("findings")),
        scanned=scanned,
        expected=expected,
        skipped=fields.texts("skipped"),
        broken=fields.text("broken"),
        needs_database=fields.flag("needs_database"),
        database_at=fields.maybe_moment("database_at"),
        names=fields.texts("names") if fields.has("names") else None,
        made_at=fields.maybe_moment("made_at"),
        live=fields.has("live") and fields.flag("live"),
    )


def _finding(row: Fields) -> ScanFinding:
    cause = row.word("cause", _CAUSES)
    return ScanFinding(
        tool=row.text("tool"),
        rule=row.text("rule"),
        severity=severity_of(row.text("severity")),
        component=row.text("component"),
        fingerprint=row.text("fingerprint"),
        cause="licence" if cause == "licence" else "compliance" if cause == "compliance" else "vulnerability",
        remediation=row.maybe_text("remediation") if row.has("remediation") else None,
    )


def report_tree(read: object) -> Tree:
    """A `ReportRead` as a tree; BadInput for anything else."""
    if not isinstance(read, ReportRead):
        raise _wrong("ReportRead", read)
    return {
        "name": read.name,
        "cases": [asdict(case) for case in read.cases],
        "remarks": list(read.remarks),
        "stamps": list(read.stamps),
    }


def report_of(tree: Tree) -> ReportRead:
    """The `ReportRead` that a tree tells of; BadInput where it tells of none."""
    fields = _fields(tree)
    cases = tuple(_case(row) for row in fields.rows("cases"))
    return ReportRead(fields.text("name"), cases, fields.texts("remarks"), fields.texts("stamps"))


def _case(row: Fields) -> CaseResult:
    outcome = row.word("outcome", _OUTCOMES)
    return CaseResult(
        suite=row.text("suite"),
        classname=row.text("classname"),
        name=row.text("name"),
        outcome="passed" if outcome == "passed" else "skipped" if outcome == "skipped" else "failed",
        seconds=row.maybe_number("seconds"),
        flaky=row.flag("flaky"),
    )


def limits_tree(limits: Mapping[str, Decimal]) -> Tree:
    """The limits of a project for a test report, as a tree."""
    return {name: str(limit) for name, limit in limits.items()}


def limits_of(tree: Tree) -> Mapping[str, Decimal]:
    """The limits that a tree tells of."""
    return {name: Decimal(text) for name, text in _texts(_fields(tree)).items()}


def settings_tree(settings: object) -> Tree:
    """Settings as a tree, names after `=`, secrets and unknown values under a mark; BadInput for anything else."""
    if not isinstance(settings, Mapping):
        raise _wrong("mapping of settings", settings)
    return _marked(settings, 0)


def _marked(value: object, depth: int) -> Tree:
    if depth > MOST_DEPTH:
        raise BadInput(f"the settings are nested deeper than {MOST_DEPTH} levels")
    match value:
        case None | bool() | int() | Decimal() | str():
            return value
        case float() | date() | time():
            return value.isoformat() if isinstance(value, date | time) else str(value)
        case Secret() | Fingerprint() | Encrypted() | Unknown():
            return _marked_leaf(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise BadInput("a setting has a name that is not text")
            return {f"={key}": _marked(below, depth + 1) for key, below in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_marked(item, depth + 1) for item in value]
        case _:
            raise _wrong("setting", value)


def _marked_leaf(value: Secret | Fingerprint | Encrypted | Unknown) -> Tree:
    match value:
        case Secret():
            return {"secret": value.reveal()}
        case Fingerprint(digest=digest, rotated_at=rotated_at):
            return {"fingerprint": digest, "rotated_at": rotated_at}
        case Encrypted(text=text):
            return {"encrypted": text}
        case Unknown(reason=reason):
            return {"unknown": reason}


def settings_of(tree: Tree) -> Settings:
    """The settings that a tree tells of; BadInput where it tells of none."""
    found = _unmarked(tree)
    if not isinstance(found, Mapping):
        raise BadInput("it gave no names with values")
    return found


def _unmarked(tree: Tree) -> Setting:
    if isinstance(tree, Mapping):
        return _unmarked_leaf(tree)
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [_unmarked(item) for item in tree]
    return tree


def _unmarked_leaf(tree: Mapping[str, Tree]) -> Setting:
    if all(key.startswith("=") for key in tree):
        return {key[1:]: _unmarked(value) for key, value in tree.items()}
    match dict(tree):
        case {"secret": str() as text}:
            return Secret(text)
        case {"fingerprint": str() | None as digest, "rotated_at": str() | None as rotated_at}:
            return Fingerprint(digest, rotated_at)
        case {"encrypted": str() as text}:
            return Encrypted(text)
        case {"unknown": str() as reason}:
            return Unknown(reason)
        case _:
            raise BadInput("it gave a setting of a kind that is not known")


def check_tree(answer: object) -> Tree:
    """A `CheckAnswer` as a tree; BadInput for anything else."""
    if not isinstance(answer, CheckAnswer):
        raise _wrong("CheckAnswer", answer)
    return {"result": answer.result, "detail": answer.detail}


def check_of(tree: Tree) -> CheckAnswer:
    """The `CheckAnswer` that a tree tells of; BadInput where it tells of none."""
    fields = _fields(tree)
    result = fields.word("result", _RESULTS)
    detail = " ".join(fields.text("detail").split())
    return CheckAnswer("pass" if result == "pass" else "fail" if result == "fail" else "inconclusive", detail)


def counters_tree(answer: object) -> Tree:
    """The counters of a metrics provider, which are a tree already; BadInput for anything else."""
    if not isinstance(answer, Mapping):
        raise _wrong("mapping of counters", answer)
    return {"slots": answer.get("slots", {}), "missing": answer.get("missing", {})}


def counters_of(tree: Tree) -> Mapping[str, Tree]:
    """The counters that a tree tells of; their numbers are checked where they are read."""
    if not isinstance(tree, Mapping):
        raise BadInput("it gave no counters")
    return tree


def question_tree(question: CheckQuestion | MetricQuestion) -> Tree:
    """A question as a tree."""
    return asdict(question)


def check_question(tree: Tree) -> CheckQuestion:
    """The question of a check that a tree tells of."""
    fields = _fields(tree)
    named = {key: fields.text(key) for key in ("name", "environment", "url", "version", "digest")}
    return CheckQuestion(**named, slots=_texts(fields.part("slots")), options=_texts(fields.part("options")))


def metric_question(tree: Tree) -> MetricQuestion:
    """The question about metrics that a tree tells of."""
    fields = _fields(tree)
    return MetricQuestion(_texts(fields.part("slots")), _texts(fields.part("options")))


def _texts(fields: Fields) -> dict[str, str]:
    return {key: fields.text(key) for key in fields.values}


def _fields(tree: Tree) -> Fields:
    if not isinstance(tree, Mapping):
        raise BadInput("it gave something else than its kind of answer")
    return Fields(tree)


def _wrong(wanted: str, found: object) -> BadInput:
    return BadInput(f"it has to give a {wanted} and gave a {type(found).__name__}")
