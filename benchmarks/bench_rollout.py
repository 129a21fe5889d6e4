"""What a decision of the judge costs, and what a switch at HAProxy costs under load.

    python benchmarks/bench_rollout.py            # about two minutes; HAProxy and wrk (Debian) for the second part

Two figures have a bar of their own kind in the same run: the judge is set against a threshold rule on the same counts, the
switch against the two raw commands that do the same at HAProxy's runtime API. Load goes to loopback only, is bounded in time,
and stops by itself.
"""

from __future__ import annotations

import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

from usage import usage

from gonogo.adapters.targets.haproxy import HaproxyTarget
from gonogo.demo.addresses import free_ports
from gonogo.plan.stored import stored_plan
from gonogo.run.arms import Arms
from gonogo.run.events import Event, MetricsSampled, Recorded, TrafficMoved
from gonogo.run.judging import begin, observe, verdict
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule
from gonogo.run.judging_ticks import Events, Histogram, Tick
from gonogo.run.rolling import next_in_roll, rolled
from gonogo.terms import Engine

BOUNDS = tuple(2 ** (step / 8) for step in range(40, 91))
RUNS, WARM = 40, 30
ROLLOUTS = 1000
SWITCHES = 60
LOAD_SECONDS = 12
CONNECTIONS = 64


def counts(generator: random.Random, requests: int) -> tuple[int, ...]:
    """A log-normal latency around 140 ms in the buckets of the study."""
    found = [0] * (len(BOUNDS) + 1)
    for _ in range(requests):
        value = generator.lognormvariate(4.95, 0.5)
        found[next((place for place, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))] += 1
    return tuple(found)


def judge_costs() -> None:
    """CPU time of one decision, and of a second of a thousand rollouts."""
    generator = random.Random(7)
    reference = counts(generator, 20_000)
    plan = JudgePlan((EventRule("errors", 0.5), LatencyRule("latency", 0.5, BOUNDS, reference)))
    ticks = [
        Tick(
            index,
            index * 10_000,
            10_000,
            0,
            {
                "errors": Events(500, generator.randrange(4), 1500, generator.randrange(8)),
                "latency": Histogram(counts(generator, 500), counts(generator, 1500), BOUNDS),
            },
        )
        for index in range(RUNS)
    ]
    state = begin(plan)
    for tick in ticks[:WARM]:
        state = observe(plan, state, tick)
    took = []
    for tick in ticks[WARM:]:
        began = time.process_time()
        state = observe(plan, state, tick)
        verdict(plan, state)
        took.append(time.process_time() - began)
    simple = []
    for tick in ticks[WARM:]:
        began = time.process_time()
        seen = tick.observations["errors"]
        assert isinstance(seen, Events)
        _ = seen.x_c / seen.n_c > 2 * seen.x_b / seen.n_b
        simple.append(time.process_time() - began)
    one = statistics.median(took)
    print(f"one decision (errors and 52 latency buckets): {one * 1000:.3f} ms of CPU (bar 1 ms)")
    print(f"  a bare ratio of the same counts: {statistics.median(simple) * 1e6:.1f} us")
    states = []
    for number in range(ROLLOUTS):
        known = begin(plan)
        for tick in (ticks[number % RUNS], ticks[(number * 7 + 1) % RUNS]):
            known = observe(plan, known, replace(tick, index=known.ticks))
        states.append(known)
    began = time.process_time()
    for number, known in enumerate(states):
        states[number] = observe(plan, known, replace(ticks[(number * 3 + 2) % RUNS], index=known.ticks))
        verdict(plan, states[number])
    thousand = time.process_time() - began
    print(f"{ROLLOUTS} rollouts, each with a state of its own, judged once: {thousand:.3f} s of CPU, so once a second")
    print(f"  {thousand * 100:.0f} % of a core (bar 100 %)")
    whole = sample_costs(generator)
    print(f"  with all that the engine does with a reading (counters to tick, digest, next act): {whole * 1000:.3f} ms of CPU")
    if one > 0.001 or thousand > 1.0:
        sys.exit("a bar was missed")


def sample_costs(generator: random.Random) -> float:
    """CPU seconds of what the engine does with one reading of both slots: from counters to what happens next."""
    plan = stored_plan((Path(__file__).resolve().parents[1] / "tests/cases/plans/kept-by-0.1.0.json").read_bytes())
    binding = replace(plan.project.rollout, tick=Decimal(10), hold=Decimal(3600))
    plan = replace(plan, project=replace(plan.project, rollout=binding))
    bounds = [repr(bound / 1000) for bound in BOUNDS] + ["+Inf"]
    totals = {"blue": [0] * (len(BOUNDS) + 3), "green": [0] * (len(BOUNDS) + 3)}
    known, took, now = None, [], datetime(2026, 1, 1, tzinfo=UTC)
    for index in range(RUNS):
        for slot, requests in (("blue", 1500), ("green", 500)):
            grown = [requests, generator.randrange(4), *accumulate(counts(generator, requests))]
            totals[slot] = [old + new for old, new in zip(totals[slot], grown, strict=True)]
        slots = {slot: list(each) for slot, each in totals.items()}
        events: list[Event] = [MetricsSampled("roll", 1, index, 0, slots, bounds, [])]
        events += [TrafficMoved("roll", 1, 0, 25, {"blue": 75, "green": 25})] if index == 0 else []
        for event in events:
            began = time.process_time()
            known = rolled(plan, Arms("blue", "green"), known, Recorded(index, now, Engine("here"), event))
            next_in_roll(plan, known, now)
            took.append(time.process_time() - began)
        now += timedelta(seconds=10)
    return statistics.median(took[WARM:])


CONFIGURATION = """global
    stats socket {place}/h.sock mode 600 level admin
    maxconn 4096
defaults
    mode http
    timeout connect 1s
    timeout client 15s
    timeout server 15s
    option redispatch
    retries 2
frontend fe
    bind 127.0.0.1:{listen}
    default_backend app
backend app
    balance roundrobin
    option httpchk GET /healthz
    default-server check inter 500ms fall 2 rise 1
    server blue  127.0.0.1:{blue} weight 100
    server green 127.0.0.1:{green} weight 0
"""
SERVER = """global
    maxconn 4096
defaults
    mode http
    timeout client 15s
frontend blue
    bind 127.0.0.1:{blue}
    http-request return status 200 content-type text/plain string v1 hdr x-version v1
frontend green
    bind 127.0.0.1:{green}
    http-request return status 200 content-type text/plain string v2 hdr x-version v2
"""


def asked(door: Path, command: str) -> None:
    """One raw command, as an operator would give it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.connect(str(door))
        opened.sendall(command.encode() + b"\n")
        while opened.recv(4096):
            pass


def timed(act: Callable[[], object]) -> float:
    """Milliseconds of an act."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def last_answer_of_the_new_version(port: int, back: Callable[[], object]) -> float:
    """Milliseconds from the call that takes traffic back to the last answer of the new version."""
    began = time.perf_counter()
    back()
    last = 0.0
    while time.perf_counter() - began < 1.5:
        with socket.create_connection(("127.0.0.1", port), 2) as opened:
            opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if b"x-version: v2" in opened.recv(4096):
                last = (time.perf_counter() - began) * 1000
    return last


def switch_costs(haproxy: str, wrk: str) -> None:
    """Failed requests, the time of a move beside the raw commands, and how long the new version is still heard."""
    listen, blue, green = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="gb") as name:
        place = Path(name)
        (place / "front.cfg").write_text(CONFIGURATION.format(place=place, listen=listen, blue=blue, green=green))
        (place / "back.cfg").write_text(SERVER.format(blue=blue, green=green))
        processes = [subprocess.Popen([haproxy, "-f", str(place / file), "-db"]) for file in ("back.cfg", "front.cfg")]
        try:
            time.sleep(1.5)
            slots = {"blue": f"127.0.0.1:{blue}", "green": f"127.0.0.1:{green}"}
            under_load(place / "h.sock", HaproxyTarget(str(place / "h.sock"), "app", slots), listen, wrk)
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)


def under_load(door: Path, target: HaproxyTarget, listen: int, wrk: str) -> None:
    """Switch there and back, by turns with gonogo and with raw commands, while wrk asks as fast as it can."""
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{LOAD_SECONDS}s", f"http://127.0.0.1:{listen}/"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ours, raw = [], []
    for turn in range(SWITCHES):
        new, old = ("green", "blue") if turn % 2 == 0 else ("blue", "green")

        def by_hand(new: str = new, old: str = old) -> None:
            asked(door, f"set server app/{new} weight 100")
            asked(door, f"set server app/{old} weight 0")

        def moved(new: str = new, old: str = old, fence: int = turn) -> None:
            target.move({new: 100, old: 0}, fence)

        if turn // 2 % 2:
            raw.append(timed(by_hand))
        else:
            ours.append(timed(moved))
        time.sleep(0.05)
    heard = []
    for turn in range(3):
        target.move({"blue": 0, "green": 100}, SWITCHES + turn)
        heard.append(last_answer_of_the_new_version(listen, lambda: target.move({"blue": 100, "green": 0}, 99)))
    text, _ = load.communicate(timeout=LOAD_SECONDS + 30)
    requests = next(int(line.split()[0]) for line in text.splitlines() if "requests in" in line)
    failed = [line.strip() for line in text.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    print(f"{requests} requests over {SWITCHES + 6} full switches: {'; '.join(failed) or '0 failed'} (bar 0 of 100,000)")
    more = statistics.median(ours) - statistics.median(raw)
    print(
        f"a switch with its readings: median {statistics.median(ours):.2f} ms, the two raw commands {statistics.median(raw):.2f} ms, "
        f"so {more:.2f} ms more (bar 2 ms)"
    )
    print(f"after the call that takes traffic back, the new version was heard for {max(heard):.1f} ms at most (bar 1 s)")
    if failed or requests < 100_000:
        sys.exit("a bar was missed")


def main() -> None:
    """Both parts."""
    usage(__doc__).parse_args()
    judge_costs()
    haproxy, wrk = shutil.which("haproxy") or "/usr/sbin/haproxy", shutil.which("wrk")
    if not Path(haproxy).exists() or wrk is None:
        print("skipped: the switch under load needs haproxy and wrk (apt-get install -y --no-install-recommends haproxy wrk)")
        return
    switch_costs(haproxy, wrk)


if __name__ == "__main__":
    main()
