"""Counters from a provider (group `gonogo.metrics`), and gonogo's own page reader in the form of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gonogo.adapters.metrics_command import counted
from gonogo.adapters.metrics_scrape import MetricNames, ScrapeSource
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree
from gonogo.measure.providers import MetricQuestion, MetricReader, Providers
from gonogo.ports import MetricSample


def read_pages(question: MetricQuestion) -> Mapping[str, Tree]:
    """The counters on a page of each slot: options `path`, `requests`, `code_label`, `histogram`."""
    asked = question.options
    known = MetricNames()
    names = MetricNames(
        asked.get("requests", known.requests),
        asked.get("code_label", known.code_label),
        asked.get("histogram", known.histogram),
    )
    sample = ScrapeSource(question.slots, asked.get("path", "/metrics"), names).sample()
    return {
        "slots": {
            slot.slot: {"requests": slot.requests, "errors": slot.errors, "buckets": dict(slot.buckets)}
            for slot in sample.slots
        },
        "missing": dict(sample.missing),
    }


METRIC_READERS: Mapping[str, MetricReader] = {"scrape": read_pages}
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
