"""The contract of the journal, on memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gonogo.adapters.journals.postgres import PostgresJournal
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.journals.stops import StopsRead
from gonogo.adapters.journals.transaction import SQLITE
from gonogo.errors import BadInput, Broken, Busy, Refused, Tampered
from gonogo.evidence.ledger import ClockWentBack, check_chain
from gonogo.ports import SITE_LOG, Draft, Lease, Moved, Transaction
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Agent, Engine, Person, RunId
from postgres_server import emptied_database
from worlds import MORNING, MemoryJournal

RUN, OTHER = RunId("pre-deployment-v2-1f3a"), RunId("pre-deployment-v3-2b4c")
ENGINE = Engine("eu1")
OPENED = Draft("run.opened", {"release": "v2"})
NEXT = Draft("task.intended", {"task": "a/b#c"})

AnyJournal = MemoryJournal | SqliteJournal | PostgresJournal


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyJournal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    if request.param == "postgres":
        with emptied_database() as database:
            yield PostgresJournal(database)
        return
    with SqliteJournal(tmp_path / "state" / "journal.db") as opened:
        yield opened


def test_the_heads_name_every_log_with_the_number_of_its_last_entry(journal: AnyJournal) -> None:
    assert (journal.heads(), journal.written()) == ({}, 0)
    journal.open_run(RUN, [OPENED, NEXT], actor=ENGINE, now=MORNING, notes=[OPENED])
    journal.open_run(OTHER, [OPENED], actor=ENGINE, now=MORNING)
    assert journal.heads() == {RUN: 1, OTHER: 0, SITE_LOG: 0}
    assert journal.written() == 4, "one number tells that something moved, whichever log it was"


def test_a_new_journal_has_no_runs_and_free_leases(journal: AnyJournal) -> None:
    assert journal.runs() == ()
    assert journal.lease("production") == Lease("production", 0, None, None)
    with pytest.raises(BadInput, match="there is no run"):
        journal.entries(RUN)


def test_opening_a_run_records_its_first_events_with_the_chain_begun(journal: AnyJournal) -> None:
    written = journal.open_run(RUN, [OPENED, NEXT], actor=Person("asha"), now=MORNING)
    assert journal.entries(RUN) == written
    assert [entry.seq for entry in written] == [0, 1]
    assert check_chain(entry.line for entry in written) == ()
    assert written[0].actor == Person("asha")


def test_a_run_can_be_opened_once_only(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    with pytest.raises(Refused, match="exists already"):
        journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    assert len(journal.entries(RUN)) == 1


@pytest.mark.req("P9")
def test_the_log_of_the_site_numbers_what_happened_in_all_runs_without_gaps(journal: AnyJournal) -> None:
    assert journal.site() == ()
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[Draft("run.opened", {"run": RUN})])
    journal.open_run(OTHER, [OPENED], actor=ENGINE, now=MORNING, notes=[Draft("run.opened", {"run": OTHER})])
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(NEXT)
        transaction.note(Draft("run.closed", {"run": RUN}))
    journal.note([Draft("trust.changed", {"version": 2})], actor=Person("asha"), now=MORNING)
    site = journal.site()
    assert [entry.seq for entry in site] == [0, 1, 2, 3]
    assert [entry.type for entry in site] == ["run.opened", "run.opened", "run.closed", "trust.changed"]
    assert check_chain(entry.line for entry in site) == ()
    assert journal.runs() == (RUN, OTHER)
    assert len(journal.entries(RUN)) == 2


@pytest.mark.req("t09_hidden_run")
def test_an_entry_of_the_site_is_recorded_with_the_event_of_its_run_or_not_at_all(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[Draft("run.opened", {"run": RUN})])
    with pytest.raises(Broken), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(NEXT)
        transaction.note(Draft("run.closed", {"run": RUN}))
        raise Broken("the engine dies here")
    assert len(journal.entries(RUN)) == 1
    assert len(journal.site()) == 1
    with pytest.raises(Refused):
        journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[Draft("run.opened", {"run": RUN})])
    assert len(journal.site()) == 1


def test_no_run_can_take_the_place_of_the_site(journal: AnyJournal) -> None:
    with pytest.raises(Refused):
        journal.open_run(SITE_LOG, [OPENED], actor=ENGINE, now=MORNING)
    assert journal.site() == ()


def test_runs_are_listed_oldest_first(journal: AnyJournal) -> None:
    for run in (OTHER, RUN):
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    assert journal.runs() == (OTHER, RUN)


def test_entries_after_a_number_are_only_the_later_ones(journal: AnyJournal) -> None:
    written = journal.open_run(RUN, [OPENED, NEXT, NEXT], actor=ENGINE, now=MORNING)
    assert journal.entries(RUN, 0) == written[1:]
    assert journal.entries(RUN, 2) == ()
    assert journal.entries(RUN, 99) == ()


def test_a_write_at_the_head_is_recorded(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    with journal.write(RUN, 0, actor=Agent("claude"), now=MORNING + timedelta(seconds=1)) as transaction:
        first = transaction.append(NEXT)
        second = transaction.append(NEXT)
    assert journal.entries(RUN)[1:] == (first, second)
    assert check_chain(entry.line for entry in journal.entries(RUN)) == ()


def test_a_write_elsewhere_than_at_the_head_is_moved(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED, NEXT], actor=ENGINE, now=MORNING)
    for wrong in (-1, 0, 2):
        with pytest.raises(Moved), journal.write(RUN, wrong, actor=ENGINE, now=MORNING) as transaction:
            transaction.append(NEXT)
    assert len(journal.entries(RUN)) == 2


def test_a_write_to_an_unknown_run_is_refused(journal: AnyJournal) -> None:
    with pytest.raises(BadInput, match="there is no run"), journal.write(RUN, -1, actor=ENGINE, now=MORNING):
        pass
    assert journal.runs() == ()


@pytest.mark.req("WFS-10")
def test_an_exception_takes_back_events_and_leases_together(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    with pytest.raises(ZeroDivisionError), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
        transaction.append(NEXT)
        raise ZeroDivisionError
    assert len(journal.entries(RUN)) == 1
    assert journal.lease("production") == Lease("production", 0, None, None)


def test_data_that_no_line_can_hold_takes_the_whole_transaction_back(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    with pytest.raises(BadInput, match="bytes"), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(NEXT)
        transaction.append(Draft("task.intended", {"text": "x" * 70_000}))
    assert len(journal.entries(RUN)) == 1


def test_a_clock_that_went_back_writes_no_event(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    early = MORNING - timedelta(hours=1)
    with pytest.raises(ClockWentBack), journal.write(RUN, 0, actor=ENGINE, now=early) as transaction:
        transaction.append(NEXT)
    assert len(journal.entries(RUN)) == 1


@pytest.mark.req("EXE-05")
def test_an_environment_that_a_run_holds_is_busy_for_another_and_the_run_is_named(journal: AnyJournal) -> None:
    for run in (RUN, OTHER):
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        assert transaction.take_lease("production") == 1
        transaction.append(NEXT)
    with pytest.raises(Busy, match=RUN), journal.write(OTHER, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
    assert journal.lease("production") == Lease("production", 1, RUN, None)


@pytest.mark.req("EXE-05")
def test_each_taking_of_a_lease_raises_its_fence_also_after_it_was_free(journal: AnyJournal) -> None:
    for run in (RUN, OTHER):
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        assert (transaction.take_lease("production"), transaction.take_lease("production")) == (1, 2)
        assert transaction.take_lease("staging") == 1
        transaction.free_lease("production")
    with journal.write(OTHER, 0, actor=ENGINE, now=MORNING) as transaction:
        assert transaction.take_lease("production") == 3
    assert journal.lease("production") == Lease("production", 3, OTHER, None)


def test_giving_back_what_another_run_holds_changes_nothing(journal: AnyJournal) -> None:
    for run in (RUN, OTHER):
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
    with journal.write(OTHER, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.free_lease("production")
        transaction.free_lease("nowhere")
    assert journal.lease("production").run == RUN


def test_an_emergency_stop_refuses_the_environment_with_its_reason_until_it_is_lifted(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    assert journal.hold("production", "disk array fails", actor=Person("asha"), now=MORNING).hold == "disk array fails"
    with pytest.raises(Refused, match="disk array fails"), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as writing:
        writing.take_lease("production")
    journal.hold("production", None, actor=Person("asha"), now=MORNING)
    assert [entry.type for entry in journal.site()] == ["environment.stopped", "environment.released"]
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as writing:
        assert writing.take_lease("production") == 1


def test_a_transaction_is_of_no_use_after_its_block(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    kept: list[Transaction] = []
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        kept.append(transaction)
    for act in (lambda: kept[0].append(NEXT), lambda: kept[0].take_lease("x"), lambda: kept[0].free_lease("x")):
        with pytest.raises(Broken, match="has ended"):
            act()
    assert len(journal.entries(RUN)) == 1


@pytest.mark.req("EXE-05")
def test_a_lease_says_who_holds_it_what_for_since_when_and_its_last_sign_of_life(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    for minute in (1, 2):
        later = MORNING + timedelta(minutes=minute)
        with journal.write(RUN, minute - 1, actor=ENGINE, now=later) as transaction:
            transaction.take_lease("production", f"step/{minute}")
            transaction.append(NEXT)
    (lease,) = journal.leases()
    assert (lease.owner, lease.reason) == ("engine:eu1", "step/2")
    assert (lease.since, lease.beat) == (MORNING + timedelta(minutes=1), MORNING + timedelta(minutes=2))
    with journal.write(RUN, 2, actor=ENGINE, now=MORNING + timedelta(minutes=3)) as transaction:
        transaction.free_lease("production")
    freed = journal.lease("production")
    assert (freed.run, freed.owner, freed.reason, freed.since, freed.beat) == (None, "", "", None, None)


@pytest.mark.req("EXE-05")
def test_the_line_before_an_environment_goes_by_priority_then_by_patience(journal: AnyJournal) -> None:
    runs = [RunId(f"run-{number}") for number in range(4)]
    for run in runs:
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    with journal.write(runs[0], 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
    for number, priority in ((3, 0), (1, 0), (2, 5)):
        journal.wait(Waiter("production", runs[number], priority, MORNING + timedelta(seconds=number)))
    assert [waiter.run for waiter in journal.waiting("production")] == [runs[2], runs[1], runs[3]]
    journal.wait(Waiter("production", runs[3], 9, MORNING + timedelta(hours=1)))
    assert journal.waiting("production")[0] == Waiter("production", runs[3], 9, MORNING + timedelta(seconds=3))
    journal.wait(Waiter("staging", runs[3], 0, MORNING))
    journal.leave(runs[3], "production")
    assert [waiter.run for waiter in journal.waiting("staging")] == [runs[3]]
    journal.leave(runs[3])
    with journal.write(runs[0], 0, actor=ENGINE, now=MORNING) as transaction:
        assert transaction.free_lease("production") == runs[2]
    with journal.write(runs[2], 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
    assert [waiter.run for waiter in journal.waiting("production")] == [runs[1]]
    assert journal.waiting("staging") == ()


def test_the_way_back_takes_a_stopped_environment(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    journal.hold("production", "disk array fails", actor=Person("asha"), now=MORNING)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        assert transaction.take_lease("production", "rollback", past_hold=True) == 1
    assert journal.lease("production").hold == "disk array fails"


def test_what_waits_for_a_commit_happens_after_it_or_never(journal: AnyJournal) -> None:
    journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    heard: list[int] = []
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(NEXT)
        transaction.after_commit(lambda: heard.append(len(journal.entries(RUN))))
    with pytest.raises(Broken), journal.write(RUN, 1, actor=ENGINE, now=MORNING) as transaction:
        transaction.after_commit(lambda: heard.append(-1))
        raise Broken("the engine dies here")
    assert heard == [2]


def test_a_standing_is_remembered_until_the_run_has_another_event(journal: AnyJournal) -> None:
    for run in (RUN, OTHER):
        journal.open_run(run, [OPENED], actor=ENGINE, now=MORNING)
    stands = Standing(RUN, 0, "pre-deployment", "v2", "staging", "halted", "gonogo resume", MORNING, MORNING)
    journal.keep_standing(stands)
    journal.keep_standing(Standing(OTHER, 0, "pre-deployment", "v3", "staging", "open", "", MORNING))
    assert journal.standings() == (stands, Standing(OTHER, 0, "pre-deployment", "v3", "staging", "open", "", MORNING))
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(NEXT)
    assert [known.run for known in journal.standings()] == [OTHER]
    newer = replace(stands, seq=1, status="ready")
    for known in (newer, stands):
        journal.keep_standing(known)
    assert journal.standings()[0] == newer


@pytest.mark.req("EXE-05")
def test_a_stop_that_is_cleared_past_the_log_keeps_every_act_out_but_a_rollback_under_way() -> None:
    with emptied_database() as database:
        journal = PostgresJournal(database)
        journal.open_run(RUN, [Draft("run.opened", {})], actor=ENGINE, now=MORNING)
        journal.hold("production", "a flood", actor=Person("rm1"), now=MORNING)
        with database.writing() as opened:
            opened.execute("update gonogo_lease set hold = null")
        with pytest.raises(Tampered, match="a flood"), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as change:
            change.take_lease("production")
        with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as change:
            assert change.take_lease("production", "rollback", past_hold=True) == 1
        journal.hold("production", None, actor=Person("rm1"), now=MORNING)
        with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as change:
            assert change.take_lease("production") == 2


@pytest.fixture(params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[AnyJournal, AnyJournal]]:
    """Two processes on one journal, each with what it has read of it."""
    if request.param == "postgres":
        with emptied_database() as database:
            yield PostgresJournal(database), PostgresJournal(database)
        return
    path = tmp_path / "state" / "journal.db"
    with SqliteJournal(path) as one, SqliteJournal(path) as other:
        yield one, other


def taken(journal: AnyJournal, *, before: tuple[Draft, ...] = ()) -> str:
    """What becomes of an act on production: nothing, as it is not committed here, or who or what keeps it out."""
    try:
        with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as change:
            for note in before:
                change.note(note)
            change.take_lease("production")
            raise Broken("not committed")
    except (Refused, Broken) as error:
        return error.what


@pytest.mark.req("EXE-05")
def test_a_stop_by_somebody_else_is_seen_by_whoever_had_read_the_log_before(two: tuple[AnyJournal, AnyJournal]) -> None:
    one, other = two
    one.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[OPENED])
    assert taken(one) == "not committed"
    other.hold("production", "a flood", actor=Person("rm1"), now=MORNING)
    assert taken(one) == "the environment production is stopped: a flood"
    other.hold("production", None, actor=Person("rm1"), now=MORNING)
    other.hold("staging", "a fire", actor=Person("rm1"), now=MORNING)
    assert taken(one) == "not committed"


@pytest.mark.req("EXE-05")
def test_a_note_that_was_taken_back_hides_no_stop_that_got_its_number(two: tuple[AnyJournal, AnyJournal]) -> None:
    one, other = two
    one.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[OPENED])
    assert taken(one, before=(OPENED, OPENED)) == "not committed"
    other.hold("production", "a flood", actor=Person("rm1"), now=MORNING)
    assert taken(one) == "the environment production is stopped: a flood"


class Heard:
    """Rows that keep in mind from which entry on a log was read."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows
        self.read_after: list[int] = []

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> sqlite3.Cursor:
        if "seq >" in statement:
            self.read_after.append(values[1])
        return self._rows.execute(statement, values)


def test_the_log_of_the_site_is_read_once_and_then_only_what_is_new_unless_it_is_another_log(tmp_path: Path) -> None:
    read = StopsRead()

    def stops(path: Path) -> tuple[list[int], list[str]]:
        with closing(sqlite3.connect(path)) as opened:
            heard = Heard(opened)
            return heard.read_after, list(read.now(heard, SQLITE.holds, 0))

    paths = [tmp_path / name / "journal.db" for name in ("first", "second")]
    for path, reason in zip(paths, ("a flood", "a fire"), strict=True):
        with SqliteJournal(path) as journal:
            journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[OPENED])
            journal.hold("production", reason, actor=Person("rm1"), now=MORNING)
    assert [stops(paths[0]) for _ in range(2)] == [([-1], ["production"]), ([1], ["production"])]
    with SqliteJournal(paths[0]) as journal:
        journal.hold("production", None, actor=Person("rm1"), now=MORNING)
        journal.hold("staging", "a fire", actor=Person("rm1"), now=MORNING)
    assert stops(paths[0]) == ([1], ["staging"])
    assert stops(paths[1]) == ([-1], ["production"]), "what was read of one log says nothing of another"
