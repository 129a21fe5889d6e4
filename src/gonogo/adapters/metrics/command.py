"""Reads counters from a command of the project that prints them as JSON.

`{"slots": {"blue": {"requests": 12, "errors": 0, "buckets": {"0.1": 10, "+Inf": 12}}}, "missing": {"green": "why"}}`,
all cumulative. A slot that is not mentioned, or whose numbers contradict each other, is missing with a reason. Without
`buckets` no latency is counted, and a rollout that is to judge latency does not begin.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.metrics.scrape import ordered_buckets
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree
from gonogo.ports import CounterSample, MetricSample
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class CommandSource:
    """The command, and the slots that it has to speak about."""

    command: JsonCommand
    slots: tuple[str, ...]

    def sample(self) -> MetricSample:
        """Run the command once; where it fails, every slot is missing."""
        try:
            found = self.command.ask()
        except Broken as error:
            return MetricSample((), tuple((slot, f"{error.where}: {error.what}") for slot in self.slots))
        return counted(found, self.slots)


def counted(found: Mapping[str, Tree], slots: tuple[str, ...]) -> MetricSample:
    """The counters of `slots` in what a command or provider said; a slot of which it says nothing usable is missing."""
    read = tuple(_slot(slot, found) for slot in slots)
    return MetricSample(
        tuple(one for one in read if isinstance(one, CounterSample)),
        tuple(one for one in read if not isinstance(one, CounterSample)),
    )


def _slot(slot: str, found: Mapping[str, Tree]) -> CounterSample | tuple[str, str]:
    given = _member(found.get("slots"), slot)
    if not isinstance(given, Mapping):
        reason = _member(found.get("missing"), slot)
        return slot, reason if isinstance(reason, str) and reason else "the command says nothing usable about it"
    try:
        requests, errors = _count(given.get("requests"), "requests"), _count(given.get("errors"), "errors")
        buckets = _buckets(given["buckets"]) if "buckets" in given else ()
    except BadInput as error:
        return slot, error.what
    if errors > requests:
        return slot, f"{errors} errors in {requests} requests"
    return CounterSample(slot, requests, errors, buckets)


def _buckets(value: Tree) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, Mapping) or not value:
        raise BadInput("`buckets` is not a mapping of bounds to counts")
    return ordered_buckets({bound: _count(count, f"bucket {bound}") for bound, count in value.items()})


def _count(value: Tree, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"`{name}` is no count")
    return value


def _member(value: Tree, name: str) -> Tree:
    return value.get(name) if isinstance(value, Mapping) else None
