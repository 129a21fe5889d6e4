"""Spans to a collector of OpenTelemetry by OTLP over HTTP, in the background; needs the extra `otel`.

What cannot be sent is dropped and said once: neither a collector that is away nor one that is slow ever holds a run.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gonogo.reports.spans import Span
from gonogo.terms import Secret
from gonogo.values import dataclass

MOST_WAITING: Final = 4096
MOST_AT_ONCE: Final = 512
SCOPE: Final = InstrumentationScope("gonogo")


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go: the whole URL, headers, seconds for one sending, and what they say about this program."""

    address: str
    headers: Mapping[str, Secret]
    seconds: float
    resource: Mapping[str, str]


class SpanSender:
    """Sends spans from a thread of its own; `report` is told what was lost, `sent` the last entry that arrived."""

    def __init__(self, where: Collector, report: Callable[[str], None], sent: Callable[[int], None]) -> None:
        # The library's own log would print credentials of an address, and once for each try.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        headers = {name: value.reveal() for name, value in where.headers.items()}
        self._exporter = OTLPSpanExporter(endpoint=where.address, headers=headers, timeout=where.seconds)
        self._place = urlsplit(where.address).hostname or "the collector"
        self._resource = Resource(dict(where.resource))
        self._report, self._sent = report, sent
        self._waiting: queue.Queue[Span | None] = queue.Queue(MOST_WAITING)
        self._lost = 0
        self._failed = False
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def send(self, spans: Sequence[Span]) -> None:
        """Hand spans over; returns at once. Where too many wait, they are dropped and counted."""
        for span in spans:
            try:
                self._waiting.put_nowait(span)
            except queue.Full:
                self._lost += 1

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so long; what is left is dropped."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self._lost += 1
        self._thread.join(seconds)
        late = self._thread.is_alive()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        if self._failed or self._lost or late:
            self._report(f"spans of this run did not all reach {self._place}; the run itself lacks nothing")

    def _work(self) -> None:
        while True:
            batch = self._batch()
            if batch is None:
                return
            try:
                result = self._exporter.export([readable(span, self._resource) for span in batch])
            except (OSError, RuntimeError, ValueError):
                # The exporter turns faults into a result; what it does not foresee is one, too.
                result = SpanExportResult.FAILURE
            if result is not SpanExportResult.SUCCESS:
                self._failed = True
            elif not self._failed:
                self._sent(batch[-1].seq)

    def _batch(self) -> list[Span] | None:
        """The next spans that wait, at least one; None at the end."""
        first = self._waiting.get()
        if first is None:
            return None
        found = [first]
        while len(found) < MOST_AT_ONCE:
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return found
            if item is None:
                self._waiting.put_nowait(None)
                return found
            found.append(item)
        return found


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """A span in the form of the SDK, with the ids that it has."""
    error = span.error
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace, span.id),
        parent=_context(span.trace, span.parent) if span.parent else None,
        resource=resource,
        attributes={**span.attributes, **({"error.type": error} if error else {})},
        kind=SpanKind.INTERNAL if span.parent else SpanKind.SERVER,
        status=Status(StatusCode.ERROR, error) if error else Status(StatusCode.UNSET),
        start_time=_nanoseconds(span.began),
        end_time=_nanoseconds(span.ended),
        instrumentation_scope=SCOPE,
    )


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1000
