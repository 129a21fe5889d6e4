"""What was seen of the traffic beside what was moved."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class TrafficFound:
    """At sample `index` the target said something else than what was moved last.

    Without `weights` it could not be read; `detail` says why.
    """

    task: str
    attempt: int
    index: int
    weights: Mapping[str, int]
    detail: str
