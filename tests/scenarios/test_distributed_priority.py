"""Several runs that want one environment, or one place of a worker: who was asked for with a higher priority comes first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.door import Door
from gonogo.control.shared_store import SharedStore
from gonogo.control.worker_places import place_lines
from gonogo.run.standing import ASKED
from gonogo.terms import Person, RunId
from shared_workers import Site, close, eventually, site_of
from tests.projects import add_release
from tests.scenarios.disk_stories import STOCK, stock_project

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    project = stock_project(tmp_path / "project", tmp_path / "world")
    project.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", "{command: count, effect: staging}")
    with site_of(project) as site:
        yield site


def asked(site: Site, run: RunId, priority: int) -> threading.Thread:
    """Somebody who wants a run gone on with, and watches it."""

    def drive() -> None:
        door = site.project.door()
        try:
            door.drive(run, patient=False, listener=lambda state, entry: None, priority=priority)
        finally:
            close(door)

    thread = threading.Thread(target=drive)
    thread.start()
    return thread


def in_line(door: Door) -> list[tuple[str, int]]:
    return [(waiter.run, waiter.priority) for waiter in door.world.journal.waiting("staging")]


@pytest.mark.req("EXE-05", "EXE-02")
def test_workers_give_an_environment_to_the_run_of_the_higher_priority_first(site: Site) -> None:
    for release in ("v3", "v4"):
        add_release(site.project.root, release)
    holder, plain, urgent = (site.project.begin(STOCK, release) for release in ("v2", "v3", "v4"))
    door, now = site.project.door(), datetime.now(UTC)
    journal = door.world.journal
    last = journal.entries(holder)[-1].seq
    with journal.write(holder, last, actor=Person("rm1"), now=now) as change:
        change.take_lease("staging", "a repair by hand")
    site.start("--at-once", "2")
    watching = [asked(site, plain, 0), asked(site, urgent, 7)]
    eventually(lambda: in_line(door) == [(urgent, 7), (plain, 0)], "both stand in line, the urgent one first")
    with journal.write(holder, last, actor=Person("rm1"), now=now) as change:
        assert change.free_lease("staging") == urgent
    for thread in watching:
        thread.join(60)
        assert not thread.is_alive()
    began = {run: next(entry.ts for entry in journal.entries(run) if entry.type == "task.intended" and entry.data["environment"]) for run in (plain, urgent)}
    assert began[urgent] < began[plain]
    eventually(lambda: urgent not in [waiter.run for waiter in journal.waiting(ASKED)], "who is done stands in no line")
    close(door)


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Site]:
    """Runs that need no environment; each counts for as long as it is held."""
    project = stock_project(tmp_path / "project", tmp_path / "world")
    waiting = 'echo counted >> "$RECORD"\nfor _ in $(seq 1200); do [ -e "$RECORD.hold" ] || break; sleep 0.05; done\n'
    project.edit("scripts/count.sh", 'echo counted >> "$RECORD"\n', waiting)
    with site_of(project) as site:
        yield site


@pytest.mark.req("EXE-02")
def test_a_worker_works_on_no_more_runs_than_it_has_places_and_the_urgent_one_gets_the_next(counting: Site) -> None:
    site, project = counting, counting.project
    for release in ("v3", "v4"):
        add_release(project.root, release)
    hold = Path(f"{project.record}.hold")
    hold.touch()
    site.start("--at-once", "1")
    site.alive(1)
    runs = [project.begin(STOCK, "v2")]
    eventually(lambda: project.executions("counted"), "the first one is at work")
    runs += [project.begin(STOCK, release) for release in ("v3", "v4")]
    watching = [asked(site, runs[1], 0), asked(site, runs[2], 7)]
    door = project.door()
    assert door.store is not None and isinstance(door.store.shared, SharedStore)
    journal = door.store.shared.journal

    def line() -> list[RunId]:
        return [waiter.run for waiter in journal.first_of(place_lines(()), None)]

    eventually(lambda: line() == [runs[2], runs[1]], "both stand in line, the urgent one first")
    assert len(project.executions("counted")) == 1
    hold.unlink()
    for thread in watching:
        thread.join(60)
        assert not thread.is_alive()
    eventually(lambda: all(project.state(run).outcome for run in runs), "all of them end")
    counted = [
        [entry.ts for entry in journal.entries(run) if entry.type in {"task.intended", "task.finished"} and "count" in str(entry.data["task"])][:2]
        for run in (runs[0], runs[2], runs[1])
    ]
    assert [moment for each in counted for moment in each] == sorted(moment for each in counted for moment in each), "one after the other"
    assert line() == []
    close(door)
