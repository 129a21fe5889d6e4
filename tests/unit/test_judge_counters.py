"""From counters to a tick: restarts, new pods, silence, and values that cannot be true."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gonogo.errors import BadInput
from gonogo.run.counters import PodCounters, Reading, Snapshot, tick_between
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Missing, Observation

READING = Reading("2.0", "1.9", latency="latency")
BOUNDS = (0.1, 0.25, math.inf)


def pod(name: str, version: str, good: int, bad: int, *buckets: int) -> PodCounters:
    """The counters of a pod, by good and bad requests."""
    return PodCounters(name, version, (good + bad, bad, *buckets), BOUNDS[: len(buckets)])


def snapshot(at_ms: int, *pods: PodCounters) -> Snapshot:
    """A snapshot of these pods."""
    return Snapshot(at_ms, pods)


def seen(before: Snapshot, after: Snapshot) -> tuple[Observation, Observation]:
    """Errors and latency of the tick between two snapshots."""
    observations = tick_between(READING, before, after, 3, 1).observations
    return observations["errors"], observations["latency"]


OLD_0 = pod("old", "1.9", 1000, 3, 900, 1000, 1003)
OLD_1 = pod("old", "1.9", 1150, 4, 1030, 1148, 1154)
NEW_0 = pod("new", "2.0", 100, 0, 90, 99, 100)
NEW_1 = pod("new", "2.0", 150, 2, 130, 148, 152)


def test_increments_of_both_arms_make_a_tick_and_a_first_error_counts() -> None:
    tick = tick_between(READING, snapshot(5_000, OLD_0, NEW_0), snapshot(5_250, OLD_1, NEW_1), 3, 1)
    assert (tick.index, tick.started_ms, tick.lasted_ms, tick.step) == (3, 5_000, 250, 1)
    assert tick.observations == {
        "errors": Events(52, 2, 151, 1),
        "latency": Histogram((40, 9, 3), (130, 18, 3), (0.1, 0.25)),
    }


def test_a_restart_counts_the_new_values_and_is_never_negative() -> None:
    restarted = pod("new", "2.0", 30, 1, 20, 30, 31)
    errors, latency = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, restarted))
    assert errors == Events(31, 1, 151, 1)
    assert latency == Histogram((20, 10, 1), (130, 18, 3), (0.1, 0.25))


def test_a_restart_that_lost_its_errors_is_noticed_although_requests_rose() -> None:
    errors, _ = seen(snapshot(0, OLD_0, pod("new", "2.0", 10, 5)), snapshot(250, OLD_1, pod("new", "2.0", 30, 0)))
    assert errors == Events(30, 0, 151, 1)


def test_the_first_sample_of_a_pod_gives_no_increment() -> None:
    second = pod("new-2", "2.0", 5000, 0, 5000, 5000, 5000)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, NEW_1, second))
    assert errors == Events(52, 2, 151, 1)


def test_the_first_sample_of_a_version_is_missing_and_not_zero() -> None:
    errors, latency = seen(snapshot(0, OLD_0), snapshot(250, OLD_1, NEW_1))
    assert errors == Missing("2.0: first sample, an increment needs two", Arm.CANARY)
    assert latency == errors


def test_a_pod_that_is_gone_keeps_what_it_counted_before() -> None:
    errors, _ = seen(snapshot(0, OLD_0, NEW_0, pod("new-2", "2.0", 9, 1)), snapshot(250, OLD_1, NEW_1))
    assert errors == Events(52, 2, 151, 1)


@pytest.mark.req("SOK-05")
def test_a_version_that_does_not_answer_is_missing_with_its_reason() -> None:
    after = Snapshot(250, (OLD_1,), (("2.0", "connection refused"),))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), after)
    assert errors == Missing("2.0: connection refused", Arm.CANARY)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, NEW_1))
    assert errors == Missing("1.9: no sample", Arm.BASELINE)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250))
    assert errors == Missing("2.0: no sample; 1.9: no sample", Arm.BOTH)


def test_other_buckets_in_the_two_arms_are_a_fault() -> None:
    other = replace(NEW_1, bounds=(0.1, 0.5, math.inf))
    _, latency = seen(snapshot(0, OLD_0, other), snapshot(250, OLD_1, other))
    assert latency == Faulty("the two versions count latency in different buckets")


def test_other_buckets_on_two_pods_of_one_version_are_a_fault() -> None:
    other = replace(NEW_1, pod="new-2", bounds=(0.1, 0.5, math.inf))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0, other), snapshot(250, OLD_1, NEW_1, other))
    assert errors == Faulty("the latency buckets of version 2.0 differ between its series")


def test_buckets_that_shrink_upwards_or_lack_their_last_are_faults() -> None:
    crossed = pod("new", "2.0", 150, 2, 150, 120, 152)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, crossed))
    assert errors == Faulty("a latency bucket of version 2.0 counts less than the one below it")
    cut = [pod(name, version, 9, 0, 1, 2) for name, version in (("old", "1.9"), ("new", "2.0"))]
    _, latency = seen(snapshot(0, *cut), snapshot(250, *cut))
    assert latency == Faulty("the latency buckets have no +Inf bucket")


def test_without_latency_buckets_the_errors_are_still_counted() -> None:
    bare = [pod(name, version, 9, 0) for name, version in (("old", "1.9"), ("new", "2.0"))]
    errors, latency = seen(snapshot(0, *bare), snapshot(250, *bare))
    assert errors == Events(0, 0, 0, 0)
    assert latency == Missing("no latency buckets (both)", Arm.BOTH)
    only = tick_between(Reading("2.0", "1.9"), snapshot(0, *bare), snapshot(250, *bare), 0, 0)
    assert set(only.observations) == {"errors"}


def test_snapshots_out_of_order_are_refused() -> None:
    with pytest.raises(BadInput):
        tick_between(READING, snapshot(250, OLD_0), snapshot(250, OLD_1), 0, 0)
