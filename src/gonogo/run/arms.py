"""Which slots or hosts run the old version and which the new one, between two readings of their counters (ROL-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from itertools import accumulate, chain, pairwise

from gonogo.values import dataclass

OLD, NEW = "old", "new"


@dataclass(frozen=True, slots=True)
class Arms:
    """Two slots, `stable` and `candidate`; or hosts in `batches`, which change sides batch by batch.

    `watched` hosts are all of the new version: what a health window looks at. `before` is the version that each ran.
    Hosts of several services are compared only with those of the same one: `groups` says how many batches each has.
    """

    stable: str = ""
    candidate: str = ""
    batches: tuple[tuple[str, ...], ...] = ()
    watched: bool = False
    before: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[int, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts in the order of the rollout; none where there are slots."""
        return tuple(chain.from_iterable(self.batches))

    def between(self, before: int, after: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(old, new) between a reading at step `before` and one at step `after`: what is compared with each other.

        A host that was replaced between them belongs to neither: its counters are of two processes.
        """
        if not self.batches:
            return (self.stable,), (self.candidate,)
        if self.watched:
            return (), self.hosts
        first, end = self._group(max(before, after, 0))
        new, old = self.batches[first : max(min(before, after) + 1, first)], self.batches[max(before, after) + 1 : end]
        return tuple(chain.from_iterable(old)), tuple(chain.from_iterable(new))

    def replaced(self, step: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(old, new) at a step, the hosts of all services; slots as they are."""
        return replace(self, groups=()).between(step, step)

    def _group(self, step: int) -> tuple[int, int]:
        """The first batch of the service that is replaced at a step, and the first of the next one."""
        ends = (0, *accumulate(self.groups or (len(self.batches),)))
        return next(((first, end) for first, end in pairwise(ends) if first <= step < end), (0, len(self.batches)))

    def named(self, name: str, before: int, after: int) -> str:
        """The arm of a slot or host as the judge calls it; empty where it belongs to neither."""
        old, new = self.between(before, after)
        return OLD if name in old else NEW if name in new else ""

    def numbers(self, names: frozenset[str]) -> frozenset[int]:
        """The places of hosts in the order of the rollout."""
        return frozenset(number for number, host in enumerate(self.hosts) if host in names)
