"""The health window: body of `deployment-health-log.json` and its Markdown twin (F25, SOK-01..05, DG4-02).

A breach counts at once. No breach counts only when the window is over, every objective was sampled and no sample is
missing: silence of the metric source is never health.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, time_text, without_none
from gonogo.measure.markdown import page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Verdict
from gonogo.values import dataclass

Comparison: TypeAlias = Literal["≤", "<", "≥", ">"]


@dataclass(frozen=True, slots=True)
class SloSeen:
    """One objective: every sample has to stand in `comparison` to it. None is a sample that the source did not give."""

    name: str
    objective: Decimal
    comparison: Comparison
    unit: str
    samples: tuple[Decimal | None, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class Observation:
    """An anomaly that was seen, what was decided about it, and by whom."""

    at: datetime
    anomaly: str
    decision: str
    by: str


@dataclass(frozen=True, slots=True)
class SeriesSeen:
    """A recorded series, by the digest of its points."""

    metric: str
    points_sha256: Digest


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """A health window as far as it has gone; `extended` counts its extensions (SOK-04)."""

    window_start: datetime
    window_end: datetime
    slos: tuple[SloSeen, ...]
    observations: tuple[Observation, ...] = ()
    series: tuple[SeriesSeen, ...] = ()
    extended: int = 0


def health_body(seen: HealthSeen, now: datetime) -> Body:
    """Body of the health log as of `now` (F25)."""
    raw: Body = {
        "health": {
            "window_start": time_text(seen.window_start),
            "window_end": time_text(seen.window_end),
            "observed_until": time_text(min(now, seen.window_end)),
            "extended": seen.extended,
        },
        "slos": [_slo_row(slo) for slo in seen.slos],
        "observations": [
            {"at": time_text(one.at), "anomaly": one.anomaly, "decision": one.decision, "by": one.by}
            for one in seen.observations
        ],
        "series": [{"metric": series.metric, "points_sha256": series.points_sha256} for series in seen.series],
    }
    return filled(raw, derived_health(raw))


def derived_health(body: Mapping[str, Tree]) -> Derived:
    """Breaches, samples, missing samples and status (III.2)."""
    fields = Fields(body)
    about = fields.part("health")
    slos = fields.rows("slos")
    breaches = sum(_is_breached(row) for row in slos)
    missing = sum(max(row.count("expected") - row.count("samples"), 0) for row in slos)
    over = about.moment("observed_until") >= about.moment("window_end") > about.moment("window_start")
    sampled = bool(slos) and all(row.count("samples") > 0 and row.has("worst") for row in slos)
    well = over and sampled and not missing
    return {
        "/health/breaches": breaches if breaches or (over and sampled) else None,
        "/health/samples": sum(row.count("samples") for row in slos),
        "/health/samples_missing": missing if slos else None,
        "/health/status": "fail" if breaches else "pass" if well else None,
    }


def health_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `deployment-health-log.md`, rendered from the body (SOK-03)."""
    fields = Fields(body)
    about = fields.part("health")
    slos = [
        (
            row.text("name"),
            f"{row.text('comparison')} {row.number('objective')} {row.text('unit')}",
            row.maybe_number("worst"),
            f"{row.count('samples')} of {row.count('expected')}",
            row.text("verdict"),
        )
        for row in fields.rows("slos")
    ]
    notes = [
        (row.text("at"), row.text("anomaly"), row.text("decision"), row.text("by"))
        for row in fields.rows("observations")
    ]
    return page(
        "Deployment health log",
        f"From {about.text('window_start')} to {about.text('window_end')}, extended {about.count('extended')} times; "
        f"status: {about.maybe_text('status') or 'not measurable'}.",
        section("Objectives", table(("Objective", "Limit", "Worst", "Samples", "Verdict"), slos)),
        section("Observations", table(("At", "Anomaly", "Decision", "By"), notes)),
    )


def _slo_row(slo: SloSeen) -> Body:
    taken = [sample for sample in slo.samples if sample is not None]
    upward = slo.comparison in ("≤", "<")
    worst = (max(taken) if upward else min(taken)) if taken else None
    missing = len(taken) < slo.expected
    holds = worst is not None and _holds(worst, slo.comparison, slo.objective)
    verdict = Verdict.FAIL if worst is not None and not holds else Verdict.INCONCLUSIVE if missing else Verdict.PASS
    return without_none(
        {
            "name": slo.name,
            "objective": slo.objective,
            "comparison": slo.comparison,
            "unit": slo.unit,
            "worst": worst,
            "samples": len(taken),
            "expected": slo.expected,
            "verdict": (Verdict.INCONCLUSIVE if worst is None else verdict).word,
        }
    )


def _is_breached(row: Fields) -> bool:
    """Whether the worst sample breaks the objective, or the row itself says so."""
    worst = row.maybe_number("worst")
    comparison = row.word("comparison", get_args(Comparison))
    broken = worst is not None and not _holds(worst, comparison, row.number("objective"))
    return broken or row.text("verdict") == Verdict.FAIL.word


def _holds(value: Decimal, comparison: Comparison, objective: Decimal) -> bool:
    match comparison:
        case "≤":
            return value <= objective
        case "<":
            return value < objective
        case "≥":
            return value >= objective
        case ">":
            return value > objective
