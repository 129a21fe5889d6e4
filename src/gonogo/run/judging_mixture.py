"""Evidence that grows from increments: a mixture over alternatives and over the onset of the defect.

Everything is in natural logarithms. The mass starts at 1, is a nonnegative supermartingale under the null hypothesis,
and is therefore at most 1/alpha, ever, with probability 1 - alpha (Ville's inequality). Sums run in a fixed order.

The cap keeps one strange tick from deciding anything. What it holds back is not lost at once: as much as `carried` of
it may come in with the ticks that follow, unless they speak against it. Evidence and what is owed to it together never
grow by more than the mass does, so the evidence never exceeds the mass, and the bound on the mass is its bound, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gonogo.values import dataclass

ONSET_EVERY = 6
"""A later start of the defect is tried every so many ticks."""

START = 0.5
IN_WINDOW = 0.45
EXTENSION_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Mixture:
    """How increments become evidence: weights of the alternatives, window for onsets (0: plain), cap for one tick.

    `carried` is how much of what the cap held back later ticks may still let in.
    """

    weights: tuple[float, ...]
    window_ticks: int = 0
    cap: float = math.inf
    phi: float = 1.0
    carried: float = 0.0


@dataclass(frozen=True, slots=True)
class Process:
    """The running evidence of one process.

    `values` are ln V_k, `left` the weight not yet injected, `mass` is ln M, `evidence` ln E (with the cap), `owed` what
    the cap held back and may still come, `pooled` the bucket totals of a latency process. `sums`, `lows`, `low_ticks`
    only show where the evidence began to grow.
    """

    values: tuple[float, ...]
    left: float
    mass: float
    evidence: float
    owed: float
    ticks: int
    pooled: tuple[float, ...]
    sums: tuple[float, ...]
    lows: tuple[float, ...]
    low_ticks: tuple[int, ...]


def start(mixture: Mixture, pooled: tuple[float, ...] = ()) -> Process:
    """The process before its first tick."""
    count = len(mixture.weights)
    first = START if mixture.window_ticks else 1.0
    zeros = (0.0,) * count
    return Process(
        values=(math.log(first),) * count,
        left=1.0 - first,
        mass=0.0,
        evidence=0.0,
        owed=0.0,
        ticks=0,
        pooled=pooled,
        sums=zeros,
        lows=zeros,
        low_ticks=(0,) * count,
    )


def advance(mixture: Mixture, process: Process, increments: Sequence[float]) -> Process:
    """One tick with data: inject a later start if it is due, multiply, and add what the cap lets through."""
    values, left = _injected(mixture, process)
    lows, low_ticks = _lows(mixture, process)
    scaled = [increment / mixture.phi for increment in increments]
    values = tuple(value + inc for value, inc in zip(values, scaled, strict=True))
    mass = _mass(mixture.weights, values, left)
    due = mass - process.mass + process.owed
    let_in = min(due, mixture.cap)
    return replace(
        process,
        values=values,
        left=left,
        mass=mass,
        evidence=process.evidence + let_in,
        owed=min(due - let_in, mixture.carried),
        ticks=process.ticks + 1,
        sums=tuple(total + inc for total, inc in zip(process.sums, scaled, strict=True)),
        lows=lows,
        low_ticks=low_ticks,
    )


def skip(mixture: Mixture, process: Process) -> Process:
    """One tick without data: time passes, evidence stays exactly as it was."""
    values, left = _injected(mixture, process)
    lows, low_ticks = _lows(mixture, process)
    return replace(process, values=values, left=left, ticks=process.ticks + 1, lows=lows, low_ticks=low_ticks)


def onset(process: Process) -> int:
    """The start, in ticks of this process, that has most of the evidence. For showing only."""
    best = max(range(len(process.values)), key=lambda k: process.values[k])
    return process.low_ticks[best]


def log_sum(terms: Iterable[float]) -> float:
    """Natural logarithm of the sum of exp of `terms`, with the maximum taken out."""
    known = [term for term in terms if term > -math.inf]
    if not known:
        return -math.inf
    top = max(known)
    return top + math.log(sum(math.exp(term - top) for term in known))


def _due(mixture: Mixture, tick: int) -> bool:
    return mixture.window_ticks > 0 and tick > 0 and tick % ONSET_EVERY == 0


def _injected(mixture: Mixture, process: Process) -> tuple[tuple[float, ...], float]:
    if not _due(mixture, process.ticks):
        return process.values, process.left
    starts = max(1, (mixture.window_ticks - 1) // ONSET_EVERY)
    amount = IN_WINDOW / starts
    if process.ticks >= mixture.window_ticks:
        amount = min(amount, EXTENSION_SHARE * process.left)
    if amount <= 0.0:
        return process.values, process.left
    added = math.log(amount)
    return tuple(log_sum((value, added)) for value in process.values), process.left - amount


def _lows(mixture: Mixture, process: Process) -> tuple[tuple[float, ...], tuple[int, ...]]:
    if not _due(mixture, process.ticks):
        return process.lows, process.low_ticks
    lower = [total < low for total, low in zip(process.sums, process.lows, strict=True)]
    lows = tuple(min(total, low) for total, low in zip(process.sums, process.lows, strict=True))
    ticks = tuple(process.ticks if fell else tick for fell, tick in zip(lower, process.low_ticks, strict=True))
    return lows, ticks


def _mass(weights: Sequence[float], values: Sequence[float], left: float) -> float:
    terms = [math.log(weight) + value for weight, value in zip(weights, values, strict=True)]
    return log_sum([*terms, math.log(left)] if left > 0.0 else terms)
