"""Asks slots who they are: version and artifact digest in the headers of one direct answer (PX-06, PX-13).

Each question takes a fresh connection: a kept one could still lead to a process that is about to end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.errors import Broken
from gonogo.ports import SlotSeen
from gonogo.values import dataclass

FRONT = "front"
OK = 200
MOST_BYTES = 1 << 16

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,127}\Z")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class HttpProber:
    """`slots` maps names to addresses, `url` is the public address; `header` and `digest_header` in lower case."""

    slots: Mapping[str, str]
    url: str
    path: str = "/healthz"
    header: str = "x-version"
    digest_header: str | None = None
    seconds: float = 2.0

    def ask(self, slot: str) -> SlotSeen:
        """Ask one slot directly, past the proxy; what cannot be said stays None and is explained in `detail`."""
        address = self.slots.get(slot)
        if address is None:
            return SlotSeen(slot, None, None, healthy=False, detail=f"no slot `{slot}` is configured")
        return self._ask(slot, address)

    def front(self) -> SlotSeen:
        """Ask the public address once, through whatever distributes requests."""
        return self._ask(FRONT, self.url)

    def _ask(self, slot: str, address: str) -> SlotSeen:
        url = address.rstrip("/") + self.path
        try:
            answer = call("GET", url, seconds=self.seconds, most=MOST_BYTES)
        except Broken as error:
            return SlotSeen(slot, None, None, healthy=False, detail=f"{url}: {error.what}")
        version = usable_version(answer.fields.get(self.header))
        digest = usable_digest(answer.fields.get(self.digest_header)) if self.digest_header else None
        healthy = answer.status == OK and version is not None
        return SlotSeen(slot, version, digest, healthy, self._detail(url, answer, version))

    def _detail(self, url: str, answer: HttpAnswer, version: str | None) -> str:
        if version is None:
            return f"{url} answered {answer.status} without a usable `{self.header}` header"
        return f"{url} answered {answer.words(120)}" if answer.status != OK else f"{url} answered 200 as {version}"


def usable_version(said: object) -> str | None:
    """A version as one may stand in a report or a command; None for anything else."""
    return said if isinstance(said, str) and _VERSION.match(said) else None


def usable_digest(said: object) -> str | None:
    """A SHA-256 in lower-case hex, with or without `sha256:` before it; None for anything else."""
    found = _DIGEST.match(said) if isinstance(said, str) else None
    return found[1] if found else None
