"""What the guards of the judge should be for a project: from half a day of its metrics, or from a file of readings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from gonogo.adapters.metrics.history_prometheus import PrometheusHistory, Span
from gonogo.adapters.metrics.prometheus_api import PrometheusApi, labelled, labelled_any
from gonogo.adapters.metrics.scrape import MetricNames, ScrapeSource
from gonogo.adapters.sample_files import SampleFile
from gonogo.control.assembling import metrics_of
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput, WrongUsage
from gonogo.plan.binding_metrics import LABEL
from gonogo.plan.project import Environment, MetricsBinding
from gonogo.ports import Clock, MetricSource
from gonogo.run.calibrating import Calibration, Counted, calibrated, in_halves
from gonogo.run.served import moment_ms
from gonogo.values import dataclass

SECONDS = 30.0
"""For one query over a quarter of an hour; a Prometheus of many series needs more than one instant."""


class History(Protocol):
    """Where the counters of the instances come from."""

    def served(self) -> tuple[str, ...]:
        """The instances that served requests."""

    def bounds(self) -> tuple[str, ...]:
        """The bucket bounds, the last infinite; none where no latency is counted."""

    def readings(self, bounds: tuple[str, ...]) -> Iterator[Counted]:
        """All readings with these bounds, in the order of time."""


@dataclass(frozen=True, slots=True)
class Found:
    """The instances in their halves, and what their history says."""

    halves: tuple[tuple[str, ...], tuple[str, ...]]
    told: Calibration


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which instances: the label `by` tells them apart; those with `match` (label=value), or all of the environment."""

    hours: float
    by: str
    match: tuple[str, ...]


def calibrate(history: History) -> Found:
    """What a history says. BadInput where it is not about two instances that served requests."""
    halves = in_halves(history.served())
    bounds = history.bounds()
    return Found(halves, calibrated(history.readings(bounds), halves, tuple(map(float, bounds))))


def environment_of(workspace: Workspace, name: str) -> Environment:
    """The environment that is named, or the one that releases end in."""
    known = workspace.project.environments
    if name and name not in known:
        raise WrongUsage(f"there is no environment `{name}`", next_step=f"known are {', '.join(known)}")
    found = known.get(name) or next((each for each in known.values() if each.kind == "production"), None)
    if found is None:
        raise BadInput("the project has no production", next_step="name an environment")
    return found


def history_of(workspace: Workspace, environment: Environment, wanted: Wanted, now: datetime) -> History:
    """The last hours in the Prometheus of an environment. BadInput where its metrics come from elsewhere."""
    binding = environment.metrics
    if binding is None or binding.kind != "prometheus":
        kind = f"of kind {binding.kind}, which keeps no history" if binding else "not bound"
        raise BadInput(
            f"the metrics of `{environment.name}` are {kind}",
            where=f"environments.{environment.name}.metrics",
            next_step="gonogo judge record --out samples.jsonl; then gonogo judge calibrate --samples samples.jsonl",
        )
    if not re.fullmatch(LABEL, wanted.by):
        raise WrongUsage(f"`{wanted.by}` is no name of a label", next_step="such as --by instance")
    end = moment_ms(now) / 1000
    span = Span(end - wanted.hours * 3600, end, float(workspace.project.rollout.tick))
    matchers = _matchers(environment, binding, wanted.match)
    return PrometheusHistory(PrometheusApi(binding.url, SECONDS), _names(binding), matchers, wanted.by, span)


def source_of(workspace: Workspace, environment: Environment, addresses: Sequence[str]) -> MetricSource:
    """What is recorded: the Prometheus pages of the instances at `addresses`, or what the environment is bound to."""
    binding = environment.metrics
    if addresses:
        names = _names(binding) if binding else MetricNames()
        return ScrapeSource({each: each for each in addresses}, binding.path if binding else "/metrics", names)
    source = metrics_of(workspace.root, environment)
    if source is None:
        raise BadInput(
            f"environments.{environment.name} has no metrics",
            next_step="name the instances: --instance http://HOST:PORT",
        )
    return source


def record(
    source: MetricSource, file: SampleFile, clock: Clock, until: datetime, tick: float, told: Callable[[str], None]
) -> int:
    """Append a reading every `tick` seconds until then; how many had an instance in them. What is missing is told."""
    taken = 0
    silent: tuple[tuple[str, str], ...] = ()
    while (now := clock.now()) < until:
        sample = source.sample()
        if sample.missing and sample.missing != silent:
            told("; ".join(f"{name}: {why}" for name, why in sample.missing))
        silent = sample.missing
        file.append(moment_ms(now), sample)
        taken += bool(sample.slots)
        clock.sleep(max(0.0, min(tick - (clock.now() - now).total_seconds(), (until - now).total_seconds())))
    return taken


def _matchers(environment: Environment, binding: MetricsBinding, match: Sequence[str]) -> str:
    if match:
        return ",".join(_matcher(text) for text in match)
    slots = environment.slots
    by_address = binding.slot_label == "instance"
    values = [urlsplit(url).netloc for url in slots.values()] if by_address else list(slots)
    return labelled_any(binding.slot_label, values)


def _matcher(text: str) -> str:
    label, equals, value = text.partition("=")
    if not equals or not re.fullmatch(LABEL, label):
        raise WrongUsage(f"`{text}` is no label=value", next_step="such as --match job=shop")
    return labelled(label, value)


def _names(binding: MetricsBinding) -> MetricNames:
    return MetricNames(binding.requests, binding.code_label, binding.histogram)
