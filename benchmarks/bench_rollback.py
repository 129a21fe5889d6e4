"""From the decision to the first old-version-only second: whole releases of a bad build through real proxies, under real load.

    python benchmarks/bench_rollback.py           # two minutes; HAProxy and nginx (Debian), Caddy (the extra `demo`)

A canary of which half of the requests fail is judged by what the two versions count. The whole engine is in it: journal, judge, scripts,
target. The decision is the entry of the judge's ABORT. What customers get is heard by a load driver, in intervals of a tenth of a second;
the first old-version-only second begins where the last interval with an answer of the new version ends. Bar: under 1 s. Load goes to
loopback only, and stops by itself.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/scenarios")]

from live_world import front_of, start_haproxy  # noqa: E402
from test_target_nginx_live import CONFIGURATION, NGINX  # noqa: E402
from usage import usage  # noqa: E402

from gonogo.adapters.targets.nginx import upstream_file  # noqa: E402
from gonogo.demo.fronts import Front, choose, start_front, start_load  # noqa: E402
from gonogo.demo.processes import Live, launch, stop  # noqa: E402
from gonogo.demo.world import World  # noqa: E402
from gonogo.run.events import Recorded, RolloutJudged  # noqa: E402
from gonogo.run.state import RunState  # noqa: E402
from tests.projects import Project, small_project  # noqa: E402
from tests.worlds_http import Place, place  # noqa: E402

RUNS = 3
BAR_S = 1.0
QUIET_S = 1.2
RATE = 250.0
PROTOCOL = "deployment-automation"
ROLLOUT = "{steps: [50, 100], hold: 20s, tick: 250ms, patience: 60s, latency: false}"


def haproxy(front: Front) -> tuple[Live, str]:
    """HAProxy, and how a project names it."""
    return start_haproxy(front), f"{{kind: haproxy, socket: {front.folder}/h.sock, backend: app}}"


def caddy(front: Front) -> tuple[Live, str]:
    """Caddy, and how a project names it."""
    return start_front(choose("caddy"), front, "v1"), f'{{kind: caddy, admin: "http://{front.admin}"}}'


def nginx(front: Front) -> tuple[Live, str]:
    """nginx, and how a project names it; the second address of the front answers with the running weights."""
    slots = {slot: str(at) for slot, at in front.slots.items()}
    (front.folder / "app.conf").write_text(upstream_file("app", str(front.admin), slots, front.weights))
    (front.folder / "nginx.conf").write_text(CONFIGURATION.format(place=front.folder, listen=front.listen))
    call = f"{NGINX}, -p, {front.folder}, -c, nginx.conf"
    include, status = front.folder / "app.conf", front.admin
    target = f'{{kind: nginx, include: {include}, upstream: app, status: "{status}", test: [{call}, -t], reload: [{call}, -s, reload]}}'
    return launch((str(NGINX), "-p", str(front.folder), "-c", "nginx.conf"), log=front.folder / "n.log", env={}), target


PROXIES: dict[str, Callable[[Front], tuple[Live, str]]] = {"HAProxy": haproxy, "Caddy": caddy, "nginx": nginx}


def counting(found: Place) -> None:
    """Let an environment count what it is really asked for: its own counters grow with time."""
    counts = {slot: [0, 0] for slot in found.names}
    fails = found.fails

    def served(slot: str) -> bool:
        failing = fails(slot)
        counts[slot][0] += 1
        counts[slot][1] += failing
        return failing

    found.fails = served  # type: ignore[method-assign]
    found.counters = lambda slot: (counts[slot][0], counts[slot][1])  # type: ignore[method-assign]


def bound(project: Project, target: str, url: str) -> None:
    """Put production behind the proxy."""
    text = (project.root / "gonogo.yaml").read_text()
    before, mark, after = text.partition("  production:\n")
    after = re.sub(r"url: \S+", f"url: {url}", after, count=1)
    after = re.sub(r"target:\n(?: {6}.*\n)+", f"target: {target}\n", after, count=1)
    after = re.sub(r"rollout: \{.*\}", f"rollout: {ROLLOUT}", after)
    (project.root / "gonogo.yaml").write_text(before + mark + after)


def one(start: Callable[[Front], tuple[Live, str]], folder: Path) -> tuple[float, float, int]:
    """Seconds from the decision to the old version alone and to the verified end, and the answers of the new version."""
    with ExitStack() as ending:
        staging = ending.enter_context(place(folder / "staging"))
        production = ending.enter_context(place(folder / "production"))
        counting(production)
        ports = {slot: production.servers[slot].server_address[1] for slot in ("blue", "green")}
        front = front_of(World(folder, folder, {"production": ports}))
        process, target = start(front)
        ending.callback(stop, process)
        project = small_project(folder / "shop", staging, production)
        bound(project, target, f"http://{front.listen}")
        out = folder / "load.jsonl"
        ending.callback(stop, start_load(f"http://{front.listen}/", out, folder, RATE))
        run = project.begin(PROTOCOL)
        project.go_until(run, "production")
        (production.root / "faults.json").write_text('{"v2": 0.5}')
        project.sign_all(run)
        decided: list[float] = []

        def listen(_: RunState, entry: Recorded) -> None:
            if isinstance(entry.event, RolloutJudged) and entry.event.answer == "abort":
                decided.append(entry.at.timestamp())

        project.door().drive(run, patient=False, listener=listen)
        state = project.state(run)
        if state.outcome != "rolled_back" or not decided or state.rollback is None or state.rollback.finished is None:
            sys.exit(f"the bad build was not rolled back by the judge: {state.outcome}, {project.view(run).halt}")
        time.sleep(QUIET_S)
        lines = [json.loads(line) for line in out.read_text().splitlines(keepends=True) if line.endswith("\n")]
    heard = [line["wall"] for line in lines if "v2" in line["by"]]
    answers = sum(sum(line["by"]["v2"].values()) for line in lines if "v2" in line["by"])
    return max(heard) - decided[0], state.rollback.finished.timestamp() - decided[0], answers


def main() -> None:
    """Every proxy in turns."""
    usage(__doc__).parse_args()
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in PROXIES}
    for _ in range(RUNS):
        for name, start in PROXIES.items():
            with tempfile.TemporaryDirectory(prefix="gr") as folder:
                found[name].append(one(start, Path(folder)))
    missed = False
    for name, runs in found.items():
        alone, verified, answers = zip(*runs, strict=True)
        missed = missed or max(alone) >= BAR_S
        print(
            f"{name}: old version alone {statistics.median(alone):.2f} s after the decision, {max(alone):.2f} s at most (bar 1 s); "
            f"back and verified {statistics.median(verified):.2f} s; {min(answers)} to {max(answers)} answers of the new version in a run"
        )
    if missed:
        sys.exit("a bar was missed")


if __name__ == "__main__":
    main()
