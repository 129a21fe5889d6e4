"""Asks slots who they are: version and artifact digest in the headers of one direct answer (PX-06, PX-13).

Each question takes a fresh connection: a kept one could still lead to a process that is about to end.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.adapters.targets.probe_places import PlacesProber, silent, usable_digest, usable_version
from gonogo.errors import Broken
from gonogo.ports import SlotSeen
from gonogo.values import dataclass

OK = 200
MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class HttpProber(PlacesProber):
    """`slots` maps names to addresses, `url` is the public address; `header` and `digest_header` in lower case."""

    slots: Mapping[str, str]
    url: str
    path: str = "/healthz"
    header: str = "x-version"
    digest_header: str | None = None
    seconds: float = 2.0

    def _ask(self, slot: str, address: str) -> SlotSeen:
        url = address.rstrip("/") + self.path
        try:
            answer = call("GET", url, seconds=self.seconds, most=MOST_BYTES)
        except Broken as error:
            return silent(slot, f"{url}: {error.what}")
        version = usable_version(answer.fields.get(self.header))
        digest = usable_digest(answer.fields.get(self.digest_header)) if self.digest_header else None
        healthy = answer.status == OK and version is not None
        return SlotSeen(slot, version, digest, healthy, self._detail(url, answer, version))

    def _detail(self, url: str, answer: HttpAnswer, version: str | None) -> str:
        if version is None:
            return f"{url} answered {answer.status} without a usable `{self.header}` header"
        return f"{url} answered {answer.words(120)}" if answer.status != OK else f"{url} answered 200 as {version}"
