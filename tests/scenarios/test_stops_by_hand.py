"""An emergency stop that somebody with a shell clears in the database, or sets there: no act begins, and it is said why."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from command_line import gonogo
from gonogo.errors import Tampered
from tests.projects import Project
from tests.scenarios.disk_stories import STOCK, stock_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = stock_project(tmp_path / "project", tmp_path / "world")
    made.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", "{command: count, effect: staging}")
    return made


def by_hand(project: Project, statement: str) -> None:
    with closing(sqlite3.connect(project.root / ".gonogo" / "journal.db")) as opened, opened:
        opened.execute(statement)


@pytest.mark.req("EXE-05", "ERR-10")
def test_a_stop_that_is_cleared_in_the_database_stops_with_what_differs_until_a_person_says_what_holds(project: Project) -> None:
    run = project.begin(STOCK)
    lock = ("--as", "rm1", "-C", str(project.root))
    assert gonogo("lock", "hold", "staging", "--reason", "the disks are changed", *lock).code == 0
    by_hand(project, "update gonogo_lease set hold = null")
    said = gonogo("resume", run, "-C", str(project.root), RECORD=str(project.record))
    assert said.code != 0
    assert project.executions("counted") == []
    for part in ("the disks are changed (rm1, ", "that nothing stops it", "changed one of them by hand", "column hold", "gonogo lock lift staging"):
        assert part in said.err, said.err
    examined = gonogo("doctor", "-C", str(project.root))
    assert "the log of the site and the table of leases differ" in examined.out + examined.err
    assert gonogo("lock", "lift", "staging", *lock).code == 0
    project.go_on(run)
    assert project.state(run).outcome == "ready", project.view(run).halt
    assert len(project.executions("counted")) == 1


@pytest.mark.req("EXE-05")
def test_a_stop_that_only_the_table_knows_is_no_stop_that_anybody_answers_for(project: Project) -> None:
    run = project.begin(STOCK)
    by_hand(project, "insert into gonogo_lease (env, fence, hold) values ('staging', 0, 'nobody knows why')")
    with pytest.raises(Tampered, match="says that nothing stops staging; .* that it is stopped: nobody knows why"):
        project.go_on(run)
    assert project.executions("counted") == []
