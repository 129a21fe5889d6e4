"""A project has one journal: what is refused where the settings name another place than the one it is in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.adapters.journals.home import MOVED_AWAY
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.control.stores.storing import Elsewhere, demand_one_place
from gonogo.errors import Broken
from gonogo.ports import Draft
from gonogo.terms import Person, Secret

NAMED = Secret("postgresql://gonogo:hunter2@127.0.0.1:1/shop")


def begin(state: Path) -> None:
    with SqliteJournal(state / "journal.db") as journal:
        journal.note([Draft("trust.changed", {})], actor=Person("asha"), now=datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.req("EXE-05")
def test_a_journal_that_only_has_a_log_of_the_site_keeps_its_project_here_too(tmp_path: Path) -> None:
    begin(tmp_path)
    demand_one_place(tmp_path, None)
    with pytest.raises(Elsewhere) as refused:
        demand_one_place(tmp_path, NAMED)
    said = str(refused.value)
    assert "is on this machine (0 runs)" in said and str(tmp_path / "journal.db") in said
    assert "gonogo migrate" in refused.value.next_step and "hunter2" not in said


def test_a_host_without_a_journal_may_use_the_database_and_gets_no_file_by_it(tmp_path: Path) -> None:
    demand_one_place(tmp_path, NAMED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("WFS-10")
def test_the_mark_of_a_move_counts_also_where_the_move_was_killed_before_the_file_was_renamed(tmp_path: Path) -> None:
    begin(tmp_path)
    (tmp_path / MOVED_AWAY).write_text("postgresql://127.0.0.1/shop")
    demand_one_place(tmp_path, NAMED)
    with pytest.raises(Elsewhere, match="is in postgresql://127.0.0.1/shop now"):
        demand_one_place(tmp_path, None)


def test_a_journal_here_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no journal at all, but nobody knows what it was" * 100)
    with pytest.raises(Broken):
        demand_one_place(tmp_path, NAMED)
