"""What the agent door costs: start-up of the server, a call over standard input and output, fifty agents that poll.

    python benchmarks/bench_agents.py

Bars: start-up (until the tools are listed) under 1.5 s, a call under 10 ms at the median beyond the work itself, fifty agents that poll
an operation under half a core. The work itself is timed in this process, so that what the wire costs can be told apart.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "tests")]

import anyio  # noqa: E402
from agents_world import agency, client_of, key, opening, stdio_server, wish  # noqa: E402
from usage import usage  # noqa: E402

from gonogo.control.agents.tokens import create_token  # noqa: E402
from gonogo.terms import Person  # noqa: E402
from tests.projects import REQUESTER, small_project  # noqa: E402
from tests.unit.test_agent_tokens import Nowhere  # noqa: E402

CALLS, AGENTS, SECONDS = 200, 50, 10.0


def main() -> int:
    usage(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        project = small_project(place / "shop", Nowhere(place / "staging"), Nowhere(place / "production"))
        there = agency(project)
        opened = there.call("run_start", **opening(there.call("protocol_list"), "pre-deployment"), key=key())
        run = opened["run_id"]

        def own() -> float:
            began = time.perf_counter()
            there.call("run_status", run_id=run)
            return time.perf_counter() - began

        work = statistics.median(own() for _ in range(CALLS))
        found: dict[str, float] = {}

        async def over_stdio() -> None:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            async with client_of(stdio_server(project, there.secret), "auto", place / "log") as client:
                await client.list_tools()
                found["startup wall"] = time.perf_counter() - began
                await client.call_tool("run_list", {})
                found["first call"] = time.perf_counter() - began
                times = []
                for _ in range(CALLS):
                    begun = time.perf_counter()
                    await client.call_tool("run_status", {"run_id": run})
                    times.append(time.perf_counter() - begun)
                    await anyio.sleep(0.1)  # the pace of an agent is ten calls a second
                found["call"] = statistics.median(times)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found["server cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        anyio.run(over_stdio)
        polled = polling(there, project, run)
        rows = (
            ("start of the server until its tools are listed", f"{found['startup wall']:.2f} s", found["startup wall"] < 1.5),
            ("start of the server until its first call is answered", f"{found['first call']:.2f} s", True),
            ("run_status, the work itself, median", f"{work * 1000:.1f} ms", True),
            ("run_status over standard input and output, median", f"{found['call'] * 1000:.1f} ms", True),
            ("what the wire adds", f"{(found['call'] - work) * 1000:.1f} ms", found["call"] - work < 0.010),
            ("processor time of the server, start and all calls", f"{found['server cpu']:.2f} s", True),
            (f"{AGENTS} agents polling operation_get", f"{polled:.2f} cores", polled < 0.5),
        )
        for name, value, good in rows:
            print(f"{'ok  ' if good else 'OVER'} {name:<52} {value}")
        there.door.close()
        return 0 if all(good for _, _, good in rows) else 1


def polling(there: object, project: object, run: str) -> float:
    """Fifty agents wait for one operation that does not end, twenty seconds at a time; the processor time a second."""
    operation, lock = hold(there, run)
    door = there.door
    tokens = [create_token(project.door(), wish(f"poll-{number}"), Person(REQUESTER))[0] for number in range(AGENTS)]
    threads = [
        threading.Thread(target=door.call, args=(token, "operation_get", {"operation_id": operation, "wait_ms": int(SECONDS * 1000)}))
        for token in tokens
    ]
    before, began = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used, wall = time.process_time() - before, time.perf_counter() - began
    os.close(lock)
    return used / wall


def hold(there: object, run: str) -> tuple[str, int]:
    """An operation that lives as long as its lock is held here."""
    import fcntl

    status = there.call("run_status", run_id=run)
    started = there.call("step_start", run_id=run, state_id=status["data"]["due"], revision=status["revision"], key=key())
    operation = started["data"]["operation_id"]
    while there.call("operation_get", operation_id=operation)["data"]["status"] == "working":
        time.sleep(0.1)
    lock = os.open(there.project.root / ".gonogo/operations" / operation / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return operation, lock


if __name__ == "__main__":
    sys.exit(main())
