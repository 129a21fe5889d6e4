"""Who gets the only place on a machine: real processes, one run at a time; the higher priority, then whoever came first."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import gonogo, spawned
from gonogo.control.turns import PLACES
from gonogo.run.standing import ASKED, Waiter
from gonogo.terms import RunId
from shared_workers import eventually
from tests.projects import Project, add_release
from tests.scenarios.disk_stories import STOCK, stock_project
from worlds import MORNING

ONE = {"GONOGO_AT_ONCE": "1"}
LONGEST = 120.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Runs whose only command writes the run into the record, and ends as soon as nothing holds it."""
    made = stock_project(tmp_path / "project", tmp_path / "world")
    held = f'echo "$GONOGO_RUN" >> "$RECORD"\nwhile [ -e {tmp_path}/held ]; do sleep 0.05; done\n'
    made.edit("scripts/count.sh", 'echo counted >> "$RECORD"\n', held)
    for release in ("v3", "v4", "v5"):
        add_release(made.root, release)
    return made


def in_line(project: Project) -> list[str]:
    return [waiter.run for waiter in project.door().world.journal.waiting(PLACES)]


@pytest.mark.slow
@pytest.mark.req("EXE-02")
def test_a_free_place_goes_to_the_higher_priority_and_then_to_whoever_came_first(project: Project, tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.touch()
    at_work, early, late, urgent = (project.begin(STOCK, release) for release in ("v2", "v3", "v4", "v5"))
    here = ("-C", project.root)
    environ = {"RECORD": str(project.record), **ONE}
    engines = [spawned("resume", at_work, *here, **environ)]
    eventually(lambda: project.executions() == [at_work], "the place is taken", LONGEST)
    for number, (run, options) in enumerate(((late, ()), (early, ()), (urgent, ("--priority", "5"))), 1):
        engines.append(spawned("resume", run, *options, *here, **environ))
        eventually(lambda wanted=number: len(in_line(project)) == wanted, f"{run} stands in line", LONGEST)
    assert in_line(project) == [urgent, late, early]
    held.unlink()
    for engine in engines:
        out, err = engine.communicate(timeout=LONGEST)
        assert engine.returncode == 0, out + err
    assert project.executions() == [at_work, urgent, late, early]
    assert project.door().world.journal.waiting(ASKED) == (), "who is done stands in no line"


@pytest.mark.req("EXE-02")
def test_whoever_drives_all_runs_goes_by_priority_and_then_by_arrival(project: Project) -> None:
    first, second, urgent = (project.begin(STOCK, release) for release in ("v2", "v3", "v4"))
    project.door().world.journal.wait(Waiter(ASKED, RunId(urgent), 5, MORNING))
    said = gonogo("drive", "--once", "-C", project.root, RECORD=str(project.record), **ONE)
    assert said.code == 0, said.err
    assert project.executions() == [urgent, first, second]
