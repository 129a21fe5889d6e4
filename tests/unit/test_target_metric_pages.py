"""Prometheus pages: what is counted, and what is missing with its reason instead of being a zero."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gonogo.adapters.metrics.scrape import MetricNames, ScrapeSource, read_counters
from gonogo.errors import BadInput

NAMES = MetricNames()
GOOD = """# TYPE http_requests_total counter
http_requests_total{version="v2",code="200"} 90
http_requests_total{version="v2",code="404"} 4
http_requests_total{version="v2",code="500"} 5
http_requests_total{version="v2",code="503"} 1
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} 70
http_request_duration_seconds_bucket{le="0.5"} 95
http_request_duration_seconds_bucket{le="+Inf"} 100
http_request_duration_seconds_count 100
http_request_duration_seconds_sum 12.5
"""


def test_requests_of_all_codes_and_errors_from_500_on_are_summed() -> None:
    found = read_counters("green", GOOD, NAMES)
    assert (found.requests, found.errors) == (100, 6)
    assert found.buckets == (("0.1", 70), ("0.5", 95), ("+Inf", 100))


def test_buckets_of_several_series_are_added() -> None:
    twice = GOOD.replace('_bucket{le="', '_bucket{path="/a",le="') + "".join(
        f'http_request_duration_seconds_bucket{{path="/b",le="{bound}"}} 1\n' for bound in ("0.1", "0.5", "+Inf")
    )
    assert read_counters("green", twice, NAMES).buckets == (("0.1", 71), ("0.5", 96), ("+Inf", 101))


@pytest.mark.req("PM-01", "PM-05", "PX-16")
@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("", "no series of `http_requests_total`"),
        ("# TYPE http_requests_total counter\n", "no series of `http_requests_total`"),
        (GOOD.replace("http_requests_total", "other_total"), "no series"),
        (GOOD.replace("duration", "other"), "no histogram `http_request_duration_seconds`"),
        (GOOD.replace("} 90", "} NaN"), "which is no count"),
        (GOOD.replace("} 90", "} +Inf"), "which is no count"),
        (GOOD.replace("} 90", "} -1"), "which is no count"),
        (GOOD.replace("} 90", "} 90.5"), "which is no count"),
        (GOOD.replace(',code="500"', ""), "has no status code"),
        (GOOD.replace('code="500"', 'code="error"'), "has no status code"),
        (GOOD.replace('le="+Inf"', 'le="9"'), "+Inf"),
        (GOOD.replace('le="0.1"', 'le="NaN"'), "+Inf"),
        (GOOD.replace("} 95", "} 60"), "not cumulative"),
        (GOOD.replace('{le="0.1"}', ""), "no number"),
        (GOOD + 'http_request_duration_seconds_bucket{le="0.1"} 70\n', "stands twice"),
        (GOOD + GOOD.splitlines()[1] + "\n", "stands twice"),
        ("<html>not found</html>", "no Prometheus page"),
        ('http_requests_total{code="200" 5', "no Prometheus page"),
    ],
)
def test_a_page_that_cannot_be_counted_is_refused_by_name(page: str, why: str) -> None:
    with pytest.raises(BadInput, match=why.replace("+", r"\+")):
        read_counters("green", page, NAMES)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["200", "302", "500", "503"]), st.floats(0.0001, 9.0)), min_size=1, max_size=40)
)
def test_what_the_client_library_counts_is_what_is_read(requests: list[tuple[str, float]]) -> None:
    registry = CollectorRegistry()
    counter = Counter("http_requests_total", "x", ("code",), registry=registry)
    histogram = Histogram("http_request_duration_seconds", "x", registry=registry)
    for code, seconds in requests:
        counter.labels(code).inc()
        histogram.observe(seconds)
    found = read_counters("blue", generate_latest(registry).decode("utf-8"), NAMES)
    assert found.requests == len(requests) == found.buckets[-1][1]
    assert found.errors == sum(code.startswith("5") for code, _ in requests)


@pytest.mark.req("PX-15")
def test_a_slot_that_cannot_be_asked_is_missing_with_the_reason() -> None:
    found = ScrapeSource({"blue": "http://127.0.0.1:1"}, seconds=0.5).sample()
    assert found.slots == ()
    ((slot, reason),) = found.missing
    assert slot == "blue"
    assert "refused" in reason
