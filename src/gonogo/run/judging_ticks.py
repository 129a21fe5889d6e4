"""What the rollout judge sees: integer counts of both arms, one tick at a time (SOK-05, ARB-01).

The *canary* is the new version, the *baseline* is all production traffic on the old one, both cut at the same instants.
Times are whole milliseconds, so that ticks of 250 ms and of 10 s are written the same way.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeAlias

from gonogo.values import dataclass


class Arm(enum.Enum):
    """Which version had no sample."""

    CANARY = "canary"
    BASELINE = "baseline"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Events:
    """Requests `n` and bad events `x` of canary and baseline in one tick; sound when `0 <= x <= n`."""

    n_c: int
    x_c: int
    n_b: int
    x_b: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts for each bucket, not cumulative, of both arms; `bounds` are the finite upper bounds, the last is +Inf."""

    c: tuple[int, ...]
    b: tuple[int, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """No sample, with the reason and the arm that was silent. Nothing is filled in for it."""

    reason: str
    arm: Arm = Arm.BOTH


@dataclass(frozen=True, slots=True)
class Faulty:
    """A sample that came but cannot be true (NaN, negative, changed buckets). The judge holds until a person looked."""

    reason: str


Observation: TypeAlias = Events | Histogram | Missing | Faulty


@dataclass(frozen=True, slots=True)
class Tick:
    """One interval of observation: `index` counts from 0, `step` is the rollout step (constant requested share)."""

    index: int
    started_ms: int
    lasted_ms: int
    step: int
    observations: Mapping[str, Observation]


@dataclass(frozen=True, slots=True)
class Silence:
    """A tick that adds no evidence: which arm had nothing, and why. Evidence stays as it was."""

    arm: Arm
    reason: str


def silent_arm(canary: int, baseline: int) -> Arm | None:
    """The arm without a single request, if any."""
    if canary == 0 and baseline == 0:
        return Arm.BOTH
    if canary == 0:
        return Arm.CANARY
    return Arm.BASELINE if baseline == 0 else None


def fault_in_events(seen: Events) -> str:
    """Why the counts cannot be true, or nothing."""
    for arm, total, bad in (("new", seen.n_c, seen.x_c), ("old", seen.n_b, seen.x_b)):
        if total < 0 or bad < 0:
            return f"negative counts on the {arm} version: {bad} bad of {total}"
        if bad > total:
            return f"more bad events than requests on the {arm} version: {bad} of {total}"
    return ""


def fault_in_histogram(seen: Histogram, bounds: tuple[float, ...]) -> str:
    """Why the histogram cannot be used with the bucket `bounds` of the plan, or nothing."""
    if seen.bounds != bounds:
        return f"the bucket bounds changed: {len(seen.bounds)} bounds do not equal the {len(bounds)} of the plan"
    for arm, counts in (("new", seen.c), ("old", seen.b)):
        if len(counts) != len(bounds) + 1:
            return f"{len(counts)} buckets on the {arm} version, {len(bounds) + 1} expected"
        if min(counts) < 0:
            return f"a negative bucket count on the {arm} version"
    return ""
