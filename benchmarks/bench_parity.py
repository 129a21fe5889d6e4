"""Comparing two environments of 100,000 settings each: gonogo against three libraries, in one process, on one input.

    python benchmarks/bench_parity.py        # needs the group `bench`: uv pip install --group bench

Two questions. *Trees*: two parsed sources (100 parts of 1,000 settings), what differs? For gonogo that includes making
paths and looking for secrets, which no library does. *Flat*: the same settings as paths with values. Processor time, the
best of seven; gonogo's caches are emptied before each. Every answer is checked: 100 differences, else the line is void.
"""

from __future__ import annotations

import copy
import gc
import sys
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from usage import usage

from gonogo.measure import parity_leaves
from gonogo.measure.glob_rules import ParityRules
from gonogo.measure.parity_diff import difference_between
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.terms import Secret

PARTS, EACH, CHANGED, TIMES = 100, 1000, 100, 9
OPTIONS = SourceOptions("configuration", Secret("salt of the benchmark"))

STAGING = {
    f"part{part}": {f"key{key}": key if key % 2 else f"value {key}" for key in range(EACH)} for part in range(PARTS)
}
PRODUCTION = copy.deepcopy(STAGING)
for number in range(CHANGED):
    PRODUCTION[f"part{number}"]["key7"] = "changed"


def emptied() -> None:
    """No path and no name is known from an earlier round."""
    for name in ("_paths", "_part", "_names_secret", "_open_part"):
        getattr(parity_leaves, name).cache_clear()


def seconds(works: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Processor seconds of each work's best round; rounds alternate, so that all meet the same machine."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(TIMES):
        for name, work in works.items():
            emptied()
            gc.collect()
            began = time.process_time()
            found = work()
            best[name] = min(best[name], time.process_time() - began)
            if found != CHANGED:
                sys.exit(f"{name} found {found} differences instead of {CHANGED}")
    return best


def library(name: str) -> ModuleType | None:
    """A library of the group `bench`; None, with one line, where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        print(f"{name} is not installed: uv pip install --group bench")
        return None


def by_gonogo() -> int:
    left, right = flattened(STAGING, "staging", OPTIONS), flattened(PRODUCTION, "production", OPTIONS)
    return len(difference_between(left, right, ParityRules()).differences)


FLAT = dict(flattened(STAGING, "staging", OPTIONS)), dict(flattened(PRODUCTION, "production", OPTIONS))


def flat_by_gonogo() -> int:
    return len(difference_between(*FLAT, ParityRules()).differences)


def rivals() -> dict[str, tuple[Callable[[], int], Callable[[], int]]]:
    """Each library with how it answers both questions."""
    found: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {}
    if dictdiffer := library("dictdiffer"):
        found["dictdiffer"] = (
            lambda: len(list(dictdiffer.diff(STAGING, PRODUCTION))),
            lambda: len(list(dictdiffer.diff(*FLAT))),
        )
    if jsonpatch := library("jsonpatch"):
        found["jsonpatch"] = (
            lambda: len(list(jsonpatch.make_patch(STAGING, PRODUCTION))),
            lambda: len(list(jsonpatch.make_patch(*FLAT))),
        )
    if deepdiff := library("deepdiff"):
        found["deepdiff"] = (
            lambda: sum(map(len, deepdiff.DeepDiff(STAGING, PRODUCTION).values())),
            lambda: sum(map(len, deepdiff.DeepDiff(*FLAT).values())),
        )
    return found


def main() -> None:
    usage(__doc__).parse_args()
    print(f"{PARTS * EACH} settings a side, {CHANGED} of them changed")
    works = {"gonogo": (by_gonogo, flat_by_gonogo), **rivals()}
    trees = seconds({name: work for name, (work, _) in works.items()})
    flat = seconds({name: work for name, (_, work) in works.items()})
    print(f"{'':12}{'trees':>10}{'ratio':>8}{'flat':>10}{'ratio':>8}")
    for name in works:
        ratios = trees[name] / trees["gonogo"], flat[name] / flat["gonogo"]
        print(f"{name:12}{trees[name]:>9.3f}s{ratios[0]:>8.1f}{flat[name]:>9.3f}s{ratios[1]:>8.1f}")
    fastest = {min(found, key=found.__getitem__) for found in (trees, flat)}
    if max(trees["gonogo"], flat["gonogo"]) >= 1 or fastest != {"gonogo"}:
        sys.exit("gonogo is not the fastest, or takes a second")


if __name__ == "__main__":
    main()
