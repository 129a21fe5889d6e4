"""Load tests as suites: each limit is a case, met or not; a summary without a limit shows nothing (TR-05, TST-02).

k6 judges its own thresholds and writes them into its summary; locust writes figures, which the project's limits judge.
An exit status is never looked at: locust ends with 1 as soon as one request failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.load_reports import MOST_BYTES, LoadRead, read_locust
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult, ReportRead

FAILURE_RATE = "failure_rate"
REQUESTS = "requests"
_REQUESTS = ("http_reqs", "grpc_req_duration", "ws_sessions", "iterations")


def read_k6(data: bytes, name: str) -> ReportRead:
    """The thresholds of a k6 summary, of `handleSummary` or `--summary-export`; BadInput where nothing was asked."""
    fields = Fields(read_object(data, name=name, limit=MOST_BYTES), name)
    if not fields.has("metrics"):
        raise _unusable(name, "it has no `metrics`")
    metrics = fields.part("metrics")
    if not any(_count(metrics.part(metric)) for metric in _REQUESTS if metrics.has(metric)):
        raise _unusable(name, "it counts no request and no iteration")
    return ReportRead(name, tuple(_thresholds(metrics)))


def read_locust_limits(data: bytes, name: str, limits: Mapping[str, Decimal]) -> ReportRead:
    """Statistics of locust against limits: `failure_rate`, `requests` at least, or a percentile such as `95%` in ms."""
    read = read_locust(data, name)
    if not read.requests:
        raise _unusable(name, "no request was made")
    return ReportRead(
        name,
        tuple(_case("locust", _told(key, limit), met=_met(read, key, limit, name)) for key, limit in limits.items()),
    )


def _thresholds(metrics: Fields) -> Iterator[CaseResult]:
    for metric in metrics.values:
        about = metrics.part(metric)
        stated = about.maybe_part("thresholds")
        for text, judged in (stated.values if stated else {}).items():
            yield _case(metric, text, met=_is_met(judged, f"{metrics.path}/{metric}/thresholds"))


def _is_met(judged: Tree, where: str) -> bool:
    """`{"ok": true}` of a summary; the flat export writes the opposite, whether the threshold was crossed."""
    if isinstance(judged, bool):
        return not judged
    if isinstance(judged, Mapping):
        return Fields(judged, where).flag("ok")
    raise BadInput("a threshold is neither met nor crossed", where=where, next_step="let k6 write its summary again")


def _count(metric: Fields) -> bool:
    values = metric.maybe_part("values") or metric
    count = values.maybe_number("count")
    return count is not None and count > 0


def _met(read: LoadRead, key: str, limit: Decimal, name: str) -> bool:
    if key == REQUESTS:
        return read.requests >= limit
    value = read.failure_rate if key == FAILURE_RATE else read.percentiles.get(key)
    if value is None:
        known = ", ".join(sorted(read.percentiles))
        raise _unusable(name, f"it has no figure `{key}`; it has {FAILURE_RATE}, {REQUESTS}, {known}")
    return value <= limit


def _told(key: str, limit: Decimal) -> str:
    return f"{key} {'>=' if key == REQUESTS else '<='} {limit.normalize():f}"


def _case(group: str, name: str, *, met: bool) -> CaseResult:
    return CaseResult(group, group, name, "passed" if met else "failed")


def _unusable(name: str, reason: str) -> BadInput:
    return BadInput(f"unusable load summary: {reason}", where=name, next_step="let the load test run to its end again")
