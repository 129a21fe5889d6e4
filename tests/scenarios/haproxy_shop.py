"""A project whose production stands behind a real HAProxy of its own, with real requests: slots, or hosts in batches."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live_world import Traffic, front_of, haproxy_target, require_haproxy, start_haproxy

from gonogo.adapters.http_calls import call
from gonogo.adapters.targets.haproxy import HaproxyTarget
from gonogo.demo.fronts import Front, start_load
from gonogo.demo.processes import Live, stop
from gonogo.demo.world import World
from tests.hosts_world import HOSTS, STAGED, hosted_project
from tests.projects import Project, small_project
from tests.worlds_http import Place, place

SMALL = "deployment-automation"
LIMITS = "limits: [{name: errors, metric: error_rate, at_most: 20%}], failures: 1, errors_in_row: 100"
"""An interval in which no request came to its end says nothing; on a full machine there are many."""
STRATEGIES = {
    "canary": "{steps: [25, 50, 100], hold: HOLD, tick: 100ms, patience: 20s, latency: false}",
    "blue_green": f"{{strategy: blue_green, hold: HOLD, tick: 100ms, patience: 20s, latency: false, {LIMITS}}}",
    "rolling": "{strategy: rolling, batch: 1, hold: HOLD, tick: 100ms, patience: 20s, latency: false}",
}
RATE = 80.0
RESTARTED = 'touch "$root/dead/$3"; sleep 0.2; printf %s {0} > "$root/slots/$3"; rm "$root/dead/$3"'
"""A host answers nobody while it is replaced: who sent it a request then would see that."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The project, its proxy, and what its customers got (nobody asks where `rate` is 0)."""

    project: Project
    front: Front
    target: HaproxyTarget
    url: str
    load: Traffic

    def answers(self, requests: int = 20) -> set[str]:
        """The versions that customers get now."""
        return {call("GET", self.url).fields.get("x-version", "") for _ in range(requests)}

    def spoil(self, share: float) -> None:
        """From now on this share of the requests to the new version really fails."""
        (self.project.production.root / "faults.json").write_text(json.dumps({"v2": share}))


@contextmanager
def shop(
    root: Path, strategy: str, *, hold: str = "600ms", rate: float = RATE, proxies: list[Live] | None = None
) -> Iterator[Shop]:
    """`rate` is requests a second, 0 for none; `proxies` gets the running HAProxy, for who wants to restart it; whatever stands in it is stopped at the end."""
    require_haproxy()
    hosts = strategy == "rolling"
    running = proxies if proxies is not None else []
    with ExitStack() as ending:
        staging = ending.enter_context(place(root / "staging", STAGED if hosts else ()))
        production = ending.enter_context(place(root / "production", HOSTS if hosts else ()))
        ports = {name: production.servers[name].server_address[1] for name in production.names}
        folder = Path(ending.enter_context(short_folder()))
        front = front_of(World(folder, folder, {"production": ports}))
        running.append(proxied(front))
        ending.callback(lambda: [stop(each) for each in running])
        project = (_rolling if hosts else _in_slots)(root / "shop", staging, production)
        _behind(project, front, STRATEGIES[strategy].replace("HOLD", hold))
        url = f"http://{front.listen}/"
        load = start_load(url, folder / "load.jsonl", folder, rate or 1.0)
        ending.callback(stop, load)
        if not rate:
            stop(load)
        yield Shop(project, front, haproxy_target(front), url, Traffic(load, folder / "load.jsonl"))


def _in_slots(root: Path, staging: Place, production: Place) -> Project:
    return small_project(root, staging, production)


def _rolling(root: Path, staging: Place, production: Place) -> Project:
    project = hosted_project(root, staging, production, routed=True)
    project.edit("scripts/deploy_shop.sh", 'printf %s "$2" > "$root/slots/$3"\n', RESTARTED.format('"$2"') + "\n")
    project.edit("scripts/rollback_shop.sh", 'printf v1 > "$root/slots/$3"\n', RESTARTED.format("v1") + "\n")
    return project


def _behind(project: Project, front: Front, rollout: str) -> None:
    """Production's target and its figures are HAProxy's."""
    text = (project.root / "gonogo.yaml").read_text()
    before, mark, after = text.partition("  production:\n")
    target = f"target: {{kind: haproxy, socket: {front.folder}/h.sock, backend: app}}\n"
    after = re.sub(r"url: \S+", f"url: http://{front.listen}", after, count=1)
    after = re.sub(r"target:\n.*\n.*\n.*\n.*\n", target, after, count=1)
    after = after.replace("{kind: scrape}", f"{{kind: haproxy, options: {{socket: {front.folder}/h.sock, backend: app}}}}", 1)
    after = re.sub(r"rollout: \{.*\}", f"rollout: {rollout}", after)
    (project.root / "gonogo.yaml").write_text(before + mark + after)


def proxied(front: Front) -> Live:
    """The HAProxy of a shop: on a busy machine a service takes its time to answer a health check, and is up all the same."""
    return start_haproxy(front, more="    timeout check 5s")


@contextmanager
def short_folder() -> Iterator[str]:
    """A socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="gg") as name:
        yield name
