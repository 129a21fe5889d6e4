"""From the text of a metrics address to a tick: restarts, new pods, silence, and values that cannot be true."""

from __future__ import annotations

import pytest

from gonogo.errors import BadInput
from gonogo.measure.exposition import SeriesKind, SeriesNames, read_counters
from gonogo.run.counters import PodCounters, Reading, Snapshot, tick_between
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Missing, Observation

NAMES = SeriesNames(durations="http_request_duration_seconds")
READING = Reading("2.0", "1.9", latency="latency")


def text(version: str, good: str, bad: str | None, buckets: tuple[str, ...] = ()) -> str:
    """Exposition text of one version as a service writes it."""
    lines = ["# TYPE http_requests counter", f'http_requests_total{{version="{version}",code="200"}} {good}']
    if bad is not None:
        lines.append(f'http_requests_total{{version="{version}",code="503"}} {bad}')
    if buckets:
        lines.append("# TYPE http_request_duration_seconds histogram")
    for bound, count in zip(("0.1", "0.25", "+Inf"), buckets, strict=False):
        lines.append(f'http_request_duration_seconds_bucket{{version="{version}",le="{bound}"}} {count}')
    return "\n".join(lines) + "\n"


def pod(name: str, written: str) -> tuple[PodCounters, ...]:
    """The counters of a pod that answered with this text."""
    return tuple(PodCounters(name, counters) for counters in read_counters(written, NAMES))


def snapshot(at_ms: int, *pods: tuple[PodCounters, ...]) -> Snapshot:
    """A snapshot of these pods."""
    return Snapshot(at_ms, tuple(each for group in pods for each in group))


def seen(before: Snapshot, after: Snapshot) -> tuple[Observation, Observation]:
    """Errors and latency of the tick between two snapshots."""
    observations = tick_between(READING, before, after, 3, 1).observations
    return observations["errors"], observations["latency"]


OLD_0 = pod("old", text("1.9", "1000", "3", ("900", "1000", "1003")))
OLD_1 = pod("old", text("1.9", "1150", "4", ("1030", "1148", "1154")))
NEW_0 = pod("new", text("2.0", "100", None, ("90", "99", "100")))
NEW_1 = pod("new", text("2.0", "150", "2", ("130", "148", "152")))


def test_requests_bad_requests_and_buckets_are_read_for_each_version() -> None:
    counters = read_counters(text("2.0", "150", "2", ("130", "148", "152")) + text("1.9", "1e+03", "3"), NAMES)
    assert [each.version for each in counters] == ["1.9", "2.0"]
    assert [(each.kind, each.value) for each in counters[1].series] == [
        (SeriesKind.BAD, 2),
        (SeriesKind.BUCKET, 130),
        (SeriesKind.BUCKET, 148),
        (SeriesKind.BUCKET, 152),
        (SeriesKind.GOOD, 150),
    ]
    assert counters[0].series[-1].value == 1000


def test_increments_of_both_arms_make_a_tick_and_a_first_error_counts() -> None:
    tick = tick_between(READING, snapshot(5_000, OLD_0, NEW_0), snapshot(5_250, OLD_1, NEW_1), 3, 1)
    assert (tick.index, tick.started_ms, tick.lasted_ms, tick.step) == (3, 5_000, 250, 1)
    assert tick.observations == {
        "errors": Events(52, 2, 151, 1),
        "latency": Histogram((40, 9, 3), (130, 18, 3), (0.1, 0.25)),
    }


def test_a_restart_counts_the_new_values_and_is_never_negative() -> None:
    restarted = pod("new", text("2.0", "30", "1", ("20", "30", "31")))
    errors, latency = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, restarted))
    assert errors == Events(31, 1, 151, 1)
    assert latency == Histogram((20, 10, 1), (130, 18, 3), (0.1, 0.25))


def test_a_restart_that_lost_its_error_series_is_noticed_although_requests_rose() -> None:
    before = pod("new", text("2.0", "10", "5"))
    errors, _ = seen(snapshot(0, OLD_0, before), snapshot(250, OLD_1, pod("new", text("2.0", "30", None))))
    assert errors == Events(30, 0, 151, 1)


def test_the_first_sample_of_a_pod_gives_no_increment() -> None:
    second = pod("new-2", text("2.0", "5000", "0", ("5000", "5000", "5000")))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, NEW_1, second))
    assert errors == Events(52, 2, 151, 1)


def test_the_first_sample_of_a_version_is_missing_and_not_zero() -> None:
    errors, latency = seen(snapshot(0, OLD_0), snapshot(250, OLD_1, NEW_1))
    assert errors == Missing("2.0: first sample, an increment needs two", Arm.CANARY)
    assert latency == errors


def test_a_pod_that_is_gone_keeps_what_it_counted_before() -> None:
    errors, _ = seen(snapshot(0, OLD_0, NEW_0, pod("new-2", text("2.0", "9", "1"))), snapshot(250, OLD_1, NEW_1))
    assert errors == Events(52, 2, 151, 1)


@pytest.mark.req("SOK-05")
def test_a_version_that_does_not_answer_is_missing_with_its_reason() -> None:
    after = Snapshot(250, OLD_1, (("2.0", "connection refused"),))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), after)
    assert errors == Missing("2.0: connection refused", Arm.CANARY)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, NEW_1))
    assert errors == Missing("1.9: no sample", Arm.BASELINE)
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250))
    assert errors == Missing("2.0: no sample; 1.9: no sample", Arm.BOTH)


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("NaN", "http_requests_total is nan"),
        ("+Inf", "http_requests_total is inf"),
        ("-3", "http_requests_total is -3, which is no count"),
        ("2.5", "http_requests_total is 2.5, which is no count"),
    ],
)
def test_a_value_that_cannot_be_true_is_a_fault_of_the_metric(value: str, says: str) -> None:
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, pod("new", text("2.0", value, "0"))))
    assert errors == Faulty(f"new, version 2.0: {says}")


def test_the_same_series_twice_is_a_fault() -> None:
    doubled = text("2.0", "100", None) + 'http_requests_total{version="2.0",code="200"} 7\n'
    assert read_counters(doubled, NAMES)[0].fault == "a series with the same labels stands twice"


def test_other_buckets_in_the_two_arms_are_a_fault() -> None:
    other = text("2.0", "150", "2", ("130", "148", "152")).replace('"0.25"', '"0.5"')
    before = text("2.0", "150", "2", ("130", "148", "152")).replace('"0.25"', '"0.5"')
    _, latency = seen(snapshot(0, OLD_0, pod("new", before)), snapshot(250, OLD_1, pod("new", other)))
    assert latency == Faulty("the two versions count latency in different buckets")


def test_other_buckets_on_two_pods_of_one_version_are_a_fault() -> None:
    other = pod("new-2", text("2.0", "150", "2", ("130", "148", "152")).replace('"0.25"', '"0.5"'))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0, other), snapshot(250, OLD_1, NEW_1, other))
    assert errors == Faulty("the latency buckets of version 2.0 differ between its series")


def test_buckets_that_shrink_upwards_or_lack_their_last_are_faults() -> None:
    crossed = pod("new", text("2.0", "150", "2", ("150", "120", "152")))
    errors, _ = seen(snapshot(0, OLD_0, NEW_0), snapshot(250, OLD_1, crossed))
    assert errors == Faulty("a latency bucket of version 2.0 counts less than the one below it")
    cut = [pod(name, text(version, "9", None, ("1", "2"))) for name, version in (("old", "1.9"), ("new", "2.0"))]
    _, latency = seen(snapshot(0, *cut), snapshot(250, *cut))
    assert latency == Faulty("the latency buckets have no +Inf bucket")


def test_without_latency_buckets_the_errors_are_still_counted() -> None:
    bare = [pod(name, text(version, "9", None)) for name, version in (("old", "1.9"), ("new", "2.0"))]
    errors, latency = seen(snapshot(0, *bare), snapshot(250, *bare))
    assert errors == Events(0, 0, 0, 0)
    assert latency == Missing("no latency buckets (both)", Arm.BOTH)
    only = tick_between(Reading("2.0", "1.9"), snapshot(0, *bare), snapshot(250, *bare), 0, 0)
    assert set(only.observations) == {"errors"}


def test_an_endpoint_of_one_version_needs_no_version_label() -> None:
    plain = 'http_requests_total{code="200"} 12\n'
    assert read_counters(plain, NAMES) == ()
    assert read_counters(plain, NAMES, version="2.0")[0].series[0].value == 12


def test_an_unknown_metric_name_gives_no_counters_and_so_no_verdict() -> None:
    assert read_counters('other_total{version="2.0"} 1\n', NAMES) == ()
    assert read_counters("", NAMES) == ()


@pytest.mark.parametrize("broken", ["<html>sorry</html>\n", 'http_requests_total{version="2.0" 1\n', "a b c d e\n"])
def test_text_that_is_no_exposition_is_refused_with_advice(broken: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_counters(broken, NAMES)
    assert caught.value.next_step == "open the metrics address of the service and see what it really answers"


def test_a_bucket_without_a_bound_is_a_fault() -> None:
    for labels in ('version="2.0",le="fast"', 'version="2.0"'):
        written = f"http_request_duration_seconds_bucket{{{labels}}} 1\n"
        assert "bucket without a bound" in read_counters(written, NAMES)[0].fault


def test_snapshots_out_of_order_are_refused() -> None:
    with pytest.raises(BadInput):
        tick_between(READING, snapshot(250, OLD_0), snapshot(250, OLD_1), 0, 0)
