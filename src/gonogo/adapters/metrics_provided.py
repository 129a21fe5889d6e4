"""Counters from a provider (group `gonogo.metrics`), and gonogo's own sources in the form of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gonogo.adapters.metrics.access_log import BOUNDS, FORMS, AccessLog, LineForm
from gonogo.adapters.metrics.command import counted
from gonogo.adapters.metrics.haproxy import HaproxyStatistics
from gonogo.adapters.metrics.log_tail import LogTail
from gonogo.adapters.metrics.scrape import MetricNames, ScrapeSource
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree
from gonogo.measure.providers import MetricQuestion, MetricReader, Providers
from gonogo.ports import MetricSample
from gonogo.values import dataclass


def read_pages(question: MetricQuestion) -> Mapping[str, Tree]:
    """The counters on a page of each slot: options `path`, `requests`, `code_label`, `histogram`."""
    asked = question.options
    known = MetricNames()
    names = MetricNames(
        asked.get("requests", known.requests),
        asked.get("code_label", known.code_label),
        asked.get("histogram", known.histogram),
    )
    return _told(ScrapeSource(question.slots, asked.get("path", "/metrics"), names).sample())


def read_statistics(question: MetricQuestion) -> Mapping[str, Tree]:
    """The counters of HAProxy itself: options `socket` and `backend`."""
    return _told(statistics_of(question).sample())


def read_log(question: MetricQuestion) -> Mapping[str, Tree]:
    """The requests in an access log as it stands: options `file`, `format`, and those of `log_of`."""
    source = log_of(question, Path())
    try:
        return _told(source.sample())
    finally:
        source.tail.close()


def statistics_of(question: MetricQuestion) -> HaproxyStatistics:
    """The statistics that the options name; BadInput where one is missing."""
    return HaproxyStatistics(_needed(question, "socket"), _needed(question, "backend"), _upstreams(question))


def log_of(question: MetricQuestion, root: Path) -> AccessLog:
    """The log that the options name, below `root` where its path is relative.

    `format` is haproxy, nginx or caddy; `upstream`, `status`, `duration` name members of a line otherwise, `unit` is s
    or ms, and `bounds` are bucket bounds in seconds, so that a limit on latency can be one. BadInput for others.
    """
    asked = question.options
    known = FORMS.get(_needed(question, "format"))
    if known is None:
        raise BadInput(f"`format` is `{asked['format']}`", next_step=f"write one of {', '.join(sorted(FORMS))}")
    unit = {"": known.unit, "s": 1.0, "ms": 0.001}.get(asked.get("unit", ""))
    if unit is None:
        raise BadInput(f"`unit` is `{asked['unit']}`", next_step="write s or ms")
    form = LineForm(
        asked.get("upstream", known.upstream),
        asked.get("status", known.status),
        asked.get("duration", known.duration),
        unit,
    )
    bounds = _bounds(asked["bounds"]) if "bounds" in asked else BOUNDS
    return AccessLog(LogTail(root / _needed(question, "file")), _upstreams(question), form, bounds)


def _bounds(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    try:
        values = [float(bound) for bound in found]
    except ValueError as error:
        raise BadInput(f"`bounds` is `{text}`: {error}", next_step="write seconds, such as 0.05 0.1 0.25") from error
    if not values or values != sorted(set(values)) or not 0 < values[0] <= values[-1] < float("inf"):
        raise BadInput(f"`bounds` is `{text}`", next_step="write rising numbers of seconds, such as 0.05 0.1 0.25")
    return found


def _needed(question: MetricQuestion, key: str) -> str:
    if not question.options.get(key):
        raise BadInput(f"the option `{key}` is missing", next_step="add it under `metrics.options`")
    return question.options[key]


def _upstreams(question: MetricQuestion) -> Mapping[str, str]:
    """Host and port of each slot, as a proxy calls it."""
    return {slot: urlsplit(address).netloc or address for slot, address in question.slots.items()}


def _told(sample: MetricSample) -> Mapping[str, Tree]:
    told: dict[str, Tree] = {}
    for slot in sample.slots:
        counts: dict[str, Tree] = {"requests": slot.requests, "errors": slot.errors}
        told[slot.slot] = {**counts, "buckets": dict(slot.buckets)} if slot.buckets else counts
    return {"slots": told, "missing": dict(sample.missing)}


METRIC_READERS: Mapping[str, MetricReader] = {
    "access_log": read_log,
    "haproxy": read_statistics,
    "scrape": read_pages,
}
"""The built-in sources of metrics that are providers; each is registered in group `gonogo.metrics`, too."""


@dataclass(frozen=True, slots=True)
class ProvidedSource:
    """A source of metrics that a package brings: `provider` is its word, `question` what it is asked each time."""

    providers: Providers
    provider: str
    question: MetricQuestion

    def sample(self) -> MetricSample:
        """Ask the provider once; where it fails, every slot is missing with the reason."""
        slots = tuple(self.question.slots)
        try:
            return counted(self.providers.counters(self.provider, self.question), slots)
        except (BadInput, Broken) as error:
            return MetricSample((), tuple((slot, f"{error.where}: {error.what}") for slot in slots))
