"""How the rollout judge does against other canary rules, on simulated releases: false aborts, time to abort, harm.

    python benchmarks/judge_study.py            a quick look, under a minute
    python benchmarks/judge_study.py --full     the tables of docs/judge-study.md
    python benchmarks/judge_study.py --guarded 4000    how seldom a good release is aborted with all guards on: one row a cell

The judge runs through its public door, tick by tick. Pure Python, a fixed seed for each release, so every figure can be
had again.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from gonogo.run.judging import JudgeKind, begin, observe, verdict
from gonogo.run.judging_events import events_dispersion
from gonogo.run.judging_latency import latency_dispersion, shape, shift_for
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule
from gonogo.run.judging_ticks import Observation, Tick
from judge_rivals import Differences, argo, flagger, kayenta, mann_whitney
from judge_workload import BOUNDS, DISPERSED, TICK_S, TICKS, Cell, Seen, harm_until, history, points, reference, release

CELLS = (
    Cell("good"),
    Cell("errors x1.5", errors_times=1.5),
    Cell("errors x2", errors_times=2.0),
    Cell("errors x5", errors_times=5.0),
    Cell("errors x20", errors_times=20.0),
    Cell("latency +5 %", latency_times=1.05),
    Cell("latency +10 %", latency_times=1.10),
    Cell("latency +25 %", latency_times=1.25),
    Cell("latency +100 %", latency_times=2.0),
    Cell("good, shared incident", stress="incident"),
    Cell("good, incident, arms one tick apart", stress="skewed incident"),
    Cell("good, warm-up of two minutes", stress="warm-up"),
    Cell("good, 5 req/s", rate=5.0),
    Cell("errors x2, 5 req/s", rate=5.0, errors_times=2.0),
    Cell("errors x5, 5 req/s", rate=5.0, errors_times=5.0),
    Cell("good, retry clusters", stress="retries"),
    Cell("errors x5, retry clusters", errors_times=5.0, stress="retries"),
    Cell("good, unequal pods", stress="unequal pods"),
    Cell("latency +10 %, unequal pods", latency_times=1.10, stress="unequal pods"),
)
QUICK = ("good", "errors x2", "errors x5", "latency +10 %", "good, shared incident")
JUDGES = (
    "gonogo",
    "gonogo, warm-up 120 s",
    "Kayenta, 1 look",
    "Kayenta, 5 min",
    "Kayenta, 1 min",
    "Kayenta, 1 min on 10 s points",
    "Argo tuned, limit 3",
    "Flagger tuned, 5",
)
QUICK_RELEASES = 40
FULL_GOOD = 2000
FULL_DEFECTIVE = 500
HISTORIES = 8
WARM_UP_TICKS = 12
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Stop:
    """When one judge stopped one release (never: None), and the bad requests served until then."""

    at_s: int | None
    harm: float


def plan(warmup_ticks: int = 0) -> JudgePlan:
    """The judge with its documented defaults: errors and latency, half of the weight each."""
    latency = LatencyRule("latency", 0.5, BOUNDS, reference())
    return JudgePlan((EventRule("errors", 0.5), latency), window_ticks=TICKS, warmup_ticks=warmup_ticks)


def dispersed(judge: JudgePlan, cell: Cell, seed: int) -> JudgePlan:
    """The judge with the dispersion that half a day of history of the old version shows, one history for each seed."""
    blocks = history(cell, seed)
    errors = events_dispersion([[each.events for each in block] for block in blocks])
    q = shape(reference(), shift_for(BOUNDS, 1.0))
    latency = latency_dispersion(q, [[each.histogram for each in block] for block in blocks])
    told = {"errors": errors, "latency": latency}
    rules = tuple(replace(rule, phi=told[rule.name].phi, phi_blocks=len(blocks)) for rule in judge.metrics)
    return replace(judge, metrics=rules)


def judged(judge: JudgePlan, seen: Sequence[Seen]) -> int | None:
    """The second at which the judge said ABORT."""
    state = begin(judge)
    for index, each in enumerate(seen):
        counts: Mapping[str, Observation] = {"errors": each.events, "latency": each.histogram}
        state = observe(judge, state, Tick(index, index * TICK_S * 1000, TICK_S * 1000, 0, counts))
        if state.abort is not None and verdict(judge, state).kind is JudgeKind.ABORT:
            return (index + 1) * TICK_S
    return None


def stops(told: Sequence[tuple[JudgePlan, JudgePlan]], cell: Cell, seed: int) -> tuple[Stop, ...]:
    """What every judge does with one release; each history is told to the same number of releases."""
    judges = told[seed % len(told)]
    seen = release(cell, seed)
    minutes = points(seen, 60 // TICK_S)
    found = (
        judged(judges[0], seen),
        judged(judges[1], seen),
        kayenta(minutes, TICKS * TICK_S),
        kayenta(minutes, 300),
        kayenta(minutes, 60),
        kayenta(points(seen, 1), 60),
        argo(minutes, 2.0, 1.25, 3),
        flagger(minutes, 2.0, 1.25, 5),
    )
    return tuple(Stop(at, harm_until(seen, at)) for at in found)


def interval(found: int, runs: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.959964
    middle = (found + z * z / 2) / (runs + z * z)
    half = z * math.sqrt(found * (runs - found) / runs + z * z / 4) / (runs + z * z)
    return max(0.0, middle - half), min(1.0, middle + half)


def row(name: str, results: Sequence[Stop], *, good: bool) -> str:
    """One line of the table for one judge."""
    stopped = [each for each in results if each.at_s is not None]
    low, top = interval(len(stopped), len(results))
    share = f"{len(stopped) / len(results):.1%} ({low:.1%} to {top:.1%})"
    if good:
        return f"| {name} | {share} | | |"
    times = sorted(math.inf if each.at_s is None else each.at_s for each in results)
    middle = median(times)
    shown = "-" if middle == math.inf else f"{middle:.0f}"
    return f"| {name} | {share} | {shown} | {median(each.harm for each in results):.0f} |"


def table(cell: Cell, results: Sequence[tuple[Stop, ...]]) -> list[str]:
    """The table of one cell."""
    what = "false aborts (95 % interval)" if cell.good else "found (95 % interval)"
    lines = [f"### {cell.name}", "", f"{len(results)} releases, {cell.rate:g} req/s on the new version.", ""]
    lines += [f"| judge | {what} | median s | median bad requests |", "|---|---|---|---|"]
    lines += [row(name, [each[place] for each in results], good=cell.good) for place, name in enumerate(JUDGES)]
    return [*lines, ""]


def guarded(told: Sequence[JudgePlan], cell: Cell, seed: int) -> bool:
    """Whether gonogo's judge with all its guards aborts one release."""
    return judged(replace(told[seed % len(told)], warmup_ticks=WARM_UP_TICKS), release(cell, seed)) is not None


def guarded_row(cell: Cell, aborted: int, releases: int) -> str:
    """One line about a cell of good releases."""
    low, top = interval(aborted, releases)
    return f"| {cell.name} | {aborted} of {releases} | {aborted / releases:.2%} | {low:.2%} to {top:.2%} |"


def spans(judges: Sequence[JudgePlan]) -> list[tuple[str, float, float]]:
    """Smallest and largest dispersion of each metric."""
    columns = zip(*([rule.phi for rule in judge.metrics] for judge in judges), strict=True)
    names = [rule.name for rule in judges[0].metrics]
    return [(name, min(each), max(each)) for name, each in zip(names, columns, strict=True)]


def check_rivals() -> None:
    """The Mann-Whitney interval on a published pair of samples; stops the study when it is off."""
    new = (10.2, 11, 9.8, 12.1, 10.9, 11.4, 10.7, 12.6)
    old = (9.1, 10, 9.7, 10.4, 9.9, 10.8, 9.5, 10.1)
    found = mann_whitney(Differences(new, old))
    wanted = (0.0999687, 2.3000090, 1.0828732)
    if any(abs(got - want) > 1e-4 for got, want in zip((found.low, found.high, found.estimate), wanted, strict=True)):
        sys.exit(f"the Mann-Whitney interval is {found}, wanted {wanted}")


def main() -> None:
    """Simulate, judge, print the tables as Markdown."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--full", action="store_true", help="all cells, more releases (some minutes)")
    options.add_argument(
        "--releases", type=int, default=0, help="releases for each cell instead of the built-in number"
    )
    options.add_argument("--only", action="append", default=[], help="only the cell of this name; may be repeated")
    options.add_argument("--guarded", type=int, default=0, help="only our judge with all guards, on so many good releases")
    options.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time")
    chosen = options.parse_args()
    check_rivals()
    began = time.monotonic()
    base = plan()
    wanted = chosen.only or ([cell.name for cell in CELLS] if chosen.full or chosen.guarded else QUICK)
    cells = [cell for cell in CELLS if cell.name in wanted and (cell.good or not chosen.guarded)]
    known: dict[tuple[float, float, str], list[JudgePlan]] = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        for cell in cells:
            place = CELLS.index(cell)
            service = (cell.rate, cell.share, cell.stress if cell.stress in DISPERSED else "")
            if service not in known:
                known[service] = list(pool.map(partial(dispersed, base, cell), range(11, 11 + HISTORIES)))
            with_history = known[service]
            if chosen.guarded:
                numbers = range(SEED + place * 1_000_000, SEED + place * 1_000_000 + chosen.guarded)
                aborted = sum(pool.map(partial(guarded, with_history, cell), numbers, chunksize=16))
                print(guarded_row(cell, aborted, chosen.guarded), flush=True)
                continue
            told = [(judge, replace(judge, warmup_ticks=WARM_UP_TICKS)) for judge in with_history]
            full = FULL_GOOD if cell.good else FULL_DEFECTIVE
            count = chosen.releases or (full if chosen.full else QUICK_RELEASES)
            seeds = range(SEED + place * 1_000_000, SEED + place * 1_000_000 + count)
            results = list(pool.map(partial(stops, told, cell), seeds, chunksize=4))
            print("\n".join(table(cell, results)), flush=True)
            shown = ", ".join(f"{name} {low:.2f} to {high:.2f}" for name, low, high in spans(with_history))
            print(f"Dispersion from {HISTORIES} histories: {shown}.\n", flush=True)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
