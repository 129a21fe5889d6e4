"""The dashboard with many runs: 50 readers at once, and 500 open live streams (docs/dashboard.md has the figures).

    python benchmarks/bench_dashboard.py [--finished 10000] [--running 200] [--data FOLDER] [--readers 50] [--streams 500]

Bars: every kind of page answers within 200 ms at the 95th percentile with 50 readers at once on 2 cores; 500 streams of
releases that move cost less than one core.

*At once* is read strictly: each of the 50 readers asks for the next page in the moment in which the last one is there, so
that 50 requests are always under way (a closed loop without a pause). The same readers are measured a second time as
people read, with about a second between two pages; that figure is printed beside and decides nothing. All kinds of pages
are opened equally often. The readers are a process of their own on the same two cores: what they take, the server does
not get. Before the clock runs the server has had `--warm` seconds of the same readers: it is not judged by its first
minute. What a page costs that nobody has opened before is measured apart, one reader at a time.

The streams are half on the list of releases, half on the live pages of rollouts that are under way; a writer of its own
appends to each of these rollouts, once a second, what came next in the ledger from which it was made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dashboard_data
from dashboard_readers import read
from usage import usage

from gonogo.control.door import Door
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
from gonogo.web import watching
from gonogo.web.application import application
from gonogo.web.reminding import reminding
from gonogo.web.serving import Address, bound_to, names_of, run_on
from gonogo.web.sessions import COOKIE
from gonogo.web.site import Site

MOST_MS = 200.0
MOST_CORE = 1.0
WATCHED_S = 15.0


def serve(root: str) -> None:
    """The server, in a process of its own: says its port and a cookie for each reader, then serves."""
    with bound_to(Address("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        site = Site.of(Door.at(Path(root), dict(os.environ)), names_of(Address("127.0.0.1", port), port))
        people = [person.handle for person in site.people.ring().people]
        cookies = [site.sessions.begin(people[number % len(people)], "ssh", "", site.now())[0] for number in range(50)]
        watching.MOST_OF_ONE = 10_000  # One machine plays all watchers.
        print(json.dumps({"port": port, "cookies": cookies}), flush=True)
        watch = watching.Watch(site)
        with reminding(site):
            run_on(listening, application(site, watch), site, watch)


async def fetch(port: int, cookie: str, path: str) -> tuple[float, int, str]:
    """One page on a connection of its own: seconds, status, text."""
    began = time.perf_counter()
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncookie: {COOKIE}={cookie}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
    writing.write(head.encode())
    data = await reading.read(-1)
    writing.close()
    return time.perf_counter() - began, int(data.split(b" ", 2)[1]), data.decode("utf-8", "replace")


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Readers:
    """What readers open: addresses by kind of page, and the cookies that they have."""

    port: int
    cookies: list[str]
    kinds: dict[str, Callable[[], str]]
    strange: list[str]
    """Finished runs that no reader opens."""

    @classmethod
    async def found(cls, port: int, cookies: list[str]) -> Readers:
        """The pages that the list of releases leads to."""
        _, _, text = await fetch(port, cookies[0], "/")
        under_way = re.findall(r'class="strong" href="/runs/([^"/]+)"', text)[:50]
        finished = []
        for number in range(1, 7):
            _, _, text = await fetch(port, cookies[0], f"/?outcome=released&page={number}")
            finished += re.findall(r'<td data-name="Release"><a class="strong" href="/runs/([^"/]+)"', text)
        known, strange = finished[:250], finished[250:]
        kinds = {
            "releases": lambda: "/" if random.random() < 0.7 else f"/?page={random.randint(1, 200)}",
            "run": lambda: f"/runs/{random.choice(under_way)}",
            "finished run": lambda: f"/runs/{random.choice(known)}",
            "live": lambda: f"/runs/{random.choice(known)}/live",
            "evidence": lambda: f"/runs/{random.choice(known)}/evidence",
            "approvals": lambda: "/approvals",
            "audit": lambda: f"/audit?page={random.randint(1, 50)}",
            "history": lambda: "/history",
            "rollbacks": lambda: "/rollbacks",
        }
        return cls(port, cookies, kinds, strange)

    async def stranger(self) -> dict[str, list[float]]:
        """One reader who opens pages of finished runs that nobody opened before."""
        found: dict[str, list[float]] = {"": [], "/live": [], "/evidence": []}
        for number, run in enumerate(self.strange[:45]):
            below = list(found)[number % 3]
            took, _, _ = await fetch(self.port, self.cookies[0], f"/runs/{run}{below}")
            found[below].append(took)
        return found


def write_on(root: Path, over: threading.Event) -> None:
    """Append to each run that is in the middle of a rollout what comes next in its ledger, once a second."""
    journal = Door.at(root, dict(os.environ)).world.journal
    to_come = {RunId(run): iter(entries) for run, entries in dashboard_data.feed(root).items()}
    ends = {run: journal.entries(run)[-1].seq for run in to_come}
    while not over.is_set():
        for run, entries in to_come.items():
            following = next(entries, None)
            if following is None:
                continue
            with journal.write(run, ends[run], actor=Engine("local"), now=datetime.now(UTC)) as transaction:
                transaction.append(Draft(*following))
            ends[run] += 1
            if over.wait(1 / len(to_come)):
                return


async def watch(port: int, cookies: list[str], runs: list[str], streams: int, seconds: float, pid: int) -> tuple[float, int]:
    """Open streams; gives the share of a core that they cost the server, and how many messages came in that time."""
    messages = 0

    async def watcher(number: int) -> None:
        nonlocal messages
        reading, writing = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        path = "/stream" if number % 2 else f"/runs/{runs[number // 2 % len(runs)]}/stream"
        writing.write(f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncookie: {COOKIE}={cookies[number % len(cookies)]}\r\n\r\n".encode())
        while True:
            line = await reading.readline()
            if not line:
                return
            messages += line.startswith((b"event: part", b"event: cards"))

    tasks = [asyncio.create_task(watcher(number)) for number in range(streams)]
    await asyncio.sleep(5)
    messages, began, before = 0, time.perf_counter(), cpu_of(pid)
    await asyncio.sleep(seconds)
    share = (cpu_of(pid) - before) / (time.perf_counter() - began)
    for task in tasks:
        assert not task.done(), task.exception()
        task.cancel()
    return share, messages


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def told(heading: str, found: dict[str, list[float]]) -> float:
    """Print the times by kind of page; gives the worst 95th percentile."""
    print(heading)
    for kind, times in found.items():
        print(f"  {kind:<13} {len(times):>5} pages   p50 {percentile(times, 0.5):6.1f} ms   p95 {percentile(times, 0.95):6.1f} ms")
    return max(percentile(times, 0.95) for times in found.values())


def measured_reading(readers: Readers, given: argparse.Namespace, pid: int) -> float:
    """The readers, at once and as people read; gives the worst 95th percentile of the former."""
    read(readers.port, readers.cookies, readers.kinds, readers=given.readers, seconds=given.warm, pause=0.0)
    told("one reader, finished runs that nobody opened before", asyncio.run(readers.stranger()))
    worst = 0.0
    for pause, what in ((1.0, "with about a second between two pages"), (0.0, "at once: no pause at all")):
        before, own, clock = cpu_of(pid), time.process_time(), time.perf_counter()
        found = read(readers.port, readers.cookies, readers.kinds, readers=given.readers, seconds=given.seconds, pause=pause)
        count, took = sum(len(times) for times in found.values()), time.perf_counter() - clock
        server, own = 1000 * (cpu_of(pid) - before) / count, 1000 * (time.process_time() - own) / count
        worst = told(f"{given.readers} readers {what}", found)
        print(f"  {count} pages, {count / took:.0f} a second; {server:.2f} ms of processor a page, and {own:.2f} ms for its reader")
    return worst


def measured_streams(root: Path, readers: Readers, streams: int, pid: int) -> tuple[float, int]:
    """The streams while releases move; gives what they cost, and the messages that came."""
    over = threading.Event()
    writer = threading.Thread(target=write_on, args=(root, over))
    writer.start()
    try:
        return asyncio.run(watch(readers.port, readers.cookies, sorted(dashboard_data.feed(root)), streams, WATCHED_S, pid))
    finally:
        over.set()
        writer.join()


def main() -> int:
    """Run all; 1 where a bar is missed."""
    parser = usage(__doc__)
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--running", type=int, default=200)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm", type=float, default=20.0, help="seconds that the same readers read before the clock runs")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    with tempfile.TemporaryDirectory() as scratch:
        root = given.data or dashboard_data.make(Path(scratch), given.finished, given.running)
        server = subprocess.Popen([sys.executable, __file__, "--serve", str(root)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            said = json.loads(server.stdout.readline())
            began = time.perf_counter()
            asyncio.run(fetch(said["port"], said["cookies"][0], "/"))
            print(f"first page after the start: {time.perf_counter() - began:.1f} s, {cpu_of(server.pid):.1f} s of processor since the start")
            readers = asyncio.run(Readers.found(said["port"], said["cookies"]))
            worst = measured_reading(readers, given, server.pid)
            share, messages = measured_streams(root, readers, given.streams, server.pid)
            memory = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[0]) // 1024
            print(f"{given.streams} streams: {share:.2f} of a core, {messages / WATCHED_S:.0f} messages a second; memory at most {memory} MB")
        finally:
            server.terminate()
            server.wait()
    ok = worst <= MOST_MS and share < MOST_CORE and messages >= given.streams
    print(f"bars: every page below {MOST_MS:.0f} ms at p95: {worst:.0f} ms; streams below {MOST_CORE} core: {share:.2f} -> {'held' if ok else 'MISSED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        sys.exit(main())
