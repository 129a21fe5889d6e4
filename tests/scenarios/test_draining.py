"""Slow requests that are under way at a place when it is taken out of the traffic: answered before a script ends the place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from haproxy_shop import SMALL, Shop, shop
from live_world import site

from gonogo.adapters.http_calls import call
from gonogo.demo.processes import wait_until
from gonogo.engine.bench import Bench
from gonogo.engine.rescuing import rescued
from gonogo.errors import Broken, NotStored
from gonogo.plan.model import Roll
from gonogo.run.events import MetricsSampled, Recorded, TrafficMoved
from gonogo.run.state import RunState
from gonogo.terms import Engine, Person
from tests.hosts_world import HOSTS, hosts_at

CLIENTS = 6
SLOW = 0.8
"""Seconds that each answer takes; a place that is ended meanwhile answers nothing, as a process that got KILL."""


@dataclass
class Slow:
    """What clients saw who always have a slow request under way."""

    statuses: list[int] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


class Killed(Exception):
    """An engine that is gone in the middle."""


@contextmanager
def slow_requests(url: str, asked: str = "slow") -> Iterator[Slow]:
    """Such clients until the block ends."""
    seen, over = Slow(), threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                answer = call("GET", f"{url}?{asked}={SLOW}", seconds=15)
            except Broken as error:
                seen.cut.append(error.what)
                continue
            seen.statuses.append(answer.status)
            seen.versions.add(answer.fields.get("x-version", ""))

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield seen
    finally:
        over.set()
        for client in clients:
            client.join()


def released(found: Shop) -> Slow:
    with slow_requests(found.url) as seen:
        run = found.project.release(SMALL)
        assert found.project.state(run).outcome == "released", found.project.view(run).halt
        assert wait_until(lambda: "v2" in seen.versions, 60.0)
    return seen


@pytest.mark.req("ROL-01", "ROL-04")
def test_no_slow_request_is_cut_when_hosts_are_replaced_behind_haproxy(tmp_path: Path) -> None:
    with shop(tmp_path, "rolling") as found:
        seen = released(found)
    assert (seen.cut, set(seen.statuses)) == ([], {200})
    assert seen.versions == {"v1", "v2"}


@pytest.mark.slow
@pytest.mark.req("ROL-01", "ROL-02")
def test_without_waiting_the_same_requests_are_cut_and_how_many_is_on_record(tmp_path: Path) -> None:
    with shop(tmp_path, "rolling") as found:
        found.project.edit("gonogo.yaml", "backend: app}\n", "backend: app, drain: 0s}\n")
        seen = released(found)
        (run,) = found.project.door().world.journal.runs()
        cut = [event for _, event in found.project.state(run).cut]
    assert seen.cut or set(seen.statuses) - {200}
    assert cut
    assert all(event.place in HOSTS and 0 < (event.open or 0) <= CLIENTS for event in cut), cut


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ROL-01", "FI-03")
def test_a_host_that_is_taken_back_without_a_record_answers_first_what_it_has_begun(tmp_path: Path) -> None:
    """The journal takes nothing any more while one host of three is new and has slow requests under way."""
    with shop(tmp_path, "rolling", rate=0) as found:
        project = found.project
        run = project.begin(SMALL)
        project.go_until(run, "production")
        project.sign_all(run)

        def end(_: RunState, entry: Recorded) -> None:
            if isinstance(entry.event, MetricsSampled) and entry.event.step == 0:
                raise Killed

        with slow_requests(found.url) as seen:
            with pytest.raises(Killed):
                project.door().drive(run, patient=False, listener=end)
            assert wait_until(lambda: (found.target.open_requests() or {}).get("web1", 0) > 0, 15.0)
            opened = project.door().load(run)
            task = next(task for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Roll))
            bench = Bench(project.door().world, opened.plan, opened.state, run, Engine("local"), task, 1, datetime.now(UTC))
            said = rescued(bench, NotStored("the journal is full"))
        assert said.what == "the journal is full; web1 of production were taken back to the old version, which is not on record yet"
        assert found.target.traffic().weights["web1"] == 0
        assert project.production.version("web1") == "v1"
    assert (seen.cut, set(seen.statuses)) == ([], {200})
    assert seen.versions == {"v1", "v2"}


@pytest.mark.slow
@pytest.mark.req("ARB-03", "ARB-07", "ROL-01")
def test_a_bad_version_answers_what_it_has_begun_before_the_rollback_ends_it(tmp_path: Path) -> None:
    """Its traffic is taken away at once; only its script waits."""
    with shop(tmp_path, "blue_green", hold="30s") as found, slow_requests(found.url) as seen:
        found.spoil(0.5)
        run = found.project.begin(SMALL)

        def listen(_: RunState, entry: Recorded) -> None:
            if isinstance(entry.event, TrafficMoved) and entry.event.percent == 100:
                assert wait_until(lambda: "v2" in seen.versions, 15.0)

        found.project.go_until(run, "production")
        found.project.sign_all(run)
        found.project.door().drive(run, patient=False, listener=listen)
        state = found.project.state(run)
        assert (state.outcome, state.rollback.trigger) == ("rolled_back", "judge"), found.project.view(run).halt
    assert (seen.cut, set(seen.statuses)) == ([], {200})
    assert seen.versions == {"v1", "v2"}


@pytest.mark.req("ROL-01")
def test_haproxy_and_the_small_proxy_say_how_many_requests_are_under_way() -> None:
    for kind in ("haproxy", "proxy"):
        with site(kind) as found:
            found.target.move({"blue": 0, "green": 100}, 1)
            assert found.target.open_requests() == {"blue": 0, "green": 0}
            with slow_requests(f"{found.url}/slow", "s") as seen:
                assert wait_until(lambda found=found: (found.target.open_requests() or {})["green"] > 0, 60.0)  # type: ignore[misc]
                assert (found.target.open_requests() or {})["blue"] == 0
            assert wait_until(lambda found=found: found.target.open_requests() == {"blue": 0, "green": 0}, 60.0)  # type: ignore[misc]
            assert not seen.cut


@pytest.mark.req("ROL-01", "ROL-04")
def test_a_target_that_counts_nothing_is_given_its_declared_time_and_an_abort_ends_the_wait(tmp_path: Path) -> None:
    with hosts_at(tmp_path, routed=True) as project:
        text = (project.root / "gonogo.yaml").read_text()
        before, mark, after = text.partition("  production:\n")
        (project.root / "gonogo.yaml").write_text(before + mark + after.replace("drain: 0s", "drain: 60s", 1))
        run = project.begin(SMALL)
        project.go_until(run, "production")
        project.sign_all(run)
        began = datetime.now().astimezone()
        driver = threading.Thread(target=project.go_on, args=(run,))
        driver.start()
        assert wait_until(lambda: any(name.endswith("#drain-1") and known.outcome for name, known in project.state(run).tasks.items()), 30.0)
        project.door().abort(run, "not today", Person("rm1"))
        driver.join(30.0)
        assert not driver.is_alive(), "an abort waits for no declared time"
        state = project.state(run)
        assert (datetime.now().astimezone() - began).total_seconds() < 60
        assert [line for line in project.executions("deploy") if " production " in line] == []
        assert state.outcome in {"rolled_back", "aborted"}, project.view(run).halt
