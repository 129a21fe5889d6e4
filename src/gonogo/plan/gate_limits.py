"""`config/protocol_gates/NAME.yaml`: limits of gates governed outside the document (CFG-01 to CFG-03, F40).

A limit there may be as strict as the document's or stricter. A weaker one is refused, unless the signed policy names
this very file by its digest; then it counts, and is called weaker wherever it is shown (C72). A needed one that is
missing is an error, because a limit that somebody deleted would otherwise pass unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from gonogo.document.yaml_nodes import read_yaml
from gonogo.findings import Finding, Origin
from gonogo.plan.limits import seconds_of, time_limit
from gonogo.plan.model import Bound, BoundClause, GateRule
from gonogo.plan.reading import MISSING_KEY, UNKNOWN_KEY, WRONG_VALUE, Findings, Section, ratio_of
from gonogo.plan.sidecar import metric_key
from gonogo.protocol.threshold import Op
from gonogo.terms import Severity
from gonogo.values import dataclass

FOLDER = "config/protocol_gates"
SCHEMA = "gonogo/gate-limits/1"
WEAKER = "GN1011"
WEAKER_BY_POLICY = " (weaker than the document; accepted by the signed policy)"
_SIGN = "a weaker limit takes admins: name the file under `governed`, gonogo trust build, gonogo trust sign"
METRICS: Mapping[str, str] = {
    "completeness": "completeness score",
    "drift_severity": "drift severity",
    "drift_metric": "drift metric",
    "parity": "parity score",
    "deployment_success": "deployment success rate",
    "coverage": "coverage",
    "rto": "recovery time",
    "severity": "open finding severity",
    "compliance_score": "compliance score",
    "manifest_completeness": "manifest completeness",
    "approval_coverage": "approval coverage",
}
"""Short names of limits and the metrics that they bound; another name is the metric's own, with `_` for blanks."""
NEEDED = frozenset(METRICS) - {"drift_metric", "parity", "compliance_score"}
"""Limits that the file has to state where the protocol has such a clause."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as it is written, and its place."""

    name: str
    written: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class GateLimits:
    """A whole file: limits by metric, and by gate for those that hold for one gate only."""

    protocol: str
    aliases: tuple[str, ...]
    limits: tuple[Limit, ...]
    by_gate: Mapping[str, tuple[Limit, ...]]
    signed_by: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class GateLimitsReading:
    """What came of reading the file: usable only where no finding is an error."""

    limits: GateLimits
    findings: tuple[Finding, ...]


def read_gate_limits(data: bytes, file: str, notes: Findings | None = None) -> GateLimitsReading:
    """Read the bytes of a file of gate limits; BadInput only where it is no YAML at all."""
    notes = notes or Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (SCHEMA,))
    gates = {}
    for item in top.sections("gates"):
        name = item.text("id")
        gates[name] = _limits(item.section("limits"))
        item.finish()
    found = GateLimits(
        protocol=top.text("protocol"),
        aliases=top.texts("aliases", ()),
        limits=_limits(top.section("limits")),
        by_gate=gates,
        signed_by=top.text("signed_by", ""),
        origin=top.origin,
    )
    top.finish()
    return GateLimitsReading(found, tuple(notes.found))


def _limits(section: Section) -> tuple[Limit, ...]:
    names = section.names()
    return tuple(Limit(name, section.text(name), section.origin_of(name)) for name in names)


def tightened(
    gates: Mapping[str, GateRule], limits: GateLimits, slug: str, notes: Findings, *, signed: bool = False
) -> dict[str, GateRule]:
    """`gates` with every limit of the file put in; each that is missing or of nothing is an error.

    So is a weaker one, unless the file is `signed`: named, by its digest, in a policy that admins signed.
    """
    if limits.protocol != slug:
        notes.error(WRONG_VALUE, f"these limits are for `{limits.protocol}`, the document is `{slug}`", limits.origin)
    for unknown in sorted(limits.by_gate.keys() - gates.keys()):
        notes.error(WRONG_VALUE, f"`gates` names `{unknown}`, which is no gate of `{slug}`", limits.origin)
    _check_names(gates, limits, notes)
    return {
        name: _gate(rule, (*limits.limits, *limits.by_gate.get(name, ())), notes, signed=signed)
        for name, rule in gates.items()
    }


def _check_names(gates: Mapping[str, GateRule], limits: GateLimits, notes: Findings) -> None:
    bounded = {metric_key(clause.metric) for rule in gates.values() for clause in rule.clauses if _bounds(clause)}
    stated = {limit.name for limit in limits.limits}
    for name in sorted(NEEDED - stated):
        if METRICS[name] in bounded:
            what = f"`limits.{name}` is missing; the document bounds `{METRICS[name]}`"
            notes.error(MISSING_KEY, what, limits.origin, "write the document's own limit, or a stricter one")
    for limit in limits.limits:
        if _metric(limit.name) not in bounded:
            known = ", ".join(sorted(name for name, metric in METRICS.items() if metric in bounded)) or "none"
            what = f"`limits.{limit.name}` bounds nothing that a gate of the document measures"
            notes.error(UNKNOWN_KEY, what, limit.origin, f"known here: {known}")


def _metric(name: str) -> str:
    return METRICS.get(name, metric_key(name.replace("_", " ")))


def short_name(metric: str) -> str:
    """The name under which a file of limits bounds `metric`."""
    return next(
        (name for name, known in METRICS.items() if known == metric_key(metric)), metric_key(metric).replace(" ", "_")
    )


def _bounds(clause: BoundClause) -> bool:
    """Whether a clause sets a bound; `status = pass` sets none, since a word is either there or not."""
    ordered = clause.unit == "severity" or isinstance(clause.limit.value, Decimal)
    return clause.op in {Op.GE, Op.LE, Op.GT, Op.LT} or (clause.op is Op.EQ and ordered)


def _gate(rule: GateRule, limits: tuple[Limit, ...], notes: Findings, *, signed: bool) -> GateRule:
    clauses = rule.clauses
    for limit in limits:
        clauses = tuple(_clause(clause, limit, notes, signed=signed) for clause in clauses)
    return replace(rule, clauses=clauses)


def _clause(clause: BoundClause, limit: Limit, notes: Findings, *, signed: bool) -> BoundClause:
    if _metric(limit.name) != metric_key(clause.metric) or not _bounds(clause):
        return clause
    value = _value(limit.written, clause.unit)
    if value is None:
        what = f"`limits.{limit.name}` is `{limit.written}`, which is no {clause.unit}"
        notes.error(WRONG_VALUE, what, limit.origin)
        return clause
    if not _as_strict(clause, value):
        what = f"`limits.{limit.name}` is `{limit.written}`, weaker than the document's `{clause.text}`"
        if not signed or not _comparable(clause, value):
            notes.error(WEAKER, what, limit.origin, f"the document's limit stands in {clause.limit_from}", _SIGN)
            return clause
        notes.warn(WEAKER, f"{what}; the signed policy names this file, so it counts", limit.origin)
        return replace(clause, limit=Bound(value), limit_from=f"{limit.origin}{WEAKER_BY_POLICY}")
    return clause if value == clause.limit.value else replace(clause, limit=Bound(value), limit_from=str(limit.origin))


def _comparable(clause: BoundClause, value: Decimal | str) -> bool:
    """Whether limit and value are of one kind: nobody can accept a limit that means something else."""
    had = clause.limit.value
    return (isinstance(had, Decimal) and isinstance(value, Decimal)) or (had in _ORDER and value in _ORDER)


def _value(written: str, unit: str) -> Decimal | str | None:
    match unit:
        case "ratio":
            return ratio_of(written)
        case "duration":
            limit = time_limit(written)
            return None if limit is None else seconds_of(limit)
        case "severity":
            return written if written in _ORDER else None
        case _:
            try:
                value = Decimal(written)
            except InvalidOperation:
                return None
            return value if value.is_finite() else None


_ORDER = {severity.word: severity for severity in Severity if severity is not Severity.UNKNOWN}


def _as_strict(clause: BoundClause, value: Decimal | str) -> bool:
    """Whether bounding by `value` lets nothing pass that `clause` stops; what cannot be compared does."""
    match clause.limit.value, value:
        case str() as had, str() as has if had in _ORDER and has in _ORDER:
            # `= low` is read as "low or none" (C15).
            return _orders(Op.LE if clause.op is Op.EQ else clause.op, _ORDER[had], _ORDER[has])
        case Decimal() as had, Decimal() as has:
            return _orders(clause.op, had, has)
    return False


def _orders(op: Op, had: Decimal | int, has: Decimal | int) -> bool:
    match op:
        case Op.GE | Op.GT:
            return has >= had
        case Op.LE | Op.LT:
            return has <= had
        case _:
            return has == had


@dataclass(frozen=True, slots=True)
class Asked:
    """A gate judged by what a command line asked for; `said` tells what became of each wish (CFG-03)."""

    rule: GateRule
    said: tuple[str, ...]


def asked_for(rule: GateRule, wishes: Mapping[str, str]) -> Asked:
    """`rule` with the limits of a command line, by metric or short name: a stricter one counts, a weaker one never."""
    clauses, said = list(rule.clauses), []
    for name, written in wishes.items():
        places = [at for at, clause in enumerate(clauses) if _metric(name) == metric_key(clause.metric)]
        bounding = [at for at in places if _bounds(clauses[at])]
        if not bounding:
            said.append(f"--{name} {written} bounds nothing in `{rule.name}`; ignored")
        for at in bounding:
            clauses[at], words = _wish(clauses[at], name, written)
            said.append(words)
    return Asked(replace(rule, clauses=tuple(clauses)), tuple(said))


def _wish(clause: BoundClause, name: str, written: str) -> tuple[BoundClause, str]:
    value = _value(written, clause.unit)
    stands = f"the gate judges with `{clause.text}` ({clause.limit_from})"
    if value is None:
        return clause, f"--{name} {written} is no {clause.unit}; {stands}"
    if not _as_strict(clause, value):
        return clause, f"--{name} {written} is weaker and does not count; {stands}"
    return replace(clause, limit=Bound(value), limit_from="command line"), f"--{name} {written} counts: it is as strict"


def file_names(slug: str, name: str, numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Where the limits of a protocol may lie: by slug, by its short name, by each of its numbers."""
    stems = dict.fromkeys((slug, name, *(form for number in numbers for form in (number, number.zfill(2)))))
    return tuple(f"{FOLDER}/{stem}.yaml" for stem in stems if stem)
