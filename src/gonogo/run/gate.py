"""Judges a gate from sealed evidence, fail-closed (GAT-01..GAT-09, F30).

`judge` sees bytes from the vault and nothing else: no exit status, no printed PASS, no prose. What is missing is
INCONCLUSIVE, what is broken or foreign is an ERROR, and only PASS is a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Found, Tree, read_object, resolve_pointer
from gonogo.evidence.ledger import time_text
from gonogo.measure.evidence_schemas import wrong_kinds
from gonogo.measure.rederiving import disagreements, lapsed
from gonogo.plan.model import BoundClause, GateRule, ShownMetric
from gonogo.plan.reading import duration_of, moment_of
from gonogo.protocol.threshold import Op
from gonogo.terms import Digest, Json, RunId, Severity, Verdict, digest_of, worst
from gonogo.values import dataclass

NOT_MEASURED: Final = "not measured"
SKEW: Final = timedelta(minutes=5)
"""So far may the clocks of two machines be apart before a file counts as one from the future."""
_COMPARE: Mapping[Op, Callable[[Decimal, Decimal], bool]] = {
    Op.EQ: lambda measured, limit: measured == limit,
    Op.NE: lambda measured, limit: measured != limit,
    Op.GE: lambda measured, limit: measured >= limit,
    Op.LE: lambda measured, limit: measured <= limit,
    Op.GT: lambda measured, limit: measured > limit,
    Op.LT: lambda measured, limit: measured < limit,
}


@dataclass(frozen=True, slots=True)
class SealedFile:
    """Evidence as the gate gets it: the bytes of the vault, and who could produce it anew."""

    name: str
    digest: Digest
    data: bytes
    stage: str
    status: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What the evidence has to be about."""

    run: RunId
    release_digest: Digest


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """One clause with its measured value, its limit, its verdict and the reason for it."""

    clause: BoundClause
    measured: str
    limit: str
    verdict: Verdict
    why: str
    digest: Digest | None
    who: str


@dataclass(frozen=True, slots=True)
class GateJudgement:
    """A judged gate. `lacking` are evidence files that are not there or cannot be used."""

    rule: GateRule
    verdict: Verdict
    clauses: tuple[ClauseResult, ...]
    evidence: tuple[tuple[str, Digest], ...]
    lacking: tuple[tuple[str, Verdict, str], ...]
    at: datetime
    shown: tuple[tuple[ShownMetric, str], ...] = ()


def judge(rule: GateRule, files: Mapping[str, SealedFile], subject: Subject, now: datetime) -> GateJudgement:
    """Judge `rule` from `files` (by name). All clauses and all evidence must hold; none at all is INCONCLUSIVE."""
    bodies: dict[str, Mapping[str, Tree] | _Unusable] = {}
    lacking: list[tuple[str, Verdict, str]] = []
    for name in rule.judged_files:
        verdict, why, body = _usable(name, files.get(name), subject, now)
        if body is not None:
            bodies[name] = body
        if verdict is not Verdict.PASS:
            lacking.append((name, verdict, why))
            bodies[name] = _Unusable(verdict, why)
    results = tuple(_clause(clause, files.get(clause.file), bodies.get(clause.file)) for clause in rule.clauses)
    verdicts = [result.verdict for result in results] + [verdict for _, verdict, _ in lacking]
    if rule.manual and not verdicts:
        verdicts = [Verdict.PASS]
    used = tuple((name, files[name].digest) for name in bodies if name in files)
    shown = tuple((metric, _shown(metric, files.get(metric.file), subject, now)) for metric in rule.metrics)
    return GateJudgement(rule, worst(verdicts), results, used, tuple(lacking), now, shown)


def guilty_steps(judged: GateJudgement) -> tuple[tuple[str, str], ...]:
    """What did not hold, clause or file, each with the step that writes its evidence (empty: no step does)."""
    clauses = [result for result in judged.clauses if result.verdict is not Verdict.PASS]
    owed = judged.rule.owed_by
    found = [(result.clause.text, result.who or owed.get(result.clause.file, "")) for result in clauses]
    known = {result.clause.file for result in clauses}
    return (*found, *((name, owed.get(name, "")) for name, _, _ in judged.lacking if name not in known))


def _shown(metric: ShownMetric, file: SealedFile | None, subject: Subject, now: datetime) -> str:
    """The value of a metric that decides nothing; `not measured` where it is bound to nothing or cannot be read."""
    verdict, _, body = _usable(metric.file, file, subject, now)
    found = resolve_pointer(body, metric.pointer) if verdict is Verdict.PASS and body is not None else None
    return NOT_MEASURED if not isinstance(found, Found) or found.value is None else str(found.value)


@dataclass(frozen=True, slots=True)
class _Unusable:
    """A file that no clause may be judged by, and why."""

    verdict: Verdict
    why: str


def _usable(
    name: str, file: SealedFile | None, subject: Subject, now: datetime
) -> tuple[Verdict, str, Mapping[str, Tree] | None]:
    if file is None:
        return Verdict.INCONCLUSIVE, f"{name} has not been sealed in this attempt", None
    if file.status == "claimed":
        return Verdict.INCONCLUSIVE, f"{name} is only a claim; a claim satisfies nothing", None
    if file.status == "manual":
        return Verdict.INCONCLUSIVE, f"{name} is a manual record; a measured clause needs a measurement", None
    if digest_of(file.data) != file.digest:
        return Verdict.ERROR, f"{name} is not the file that was sealed", None
    if not file.data.strip():
        return Verdict.INCONCLUSIVE, f"{name} is empty", None
    if not name.endswith(".json"):
        fault = no_text(name, file.data)
        return (Verdict.ERROR, f"{name} {fault}", None) if fault else (Verdict.PASS, "", None)
    try:
        body = read_object(file.data, name=name, limit=16 << 20)
    except BadInput as error:
        return Verdict.ERROR, f"{name} cannot be read: {error.what}", None
    if body.get("mode") == "manual":
        return Verdict.INCONCLUSIVE, f"{name} is a manual record; a measured clause needs a measurement", body
    fault = _foreign(body, subject) or "; ".join((*wrong_kinds(name, body), *disagreements(name, body)))
    if fault:
        return Verdict.ERROR, f"{name}: {fault}", body
    if _made_at(body) > now + SKEW:
        why = f"{name} says that it was made at {body.get('generated_at')}, which has not come yet: correct the clock"
        return Verdict.INCONCLUSIVE, f"{why}, and run the step again", body
    over = lapsed(name, body, now)
    if over:
        return Verdict.INCONCLUSIVE, f"{name} was true when it was written and has run out: {'; '.join(over)}", body
    return Verdict.PASS, "", body


def no_text(name: str, data: bytes) -> str:
    """What keeps a log or a page from being one; empty where nothing does, and for files that are no text.

    Nothing is compared in them: what a log says is judged by its JSON twin (C63).
    """
    if not name.endswith((".log", ".md", ".txt")):
        return ""
    if data.count(b"\0") * 10 > len(data):
        return "consists of zero bytes: it is damaged or no text; write it again"
    if data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, such as a proxy sends when it fails; write the report itself"
    try:
        data.decode("utf-8", "strict" if name.endswith(".md") else "replace")
    except UnicodeDecodeError as error:
        return f"is no UTF-8 text from byte {error.start} on; write it as UTF-8"
    return ""


def _made_at(body: Mapping[str, Tree]) -> datetime:
    """When a file says that it was made; the beginning of time where it does not say so, which its shape is held to."""
    moment = moment_of(str(body.get("generated_at", "")))
    return moment or datetime.min.replace(tzinfo=UTC)


def _foreign(body: Mapping[str, Tree], subject: Subject) -> str:
    run = body.get("run_id")
    if run is not None and run != subject.run:
        return f"it belongs to run {run}, this is {subject.run}"
    release = body.get("release")
    digest = release.get("digest") if isinstance(release, Mapping) else None
    if digest is not None and digest != subject.release_digest:
        return "it is about another release"
    producer = body.get("producer")
    if isinstance(producer, Mapping) and producer.get("kind") == "agent":
        return "it was produced by an agent and is only a claim"
    return ""


def _clause(clause: BoundClause, file: SealedFile | None, body: Mapping[str, Tree] | _Unusable | None) -> ClauseResult:
    limit = str(clause.limit.value)
    who = file.stage if file else ""
    digest = file.digest if file else None
    if not isinstance(body, Mapping):
        unusable = body or _Unusable(Verdict.ERROR, f"{clause.file} is no JSON file")
        return ClauseResult(clause, NOT_MEASURED, limit, unusable.verdict, unusable.why, digest, who)
    found = resolve_pointer(body, clause.pointer)
    if not isinstance(found, Found) or found.value is None:
        why = f"{clause.file} has no value at {clause.pointer}"
        return ClauseResult(clause, NOT_MEASURED, limit, Verdict.INCONCLUSIVE, why, digest, who)
    verdict, why = _compared(clause, found.value)
    return ClauseResult(clause, str(found.value), limit, verdict, why, digest, who)


def _compared(clause: BoundClause, value: Tree) -> tuple[Verdict, str]:
    match clause.unit:
        case "ratio" | "count" | "hours":
            return _number(clause, value)
        case "duration":
            seconds = duration_of(value) if isinstance(value, str) else None
            if seconds is None:
                return Verdict.ERROR, f"`{value}` is no duration"
            return _held(clause, seconds, f"{seconds} s")
        case "severity":
            return _severity(clause, value)
        case "flag":
            if not isinstance(value, bool):
                return Verdict.ERROR, f"`{value}` is neither true nor false"
            return _words(clause, "true" if value else "false")
        case "word":
            if not isinstance(value, str):
                return Verdict.ERROR, f"`{value}` is no word"
            return _words(clause, value)
        case _:
            return Verdict.ERROR, f"unknown unit `{clause.unit}`"


def _number(clause: BoundClause, value: Tree) -> tuple[Verdict, str]:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return Verdict.ERROR, f"`{value}` is no number"
    number = Decimal(value)
    if not number.is_finite():
        return Verdict.ERROR, f"`{value}` is not finite"
    if clause.unit == "ratio" and not 0 <= number <= 1:
        return Verdict.ERROR, f"{number} is no ratio between 0 and 1"
    if clause.unit == "count" and (number < 0 or number != number.to_integral_value()):
        return Verdict.ERROR, f"{number} is no count"
    return _held(clause, number, str(number))


def _severity(clause: BoundClause, value: Tree) -> tuple[Verdict, str]:
    known = {severity.word: severity for severity in Severity}
    if not isinstance(value, str) or value not in known or not isinstance(clause.limit.value, str):
        return Verdict.ERROR, f"`{value}` is no severity"
    limit = known[clause.limit.value]
    # `= low` is read as "low or none" (C15): a better value never fails an equality of severities.
    op = Op.LE if clause.op is Op.EQ else clause.op
    holds = _COMPARE[op](Decimal(known[value]), Decimal(limit))
    return (Verdict.PASS, "") if holds else (Verdict.FAIL, f"{value} is worse than {limit.word}")


def _held(clause: BoundClause, measured: Decimal, shown: str) -> tuple[Verdict, str]:
    limit = clause.limit.value
    if not isinstance(limit, Decimal):
        return Verdict.ERROR, f"the limit `{limit}` is no number"
    if _COMPARE[clause.op](measured, limit):
        return Verdict.PASS, ""
    return Verdict.FAIL, f"measured {shown}, allowed {clause.op.value} {limit}"


def _words(clause: BoundClause, measured: str) -> tuple[Verdict, str]:
    wanted = str(clause.limit.value)
    holds = {Op.EQ: measured.lower() == wanted, Op.NE: measured.lower() != wanted}.get(clause.op)
    if holds is None:
        return Verdict.ERROR, f"words cannot be compared with {clause.op.value}"
    return (
        (Verdict.PASS, "") if holds else (Verdict.FAIL, f"measured `{measured}`, allowed {clause.op.value} `{wanted}`")
    )


def judgement_body(judged: GateJudgement) -> dict[str, Json]:
    """The judgement as F30: each clause with origin, measured value, limit and result, and what would turn it."""
    return {
        "gate": judged.rule.id,
        "name": judged.rule.name,
        "type": judged.rule.kind,
        "purpose": judged.rule.purpose,
        "verdict": judged.verdict.word,
        "clauses": [_clause_body(result) for result in judged.clauses],
        "evidence": [{"name": name, "sha256": digest} for name, digest in judged.evidence],
        "lacking": [{"name": name, "verdict": verdict.word, "why": why} for name, verdict, why in judged.lacking],
        "manual": list(judged.rule.manual),
        "notified": list(judged.rule.notify),
        "on_failure": judged.rule.on_fail,
        "judged_at": time_text(judged.at),
        "metrics": [
            {"name": metric.name, "measured": value, "unit": metric.unit or None} for metric, value in judged.shown
        ],
        "plan": list(_plan(judged)),
    }


def _plan(judged: GateJudgement) -> Iterator[dict[str, Json]]:
    """The corrective plan: per clause or file what is wrong, which step to repeat, and who was told (GAT-06)."""
    acts = {result.clause.text: result.why for result in judged.clauses}
    acts |= {name: why for name, _, why in judged.lacking}
    for what, step in guilty_steps(judged):
        yield {
            "clause": what,
            "who": step,
            "act": acts[what],
            "repeat": step or None,
            "people": list(judged.rule.notify),
        }


def _clause_body(result: ClauseResult) -> dict[str, Json]:
    clause = result.clause
    return {
        "text": clause.text,
        "origin": str(clause.origin),
        "file": clause.file,
        "pointer": clause.pointer,
        "measured": result.measured,
        "operator": clause.op.value,
        "limit": result.limit,
        "unit": clause.unit,
        "limit_from": clause.limit_from,
        "result": result.verdict.word,
        "why": result.why,
        "sha256": result.digest,
    }
