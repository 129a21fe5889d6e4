"""What a history says about the guards of the judge, as lines for gonogo.yaml and in words (ARB-01)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gonogo.run.calibrating import BLOCK_MS, YOUNG_MS, Calibration, WarmUp
from gonogo.run.judging_events import Dispersion
from gonogo.run.judging_plan import BLOCKS_FOR_PHI
from gonogo.terms import Json

MOST = 9999.0
"""The largest factor that gonogo.yaml takes; the judge finds nothing with it any more."""


def calibration_lines(told: Calibration, halves: tuple[Sequence[str], Sequence[str]]) -> tuple[str, ...]:
    """The lines for gonogo.yaml, and below them, as comments, what they come from."""
    latency = "latency: none was counted" if told.latency is None else _measured("latency", told.latency)
    return (
        "rollout:",
        *_warm_up_lines(told.warm_up),
        _dispersion_line(told),
        f"# {told.lasted_ms / 3_600_000:.1f} h in blocks of {BLOCK_MS // 60_000} minutes, {told.requests} requests, "
        f"{told.bad} of them failed",
        f"# one half: {', '.join(halves[0])}",
        f"# the other: {', '.join(halves[1])}",
        f"# {_measured('errors', told.errors)}; {latency}",
        f"# {_warm_up(told.warm_up)}",
    )


def lacking_blocks(told: Calibration) -> str:
    """Why a history is too short."""
    minutes = BLOCK_MS // 60_000
    return (
        f"{told.blocks} blocks of {minutes} minutes are too few: with fewer than {BLOCKS_FOR_PHI} of them "
        f"({BLOCKS_FOR_PHI * minutes // 60} hours with requests) the judge says that independence was not checked"
    )


def calibration_row(told: Calibration, halves: tuple[Sequence[str], Sequence[str]]) -> Json:
    """The same for programs: factors as they belong into gonogo.yaml, as text; null where none was counted."""
    lasted = told.warm_up.lasted_ms
    latency = None if told.latency is None else _factor(told.latency)
    return {
        "dispersion": {"errors": _factor(told.errors), "latency": latency, "blocks": told.blocks},
        "estimates": {
            "errors": f"{told.errors.estimate:.4f}",
            "latency": None if told.latency is None else f"{told.latency.estimate:.4f}",
        },
        "warm_up_seconds": None if lasted is None else lasted // 1000,
        "instances_begun": told.warm_up.begun,
        "halves": [list(half) for half in halves],
        "requests": told.requests,
        "bad": told.bad,
        "seconds": told.lasted_ms // 1000,
        "enough": told.enough,
    }


def _dispersion_line(told: Calibration) -> str:
    """Without the factor of a latency that nobody counted: it would look like a measured one."""
    latency = "" if told.latency is None else f" latency: {_factor(told.latency)},"
    return f"  dispersion: {{errors: {_factor(told.errors)},{latency} blocks: {told.blocks}}}"


def _factor(found: Dispersion) -> str:
    """Rounded up, since too small a factor costs false aborts."""
    return f"{min(MOST, math.ceil(found.phi * 100 - 1e-6) / 100):.2f}"


def _measured(name: str, found: Dispersion) -> str:
    if found.variance <= 0.0:
        return f"{name}: nothing to compare, so 1"
    seen = f"{name}: {found.squares / found.variance:.2f} times the variance of chance"
    return f"{seen}, its upper end counts" if found.phi > found.estimate else f"{seen}, which chance explains"


def _warm_up_lines(found: WarmUp) -> tuple[str, ...]:
    return (f"  warm_up: {found.lasted_ms // 1000}s",) if found.lasted_ms else ()


def _warm_up(found: WarmUp) -> str:
    begun = "1 instance" if found.begun == 1 else f"{found.begun} instances"
    if not found.begun:
        return "warm-up: no instance began in this history, so nothing is known about it"
    if found.lasted_ms is None:
        return f"warm-up: {begun} began, none of them beside others with requests"
    if found.lasted_ms >= YOUNG_MS:
        return f"warm-up: {begun} began, worse for ten minutes and more: that is no warm-up"
    worse = (
        f"worse than the others for {found.lasted_ms // 1000} s" if found.lasted_ms else "as good as the others at once"
    )
    return f"warm-up: {begun} began, {worse}"
