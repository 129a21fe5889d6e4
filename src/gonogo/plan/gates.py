"""Binds the clauses of a gate to JSON pointers and resolved limits (DOC-13, DOC-14, GAT-09)."""

from __future__ import annotations

from decimal import Decimal

from gonogo.plan.limits import seconds_of, time_limit
from gonogo.plan.model import Bound, BoundClause, GateRule, ShownMetric
from gonogo.plan.project import Project
from gonogo.plan.reading import Findings, ratio_of
from gonogo.plan.sidecar import MetricBinding, Sidecar, metric_key
from gonogo.protocol.model import Gate
from gonogo.protocol.threshold import Clause, Number, Period, Ref, Word
from gonogo.terms import Severity

UNBOUND = "GN0304"


def bind_gate(gate: Gate, sidecar: Sidecar, project: Project, notes: Findings) -> GateRule:
    """The gate with every clause bound; each clause that cannot be is an error at its own line."""
    clauses = (*gate.thresholds, *gate.booleans)
    bound = [bind_clause(clause, sidecar, project, notes) for clause in clauses]
    for text in gate.manual:
        if text not in sidecar.manual:
            notes.error(UNBOUND, f"cannot turn `{text}` into a test; nobody is bound to attest it", gate.origins[0])
    if not clauses and not gate.manual:
        notes.error(
            "GN0303", f"gate `{gate.name}` has no measurable threshold and no named attestation", gate.origins[0]
        )
    return GateRule(
        id=gate.id,
        name=gate.name,
        kind=gate.kind,
        purpose=gate.purpose,
        clauses=tuple(clause for clause in bound if clause is not None),
        manual=gate.manual,
        evidence=tuple(dict.fromkeys(ref.name for ref in gate.evidence)),
        on_fail=gate.on_fail,
        notify=gate.notify,
        waiver=gate.waiver,
        rolls_back=gate.id in sidecar.rollback_gates,
        origin=gate.origins[0],
        metrics=tuple(_shown(name, sidecar) for name in gate.metrics),
    )


def _shown(name: str, sidecar: Sidecar) -> ShownMetric:
    bound = sidecar.metrics.get(metric_key(name))
    return ShownMetric(name, bound.file, bound.pointer, bound.unit) if bound else ShownMetric(name, "", "", "")


def bind_clause(clause: Clause, sidecar: Sidecar, project: Project, notes: Findings) -> BoundClause | None:
    """A clause with its pointer and limit; None, with an error at its line, where either is not bound."""
    metric = sidecar.metrics.get(metric_key(clause.metric))
    if metric is None:
        note = f"bind it under `metrics:` in {sidecar.origin.file}"
        notes.error(UNBOUND, f"`{clause.metric}` is bound to no evidence", clause.origin, note)
        return None
    limit, source = _limit(clause, metric, sidecar, project, notes)
    if limit is None:
        return None
    return BoundClause(
        clause.written, clause.metric, metric.file, metric.pointer, clause.op, limit, metric.unit, source, clause.origin
    )


def _limit(
    clause: Clause, metric: MetricBinding, sidecar: Sidecar, project: Project, notes: Findings
) -> tuple[Bound | None, str]:
    match clause.limit:
        case Ref(name):
            return _resolved(name, clause, metric, sidecar, project, notes)
        case Number(value):
            return _checked(Bound(value), clause, metric, notes), str(clause.origin)
        case Period(seconds):
            return _checked(Bound(seconds), clause, metric, notes), str(clause.origin)
        case Word(text):
            return _checked(Bound(text), clause, metric, notes), str(clause.origin)


def _resolved(
    name: str, clause: Clause, metric: MetricBinding, sidecar: Sidecar, project: Project, notes: Findings
) -> tuple[Bound | None, str]:
    key = sidecar.refs.get(name, name.lower())
    written = project.limits.get(key)
    if written is None:
        note = f"write `limits: {{{key}: ...}}` in {project.origin.file}"
        notes.error(
            UNBOUND, f"`{name}` is bound to no limit, and without it this clause can never pass", clause.origin, note
        )
        return None, ""
    origin = project.limit_origins[key]
    value = _time(written) if metric.unit == "duration" else ratio_of(written)
    if value is None:
        kind = "a time above zero, such as 10m or 600s; a bare number means minutes"
        kind = kind if metric.unit == "duration" else "a ratio or percentage"
        notes.error("GN1004", f"`limits.{key}` is `{written}`; it must be {kind}", origin)
        return None, ""
    return Bound(value), str(origin)


def _time(written: str) -> Decimal | None:
    limit = time_limit(written)
    return None if limit is None else seconds_of(limit)


def _checked(limit: Bound, clause: Clause, metric: MetricBinding, notes: Findings) -> Bound | None:
    value = limit.value
    words = {severity.word for severity in Severity if severity is not Severity.UNKNOWN}
    if metric.unit in {"ratio", "count", "duration"} and not isinstance(value, Decimal):
        fault = f"`{clause.written}` compares a {metric.unit} with the word `{value}`"
    elif metric.unit == "ratio" and isinstance(value, Decimal) and not 0 <= value <= 1:
        fault = f"`{clause.written}` bounds a ratio by {value}; ratios lie between 0 and 1"
    elif metric.unit == "duration" and isinstance(clause.limit, Number):
        fault = f"`{clause.written}` bounds a duration by a number without a unit"
    elif metric.unit == "severity" and value not in words:
        fault = f"`{value}` is no severity; known are {', '.join(sorted(words))}"
    elif metric.unit == "flag" and value not in {"true", "false"}:
        fault = f"`{clause.written}` compares a true/false value with `{value}`"
    else:
        return limit
    notes.error(UNBOUND, fault, clause.origin)
    return None
