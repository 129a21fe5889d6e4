"""Engines that really die by SIGKILL while a release goes over hosts: the next one reads back, and no script runs twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gonogo.engine.crash_points import COMMAND_RUNNING, INTENT_COMMITTED, MEASURED, MOVED, RECORDED, RESULT_THERE
from gonogo.terms import RunId
from tests.crashes.crash_harness import SMALL, Stage, die_once_at_each
from tests.hosts_world import hosts_at

MOVES = (INTENT_COMMITTED, COMMAND_RUNNING, RESULT_THERE, MEASURED, MOVED, RECORDED)


@dataclass(frozen=True)
class Launch:
    """A run that stands just before its first act in production, and what a run that never died comes to."""

    stage: Stage
    run: RunId
    points: tuple[str, ...]
    scripts: tuple[str, ...]


def scripts(stage: Stage) -> tuple[str, ...]:
    """What the scripts did in production, without the fences: those rise with each start; the hosts of a batch at once."""
    return tuple(sorted(line.rpartition(" ")[0] for line in stage.project.executions() if " production " in line))


def versions(stage: Stage) -> dict[str, str]:
    found = stage.project.production
    return {host: found.version(host) for host in found.names}


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    root = tmp_path_factory.mktemp("hosts").resolve()
    with hosts_at(root, routed=True, hosts=("web1", "web2", "web3"), batch="2") as project:
        project.edit("gonogo.yaml", "hold: 400ms, tick: 100ms", "hold: 100ms, tick: 50ms")
        (root / "scenes").mkdir()
        stage = Stage(root, project, root / "scenes")
        run = project.begin(SMALL)
        stage.up_to(run, "production")
        stage.save("ready")
        points = stage.traced("drive", run)
        assert project.state(run).outcome == "released", project.view(run).halt
        yield Launch(stage, run, points, scripts(stage))


def died_and_went_on(launch: Launch, crash: str) -> None:
    stage, run = launch.stage, launch.run
    stage.restore("ready")
    assert stage.drive(run, crash), f"{crash} was never reached"
    stage.go_on(run)
    is_released(launch, crash)


def is_released(launch: Launch, crash: str) -> None:
    """Every host was replaced once, all serve the new version, and the ledger is whole."""
    stage, run = launch.stage, launch.run
    assert stage.project.state(run).outcome == "released", (crash, stage.project.view(run).halt)
    assert scripts(stage) == launch.scripts, crash
    assert versions(stage) == dict.fromkeys(("web1", "web2", "web3"), "v2")
    assert stage.project.production.weights() == {"web1": 34, "web2": 33, "web3": 33}
    assert stage.project.chain_problems(run) == ()


@pytest.mark.req("ROL-06", "WFS-10")
def test_a_rolling_release_that_dies_once_at_every_point_resumes_by_reading_back_and_deploys_each_host_once(
    launch: Launch,
) -> None:
    assert launch.scripts == tuple(f"deploy production v2 {host}" for host in ("web1", "web2", "web3"))
    assert set(MOVES) <= set(launch.points)
    launch.stage.restore("ready")
    die_once_at_each(launch.stage, launch.run, tuple(dict.fromkeys(launch.points)))
    is_released(launch, "every point")


@pytest.mark.slow
@pytest.mark.req("ROL-06", "WFS-10")
def test_an_engine_killed_at_any_point_of_any_batch_comes_to_the_same_end(launch: Launch) -> None:
    last = max(number for number, name in enumerate(launch.points) if name.startswith(MOVED))
    seen: dict[str, int] = {}
    for name in launch.points[: last + 1]:
        seen[name] = seen.get(name, 0) + 1
        if name.startswith(MOVES):
            died_and_went_on(launch, f"{name}@{seen[name]}")
