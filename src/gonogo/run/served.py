"""What the two versions served between two readings of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from gonogo.plan.project import Objective
from gonogo.run.slo import Measured, quantile_of, rate_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and errors that a slot served between two moments, and in which latency buckets (not cumulative)."""

    requests: int
    errors: int
    buckets: tuple[int, ...]


def together(parts: Sequence[Counts | None]) -> Counts | None:
    """What was served in several intervals or by several slots; what was not read is left out, None where all of it."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    buckets = tuple(sum(each) for each in zip(*(part.buckets for part in known), strict=True))
    return Counts(sum(part.requests for part in known), sum(part.errors for part in known), buckets)


Interval: TypeAlias = "tuple[datetime, int, Counts | None, Counts | None]"
"""Its end, the step of the rollout, and what the old and the new version served; None is no sample."""


def figures_of(
    objectives: Sequence[Objective], counts: Counts | None, bounds: tuple[float, ...]
) -> dict[str, Measured]:
    """What was measured of each objective; without requests nothing was. `bounds` end with +Inf."""
    found: dict[str, Measured] = {}
    for rule in objectives:
        if counts is None or counts.requests == 0:
            found[rule.metric] = Measured(None, 0, "no requests were seen")
        elif rule.metric == "error_rate":
            found[rule.metric] = rate_of(counts.errors, counts.requests)
        else:
            rank = Decimal(rule.metric.removeprefix("p")) / 100
            found[rule.metric] = quantile_of(counts.buckets, bounds[:-1], rank)
    return found


def millis(seconds: Decimal) -> int:
    """Whole milliseconds."""
    return int(seconds * 1000)


def moment_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.astimezone(UTC).timestamp() * 1000)
