"""The guards of the judge from a history of the old version's own instances, and from a file of readings."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from gonogo.adapters.sample_files import SampleFile
from gonogo.control.learning.calibrating import calibrate, record
from gonogo.errors import BadInput
from gonogo.plan.bindings import read_project
from gonogo.plan.project import DispersionBinding
from gonogo.ports import CounterSample, MetricSample
from gonogo.reports.calibration import calibration_lines, calibration_row
from gonogo.run.calibrating import Counted, calibrated, in_halves
from gonogo.run.judging_events import events_dispersion
from gonogo.run.judging_ticks import Events
from tests.command_line import gonogo
from tests.unit.test_library import stored
from tests.worlds import SimulatedClock

BOUNDS = (0.1, 0.2, 0.4, math.inf)
FAST, SLOW = (0.5, 0.3, 0.15, 0.05), (0.2, 0.3, 0.3, 0.2)
TICK_MS = 30_000
PODS = ("pod-a", "pod-b", "pod-c", "pod-d")


class Shop:
    """Instances of one version that are asked every half minute; `clusters` is how many requests fail together."""

    def __init__(self, seed: int, *, clusters: int = 1) -> None:
        self.dice = random.Random(seed)
        self.clusters = clusters
        self.counters = {name: [10_000, 20, 1000, 2000, 3000, 10_000] for name in PODS}

    def serve(self, pods: Mapping[str, Sequence[float]] | None = None) -> None:
        """One tick; `pods` says how latency is spread where it is not as ever."""
        for name, counts in self.counters.items():
            spread = (pods or {}).get(name, FAST)
            requests = self.dice.randint(180, 220)
            bad = self.clusters * sum(self.dice.random() < requests * 0.01 / self.clusters / 10 for _ in range(10))
            buckets = self.dice.choices(range(4), spread, k=requests)
            grown = [requests, bad, *(sum(1 for each in buckets if each <= bound) for bound in range(4))]
            self.counters[name] = [old + new for old, new in zip(counts, grown, strict=True)]

    def reading(self, index: int) -> Counted:
        return Counted(index * TICK_MS, {name: tuple(counts) for name, counts in self.counters.items()})


def hours(shop: Shop, ticks: int) -> Iterator[Counted]:
    for index in range(ticks):
        shop.serve()
        yield shop.reading(index)


def grown(history: Sequence[Counted], names: Sequence[str], index: int) -> tuple[int, int]:
    before, after = history[index], history[index + 1]
    both = [(after.instances[name], before.instances[name]) for name in names]
    return sum(a[0] - b[0] for a, b in both), sum(a[1] - b[1] for a, b in both)


@pytest.mark.req("ARB-01")
def test_the_dispersion_of_a_history_is_that_of_its_halves_in_blocks_of_five_minutes() -> None:
    history = list(hours(Shop(1), 101))
    halves = in_halves(PODS)
    assert sorted(halves[0] + halves[1]) == list(PODS)
    assert len(halves[0]) == len(halves[1]) == 2
    told = calibrated(history, halves, BOUNDS)
    ticks = [Events(*grown(history, halves[0], index), *grown(history, halves[1], index)) for index in range(100)]
    wanted = events_dispersion([ticks[start : start + 10] for start in range(0, 100, 10)])
    assert (told.blocks, told.errors) == (10, wanted)
    assert told.requests == sum(each.n_c + each.n_b for each in ticks)
    assert told.latency is not None
    assert told.latency.estimate < 2.0, "all instances are alike"
    assert not told.enough


@pytest.mark.req("ARB-01")
def test_requests_that_fail_together_and_instances_that_differ_show_in_the_dispersion() -> None:
    told = calibrated(hours(Shop(2, clusters=5), 201), in_halves(PODS), BOUNDS)
    assert told.errors.estimate > 2.5
    shop = Shop(3)
    slower = {in_halves(PODS)[0][0]: SLOW}
    history = []
    for index in range(101):
        shop.serve(slower)
        history.append(shop.reading(index))
    unlike = calibrated(history, in_halves(PODS), BOUNDS)
    assert unlike.latency is not None
    assert unlike.latency.phi > 10.0
    assert unlike.latency.phi > unlike.latency.estimate, "what is shown counts at its upper end"


def with_a_start(slow_ticks: int, *, restart: bool) -> Iterator[Counted]:
    """One instance begins in the middle, by a new name or with its counters from nothing, and is slow at first."""
    shop = Shop(4)
    name = "pod-d" if restart else "pod-new"
    for index in range(120):
        if index == 60:
            shop.counters[name] = [0] * 6
        shop.serve({name: SLOW} if 60 <= index < 60 + slow_ticks else None)
        yield shop.reading(index)


@pytest.mark.req("ARB-01")
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize(("slow_ticks", "seconds"), [(0, 0), (4, 120)])
def test_the_warm_up_is_how_long_an_instance_that_began_is_slower_than_the_others(
    slow_ticks: int, seconds: int, *, restart: bool
) -> None:
    told = calibrated(with_a_start(slow_ticks, restart=restart), in_halves((*PODS, "pod-new")), BOUNDS)
    assert told.warm_up.begun == 1
    assert told.warm_up.lasted_ms == seconds * 1000


def test_nothing_is_known_of_a_warm_up_where_no_instance_began() -> None:
    told = calibrated(hours(Shop(5), 30), in_halves(PODS), BOUNDS)
    assert (told.warm_up.begun, told.warm_up.lasted_ms) == (0, None)
    assert not [line for line in calibration_lines(told, in_halves(PODS)) if line.startswith("  warm_up")]


def test_a_restart_counts_no_request_twice_and_none_below_zero() -> None:
    whole = calibrated(with_a_start(0, restart=True), in_halves(PODS), BOUNDS)
    assert 119 * 4 * 180 <= whole.requests <= 119 * 4 * 220
    assert 0 <= whole.bad <= whole.requests


def test_a_history_without_latency_gives_the_dispersion_of_errors_alone() -> None:
    history = [Counted(each.at_ms, {name: counts[:2] for name, counts in each.instances.items()}) for each in hours(Shop(6), 30)]
    told = calibrated(history, in_halves(PODS), ())
    assert told.latency is None
    lines = calibration_lines(told, in_halves(PODS))
    assert "latency: none was counted" in "\n".join(lines)
    section = yaml.safe_load("\n".join(lines))["rollout"]["dispersion"]
    assert set(section) == {"errors", "blocks"}, "no factor is given for what nobody counted"
    row = calibration_row(told, in_halves(PODS))
    assert isinstance(row, dict)
    assert isinstance(row["dispersion"], dict)
    assert (row["dispersion"]["latency"], row["dispersion"]["errors"]) == (None, f"{section['errors']:.2f}")


@pytest.mark.req("PM-01")
def test_a_history_that_says_nothing_is_no_dispersion_of_one() -> None:
    with pytest.raises(BadInput, match="two instances that serve requests are needed, there are 1: pod-a"):
        in_halves(["pod-a"])
    still = [Counted(index * TICK_MS, {name: (5, 0, 1, 2, 3, 5) for name in PODS}) for index in range(30)]
    with pytest.raises(BadInput, match="no five minutes in which both halves"):
        calibrated(still, in_halves(PODS), BOUNDS)
    with pytest.raises(BadInput, match="no five minutes"):
        calibrated([], in_halves(PODS), BOUNDS)


def sample(reading: Counted) -> MetricSample:
    texts = ("0.1", "0.2", "0.4", "+Inf")
    slots = [
        CounterSample(name, counts[0], counts[1], tuple(zip(texts, counts[2:], strict=True)))
        for name, counts in reading.instances.items()
    ]
    return MetricSample(tuple(slots), ())


def recorded(path: Path, history: Sequence[Counted]) -> SampleFile:
    file = SampleFile(path)
    for reading in history:
        file.append(reading.at_ms, sample(reading))
    return file


@pytest.mark.req("ARB-01")
def test_a_file_of_readings_says_the_same_as_the_readings(tmp_path: Path) -> None:
    history = list(hours(Shop(7), 61))
    file = recorded(tmp_path / "samples.jsonl", history)
    found = calibrate(file)
    assert found.halves == in_halves(PODS)
    assert found.told == calibrated(history, found.halves, BOUNDS)
    with file.path.open("ab") as half:
        half.write(b'{"at_ms":')
    assert calibrate(file).told == found.told, "half a line is a recording that was ended"
    file.append(history[-1].at_ms + TICK_MS, MetricSample((), (("pod-a", "no answer"),)))
    assert len(file.path.read_bytes().splitlines()) == len(history) + 1, "nothing was read, so nothing is written"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no JSON\n", "samples.jsonl:2"),
        (b'{"at_ms":1,"bounds":["+Inf"],"instances":{"a":[1,0]}}\n', "3 counts of an instance are expected"),
        (b'{"at_ms":1,"bounds":[],"instances":{"a":[1,-1]}}\n', "2 counts of an instance"),
        (b'{"bounds":[],"instances":{}}\n', "is no reading"),
    ],
)
def test_a_line_that_is_no_reading_is_named_with_its_place(tmp_path: Path, line: bytes, why: str) -> None:
    file = recorded(tmp_path / "samples.jsonl", list(hours(Shop(8), 1)))
    with file.path.open("ab") as more:
        more.write(line)
    with pytest.raises(BadInput) as caught:
        calibrate(file)
    assert why in f"{caught.value.where} {caught.value.what}"


class Asked:
    """A source that answers from a history; the fourth time it cannot."""

    def __init__(self, history: Sequence[Counted]) -> None:
        self.history = history
        self.asked = 0

    def sample(self) -> MetricSample:
        """The next reading."""
        self.asked += 1
        return MetricSample((), (("pod-a", "no answer"),)) if self.asked == 4 else sample(self.history[self.asked - 1])


def test_a_recording_is_taken_tick_by_tick_and_says_what_was_missing(tmp_path: Path) -> None:
    clock = SimulatedClock()
    file = SampleFile(tmp_path / "samples.jsonl")
    said: list[str] = []
    until = clock.now() + timedelta(seconds=175)
    assert record(Asked(list(hours(Shop(9), 6))), file, clock, until, 30.0, said.append) == 5
    assert said == ["pod-a: no answer"]
    times = [reading.at_ms for reading in file.readings(file.bounds())]
    assert [later - earlier for earlier, later in pairwise(times)] == [30_000, 30_000, 60_000, 30_000]
    assert clock.sleeps[-1] == pytest.approx(25.0), "it ends when it was to end"


@pytest.mark.req("ARB-01")
def test_the_command_prints_lines_that_a_project_understands_and_says_when_they_are_too_few(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    (root / "config").mkdir(parents=True)
    (root / "gonogo.yaml").write_bytes(stored("gonogo.example.yaml"))
    recorded(tmp_path / "samples.jsonl", list(hours(Shop(10, clusters=5), 41)))
    asked = ("judge", "calibrate", "--samples", tmp_path / "samples.jsonl", "-C", root)
    told = gonogo(*asked)
    assert told.code == 2
    assert "4 blocks of 5 minutes are too few" in told.err
    others = yaml.safe_load(stored("gonogo.example.yaml"))
    others["rollout"] |= yaml.safe_load(told.out)["rollout"]
    found = read_project(json.dumps(others, default=str).encode(), "gonogo.yaml")
    assert found.findings == ()
    body = json.loads(gonogo(*asked, "--json").out)
    assert found.project is not None
    dispersion = found.project.rollout.dispersion
    factors = {name: Decimal(body["dispersion"][name]) for name in ("errors", "latency")}
    assert dispersion == DispersionBinding(**factors, blocks=body["dispersion"]["blocks"])
    assert dispersion.errors > 1
    assert body["enough"] is False


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("calibrate", "nowhere"), "there is no environment `nowhere`"),
        (("calibrate", "staging"), "which keeps no history"),
        (("calibrate", "production", "--match", "shop"), "`shop` is no label=value"),
        (("calibrate", "production", "--by", "pod) or vector(1"), "is no name of a label"),
        (("record",), "which file?"),
        (("calibrate", "--samples", "none.jsonl"), "cannot be read"),
        (("replay",), "there is no run in this project yet"),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_next_step(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    (tmp_path / "gonogo.yaml").write_bytes(stored("gonogo.example.yaml"))
    told = gonogo("judge", *arguments, "-C", tmp_path)
    assert told.code != 0
    assert why in told.err
    assert "next:" in told.err
