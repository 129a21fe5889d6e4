"""What the two versions served between two readings of the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and errors that a slot served between two moments, and in which latency buckets (not cumulative)."""

    requests: int
    errors: int
    buckets: tuple[int, ...]


Interval: TypeAlias = "tuple[datetime, int, Counts | None, Counts | None]"
"""Its end, the step of the rollout, and what the old and the new version served; None is no sample."""
