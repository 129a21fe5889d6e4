"""What every way of asking slots and hosts has in common: where each of them answers, and what an answer may hold."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

from gonogo.ports import SlotSeen

FRONT = "front"

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,127}\Z")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")


class PlacesProber(ABC):
    """`slots` maps names to addresses, `url` is the public address; how an address is asked is each prober's own."""

    __slots__ = ()

    slots: Mapping[str, str]
    url: str

    def ask(self, slot: str) -> SlotSeen:
        """Ask one slot directly, past the proxy; what cannot be said stays None and is explained in `detail`."""
        address = self.slots.get(slot)
        if address is None:
            return silent(slot, f"no slot `{slot}` is configured")
        return self._ask(slot, address)

    def front(self) -> SlotSeen:
        """Ask the public address once, through whatever distributes requests."""
        return self._ask(FRONT, self.url)

    @abstractmethod
    def _ask(self, slot: str, address: str) -> SlotSeen: ...


def silent(slot: str, why: str) -> SlotSeen:
    """A slot that said nothing that can be believed: no version, and not healthy."""
    return SlotSeen(slot, None, None, healthy=False, detail=why)


def usable_version(said: object) -> str | None:
    """A version as one may stand in a report or a command; None for anything else."""
    return said if isinstance(said, str) and _VERSION.match(said) else None


def usable_digest(said: object) -> str | None:
    """A SHA-256 in lower-case hex, with or without `sha256:` before it; None for anything else."""
    found = _DIGEST.match(said) if isinstance(said, str) else None
    return found[1] if found else None
