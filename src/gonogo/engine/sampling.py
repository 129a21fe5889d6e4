"""Reading the metrics once: an event with cumulative counters. What cannot be read is missing, never zero (PM-01)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from gonogo.engine.asking_hosts import answers_of
from gonogo.engine.bench import Bench
from gonogo.engine.draining import is_aborted
from gonogo.engine.reading_traffic import traffic_found
from gonogo.engine.writing import append
from gonogo.plan.model import Roll, Watch
from gonogo.ports import ContinuedSource, CounterSample, MetricSample, MetricSource
from gonogo.run.events import Event, HostsSeen, MetricsSampled
from gonogo.run.machine import Sample
from gonogo.run.rolling import Rolling

LOOK = 0.2
"""Seconds after which it is asked whether somebody ended the run, while something is read."""


def sample(bench: Bench, act: Sample) -> None:
    """Read the metric source of the task's environment and record what it said; nothing where an abort came first."""
    read = unless_aborted(bench, lambda: _read(bench, act))
    if read is not None:
        append(bench, read)


def unless_aborted(bench: Bench, read: Callable[[], list[Event]]) -> list[Event] | None:
    """What `read` gives; None where somebody ends the run while it reads (ARB-01).

    A page that hangs takes seconds, a source of several questions many: an abort waits for none of them.
    """
    reader = ThreadPoolExecutor(1)
    try:
        reading = reader.submit(read)
        while not wait((reading,), LOOK).done:
            if is_aborted(bench) and bench.state.rollback is None:
                return None
        return reading.result()
    finally:
        reader.shutdown(wait=False)


def _read(bench: Bench, act: Sample) -> list[Event]:
    assert isinstance(bench.task.act, Roll | Watch)
    source = bench.world.metrics.get(bench.task.act.environment)
    found = read_on(source, bench.state.rollings.get(act.task.id))
    usable, bounds, missing = _alike(found)
    event = MetricsSampled(
        task=act.task.id,
        attempt=act.attempt,
        index=act.index,
        step=act.step,
        slots={one.slot: [one.requests, one.errors, *(count for _, count in one.buckets)] for one in usable},
        bounds=list(bounds),
        missing=sorted(missing),
        position=found.position,
    )
    return [event, *_hosts(bench, act), *traffic_found(bench, act.task, act.attempt, act.index)]


def read_on(source: MetricSource | None, known: Rolling | None) -> MetricSample:
    """One reading, on top of the last one on record where the source counts by itself."""
    if source is None:
        return MetricSample((), (("all", "no metric source is bound"),))
    last = known.last if known else None
    if last is None or not last.position or not isinstance(source, ContinuedSource):
        return source.sample()
    slots = tuple(
        CounterSample(slot, counts[0], counts[1], tuple(zip(last.bounds, counts[2:], strict=True)))
        for slot, counts in last.slots.items()
    )
    return source.sample_after(MetricSample(slots, (), last.position))


def _hosts(bench: Bench, act: Sample) -> list[Event]:
    """What the hosts of a rollout answer, where that is news."""
    task = bench.task.act
    assert isinstance(task, Roll | Watch)
    environment = bench.plan.project.environments[task.environment]
    if not environment.hosts or isinstance(task, Watch):
        return []
    answers = answers_of(bench, environment)
    versions = {host: seen.version for host, seen in answers.items() if seen.version is not None}
    lost = sorted(set(answers) - set(versions))
    known = bench.state.rollings.get(act.task.id)
    if known is not None and known.versions == versions and sorted(known.lost) == lost:
        return []
    return [HostsSeen(act.task.id, act.attempt, versions, lost)]


def _alike(found: MetricSample) -> tuple[list[CounterSample], tuple[str, ...], list[str]]:
    """Slots that count latency in the same buckets; one that does not cannot be compared and is missing."""
    missing = [slot for slot, _ in found.missing]
    bounds = tuple(bound for bound, _ in found.slots[0].buckets) if found.slots else ()
    usable = []
    for one in found.slots:
        if tuple(bound for bound, _ in one.buckets) == bounds:
            usable.append(one)
        else:
            missing.append(one.slot)
    return usable, bounds, missing
