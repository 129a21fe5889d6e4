"""Spans of OpenTelemetry, sent to a real receiver on loopback that reads the protobuf of OTLP/HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from gonogo.control.tracing import ENDPOINT, TRACES, asked_for, pairs_of
from gonogo.plan.model import Plan
from gonogo.reports.spans import MOST, Span, Tracing, told, trace_of
from gonogo.run.events import Recorded, RunClosed, RunHalted, recorded
from gonogo.terms import Person, RunId
from tests.projects import Project, small_project
from tests.worlds_http import place


@dataclass
class Collector:
    """What a collector was sent: spans by id, headers, and how it answers."""

    status: int = 200
    hold: threading.Event | None = None
    spans: dict[bytes, Sent] = field(default_factory=dict)
    resource: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    posts: int = 0
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        if handler.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.posts += 1
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        if self.hold is not None:
            self.hold.wait(60)
        if self.status == 200:
            assert handler.path == "/v1/traces"
            assert handler.headers["content-type"] == "application/x-protobuf"
            said = ExportTraceServiceRequest.FromString(body)
            for of_resource in said.resource_spans:
                self.resource = {item.key: item.value.string_value for item in of_resource.resource.attributes}
                for scope in of_resource.scope_spans:
                    self.spans |= {span.span_id: span for span in scope.spans}
        answer = ExportTraceServiceResponse().SerializeToString()
        handler.send_response(self.status)
        handler.send_header("content-type", "application/x-protobuf")
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)


@contextmanager
def collector(status: int = 200, *, hold: threading.Event | None = None) -> Iterator[Collector]:
    found = Collector(status, hold)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            if hold is not None:
                hold.set()
            server.shutdown()
            thread.join(20)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "staging") as staging, place(tmp_path / "production") as production:
        yield small_project(tmp_path / "shop", staging, production)


def attributes(span: Sent) -> dict[str, object]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


def drive(project: Project, run: RunId, said: list[str], **environ: str) -> None:
    """Drive a run once, with a collector in the environment; `said` is what the engine reports."""
    door = project.door(**environ)
    door.report = said.append
    door.drive(run, patient=False, listener=lambda state, entry: None)


def spans_of(plan: Plan, run: RunId, entries: Sequence[Recorded]) -> tuple[Span, ...]:
    """Every span of a run that is over, told entry by entry as a drive hears them."""
    tracing, found = Tracing(), list[Span]()
    for entry in entries:
        tracing, ended = told(plan, run, tracing, entry)
        found += ended
    return tuple(found)


def test_a_run_is_sent_span_by_span_as_its_ledger_tells_it_and_the_next_engine_sends_the_rest(project: Project) -> None:
    said: list[str] = []
    run = project.begin("pre-deployment")
    with collector() as there:
        environ = {ENDPOINT: there.endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret", "OTEL_RESOURCE_ATTRIBUTES": "team=shop"}
        drive(project, run, said, **environ)
        first = set(there.spans)
        assert there.headers["authorization"] == "Bearer s3cret"
        assert there.resource == {"service.name": "gonogo", "service.version": there.resource["service.version"], "team": "shop"}
        project.sign_all(run)
        project.door().abort(run, "enough for today", Person("rm1"))
        before = there.posts
        drive(project, run, said, **environ)
        assert there.posts > before
        opened = project.door().load(run)
        ended = spans_of(opened.plan, run, [recorded(entry) for entry in opened.entries])
        assert {bytes.fromhex(span.id) for span in ended} == set(there.spans), "what ended between two engines was sent by the second"
        assert first < set(there.spans)
        assert {span.trace_id for span in there.spans.values()} == {bytes.fromhex(trace_of(run))}
        posts = there.posts
        drive(project, run, said, **environ)
        assert there.posts == posts, "what arrived is not sent again"
    assert said == []
    by_name = {span.name: span for span in there.spans.values()}
    root = by_name["RUN pre-deployment"]
    assert (root.parent_span_id, root.kind) == (b"", Sent.SPAN_KIND_SERVER)
    assert attributes(root)["cicd.pipeline.result"] == "cancellation"
    assert attributes(root)["cicd.pipeline.run.id"] == run
    assert attributes(root)["deployment.environment.name"] == "staging"
    approval = next(span for name, span in by_name.items() if name.startswith("approval "))
    assert attributes(approval)["gonogo.approval.outcome"] == "go"
    assert approval.end_time_unix_nano > approval.start_time_unix_nano
    text = str(there.spans)
    assert not any(f'"{handle}"' in text for handle in project.keys), "people are counted, not named"


@pytest.mark.slow
def test_a_release_that_is_rolled_back_shows_gates_rollback_and_failure(project: Project) -> None:
    """From the ledger alone; sending is shown elsewhere."""
    project.release("pre-deployment")
    (project.production.root / "faults.json").write_text('{"v2": 0.3}')
    run = project.release("production-deployment")
    opened = project.door().load(run)
    spans = spans_of(opened.plan, run, [recorded(entry) for entry in opened.entries])
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    root = spans[-1]
    assert (root.parent, root.attributes["cicd.pipeline.result"], root.error) == ("", "failure", "rolled_back")
    assert root.attributes["deployment.status"] == "failed"
    back = next(span for span in spans if span.name == "rollback production")
    assert back.attributes["gonogo.rollback.trigger"] == "judge"
    assert back.attributes["gonogo.rollback.verified"] is True
    assert {by_id[span.parent].name for span in spans if span.parent} >= {"rollback production", root.name}
    gates = [span.attributes["gonogo.gate.verdict"] for span in spans if "gonogo.gate.verdict" in span.attributes]
    assert gates
    assert set(gates) == {"pass"}
    for span in spans:
        assert span.began <= span.ended
        assert not span.parent or by_id[span.parent].began <= span.began, "a child begins in its parent"


@pytest.mark.parametrize("trouble", ["nobody listens", pytest.param("it refuses", marks=pytest.mark.slow), "it never answers"])
def test_a_collector_in_trouble_neither_holds_nor_fails_a_run(project: Project, trouble: str) -> None:
    said: list[str] = []
    run = project.begin("pre-deployment")
    hold = threading.Event() if trouble == "it never answers" else None
    with collector(503 if trouble == "it refuses" else 200, hold=hold) as there:
        endpoint = "http://127.0.0.1:9" if trouble == "nobody listens" else there.endpoint
        drive(project, run, said, **{ENDPOINT: endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=s3cret"})
        assert project.door().requests(run), "the run got to its first question to people"
        assert said == ["spans of this run did not all reach 127.0.0.1; the run itself lacks nothing"]
        assert not (project.root / ".gonogo/spans" / run).exists(), "nothing is remembered as sent"


def test_foreign_text_in_a_span_is_made_visible_and_short(project: Project) -> None:
    run = project.begin("pre-deployment")
    opened = project.door().load(run)
    entries = [recorded(entry) for entry in opened.entries]
    halted = RunHalted("task\x1b[31m\u202e" + "x" * 5000, "stop", "prerequisites", "prerequisites", None)
    closing = replace(entries[-1], seq=len(entries), event=halted)
    spans = spans_of(opened.plan, run, [*entries, closing, replace(closing, seq=len(entries) + 1, event=RunClosed("aborted"))])
    cause = next(span.attributes["gonogo.halt.cause"] for span in spans if span.name == "halted")
    assert isinstance(cause, str)
    assert len(cause) == MOST
    assert cause.startswith("task\\x1b[31m\\u{202e}x")


@pytest.mark.parametrize(
    ("environ", "address", "refusal"),
    [
        ({}, None, ""),
        ({ENDPOINT: "http://c:4318/"}, "http://c:4318/v1/traces", ""),
        ({ENDPOINT: "http://c", TRACES: "https://d/x"}, "https://d/x", ""),
        ({ENDPOINT: "http://c", "OTEL_SDK_DISABLED": "TRUE"}, None, ""),
        ({ENDPOINT: "http://c", "OTEL_TRACES_EXPORTER": "none"}, None, ""),
        ({ENDPOINT: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://c/v1/traces", "only http/protobuf"),
        ({ENDPOINT: "c:4317"}, "c:4317/v1/traces", "no http or https URL"),
    ],
)
def test_the_standard_environment_says_where_spans_go(environ: dict[str, str], address: str | None, refusal: str) -> None:
    found = asked_for(environ)
    assert (found.address if found else None) == address
    assert refusal in (found.refusal if found else "")
    assert bool(refusal) == bool(found and found.refusal)


def test_pairs_are_read_as_the_standard_writes_them() -> None:
    assert pairs_of("a=1, b = x%2Cy ,c,=d,e=") == {"a": "1", "b": "x,y", "e": ""}
