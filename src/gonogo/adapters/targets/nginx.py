"""Moves traffic at nginx: one included file is rewritten, tested, reloaded, and read back from the running workers.

nginx cannot say which weights it runs (PX-10) and has no compare-and-set (PX-12). The file therefore holds, beside the
upstream, a small server that answers with the weights and the fence that were loaded together with it: what it says is
what the workers run, whatever the file on disk says by now. Old workers may answer for a moment after a reload (PX-09),
so a move counts after several answers in a row. A writer with a lower fence than the running one is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from gonogo.adapters.durable import read_small, write_file
from gonogo.adapters.http_calls import call, printable
from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.shares import check_weights, confirm, refuse_older
from gonogo.errors import BadInput, Broken
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

SECONDS = 5.0
RELOAD_S = 15.0
"""So long old workers may answer after a reload: a large configuration on a busy machine takes its time."""
PAUSE = 0.02
IN_A_ROW = 3

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,128}:[0-9]{1,5}\Z")
_SAID = re.compile(r"gonogo fence=(?P<fence>[0-9]{1,18})(?P<weights>(?: [a-z0-9-]{1,64}=[0-9]{1,3})+)\s*\Z")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the running workers loaded: percent by slot, and the fence of who wrote it."""

    weights: Mapping[str, int]
    fence: int


def upstream_file(
    upstream: str, status: str, slots: Mapping[str, str], weights: Mapping[str, int], fence: int = 0
) -> str:
    """The included file, for the `http` block of nginx.

    `status` is `host:port` of the server that answers with the weights. No passive health check of nginx changes a
    share (`max_fails=0`): a broken version has to be seen as broken, not to lose its requests in silence.
    """
    servers = "".join(f"    server {slots[slot]} {_share(weights[slot])};\n" for slot in sorted(slots))
    shares = " ".join(f"{slot}={weights[slot]}" for slot in sorted(slots))
    return (
        "# Written by gonogo at each move of traffic; a change by hand is lost.\n"
        f"upstream {upstream} {{\n    zone {upstream} 64k;\n{servers}    keepalive 32;\n}}\n"
        f"server {{\n    listen {status};\n    access_log off;\n    location / {{\n"
        f'        default_type text/plain;\n        return 200 "gonogo fence={fence} {shares}";\n    }}\n}}\n'
    )


def _share(weight: int) -> str:
    return f"weight={weight} max_fails=0" if weight else "down"


def parse_loaded(text: str, slots: Mapping[str, str]) -> Loaded:
    """What the status server answered; ValueError where it is no answer about exactly these slots."""
    match = _SAID.match(text)
    if match is None:
        raise ValueError("no answer of a file that gonogo wrote")
    pairs = [pair.partition("=") for pair in match["weights"].split()]
    weights = {slot: int(weight) for slot, _, weight in pairs}
    if set(weights) != set(slots) or len(pairs) != len(slots):
        raise ValueError(f"it names {', '.join(sorted(weights))}, the target has {', '.join(sorted(slots))}")
    return Loaded(weights, int(match["fence"]))


@dataclass(frozen=True, slots=True)
class NginxTarget:
    """`include` is the file that gonogo owns, `status` the `host:port` inside it; `test` and `reload` are commands."""

    include: Path
    upstream: str
    status: str
    slots: Mapping[str, str]
    test: JsonCommand
    reload: JsonCommand

    def __post_init__(self) -> None:
        addresses = (self.status, *self.slots.values())
        wrong = [text for text in addresses if not _ADDRESS.match(text)] or (
            [] if _NAME.match(self.upstream) else [self.upstream]
        )
        if wrong:
            raise BadInput(
                f"`{wrong[0]}` cannot stand in nginx's configuration",
                where=self._where,
                next_step="addresses are host:port, the upstream is a plain name",
            )

    @property
    def _where(self) -> str:
        return f"{self.include} upstream {self.upstream}"

    def traffic(self) -> TrafficSeen:
        """The weights that the running workers loaded; Broken where they do not answer."""
        return self._seen(self._loaded())

    def open_requests(self) -> None:
        """Nginx counts connections of all upstreams together."""
        return

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Write, test, reload, and wait until the workers say so; where the test fails, the old file returns."""
        check_weights(weights, self.slots)
        running = self._loaded()
        refuse_older(fence, running.fence, self._where)
        before = self._on_disk()
        self._write(upstream_file(self.upstream, self.status, self.slots, weights, fence).encode("ascii"))
        try:
            self.test.do()
        except Broken as error:
            self._write(before)
            raise Broken(
                f"nginx does not accept the new file, the old one was put back and nothing was moved: {error.what}",
                where=self._where,
                next_step="run the test command by hand and correct what it names",
            ) from error
        self.reload.do()
        return confirm(self._settled(Loaded(dict(weights), fence)), weights, self._where)

    def _settled(self, wanted: Loaded) -> TrafficSeen:
        """What is seen once the workers answered `wanted` several times in a row, or when the time is up."""
        deadline = time.monotonic() + RELOAD_S
        seen, row = self._loaded(), 0
        while row < IN_A_ROW and time.monotonic() < deadline:
            row = row + 1 if seen == wanted else 0
            time.sleep(PAUSE)
            seen = self._loaded()
        return self._seen(seen)

    def _seen(self, loaded: Loaded) -> TrafficSeen:
        expected = upstream_file(self.upstream, self.status, self.slots, loaded.weights, loaded.fence)
        same = self._on_disk() == expected.encode("ascii")
        detail = "" if same else "; the file on disk says something else, a restart would run that"
        return TrafficSeen(
            loaded.weights, f"the workers say so at {self.status}, fence {loaded.fence}{detail}", readable=True
        )

    def _loaded(self) -> Loaded:
        answer = call("GET", f"http://{self.status}/", seconds=SECONDS, most=4096)
        try:
            return parse_loaded(answer.body.decode("ascii"), self.slots)
        except ValueError as error:
            raise Broken(
                f"{self.status} does not say which weights nginx runs ({error}): `{answer.status} "
                f"{printable(answer.body)}`",
                where=self._where,
                next_step=f"include {self.include} in the http block of nginx, written once as docs/targets.md shows",
            ) from error

    def _on_disk(self) -> bytes:
        return read_small(self.include) or b""

    def _write(self, data: bytes) -> None:
        write_file(self.include, data, 0o644)
