"""What half a day of the old version says about the guards of the judge: dispersion and length of the warm-up (ARB-01).

The instances of the *same* version stand in two halves, and everything by which these differ more than chance does will
make two versions differ, too, without one of them being worse.

    1  readings of cumulative counters of each instance become ticks as they do in a rollout
    2  instances are put in halves in turns, in the order of the digests of their names, which mean nothing
    3  blocks of five minutes in which both halves had requests give the dispersion of errors and latency
    4  whoever began during the history is held against the others by its age: when it is no longer worse, it is warm
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.run.counters import PodCounters, Reading, Snapshot, tick_between
from gonogo.run.judging_events import Dispersion, events_dispersion, share
from gonogo.run.judging_latency import latency_dispersion, score_of, scores, shape, shift_for
from gonogo.run.judging_plan import BLOCKS_FOR_PHI
from gonogo.run.judging_ticks import Events, Histogram, Tick
from gonogo.terms import digest_of
from gonogo.values import dataclass

BLOCK_MS = 300_000
AGE_MS = 10_000
YOUNG_MS = 600_000
"""Who began longer ago is one of the others; a warm-up of ten minutes cannot be told from a bad instance."""

WORSE = 3.0
"""At an age at which those who began are so many standard errors worse than the others, they are not warm."""

WARM_IN_A_ROW = 3
HALF_A, HALF_B, BEGUN, OTHERS = "half A", "half B", "begun", "others"
IN_HALVES = Reading(HALF_A, HALF_B, "errors", "latency")
BY_AGE = Reading(BEGUN, OTHERS, "errors", "latency")


@dataclass(frozen=True, slots=True)
class Counted:
    """Cumulative counters of every instance at one moment: requests, errors, then one for each bucket."""

    at_ms: int
    instances: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class WarmUp:
    """For how long `begun` instances were worse than the others; None where none was seen beside others."""

    begun: int
    lasted_ms: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a history says; `blocks` had requests in both halves. Without `latency` none was counted."""

    lasted_ms: int
    blocks: int
    requests: int
    bad: int
    errors: Dispersion
    latency: Dispersion | None
    warm_up: WarmUp

    @property
    def enough(self) -> bool:
        """Whether the judge takes independence for checked with so many blocks."""
        return self.blocks >= BLOCKS_FOR_PHI


def in_halves(served: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The instances that served requests, in two halves. Raises BadInput for fewer than two of them."""
    names = sorted(served, key=lambda name: digest_of(name.encode()))
    if len(names) < 2:
        raise _unusable(f"two instances that serve requests are needed, there are {len(names)}: {', '.join(names)}")
    return tuple(sorted(names[0::2])), tuple(sorted(names[1::2]))


def calibrated(
    history: Iterable[Counted], halves: tuple[Sequence[str], Sequence[str]], bounds: tuple[float, ...]
) -> Calibration:
    """What `history`, in the order of time, says; `bounds` are those of its buckets, the last infinite, or none.

    Raises BadInput where the halves never had requests in the same five minutes, or time does not advance.
    """
    arms = {name: arm for names, arm in zip(halves, (HALF_A, HALF_B), strict=True) for name in names}
    ticks: list[Tick] = []
    young: list[tuple[int, Tick]] = []
    begun: dict[str, int] = {}
    known: dict[str, int] = {}
    before: Counted | None = None
    for reading in history:
        begun |= _begun(known, before, reading)
        known |= {name: counts[0] for name, counts in reading.instances.items()}
        if before is not None:
            ticks.append(_tick(IN_HALVES, arms, (before, reading), bounds))
            young += _young(begun, (before, reading), bounds)
        before = reading
    return _told(ticks, young, len(begun), bounds)


def _told(
    ticks: Sequence[Tick], young: Sequence[tuple[int, Tick]], begun: int, bounds: tuple[float, ...]
) -> Calibration:
    blocks = [block for block in _blocks(ticks) if any(seen.n_c and seen.n_b for seen in _events(block))]
    if not blocks:
        raise _unusable("there are no five minutes in which both halves of the instances served requests")
    counted = [seen for block in blocks for seen in _events(block)]
    errors = events_dispersion([_events(block) for block in blocks])
    q = _shape(blocks, bounds)
    latency = latency_dispersion(q, [_histograms(block) for block in blocks]) if q else None
    first, last = ticks[0], ticks[-1]
    return Calibration(
        last.started_ms + last.lasted_ms - first.started_ms,
        len(blocks),
        sum(seen.n_c + seen.n_b for seen in counted),
        sum(seen.x_c + seen.x_b for seen in counted),
        errors,
        latency,
        WarmUp(begun, _warm_after(young, errors.phi, latency.phi if latency else 1.0, q)),
    )


def _begun(known: Mapping[str, int], before: Counted | None, reading: Counted) -> dict[str, int]:
    """Who began between two readings, and since when: a name that is new, or counters that fell."""
    if before is None:
        return {}
    return {
        name: before.at_ms for name, counts in reading.instances.items() if name not in known or counts[0] < known[name]
    }


def _young(
    begun: Mapping[str, int], pair: tuple[Counted, Counted], bounds: tuple[float, ...]
) -> list[tuple[int, Tick]]:
    """The tick between two readings for each age of those who began: they beside all who are older."""
    ages = {name: pair[1].at_ms - since for name, since in begun.items()}
    old = {name: OTHERS for name in pair[1].instances if ages.get(name, YOUNG_MS + 1) > YOUNG_MS}
    found = []
    for age in sorted({(lasted - 1) // AGE_MS for name, lasted in ages.items() if 0 < lasted <= YOUNG_MS}):
        arms = old | {name: BEGUN for name, lasted in ages.items() if (lasted - 1) // AGE_MS == age}
        found.append((age, _tick(BY_AGE, arms, pair, bounds)))
    return found


def _tick(reading: Reading, arms: Mapping[str, str], pair: tuple[Counted, Counted], bounds: tuple[float, ...]) -> Tick:
    before, after = (_snapshot(arms, each, bounds) for each in pair)
    return tick_between(reading, before, after, 0, 0)


def _snapshot(arms: Mapping[str, str], reading: Counted, bounds: tuple[float, ...]) -> Snapshot:
    pods = tuple(
        PodCounters(name, arms[name], counts, bounds) for name, counts in reading.instances.items() if name in arms
    )
    return Snapshot(reading.at_ms, pods)


def _blocks(ticks: Sequence[Tick]) -> list[list[Tick]]:
    found: dict[int, list[Tick]] = {}
    for tick in ticks:
        found.setdefault((tick.started_ms - ticks[0].started_ms) // BLOCK_MS, []).append(tick)
    return list(found.values())


def _events(block: Iterable[Tick]) -> list[Events]:
    seen = (tick.observations["errors"] for tick in block)
    return [each for each in seen if isinstance(each, Events)]


def _histograms(block: Iterable[Tick]) -> list[Histogram]:
    seen = (tick.observations["latency"] for tick in block)
    return [each for each in seen if isinstance(each, Histogram)]


def _shape(blocks: Sequence[Sequence[Tick]], bounds: tuple[float, ...]) -> tuple[float, ...]:
    """The latency of the whole history; nothing where none was counted."""
    seen = [each for block in blocks for each in _histograms(block)]
    totals = tuple(map(sum, zip(*(counts for each in seen for counts in (each.c, each.b)), strict=True)))
    return shape(totals, shift_for(bounds[:-1], 1.0)) if sum(totals) else ()


def _warm_after(
    young: Sequence[tuple[int, Tick]], errors_phi: float, latency_phi: float, q: tuple[float, ...]
) -> int | None:
    """The age, in ms, from which those who began are no longer worse; None where nothing could be compared."""
    ages = sorted({age for age, tick in young if _events([tick])})
    lasted = warm = 0
    for age in ages:
        ticks = [tick for each, tick in young if each == age]
        worse = _errors_z(ticks) / math.sqrt(errors_phi) >= WORSE
        worse = worse or (bool(q) and _latency_z(scores(q), ticks) / math.sqrt(latency_phi) >= WORSE)
        lasted, warm = ((age + 1) * AGE_MS, 0) if worse else (lasted, warm + 1)
        if warm == WARM_IN_A_ROW:
            break
    return lasted if ages else None


def _errors_z(ticks: Sequence[Tick]) -> float:
    off = spread = 0.0
    for seen in _events(ticks):
        if seen.n_c and seen.n_b:
            pi, events = share(seen, 1.0), seen.x_c + seen.x_b
            off += seen.x_c - events * pi
            spread += events * pi * (1.0 - pi)
    return off / math.sqrt(spread) if spread > 0.0 else 0.0


def _latency_z(z: tuple[float, ...], ticks: Sequence[Tick]) -> float:
    parts = [score_of(z, seen.c, seen.b) for seen in _histograms(ticks)]
    spread = sum(variance for _, variance in parts)
    return sum(off for off, _ in parts) / math.sqrt(spread) if spread > 0.0 else 0.0


def _unusable(what: str) -> BadInput:
    return BadInput(
        what, where="history", next_step="name what tells the instances of one version apart, or a longer history"
    )
