"""PostgreSQL beyond the contracts: what is said when it does not work, what is shared, who lives, what is refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gonogo.adapters.journals.home import Belonging
from gonogo.adapters.journals.postgres import PostgresJournal
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.postgres import Postgres, statement_of
from gonogo.adapters.vault import FolderVault
from gonogo.adapters.vault_postgres import PART, PostgresVault
from gonogo.adapters.workers_postgres import PostgresMembership, PostgresWorkers, Worker
from gonogo.errors import BadInput, Broken, GonogoError, Refused, Tampered
from gonogo.evidence.ledger import check_chain
from gonogo.ports import Draft, Moved
from gonogo.terms import Engine, RunId, Secret, digest_of
from postgres_server import Gate, emptied_database, fresh_database, server
from shared_workers import eventually
from worlds import MORNING

RUN = RunId("pre-deployment-v2-1f3a")
ENGINE = Engine("eu1")
OPENED = Draft("run.opened", {"release": "v2"})
NEXT = Draft("task.intended", {"task": "a/b#c"})


def worker(name: str) -> Worker:
    return Worker(name, "host1", "host1:/srv/shop", 1, ("production",), "0.1.0", "2026-11-21T10:00:00.000Z")


def cut(workers: PostgresWorkers, place: PostgresMembership, name: str) -> None:
    """What the kernel does for a process that is killed; the server takes a moment to see it."""
    place._hang_up()  # noqa: SLF001 - nothing else ends a connection without leaving the list
    eventually(lambda: not any(seen.alive for seen in workers.seen() if seen.worker.name == name), f"{name} is dead", 30)


def test_statements_are_written_once_for_both_databases() -> None:
    assert statement_of("a = ? and b = :run") == "a = %s and b = %(run)s"


@pytest.mark.req("WFS-10")
def test_the_same_events_have_the_same_digests_in_both_databases(tmp_path: Path) -> None:
    with emptied_database() as database, SqliteJournal(tmp_path / "journal.db") as file:
        both = []
        for journal in (PostgresJournal(database), file):
            journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING, notes=[OPENED])
            with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
                transaction.append(NEXT)
                transaction.note(NEXT)
            both.append((journal.entries(RUN), journal.site()))
    assert both[0] == both[1]


@pytest.mark.req("WFS-10")
def test_of_two_writers_at_one_moment_one_is_recorded_and_the_other_moved() -> None:
    with emptied_database() as database:
        journal = PostgresJournal(database)
        journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
        outcomes: list[str] = []
        together = threading.Barrier(4)

        def write() -> None:
            together.wait()
            try:
                with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
                    transaction.append(NEXT)
                outcomes.append("written")
            except Moved:
                outcomes.append("moved")

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["moved", "moved", "moved", "written"]
        assert check_chain(entry.line for entry in journal.entries(RUN)) == ()


def test_reading_makes_no_table() -> None:
    database = Postgres(Secret(server().database()))
    journal = PostgresJournal(database)
    assert (journal.runs(), journal.site(), journal.leases(), journal.standings()) == ((), (), (), ())
    assert PostgresWorkers(database).seen() == ()
    with pytest.raises(BadInput, match="there is no run"):
        journal.entries(RUN)
    with database.transaction() as opened:
        assert opened.execute("select count(*) from pg_tables where tablename like 'gonogo_' || '_'").scalar() == 0
        assert opened.execute("select to_regclass('gonogo_event')").scalar() is None
    database.close()


@pytest.mark.req("EVS-16")
@pytest.mark.parametrize("act", ["update gonogo_event set line = ''", "delete from gonogo_event", "truncate gonogo_event"])
def test_no_statement_changes_an_event(act: str) -> None:
    with emptied_database() as database:
        PostgresJournal(database).open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
        with pytest.raises(Broken, match="events stay"), database.transaction() as opened:
            opened.execute(act)


@pytest.mark.req("EVS-16")
def test_an_event_that_its_owner_changed_all_the_same_is_tampered() -> None:
    with emptied_database() as database:
        journal = PostgresJournal(database)
        journal.open_run(RUN, [OPENED, NEXT], actor=ENGINE, now=MORNING)
        with database.transaction() as opened:
            opened.execute("set local session_replication_role = replica")
            opened.execute("delete from gonogo_event where seq = 1")
        with pytest.raises(Tampered, match="event 1 of run"):
            journal.entries(RUN)
        with pytest.raises(Tampered), journal.write(RUN, 1, actor=ENGINE, now=MORNING) as transaction:
            transaction.append(NEXT)


def test_a_database_of_a_newer_gonogo_is_left_alone() -> None:
    database = Postgres(Secret(fresh_database()))
    with database.transaction() as opened:
        opened.execute("update gonogo_schema set version = 99")
    with pytest.raises(Broken, match="a newer gonogo wrote this database"):
        PostgresJournal(database).runs()
    database.close()


@pytest.mark.parametrize("made_before", [False, True], ids=["new", "made by a version that wrote no project down"])
def test_a_database_is_of_the_first_project_that_writes_into_it_and_refuses_every_other(made_before: bool) -> None:
    url = Secret(fresh_database())
    shop, again, other, any_of_them = (Postgres(url, Belonging(name)) for name in ("shop", "shop", "mail", ""))
    if made_before:
        with any_of_them.transaction() as opened:
            opened.execute("alter table gonogo_schema drop column project")
    assert (PostgresJournal(other).runs(), PostgresJournal(shop).runs()) == ((), ()), "looking takes nothing"
    PostgresJournal(shop).open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
    assert PostgresJournal(again).runs() == PostgresJournal(any_of_them).runs() == (RUN,)
    again.prepare()
    # Also one that looked when it was still nobody's.
    with pytest.raises(Refused, match="holds the journal of the project `shop`, and this one is `mail`"):
        PostgresJournal(other).open_run(RunId("mail-1"), [OPENED], actor=ENGINE, now=MORNING)
    late = Postgres(url, Belonging("mail"))
    with pytest.raises(Refused, match="of the project `shop`"):
        PostgresJournal(late).runs()
    assert PostgresJournal(shop).runs() == (RUN,)
    for database in (shop, again, other, any_of_them, late):
        database.close()


def test_a_server_that_may_lose_what_it_confirmed_is_refused() -> None:
    url = fresh_database()
    server().sql(f"alter database {url.rpartition('/')[2]} set synchronous_commit = off")
    database = Postgres(Secret(url))
    with pytest.raises(Refused, match="synchronous_commit = off"):
        PostgresJournal(database).runs()
    database.close()


@pytest.mark.req("ERR-10")
@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://gonogo:hunter2@127.0.0.1:1/shop", "cannot be reached"),
        ("postgresql://gonogo:hunter2@127.0.0.1:{port}/nowhere", "refuses: database .nowhere. does not exist"),
        ("postgresql://nobody:hunter2@127.0.0.1:{port}/postgres", "refuses: role .nobody. does not exist"),
        ("hunter2", "no address of a database"),
    ],
    ids=["nobody listens", "no database", "no such user", "no address"],
)
def test_what_is_said_of_a_database_that_does_not_answer_names_the_place_and_never_the_password(url: str, what: str) -> None:
    with pytest.raises(GonogoError, match=what) as caught:
        PostgresJournal(Postgres(Secret(url.format(port=server().port)))).runs()
    shown = f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert "hunter2" not in shown or url == "hunter2"
    assert caught.value.next_step


@pytest.mark.req("WFS-10")
def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing_and_the_next_call_works() -> None:
    with emptied_database() as direct:
        journal = PostgresJournal(direct)
        journal.open_run(RUN, [OPENED], actor=ENGINE, now=MORNING)
        name = server().url("").rpartition("/")[0]
        with Gate(server().port) as gate:
            far = Postgres(Secret(f"{name.replace(str(server().port), str(gate.port))}/{direct.place.rpartition('/')[2]}"))
            distant = PostgresJournal(far)
            with pytest.raises(Broken, match="cannot be reached"):
                with distant.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
                    transaction.append(NEXT)
                    gate.cut()
            with pytest.raises(Broken, match="cannot be reached"):
                distant.entries(RUN)
            assert len(journal.entries(RUN)) == 1
            gate.mend()
            with distant.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
                transaction.append(NEXT)
            far.close()
        assert len(journal.entries(RUN)) == 2


def test_what_one_host_stored_another_reads_and_checks(tmp_path: Path) -> None:
    with emptied_database() as database:
        one = PostgresVault(database, FolderVault(tmp_path / "one"))
        other = PostgresVault(database, FolderVault(tmp_path / "other"))
        large = b"\x00\xff\x01" * PART
        for data in (b"", b"small", large):
            assert other.read(one.put(data), limit=1 << 30) == data
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / "report.json").write_text("{}")
        assert other.path(one.seal(folder)[0].digest).read_text() == "{}"


def test_bytes_that_somebody_changed_in_the_database_are_tampered_and_not_kept(tmp_path: Path) -> None:
    with emptied_database() as database:
        digest = PostgresVault(database, FolderVault(tmp_path / "one")).put(b"FAIL")
        with database.transaction() as opened:
            opened.execute("update gonogo_blob set data = ?", (b"PASS",))
        other = PostgresVault(database, FolderVault(tmp_path / "other"))
        with pytest.raises(Tampered, match=digest):
            other.read(digest)
        assert not FolderVault(tmp_path / "other").path(digest).exists()


def test_an_object_of_which_a_part_is_missing_is_absent(tmp_path: Path) -> None:
    with emptied_database() as database:
        digest = PostgresVault(database, FolderVault(tmp_path / "one")).put(b"x" * (PART + 1))
        with database.transaction() as opened:
            opened.execute("delete from gonogo_blob where part = 1")
        with pytest.raises(BadInput, match="is not in the vault"):
            PostgresVault(database, FolderVault(tmp_path / "other")).read(digest)
        assert digest == digest_of(b"x" * (PART + 1))


def test_a_worker_is_alive_as_long_as_its_connection_is_and_dead_at_once_after() -> None:
    with emptied_database() as database:
        workers = PostgresWorkers(database)
        first, second = workers.join(worker("one")), workers.join(worker("two"))
        assert [(seen.worker.name, seen.alive) for seen in workers.seen()] == [("one", True), ("two", True)]
        with second.dead() as dead:
            assert dead == ()
        cut(workers, first, "one")
        assert [(seen.worker.name, seen.alive) for seen in workers.seen()] == [("one", False), ("two", True)]
        with second.dead() as dead:
            assert [seen.worker.name for seen in dead] == ["one"]
        assert [seen.worker.name for seen in workers.seen()] == ["two"]
        second.leave()
        assert workers.seen() == ()


def test_a_dead_worker_is_taken_over_by_one_other_and_stays_on_the_list_where_that_failed() -> None:
    with emptied_database() as database:
        workers = PostgresWorkers(database)
        gone, one, two = (workers.join(worker(name)) for name in ("gone", "one", "two"))
        cut(workers, gone, "gone")
        with pytest.raises(Broken, match="in the middle"), one.dead() as dead:
            assert len(dead) == 1
            with two.dead() as nobody:
                assert nobody == (), "it is being taken over"
            raise Broken("died in the middle")
        with two.dead() as dead:
            assert [seen.worker.name for seen in dead] == ["gone"]
        for left in (one, two):
            left.leave()


def test_a_worker_that_lost_its_connection_stands_again_unless_it_was_taken_over_meanwhile() -> None:
    with emptied_database() as database:
        workers = PostgresWorkers(database)
        one, two = workers.join(worker("one")), workers.join(worker("two"))
        cut(workers, one, "one")
        with pytest.raises(Broken, match="lost its connection"):
            one.stands()
        assert one.stand_again() and one.stands()
        cut(workers, one, "one")
        with two.dead() as dead:
            assert len(dead) == 1
            assert not one.stand_again(), "another is taking it over"
        assert not one.stand_again()
        two.leave()


def test_a_worker_that_is_struck_off_sees_it_and_an_unknown_one_is_named_with_those_there_are() -> None:
    with emptied_database() as database:
        workers = PostgresWorkers(database)
        one = workers.join(worker("one"))
        with pytest.raises(BadInput, match="there is no worker two") as caught:
            workers.strike_off("two")
        assert "one" in caught.value.next_step
        assert workers.strike_off("one").alive
        # Its connection is closed, which it sees at its next word, or it still hears that it is not on the list.
        with contextlib.suppress(Broken):
            assert not one.stands()
        assert not one.stand_again()
        one.leave()


@pytest.mark.slow
def test_a_server_of_the_tests_ends_with_the_process_that_made_it_also_where_that_is_killed() -> None:
    made = (
        "import signal; from postgres_server import Server, programs; found = Server(programs());"
        "print(found.root, (found.root / 'data' / 'postmaster.pid').read_text().split()[0], flush=True); signal.pause()"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen([sys.executable, "-c", made], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}) as maker:
        assert maker.stdout is not None
        root, first = maker.stdout.readline().split()
        assert Path(f"/proc/{first}").exists()
        maker.kill()
    eventually(lambda: not Path(f"/proc/{first}").exists() and not Path(root).exists(), "the server and its folder are gone", 60)
