"""Reads the counters of each slot from HAProxy's own statistics (`show stat` of the runtime API).

What the columns mean was looked at on the real program, and two of them deceive:

* `hrsp_5xx` of a server counts only what that server answered itself. A request that it left without an answer
  (time-out, connection cut: `eresp`; no connection and nobody else to ask: `econ`) is an error of it, too (PX-15);
* `stot` counts a request again for each server that it was handed on to, so it is no number of answers.

HAProxy knows averages of latency only, from which no quantile can be had (PX-16): these counters have no buckets, and
whoever asks for a latency gets none. Counters begin anew with each start of HAProxy; a count that fell is a restart.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping

from gonogo.adapters.haproxy_api import ask_haproxy
from gonogo.adapters.http_calls import printable
from gonogo.errors import Broken
from gonogo.ports import CounterSample, MetricSample
from gonogo.values import dataclass

ANSWERS = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
UNANSWERED = ("eresp", "econ")
NO_SERVER = ("FRONTEND", "BACKEND")


@dataclass(frozen=True, slots=True)
class HaproxyStatistics:
    """`slots` maps each slot to the address of its server in `backend`, or to the server's name."""

    socket_path: str
    backend: str
    slots: Mapping[str, str]

    def sample(self) -> MetricSample:
        """Ask once, so that all slots are of the same moment; where HAProxy does not answer, every slot is missing."""
        where = f"{self.socket_path} backend {self.backend}"
        try:
            servers = parse_statistics(ask_haproxy(self.socket_path, "show stat", where), self.backend)
        except Broken as error:
            return MetricSample((), tuple((slot, f"{where}: {error.what}") for slot in self.slots))
        except ValueError as error:
            return MetricSample((), tuple((slot, f"{where}: {error}") for slot in self.slots))
        found = tuple(self._slot(slot, servers) for slot in self.slots)
        return MetricSample(
            tuple(one for one in found if isinstance(one, CounterSample)),
            tuple(one for one in found if not isinstance(one, CounterSample)),
        )

    def _slot(self, slot: str, servers: tuple[Mapping[str, str], ...]) -> CounterSample | tuple[str, str]:
        bound = self.slots[slot]
        rows = [row for row in servers if bound in {row["svname"], row.get("addr")}]
        if len(rows) != 1:
            listed = ", ".join(f"{row['svname']} ({row.get('addr') or 'no address'})" for row in servers) or "none"
            return slot, f"{len(rows)} servers of {self.backend} are {bound}; it has {listed}"
        try:
            answered = {name: _count(rows[0], name) for name in ANSWERS}
            unanswered = sum(_count(rows[0], name) for name in UNANSWERED)
        except ValueError as error:
            return slot, str(error)
        return CounterSample(slot, sum(answered.values()) + unanswered, answered["hrsp_5xx"] + unanswered, ())


def parse_statistics(text: str, backend: str) -> tuple[Mapping[str, str], ...]:
    """The servers of `backend` in the reply to `show stat`; ValueError where it is no such table."""
    if not text.startswith("# pxname,"):
        raise ValueError(f"no statistics but `{printable(text.encode())}`")
    rows = csv.DictReader(line for line in text.removeprefix("# ").splitlines() if line)
    return tuple(row for row in rows if row["pxname"] == backend and row["svname"] not in NO_SERVER)


def _count(row: Mapping[str, str], name: str) -> int:
    text = row.get(name) or ""
    if not text.isdecimal():
        raise ValueError(
            f"column {name} of {row['svname']} is `{text}`, which is no count; is the backend in mode http?"
        )
    return int(text)
