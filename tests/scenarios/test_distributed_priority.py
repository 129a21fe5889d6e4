"""Several runs that want one environment from workers: who was asked for with a higher priority comes first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.door import Door
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
