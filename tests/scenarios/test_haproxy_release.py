"""Whole releases over a real HAProxy under real load, judged by its own statistics: good ones, and a disk that is full."""

from __future__ import annotations

import re
import resource
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_world import front_of, haproxy_target, require_haproxy, start_haproxy

from gonogo.adapters.http_calls import call
from gonogo.adapters.target_haproxy import HaproxyTarget
from gonogo.demo.fronts import start_load
from gonogo.demo.processes import stop
from gonogo.demo.world import World
from gonogo.errors import NotStored
from gonogo.run.events import Recorded, TrafficMoved
from gonogo.run.state import RunState
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"
STRATEGIES = {
    "canary": "{steps: [25, 50, 100], hold: 600ms, tick: 100ms, patience: 20s, latency: false}",
    "blue_green": "{strategy: blue_green, hold: 600ms, tick: 100ms, patience: 20s, latency: false}",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A project whose production stands behind a HAProxy of its own."""

    project: Project
    target: HaproxyTarget
    url: str

    def answers(self, requests: int = 20) -> set[str]:
        """The versions that customers get now."""
        return {call("GET", self.url).fields.get("x-version", "") for _ in range(requests)}


@contextmanager
def shop(root: Path, strategy: str) -> Iterator[Shop]:
    require_haproxy()
    with ExitStack() as ending:
        staging = ending.enter_context(place(root / "staging"))
        production = ending.enter_context(place(root / "production"))
        ports = {slot: production.servers[slot].server_address[1] for slot in ("blue", "green")}
        folder = Path(ending.enter_context(short_folder()))
        front = front_of(World(folder, folder, {"production": ports}))
        ending.callback(stop, start_haproxy(front))
        project = small_project(root / "shop", staging, production)
        text = (project.root / "gonogo.yaml").read_text()
        before, mark, after = text.partition("  production:\n")
        target = f"target: {{kind: haproxy, socket: {folder}/h.sock, backend: app}}\n"
        after = re.sub(r"url: \S+", f"url: http://{front.listen}", after, count=1)
        after = re.sub(r"target:\n.*\n.*\n.*\n", target, after, count=1)
        after = after.replace("{kind: scrape}", f"{{kind: haproxy, options: {{socket: {folder}/h.sock, backend: app}}}}", 1)
        after = re.sub(r"rollout: \{.*\}", f"rollout: {STRATEGIES[strategy]}", after)
        (project.root / "gonogo.yaml").write_text(before + mark + after)
        url = f"http://{front.listen}/"
        ending.callback(stop, start_load(url, folder / "load.jsonl", folder))
        yield Shop(project, haproxy_target(front), url)


@contextmanager
def short_folder() -> Iterator[str]:
    """A socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="gg") as name:
        yield name


@pytest.mark.req("ROL-01", "ROL-02")
@pytest.mark.parametrize("strategy", [pytest.param("canary", marks=pytest.mark.slow), pytest.param("blue_green", marks=pytest.mark.slow)])
def test_a_good_release_goes_through_a_real_haproxy(tmp_path: Path, strategy: str) -> None:
    with shop(tmp_path, strategy) as found:
        run = found.project.release(SMALL)
        assert found.project.state(run).outcome == "released", found.project.view(run).halt
        assert found.answers() == {"v2"}


@pytest.mark.req("ARB-01", "FI-03", "ROL-01")
@pytest.mark.parametrize("strategy", ["canary", pytest.param("blue_green", marks=pytest.mark.slow)])
def test_when_the_disk_is_full_in_mid_rollout_haproxy_sends_everybody_to_the_old_version(tmp_path: Path, strategy: str) -> None:
    """The journal takes no further byte, as on a full disk."""
    with shop(tmp_path, strategy) as found:
        project = found.project
        run = project.begin(SMALL)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        seen: list[set[str]] = []

        def fill(_: RunState, entry: Recorded) -> None:
            if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0 and not seen:
                seen.append(found.answers(60))
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))

        project.go_until(run, "production")
        project.sign_all(run)
        try:
            with pytest.raises(NotStored, match="all traffic of production was given back to blue, which is not on record"):
                project.door().drive(run, patient=False, listener=fill)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "v2" in seen[0], "the new version had customers when the disk was full"
        assert found.target.traffic().weights == {"blue": 100, "green": 0}
        assert found.answers() == {"v1"}
        assert project.state(run).rollback is None
        project.go_on(run)
        state = project.state(run)
        assert state.outcome == "rolled_back", project.view(run).halt
        assert found.answers() == {"v1"}
        assert project.chain_problems(run) == ()
