"""Journals of every version so far, as files that were written then: read by this one, or brought to it with a backup."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.adapters.journals.schema import SCHEMA, Outdated
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.journals.upgrade import tried, upgraded
from gonogo.adapters.run_lock import RunLocks
from gonogo.control.assembling import crash_point
from gonogo.errors import Broken
from gonogo.evidence.ledger import check_chain
from gonogo.ports import Draft
from gonogo.run.events import TaskFinished, recorded
from gonogo.terms import Engine, RunId
from worlds import SimulatedClock

CASES = Path(__file__).resolve().parents[1] / "cases" / "journals"
FIRST, SECOND = RunId("pre-deployment-v2-1f3a00"), RunId("pre-deployment-v3-2b4c00")
OLD = sorted(range(1, SCHEMA))


def no_crash(_point: str) -> None:
    """Real runs pass by."""


def journal_of(tables: int, folder: Path) -> Path:
    path = folder / ".gonogo" / "journal.db"
    path.parent.mkdir(parents=True)
    shutil.copy(CASES / f"tables-{tables}.db", path)
    path.chmod(0o600)
    return path


def tables_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as opened:
        return int(opened.execute("pragma user_version").fetchone()[0])


def lines_of(path: Path) -> list[tuple[str, int, bytes]]:
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute("select run, seq, line from gonogo_event order by run, seq").fetchall()


def read_whole(path: Path) -> None:
    """What the golden journals hold, whatever version wrote them."""
    with SqliteJournal(path) as journal:
        assert journal.runs() == (FIRST, SECOND)
        last = recorded(journal.entries(FIRST)[-1]).event
        assert isinstance(last, TaskFinished)
        assert (last.task, last.outcome) == ("3.1#deploy", "ok")
        assert check_chain(entry.line for entry in journal.site()) == ()
        lease = journal.lease("staging")
        assert (lease.fence, lease.run, lease.hold) == (1, FIRST, "the power is cut tonight")


@pytest.mark.req("WFS-10")
def test_a_journal_of_today_is_read_and_written_to_as_it_was_recorded(tmp_path: Path) -> None:
    path = journal_of(SCHEMA, tmp_path)
    read_whole(path)
    with SqliteJournal(path) as journal, journal.write(FIRST, 3, actor=Engine("local"), now=datetime.now(UTC)) as change:
        assert change.append(Draft("run.closed", {"outcome": "ready"})).seq == 4


def test_the_tables_that_a_new_journal_gets_are_those_of_the_golden_file(tmp_path: Path) -> None:
    made = tmp_path / "new" / "journal.db"
    SqliteJournal(made).open_run(FIRST, [Draft("run.opened", {})], actor=Engine("local"), now=datetime.now(UTC))
    query = "select type, name, sql from sqlite_master order by name"
    with closing(sqlite3.connect(made)) as new, closing(sqlite3.connect(CASES / f"tables-{SCHEMA}.db")) as golden:
        assert new.execute(query).fetchall() == golden.execute(query).fetchall()


@pytest.mark.parametrize("tables", OLD)
def test_an_older_journal_is_not_touched_unasked_and_the_message_says_the_way(tables: int, tmp_path: Path) -> None:
    path = journal_of(tables, tmp_path)
    before = path.read_bytes()
    with pytest.raises(Outdated, match="an older gonogo wrote this journal") as refused:
        SqliteJournal(path).runs()
    assert "gonogo upgrade --dry-run" in refused.value.next_step
    assert path.read_bytes() == before


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize("tables", OLD)
def test_an_upgrade_keeps_every_line_and_leaves_the_journal_as_it_was_beside_it(tables: int, tmp_path: Path) -> None:
    path = journal_of(tables, tmp_path)
    (tmp_path / "gonogo.yaml").write_text("project: shop\n")
    before, lines = path.read_bytes(), lines_of(path)
    trial = gonogo("upgrade", "--dry-run", "--project", tmp_path, "--json").json()
    assert (trial["changed"], trial["events"], trial["ledgers"]) == (False, len(lines), 3)
    assert path.read_bytes() == before
    said = gonogo("upgrade", "--project", tmp_path)
    assert (said.code, f"tables {tables} to {SCHEMA}" in said.out) == (0, True), said
    assert lines_of(path) == lines
    read_whole(path)
    backup = path.with_name(f"journal-tables-{tables}.db")
    assert str(backup) in said.out
    assert (tables_of(backup), lines_of(backup), backup.stat().st_mode & 0o777) == (tables, lines, 0o600)
    again = gonogo("upgrade", "--project", tmp_path)
    assert (again.code, again.out.startswith("nothing to do")) == (0, True)


def test_nothing_is_upgraded_while_an_engine_drives_a_run(tmp_path: Path) -> None:
    path = journal_of(1, tmp_path)
    (tmp_path / "gonogo.yaml").write_text("project: shop\n")
    with RunLocks(path.parent / "runs", SimulatedClock()).driving(FIRST):
        said = gonogo("upgrade", "--project", tmp_path)
    assert (said.code, f"an engine drives {FIRST} now" in said.err) == (1, True), said
    assert tables_of(path) == 1
    assert not list(path.parent.glob("journal-tables-*"))


def broken_chain(path: Path) -> None:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("drop trigger gonogo_event_fixed")
        opened.execute("update gonogo_event set line = replace(line, 'staging', 'nowhere') where seq = 0")
        opened.commit()


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("create table customers (name text)")
    path.chmod(0o600)


def diary(path: Path) -> None:
    path.write_text("this is a diary\n" * 100)


@pytest.mark.parametrize(("damage", "words"), [(broken_chain, "is not whole"), (foreign, "no journal of gonogo"), (diary, "not a journal")])
def test_a_journal_that_is_not_whole_is_not_upgraded(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    path = journal_of(1, tmp_path)
    damage(path)
    before = path.read_bytes()
    for act in (lambda: tried(path, 1.0), lambda: upgraded(path, 1.0, no_crash)):
        with pytest.raises(Broken, match=words):
            act()
    assert path.read_bytes() == before


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize("point", ["CP-19", "CP-22"])
def test_an_upgrade_that_is_killed_is_done_again_and_is_whole(tmp_path: Path, point: str) -> None:
    path = journal_of(1, tmp_path)
    lines = lines_of(path)
    child = os.fork()
    if child == 0:
        upgraded(path, 1.0, crash_point(point))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (tables_of(path), lines_of(path)) == (1, lines)
    assert upgraded(path, 1.0, no_crash).backup is not None
    read_whole(path)
