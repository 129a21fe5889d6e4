"""The counters of several services, as one and each by itself: a sum alone would hide a small service that fails.

What any of them serves badly counts in the sum, and one that is silent is missing in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gonogo.ports import CounterSample, MetricSample, MetricSource
from gonogo.run.comparing import of_service
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class TogetherSource:
    """`sources` by service; all of the same slots."""

    sources: Mapping[str, MetricSource]

    def sample(self) -> MetricSample:
        """Requests, errors and buckets of each slot over all services, and of each service, called `service/slot`.

        A slot is missing where one service is.
        """
        read = {name: source.sample() for name, source in self.sources.items()}
        missing = {slot: f"{name}: {why}" for name, sample in read.items() for slot, why in sample.missing}
        slots = dict.fromkeys(one.slot for sample in read.values() for one in sample.slots)
        found = []
        for slot in slots:
            parts = [one for sample in read.values() for one in sample.slots if one.slot == slot]
            if slot in missing or len(parts) != len(read):
                missing.setdefault(slot, "a service gave no sample")
            elif len({tuple(bound for bound, _ in one.buckets) for one in parts}) > 1:
                missing[slot] = "the services count latency in different buckets"
            else:
                found.append(_added(slot, parts))
        apart = [replace(one, slot=of_service(name, one.slot)) for name, sample in read.items() for one in sample.slots]
        silent = [(of_service(name, slot), why) for name, sample in read.items() for slot, why in sample.missing]
        return MetricSample((*found, *apart), (*missing.items(), *silent))


def _added(slot: str, parts: list[CounterSample]) -> CounterSample:
    counts = [sum(each) for each in zip(*([count for _, count in one.buckets] for one in parts), strict=True)]
    bounds = [bound for bound, _ in parts[0].buckets]
    full = [one.saturation for one in parts if one.saturation is not None]
    return CounterSample(
        slot,
        sum(one.requests for one in parts),
        sum(one.errors for one in parts),
        tuple(zip(bounds, counts, strict=True)),
        max(full, default=None),
    )
