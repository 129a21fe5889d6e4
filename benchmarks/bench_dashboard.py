"""The dashboard with many runs: 50 readers at once, and 500 open live streams (docs/dashboard.md has the figures).

    python benchmarks/bench_dashboard.py [--finished 10000] [--running 200] [--data FOLDER] [--readers 50] [--streams 500]

Bars: every page answers within 200 ms at the 95th percentile with 50 readers on 2 cores; 500 streams cost less than one
core. The readers are a process of their own, on the same machine: what they take, the server does not get. A reader looks
at a page for about a second before opening the next one (`--pause 0`: not at all), and opens all kinds of pages equally often.
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
import time
from pathlib import Path

import dashboard_data
import uvicorn

from gonogo.control.door import Door
from gonogo.web import watching
from gonogo.web.application import application
from gonogo.web.serving import Address, bound_to, names_of
from gonogo.web.sessions import COOKIE
from gonogo.web.site import Site

MOST_MS = 200.0
MOST_CORE = 1.0


def serve(root: str) -> None:
    """The server, in a process of its own: says its port and a cookie for each reader, then serves."""
    with bound_to(Address("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        site = Site.of(Door.at(Path(root), dict(os.environ)), names_of(Address("127.0.0.1", port), port))
        people = [person.handle for person in site.people.ring().people]
        cookies = [site.sessions.begin(people[number % len(people)], "ssh", "", site.now())[0] for number in range(50)]
        watching.MOST_OF_ONE = 10_000  # One machine plays all watchers.
        print(json.dumps({"port": port, "cookies": cookies}), flush=True)
        uvicorn.Server(uvicorn.Config(application(site, watching.Watch(site)), log_level="error", access_log=False, backlog=2048)).run(sockets=[listening])


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


async def read_pages(port: int, cookies: list[str], readers: int, seconds: float, pause: float) -> dict[str, list[float]]:
    """Readers who open one page after the other; times by kind of page."""
    _, _, text = await fetch(port, cookies[0], "/")
    under_way = re.findall(r'class="strong" href="/runs/([^"/]+)"', text)[:50]
    finished = []
    for number in range(1, 6):
        _, _, text = await fetch(port, cookies[0], f"/?outcome=released&page={number}")
        finished += re.findall(r'<td data-name="Release"><a class="strong" href="/runs/([^"/]+)"', text)
    kinds = {
        "releases": lambda: "/" if random.random() < 0.7 else f"/?page={random.randint(1, 200)}",
        "run": lambda: f"/runs/{random.choice(under_way)}",
        "finished run": lambda: f"/runs/{random.choice(finished)}",
        "live": lambda: f"/runs/{random.choice(finished)}/live",
        "evidence": lambda: f"/runs/{random.choice(finished)}/evidence",
        "approvals": lambda: "/approvals",
        "audit": lambda: f"/audit?page={random.randint(1, 50)}",
        "history": lambda: "/history",
        "rollbacks": lambda: "/rollbacks",
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    until = time.perf_counter() + seconds

    async def reader(number: int) -> None:
        await asyncio.sleep(random.uniform(0, pause))  # People do not breathe in step.
        while time.perf_counter() < until:
            kind = random.choice(list(kinds))
            took, status, text = await fetch(port, cookies[number % len(cookies)], kinds[kind]())
            assert status == 200, (kind, status, text[-600:])
            found[kind].append(took)
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

    for kind, path in kinds.items():  # Once before the clock runs: a server is not judged by its first minute.
        await fetch(port, cookies[0], path())
    await asyncio.gather(*(reader(number) for number in range(readers)))
    return found


async def watch(port: int, cookies: list[str], run: str, streams: int, seconds: float, pid: int) -> tuple[float, int]:
    """Open streams; gives the share of a core that they cost, and how many messages came."""
    messages = 0

    async def watcher(number: int) -> None:
        nonlocal messages
        reading, writing = await asyncio.open_connection("127.0.0.1", port)
        path = "/stream" if number % 2 else f"/runs/{run}/stream"
        writing.write(f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncookie: {COOKIE}={cookies[number % len(cookies)]}\r\n\r\n".encode())
        while True:
            line = await reading.readline()
            if not line:
                return
            messages += line.startswith(b"event: part")

    tasks = [asyncio.create_task(watcher(number)) for number in range(streams)]
    await asyncio.sleep(5)
    began, before = time.perf_counter(), cpu_of(pid)
    await asyncio.sleep(seconds)
    share = (cpu_of(pid) - before) / (time.perf_counter() - began)
    for task in tasks:
        task.cancel()
    return share, messages


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def main() -> int:
    """Run both; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--running", type=int, default=200)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds that a reader looks at a page before opening the next")
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
            print(f"first page after the start: {time.perf_counter() - began:.1f} s")
            before, clock = cpu_of(server.pid), time.perf_counter()
            found = asyncio.run(read_pages(said["port"], said["cookies"], given.readers, given.seconds, given.pause))
            count = sum(len(times) for times in found.values())
            used = cpu_of(server.pid) - before
            worst = 0.0
            for kind, times in found.items():
                p95 = percentile(times, 0.95)
                worst = max(worst, p95)
                print(f"{kind:<13} {len(times):>5} pages   p50 {percentile(times, 0.5):6.1f} ms   p95 {p95:6.1f} ms")
            print(f"{count} pages, {count / (time.perf_counter() - clock):.0f} a second, {1000 * used / count:.1f} ms of processor a page")
            _, _, text = asyncio.run(fetch(said["port"], said["cookies"][0], "/"))
            run = re.findall(r'class="strong" href="/runs/([^"/]+)"', text)[0]
            share, messages = asyncio.run(watch(said["port"], said["cookies"], run, given.streams, 20.0, server.pid))
            print(f"{given.streams} streams: {share:.2f} of a core, {messages} messages")
        finally:
            server.terminate()
            server.wait()
    ok = worst <= MOST_MS and share < MOST_CORE
    print(f"bars: every page below {MOST_MS:.0f} ms at p95: {worst:.0f} ms; streams below {MOST_CORE} core: {share:.2f} -> {'held' if ok else 'MISSED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        sys.exit(main())
