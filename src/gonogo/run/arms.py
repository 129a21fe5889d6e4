"""Which slots or hosts run the old version and which the new one, between two readings of their counters (ROL-01)."""

from __future__ import annotations

from itertools import chain

from gonogo.values import dataclass

OLD, NEW = "old", "new"


@dataclass(frozen=True, slots=True)
class Arms:
    """Two slots, `stable` and `candidate`; or hosts in `batches`, which change sides batch by batch.

    `watched` hosts are all of the new version: what a health window looks at. `before` is the version that hosts ran.
    """

    stable: str = ""
    candidate: str = ""
    batches: tuple[tuple[str, ...], ...] = ()
    watched: bool = False
    before: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts in the order of the rollout; none where there are slots."""
        return tuple(chain.from_iterable(self.batches))

    def between(self, before: int, after: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(old, new) between a reading at step `before` and one at step `after`.

        A host that was replaced between them belongs to neither: its counters are of two processes.
        """
        if not self.batches:
            return (self.stable,), (self.candidate,)
        if self.watched:
            return (), self.hosts
        new, old = self.batches[: min(before, after) + 1], self.batches[max(before, after) + 1 :]
        return tuple(chain.from_iterable(old)), tuple(chain.from_iterable(new))

    def named(self, name: str, before: int, after: int) -> str:
        """The arm of a slot or host as the judge calls it; empty where it belongs to neither."""
        old, new = self.between(before, after)
        return OLD if name in old else NEW if name in new else ""

    def numbers(self, names: frozenset[str]) -> frozenset[int]:
        """The places of hosts in the order of the rollout."""
        return frozenset(number for number, host in enumerate(self.hosts) if host in names)
