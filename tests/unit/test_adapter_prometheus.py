"""Prometheus and Alertmanager over HTTP: what they answer, and that `success` is no figure and `[]` no peace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from gonogo.adapters.metrics.alerts_alertmanager import AlertmanagerSource
from gonogo.adapters.metrics.prometheus import Asked, PrometheusSource
from gonogo.adapters.metrics.scrape import MetricNames
from gonogo.adapters.metrics.prometheus_api import PrometheusApi
from gonogo.errors import Broken
from gonogo.measure.baseline import FigureRead, lacking
from gonogo.ports import CounterSample
from gonogo.terms import Severity

NAMES = MetricNames(saturation="worker_saturation")
LONG = 60.0
ASKED = Asked(version_label="version", window=60, fresh=10, at_least=5)


class Answers:
    """A server with Prometheus's paths that answers queries by the longest known beginning of the query."""

    def __init__(self) -> None:
        self.queries: dict[str, object] = {}
        self.paths: dict[str, tuple[int, str]] = {}
        self.asked: list[dict[str, list[str]]] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server asks for
                parts = urlsplit(self.path)
                status, body = answers.answer(parts.path, parse_qs(parts.query))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str, asked: dict[str, list[str]]) -> tuple[int, bytes]:
        if path in self.paths:
            status, text = self.paths[path]
            return status, text.encode()
        self.asked.append(asked)
        query = asked["query"][0]
        known = max((name for name in self.queries if query.startswith(name)), key=len, default=None)
        rows = self.queries[known] if known is not None else []
        return 200, success({"resultType": "vector", "result": rows}).encode()


def success(data: object, **more: object) -> str:
    return json.dumps({"status": "success", "data": data, **more})


def row(value: object, **labels: str) -> dict[str, object]:
    return {"metric": labels, "value": [1000.0, str(value)]}


def buckets(*counts: tuple[str, float]) -> list[dict[str, object]]:
    return [row(count, le=bound) for bound, count in counts]


HEALTHY: Mapping[str, object] = {
    "time() - timestamp(": [row(0.4, instance="127.0.0.1:9102")],
    "sum(increase(http_requests_total{instance=\"127.0.0.1:9102\",version=\"v2\"}[60s]))": [row(200)],
    "sum(increase(http_requests_total{instance=\"127.0.0.1:9102\",version=\"v2\",code=~\"5..\"}": [row(1)],
    "sum by (le) (rate(": buckets(("0.1", 1.0), ("0.5", 3.9), ("1.0", 4.0), ("+Inf", 4.0)),
    "histogram_quantile(0.5,": [row(0.125)],
    "histogram_quantile(0.95,": [row(0.32)],
    "histogram_quantile(0.99,": [row(0.5)],
    "max(worker_saturation": [row(0.4)],
    "sum by (code)": [row(90, code="200"), row(10, code="503")],
    "sum by (le) (http_request_duration_seconds_bucket": buckets(("0.1", 60), ("+Inf", 100)),
}


@pytest.fixture
def answers() -> Iterator[Answers]:
    found = Answers()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    found.queries = dict(HEALTHY)
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def source(answers: Answers) -> PrometheusSource:
    return PrometheusSource(PrometheusApi(answers.url, seconds=LONG), {"green": "127.0.0.1:9102"}, NAMES, ASKED)


def figures(answers: Answers) -> tuple[FigureRead, ...]:
    return source(answers).figures("green", "v2")


@pytest.mark.req("OBS-01")
def test_all_figures_of_a_version_are_read_at_one_moment(answers: Answers) -> None:
    found = {figure.title: (figure.value, figure.unit) for figure in figures(answers)}
    assert found == {
        "Error rate": (Decimal("0.5"), "%"),
        "API latency (p50)": (Decimal(125), "ms"),
        "API latency (p95)": (Decimal(320), "ms"),
        "API latency (p99)": (Decimal(500), "ms"),
        "Saturation": (Decimal(40), "%"),
    }
    first, *others = answers.asked
    assert "time" not in first
    assert {asked["time"][0] for asked in others} == {"1000.0"}


@pytest.mark.req("PM-01")
def test_no_error_yet_is_an_error_rate_of_zero_and_no_missing_row(answers: Answers) -> None:
    figures(answers)
    failed = next(asked["query"][0] for asked in answers.asked if "5.." in asked["query"][0])
    assert " or 0 * sum(increase(http_requests_total" in failed
    answers.queries["sum(increase(http_requests_total{instance=\"127.0.0.1:9102\",version=\"v2\",code"] = [row(0)]
    answers.queries.pop("sum(increase(http_requests_total{instance=\"127.0.0.1:9102\",version=\"v2\",code=~\"5..\"}")
    assert figures(answers)[0].value == 0


TOTAL = "sum(increase(http_requests_total{instance=\"127.0.0.1:9102\",version=\"v2\"}[60s]))"


@pytest.mark.req("PM-01", "PM-02", "PM-05", "OBS-01")
@pytest.mark.parametrize(
    ("query", "rows", "title", "why"),
    [
        ("time() - timestamp(", [], "Error rate", "there is no series http_requests_total"),
        ("time() - timestamp(", [row(11)], "API latency (p95)", "is 11 s old; 10 s are allowed"),
        ("time() - timestamp(", [row("NaN")], "Error rate", "nan s old"),
        (TOTAL, [], "Error rate", "no two samples"),
        (TOTAL, [row("NaN")], "Error rate", "no two samples"),
        (TOTAL, [row(0)], "Error rate", "0 requests within 60s, 5 needed"),
        (TOTAL, [row(4)], "Error rate", "4 requests within 60s, 5 needed"),
        (TOTAL, [row(200, a="1"), row(200, a="2")], "Error rate", "2 series where one was expected"),
        ("histogram_quantile(0.95,", [row("NaN")], "API latency (p95)", "the quantile is None"),
        ("histogram_quantile(0.95,", [row("+Inf")], "API latency (p95)", "the quantile is inf"),
        ("histogram_quantile(0.95,", [], "API latency (p95)", "the quantile is None"),
        ("sum by (le) (rate(", [], "API latency (p50)", "no histogram"),
        ("sum by (le) (rate(", buckets(("0.1", 3)), "API latency (p50)", "no histogram"),
        ("sum by (le) (rate(", buckets(("0.1", 0), ("+Inf", 0)), "API latency (p50)", "no histogram"),
        ("sum by (le) (rate(", buckets(("0.5", 90), ("+Inf", 100)), "API latency (p95)", "above the last bucket bound 0.5"),
        ("max(worker_saturation", [], "Saturation", "there is no series worker_saturation"),
        ("max(worker_saturation", [row(1.2)], "Saturation", "which is no ratio"),
    ],
)
def test_success_without_a_usable_figure_has_no_value_and_a_reason(
    answers: Answers, query: str, rows: object, title: str, why: str
) -> None:
    answers.queries[query] = rows
    found = next(figure for figure in figures(answers) if figure.title == title)
    assert found.value is None
    assert why in found.reason
    assert any(line.startswith(title) for line in lacking(figures(answers)))


@pytest.mark.req("PM-05")
@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, success({"resultType": "vector", "result": []}, warnings=["remote read failed"]), "partial: ['remote read"),
        (400, json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}), "400: parse error"),
        (503, "Service Unavailable", "503 Service Unavailable"),
        (200, "<html>sign in</html>", "200 <html>sign in</html>"),
        (200, success({"resultType": "matrix", "result": []}), "no vector"),
        (200, success({"resultType": "vector", "result": [{"metric": {}}]}), "cannot be read"),
        (200, success([]), "no data"),
    ],
)
def test_an_answer_that_is_no_whole_vector_is_no_figure(answers: Answers, status: int, body: str, why: str) -> None:
    answers.paths["/api/v1/query"] = (status, body)
    found = figures(answers)
    assert {figure.value for figure in found} == {None}
    assert len(found) == 5
    assert all(why in figure.reason for figure in found)


def test_a_prometheus_that_is_down_is_named_with_its_address(answers: Answers) -> None:
    gone = replace(source(answers), api=PrometheusApi("http://127.0.0.1:9", seconds=LONG))
    assert "http://127.0.0.1:9: GET got no usable answer" in gone.figures("green", "v2")[0].reason
    assert gone.sample().slots == ()


def test_a_version_that_could_end_the_query_is_quoted(answers: Answers) -> None:
    source(answers).figures("green", 'v"2\\')
    assert 'version="v\\"2\\\\"' in answers.asked[0]["query"][0]


@pytest.mark.req("PM-01")
def test_counters_are_read_by_slot_and_code(answers: Answers) -> None:
    (found,) = source(answers).sample().slots
    assert found == CounterSample("green", 100, 10, (("0.1", 60), ("+Inf", 100)), Decimal("0.4"))


@pytest.mark.req("PM-01", "PM-05")
@pytest.mark.parametrize(
    ("query", "rows", "why"),
    [
        ("time() - timestamp(", [], "there is no series"),
        ("time() - timestamp(", [row(60)], "60 s old"),
        ("sum by (code)", [row(90)], "no status code"),
        ("sum by (code)", [row(0.5, code="200")], "0.5, which is no count"),
        ("sum by (code)", [row("NaN", code="200")], "no count"),
        ("sum by (le) (http_request", [], "no histogram"),
        ("sum by (le) (http_request", buckets(("0.1", 9)), "+Inf"),
    ],
)
def test_a_slot_that_cannot_be_counted_is_missing_with_the_reason(
    answers: Answers, query: str, rows: object, why: str
) -> None:
    known = next((name for name in answers.queries if name.startswith(query)), query)
    answers.queries[known] = rows
    found = source(answers).sample()
    assert found.slots == ()
    ((slot, reason),) = found.missing
    assert slot == "green"
    assert why in reason


def rules(*known: Mapping[str, object]) -> tuple[int, str]:
    return 200, success({"groups": [{"name": "shop", "rules": list(known)}]})


def rule(age: float = 1.0, **changed: object) -> dict[str, object]:
    evaluated = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="microseconds").replace("+00:00", "123Z")
    return {"name": "ShopIsDown", "health": "ok", "lastEvaluation": evaluated, **changed}


def alert(severity: str | None = "critical", **changed: object) -> dict[str, object]:
    labels = {"alertname": "ShopIsDown"} | ({"severity": severity} if severity is not None else {})
    return {"labels": labels, "startsAt": "2026-11-21T10:00:00.123Z", **changed}


def alerting(answers: Answers) -> AlertmanagerSource:
    answers.paths.setdefault("/api/v1/rules", rules(rule()))
    answers.paths.setdefault("/api/v1/alertmanagers", (200, success({"activeAlertmanagers": [{"url": "x"}]})))
    answers.paths.setdefault("/api/v2/alerts", (200, "[]"))
    return AlertmanagerSource(answers.url, PrometheusApi(answers.url, LONG), ("ShopIsDown",), fresh=30, seconds=LONG)


@pytest.mark.req("CON-04", "PM-03")
def test_nothing_fires_only_where_the_rules_are_evaluated_and_sent_somewhere(answers: Answers) -> None:
    assert alerting(answers).firing().alerts == ()


@pytest.mark.req("PM-03", "CON-04", "PRE-23")
@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        ("/api/v1/rules", rules(), "no alerting rule `ShopIsDown`"),
        ("/api/v1/rules", rules(rule(health="err", lastError="unknown series")), "cannot evaluate the rule `ShopIsDown`: unknown"),
        ("/api/v1/rules", rules(rule(age=60)), " s ago; 30 s are allowed"),
        ("/api/v1/rules", rules(rule(lastEvaluation="0001-01-01T00:00:00Z")), "`ShopIsDown` never"),
        ("/api/v1/rules", rules(rule(lastEvaluation="soon")), "`ShopIsDown` never"),
        ("/api/v1/rules", (200, success({})), "has no groups"),
        ("/api/v1/alertmanagers", (200, success({"activeAlertmanagers": []})), "to no Alertmanager"),
        ("/api/v2/alerts", (500, "[]"), "500 []"),
        ("/api/v2/alerts", (200, "{}"), "200 {}"),
        ("/api/v2/alerts", (200, ""), "it answered 200"),
        ("/api/v2/alerts", (200, '[{"labels": {}}]'), "an alert of its answer cannot be read"),
        ("/api/v2/alerts", (200, "[7]"), "an alert of its answer cannot be read"),
    ],
)
def test_whoever_cannot_say_what_fires_never_says_nothing(
    answers: Answers, path: str, answer: tuple[int, str], why: str
) -> None:
    answers.paths[path] = answer
    found = alerting(answers).firing()
    assert found.alerts is None
    assert why in found.why


@pytest.mark.req("CON-04")
@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("page", Severity.CRITICAL),
        ("Warning", Severity.MEDIUM),
        ("none", Severity.NONE),
        ("sev1", Severity.UNKNOWN),
        (None, Severity.UNKNOWN),
    ],
)
def test_a_severity_that_nobody_knows_counts_as_the_worst(answers: Answers, word: str | None, severity: Severity) -> None:
    answers.paths["/api/v2/alerts"] = (200, json.dumps([alert(word)]))
    found = alerting(answers).firing().alerts
    assert found is not None
    assert [(one.id, one.severity) for one in found] == [("ShopIsDown", severity)]


def test_an_answer_that_takes_too_long_is_broken(answers: Answers) -> None:
    slow, over = PrometheusApi(answers.url, seconds=0.2), threading.Event()
    answers.answer = lambda path, asked: (over.wait(LONG), (200, b""))[1]  # type: ignore[method-assign]
    with pytest.raises(Broken, match="timed out"):
        slow.instant("up")
    over.set()
