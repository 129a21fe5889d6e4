"""Several runs that want one environment, or one place of a worker: who was asked for with a higher priority comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from gonogo.control.stores.shared import SharedStore
from gonogo.control.workers.places import place_lines
from gonogo.run.standing import ASKED
from gonogo.terms import RunId
from shared_workers import Site, close, eventually, site_of
from tests.projects import add_release
from tests.scenarios.disk_stories import STOCK, stock_project

pytestmark = pytest.mark.slow


COUNTED = 'echo counted >> "$RECORD"\n'
HELD = f'{COUNTED}for _ in $(seq 1200); do [ -e "$RECORD.hold" ] || break; sleep 0.05; done\n'


@contextmanager
def counting(root: Path, *, in_staging: bool) -> Iterator[tuple[Site, Path]]:
    """Three runs count, in an environment or in none, for as long as the file that is given lies there."""
    project = stock_project(root / "project", root / "world")
    project.edit("scripts/count.sh", COUNTED, HELD)
    if in_staging:
        project.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", "{command: count, effect: staging}")
    for release in ("v3", "v4"):
        add_release(project.root, release)
    hold = Path(f"{project.record}.hold")
    hold.touch()
    with site_of(project) as site:
        yield site, hold


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


def acts(site: Site, run: RunId) -> list[datetime]:
    """When a run began to count, and when it had counted."""
    entries = site.project.door().load(run).entries
    return [entry.ts for entry in entries if entry.type in {"task.intended", "task.finished"} and "count" in str(entry.data["task"])][:2]


def counted_in_order(site: Site, hold: Path, line: Callable[[SharedStore], list[RunId]]) -> None:
    """One run counts while two others stand in line, of whom the later one is urgent; then they count one after the other."""
    project = site.project
    first = project.begin(STOCK, "v2")
    eventually(lambda: project.executions("counted"), "the first one is at work")
    plain, urgent = (project.begin(STOCK, release) for release in ("v3", "v4"))
    watching = [asked(site, plain, 0), asked(site, urgent, 7)]
    door = project.door()
    assert door.store is not None and isinstance(door.store.shared, SharedStore)
    shared = door.store.shared
    eventually(lambda: line(shared) == [urgent, plain], "both stand in line, the urgent one first")
    assert len(project.executions("counted")) == 1
    hold.unlink()
    for thread in watching:
        thread.join(60)
        assert not thread.is_alive()
    moments = [moment for run in (first, urgent, plain) for moment in acts(site, run)]
    assert (len(moments), moments) == (6, sorted(moments)), "one after the other"
    eventually(lambda: line(shared) == [] and shared.journal.waiting(ASKED) == (), "who is done stands in no line")
    close(door)


@pytest.mark.req("EXE-05", "EXE-02")
def test_workers_give_an_environment_to_the_run_of_the_higher_priority_first(tmp_path: Path) -> None:
    with counting(tmp_path, in_staging=True) as (site, hold):
        site.start("--at-once", "3")
        site.alive(1)
        counted_in_order(site, hold, lambda shared: [waiter.run for waiter in shared.journal.waiting("staging")])


@pytest.mark.req("EXE-02")
def test_a_worker_works_on_no_more_runs_than_it_has_places_and_the_urgent_one_gets_the_next(tmp_path: Path) -> None:
    with counting(tmp_path, in_staging=False) as (site, hold):
        site.start("--at-once", "1")
        site.alive(1)
        names = place_lines(("staging",))
        counted_in_order(site, hold, lambda shared: [waiter.run for waiter in shared.journal.first_of(names, None)])
