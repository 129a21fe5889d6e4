"""Spans of a run while it is driven, where the standard environment of OpenTelemetry names a collector.

Read from the ledger, sent in the background, remembered by the number of the last entry that arrived: what was not sent
when an engine died is sent by the next one. Nothing of it is ever waited for longer than `LAST_WAIT_S`, and no failure
of it is a failure of a run.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from gonogo.control.opening import Opened
from gonogo.errors import GonogoError
from gonogo.plan.model import Plan
from gonogo.reports.spans import Span, Tracing, told
from gonogo.run.events import Recorded, recorded
from gonogo.terms import RunId, Secret
from gonogo.values import dataclass

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
ADAPTER: Final = "gonogo.adapters.spans_otlp"
SPOKEN: Final = "http/protobuf"
USUAL_S: Final = 10.0
LAST_WAIT_S: Final = 2.0
"""So many seconds the end of a drive waits for spans that are still on their way."""

Report = Callable[[str], None]
Hear = Callable[[Recorded], None]


class Sender(Protocol):
    """What spans are handed to."""

    def send(self, spans: tuple[Span, ...]) -> None:
        """Take spans and return at once."""

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the environment asks for; `refusal` says why nothing is sent all the same."""

    address: str
    refusal: str = ""


@contextmanager
def traced(opened: Opened, state: Path, environ: Mapping[str, str], report: Report) -> Iterator[Hear]:
    """Send the spans of a run as they end, as long as the block lasts; where nobody asked for any, nothing is done."""
    asked = asked_for(environ)
    if asked is None:
        yield _unheard
        return
    if asked.refusal:
        report(f"no spans are sent: {asked.refusal}")
        yield _unheard
        return
    mark = state / "spans" / opened.run
    try:
        sender = _sender(asked.address, environ, report, lambda seq: _keep(mark, seq))
    except (ImportError, ValueError) as error:
        report(f"no spans are sent: {error}")
        yield _unheard
        return
    spans = _Following(opened.plan, opened.run, sender, report, _kept(mark))
    try:
        for entry in opened.entries:
            spans.hear(recorded(entry))
        yield spans.hear
    finally:
        sender.close(LAST_WAIT_S)


def asked_for(environ: Mapping[str, str]) -> Asked | None:
    """Where spans shall go by the standard variables of OpenTelemetry; None where nobody asks for any."""
    base = environ.get(ENDPOINT, "").strip()
    address = environ.get(TRACES, "").strip() or (f"{base.rstrip('/')}/v1/traces" if base else "")
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    if not address or off:
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or SPOKEN
    if protocol != SPOKEN:
        return Asked(address, f"only {SPOKEN} is spoken, and OTEL_EXPORTER_OTLP_PROTOCOL asks for another")
    if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
        return Asked(address, f"{TRACES if environ.get(TRACES) else ENDPOINT} is no http or https URL")
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.exporter") is None:
        return Asked(address, "pip install 'gonogo[otel]' brings what sends them")
    return Asked(address)


def pairs_of(text: str) -> dict[str, str]:
    """`name=value,name=value` with percent signs, as headers and resource attributes stand in the environment."""
    found = (item.partition("=") for item in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, sign, value in found if sign and name.strip()}


@dataclass(slots=True)
class _Following:
    """Folds the entries of a run, and hands over the spans that end after entry `after`."""

    plan: Plan
    run: RunId
    sender: Sender
    report: Report
    after: int
    tracing: Tracing = field(default_factory=Tracing)
    lost: bool = False

    def hear(self, entry: Recorded) -> None:
        """One more entry; one that was heard already changes nothing."""
        if self.lost or entry.seq <= self.tracing.state.seq:
            return
        try:
            self.tracing, ended = told(self.plan, self.run, self.tracing, entry)
        except (GonogoError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A span that cannot be told is never a run that cannot go on.
            self.lost = True
            self.report(f"no more spans of {self.run} are sent: entry {entry.seq}: {error!r}")
            return
        fresh = tuple(span for span in ended if span.seq > self.after)
        if fresh:
            self.sender.send(fresh)


def _sender(address: str, environ: Mapping[str, str], report: Report, sent: Callable[[int], None]) -> Sender:
    adapter = importlib.import_module(ADAPTER)
    headers = pairs_of(environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    headers |= pairs_of(environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""))
    resource = {"service.name": "gonogo", "service.version": importlib.metadata.version("gonogo")}
    resource |= pairs_of(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    if environ.get("OTEL_SERVICE_NAME"):
        resource["service.name"] = environ["OTEL_SERVICE_NAME"]
    secret = {name: Secret(value) for name, value in headers.items()}
    made: Sender = adapter.SpanSender(adapter.Collector(address, secret, _seconds(environ), resource), report, sent)
    return made


def _seconds(environ: Mapping[str, str]) -> float:
    """The limit of one sending in seconds; the standard states it in milliseconds."""
    text = environ.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") or ""
    return max(int(text), 1) / 1000 if text.isascii() and text.isdigit() else USUAL_S


def _kept(mark: Path) -> int:
    try:
        return int(mark.read_text("ascii"))
    except (OSError, ValueError):
        # Sent twice is the same span: where nothing is known, all are sent.
        return -1


def _keep(mark: Path, seq: int) -> None:
    with suppress(OSError):
        mark.parent.mkdir(parents=True, exist_ok=True)
        fresh = mark.with_name(f"{mark.name}.new")
        fresh.write_text(str(seq), encoding="ascii")
        fresh.replace(mark)


def _unheard(_entry: Recorded) -> None:
    """Nobody listens."""
