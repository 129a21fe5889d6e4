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
    """The thresholds of a k6 summary, of `handleSummary` or `--summary-export`; BadInput where nothing was asked.

    k6 calls a threshold met when its metric has no sample at all, and when every request was refused in no time: both
    are seen here and are no pass.
    """
    fields = Fields(read_object(data, name=name, limit=MOST_BYTES), name)
    if not fields.has("metrics"):
        raise _unusable(name, "it has no `metrics`")
    metrics = fields.part("metrics")
    if not any(_count(metrics.part(metric)) for metric in _REQUESTS if metrics.has(metric)):
        raise _unusable(name, "it counts no request and no iteration")
    return ReportRead(name, (*_thresholds(metrics, name), *_answered(metrics)))


def read_locust_limits(data: bytes, name: str, limits: Mapping[str, Decimal]) -> ReportRead:
    """Statistics of locust against limits: `failure_rate`, `requests` at least, or a percentile such as `95%` in ms."""
    read = read_locust(data, name)
    if not read.requests:
        raise _unusable(name, "no request was made")
    return ReportRead(
        name,
        tuple(_case("locust", _told(key, limit), met=_met(read, key, limit, name)) for key, limit in limits.items()),
    )


def _thresholds(metrics: Fields, name: str) -> Iterator[CaseResult]:
    asked = metrics.has("http_reqs") and _count(metrics.part("http_reqs"))
    for metric in metrics.values:
        about = metrics.part(metric)
        stated = about.maybe_part("thresholds")
        if stated and (_is_empty(about) or (metric.startswith("http_") and not asked)):
            raise _unusable(name, f"nothing was measured for the threshold of `{metric}`")
        for text, judged in (stated.values if stated else {}).items():
            yield _case(metric, text, met=_is_met(judged, f"{metrics.path}/{metric}/thresholds"))


def _is_empty(about: Fields) -> bool:
    """Whether a rate has no sample; other kinds of metrics do not say how many they have."""
    passes, fails = _share(about)
    return passes == fails == 0


def _share(about: Fields) -> tuple[Decimal | None, Decimal | None]:
    values = about.maybe_part("values") or about
    return values.maybe_number("passes"), values.maybe_number("fails")


def _answered(metrics: Fields) -> Iterator[CaseResult]:
    """A case that fails where no request succeeded: the times of refusals mean nothing (`passes` counts the failed)."""
    if metrics.has("http_req_failed"):
        failed, succeeded = _share(metrics.part("http_req_failed"))
        if failed and succeeded == 0:
            yield _case("http_reqs", "at least one request succeeds", met=False)


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
