"""The guards of the judge from half a day in a real Prometheus, whose data its own tool made from counters that are known."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from observed_world import program, require

from gonogo.adapters.metrics.history_prometheus import PrometheusHistory, Span
from gonogo.adapters.http_calls import call
from gonogo.adapters.metrics.scrape import MetricNames
from gonogo.adapters.metrics.prometheus_api import PrometheusApi
from gonogo.control.learning.calibrating import calibrate
from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import kill, launch, log_tail, wait_until
from gonogo.errors import Broken
from gonogo.run.calibrating import Counted, calibrated, in_halves
from tests.command_line import gonogo
from tests.unit.test_library import stored

HOURS, STEP = 6, 60
BOUNDS = ("0.1", "0.4", "+Inf")
PODS = ("10.0.0.1:9102", "10.0.0.2:9102", "10.0.0.3:9102")
IDLE = "10.0.0.9:9102"


@dataclass(frozen=True)
class Kept:
    """A Prometheus with a history, and the readings that are in it."""

    url: str
    history: tuple[Counted, ...]


def history(end: int) -> Iterator[Counted]:
    """Three instances whose requests fail three at a time, and an idle one; the last instance restarts on the way."""
    dice = random.Random(6)
    counters = {name: [0] * 5 for name in (*PODS, IDLE)}
    ticks = HOURS * 3600 // STEP
    for index in range(ticks + 1):
        for name in PODS:
            requests = dice.randint(90, 110)
            bad = 3 * sum(dice.random() < 0.05 for _ in range(10))
            fast = sum(dice.random() < 0.8 for _ in range(requests))
            slow = min(requests, fast + (requests - fast) * 3 // 4)
            grown = (requests, bad, fast, slow, requests)
            counters[name] = [0] * 5 if (name, index) == (PODS[2], ticks // 2) else counters[name]
            counters[name] = [old + new for old, new in zip(counters[name], grown, strict=True)]
        yield Counted((end - (ticks - index) * STEP) * 1000, {name: tuple(counts) for name, counts in counters.items()})


def exposed(readings: tuple[Counted, ...]) -> Iterator[str]:
    """The readings as OpenMetrics with their times."""
    for reading in readings:
        at = reading.at_ms // 1000
        for name, (requests, bad, *buckets) in reading.instances.items():
            labels = f'job="shop",instance="{name}"'
            yield f'http_requests_total{{{labels},code="200"}} {requests - bad} {at}\n'
            yield f'http_requests_total{{{labels},code="503"}} {bad} {at}\n'
            for bound, count in zip(BOUNDS, buckets, strict=True):
                yield f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}} {count} {at}\n'
    yield "# EOF\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    require("prometheus", "promtool")
    place = tmp_path_factory.mktemp("history")
    readings = tuple(history(int(time.time()) // STEP * STEP))
    (place / "history.txt").write_text("".join(exposed(readings)))
    (place / "p.yml").write_text("global: {}\n")
    made = [str(program("promtool")), "tsdb", "create-blocks-from", "openmetrics", str(place / "history.txt"), str(place / "data")]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    flags = (f"--config.file={place / 'p.yml'}", f"--storage.tsdb.path={place / 'data'}", f"--web.listen-address=127.0.0.1:{port}")
    with ExitStack() as ending:
        process = launch((str(program("prometheus")), *flags, "--log.level=error"), log=place / "p.log", env={"HOME": str(place)})
        ending.callback(kill, process)
        assert wait_until(lambda: ready(url), 30.0), log_tail(place / "p.log")
        yield Kept(url, readings)


def ready(url: str) -> bool:
    try:
        return call("GET", f"{url}/-/ready", seconds=1.0).status == 200
    except Broken:
        return False


def source(kept: Kept, wanted: str = 'job="shop"', by: str = "instance") -> PrometheusHistory:
    end = kept.history[-1].at_ms / 1000
    span = Span(end - HOURS * 3600, end, STEP)
    return PrometheusHistory(PrometheusApi(kept.url, 60.0), MetricNames(), wanted, by, span)


@pytest.mark.req("ARB-01", "PM-01")
def test_the_dispersion_from_a_real_prometheus_is_that_of_the_counters_that_it_was_given(kept: Kept) -> None:
    assert source(kept).served() == PODS, "who serves nothing is in no half"
    assert source(kept).bounds() == BOUNDS
    read = list(source(kept).readings(BOUNDS))
    assert read == list(kept.history)
    found = calibrate(source(kept))
    assert found.halves == in_halves(PODS)
    assert found.told == calibrated(kept.history, found.halves, tuple(map(float, BOUNDS)))
    assert found.told.enough
    assert found.told.errors.estimate > 2.0, "three requests fail together"
    assert found.told.warm_up.begun == 1


@pytest.mark.req("ARB-01")
def test_the_command_reads_the_prometheus_of_the_project(kept: Kept, tmp_path: Path) -> None:
    text = stored("gonogo.example.yaml").decode()
    assert "url: http://127.0.0.1:9090" in text
    text = text.replace("url: http://127.0.0.1:9090", f"url: {kept.url}").replace("  tick: 10s", f"  tick: {STEP}s")
    (tmp_path / "gonogo.yaml").write_text(text)
    asked = ("judge", "calibrate", "production", "--hours", HOURS, "-C", tmp_path)
    told = gonogo(*map(str, asked), "--match", "job=shop", "--json")
    assert told.code == 0, told.err
    body = json.loads(told.out)
    assert body["enough"] is True
    assert sorted(body["halves"][0] + body["halves"][1]) == list(PODS)
    assert float(body["dispersion"]["errors"]) > 2.0
    alone = gonogo(*map(str, asked))
    assert alone.code == 2
    assert "there are 0" in alone.err, "the slots of this project are not in this Prometheus"
    unlabelled = gonogo(*map(str, asked), "--match", "job=shop", "--by", "pod")
    assert "there are 0" in unlabelled.err
    assert "tells the instances of one version apart" in unlabelled.err
