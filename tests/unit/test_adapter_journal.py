"""The SQLite journal beyond the contract: files, modes, damage, several writers, death inside a transaction."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.adapters.journals.schema import SCHEMA, explained
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.errors import BadInput, Broken, Busy, GonogoError, NotStored, Refused, Tampered
from gonogo.evidence.ledger import check_chain
from gonogo.ports import Draft, Lease
from gonogo.terms import Engine, RunId
from worlds import MORNING

RUN = RunId("run-1")
ENGINE = Engine("eu1")
EVENT = Draft("task.intended", {"n": 1})


def journal_with_run(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.open_run(RUN, [Draft("run.opened", {})], actor=ENGINE, now=MORNING)
    return journal


def edit(path: Path, *statements: str) -> None:
    opened = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        opened.execute(statement)
    opened.close()


def test_reading_where_there_is_no_journal_makes_nothing(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "state" / "journal.db")
    assert journal.runs() == ()
    assert journal.lease("production").fence == 0
    for act in (lambda: journal.entries(RUN), lambda: journal.write(RUN, 0, actor=ENGINE, now=MORNING).__enter__()):
        with pytest.raises(BadInput, match="there is no run"):
            act()
    assert list(tmp_path.iterdir()) == []


def test_file_and_folder_are_for_the_engine_s_user_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    kept = journal_with_run(path)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in (path.parent, *path.parent.iterdir())}
    assert modes.pop("state") == 0o700
    assert modes.keys() >= {"journal.db", "journal.db-wal"}
    assert set(modes.values()) == {0o600}
    kept.close()
    assert [found.name for found in path.parent.iterdir()] == ["journal.db"]


def test_a_journal_that_nobody_holds_any_more_is_one_file(tmp_path: Path) -> None:
    journal_with_run(tmp_path / "journal.db")
    assert [found.name for found in tmp_path.iterdir()] == ["journal.db"]


def test_a_folder_of_ours_that_others_could_read_is_closed_when_the_journal_is_made(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    journal_with_run(tmp_path / "state" / "journal.db")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.req("WFS-10")
def test_the_file_keeps_a_write_ahead_log_and_every_commit_is_synchronised(tmp_path: Path) -> None:
    journal = journal_with_run(tmp_path / "journal.db")
    with journal._connection() as opened:  # noqa: SLF001 - the setting has no other witness than the connection
        assert opened.execute("pragma journal_mode").fetchone() == ("wal",)
        assert opened.execute("pragma synchronous").fetchone() == (2,)
        assert opened.execute("pragma busy_timeout").fetchone() == (30_000,)


def test_a_journal_that_others_may_write_is_refused_with_the_repair(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal_with_run(path).close()
    path.chmod(0o666)
    with pytest.raises(Refused, match="others may write") as refused:
        SqliteJournal(path).runs()
    assert "chmod 600" in refused.value.next_step


def newer(path: Path) -> None:
    edit(path, f"pragma user_version = {SCHEMA + 1}")


def foreign(path: Path) -> None:
    path.unlink()
    edit(path, "create table customers (name text)")
    path.chmod(0o600)


def no_database(path: Path) -> None:
    path.write_bytes(b"this is a diary and no database\n" * 100)


def cut(path: Path) -> None:
    edit(path, "pragma wal_checkpoint(truncate)")
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (newer, "a newer gonogo wrote"),
        (foreign, "database of another program"),
        (no_database, "not a journal of gonogo"),
        (cut, "damaged"),
    ],
)
def test_an_unusable_file_is_broken_with_its_path_and_the_next_step(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "journal.db"
    journal_with_run(path).close()
    for left in tmp_path.glob("journal.db-*"):
        left.unlink()
    damage(path)
    before = path.read_bytes()
    acts: tuple[Callable[[], object], ...] = (
        lambda: SqliteJournal(path).entries(RUN),
        lambda: SqliteJournal(path).open_run(RunId("new"), [EVENT], actor=ENGINE, now=MORNING),
    )
    for act in acts:
        with pytest.raises(Broken, match=words) as broken:
            act()
        assert broken.value.where == str(path)
        assert broken.value.next_step
    assert path.read_bytes() == before


def test_a_link_in_place_of_the_journal_is_refused(tmp_path: Path) -> None:
    journal_with_run(tmp_path / "real.db").close()
    (tmp_path / "journal.db").symlink_to("real.db")
    with pytest.raises(Refused, match="not a regular file"):
        SqliteJournal(tmp_path / "journal.db").runs()


def test_a_file_without_tables_is_a_journal_whose_making_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch(mode=0o600)
    assert SqliteJournal(path).runs() == ()
    assert SqliteJournal(path).lease("x") == Lease("x", 0, None, None)
    with pytest.raises(BadInput, match="there is no run"):
        SqliteJournal(path).entries(RUN)
    assert path.stat().st_size == 0
    assert journal_with_run(path).runs() == (RUN,)


def sqlite_fault(statements: list[str], path: Path) -> sqlite3.Error:
    opened = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        for statement in statements:
            opened.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        opened.close()
    raise AssertionError("SQLite did not complain")


@pytest.mark.parametrize(
    ("statements", "kind", "words"),
    [
        (["pragma max_page_count = 2", "create table a (x)", "create table b (x)"], NotStored, "the disk is full"),
        (["pragma query_only = on", "create table a (x)"], NotStored, "cannot be written"),
        (["attach '/nonexistent/folder/x.db' as other"], Broken, "cannot be opened"),
        (["select nothing"], Broken, "does not work"),
    ],
)
def test_each_fault_of_the_database_says_what_to_do(
    tmp_path: Path, statements: list[str], kind: type[GonogoError], words: str
) -> None:
    error = explained(sqlite_fault(statements, tmp_path / "x.db"), tmp_path / "x.db")
    assert type(error) is kind
    assert words in error.what
    assert error.next_step
    assert error.where == str(tmp_path / "x.db")


def test_a_writer_that_does_not_end_makes_others_busy_after_their_patience(tmp_path: Path) -> None:
    journal = journal_with_run(tmp_path / "journal.db")
    impatient = SqliteJournal(tmp_path / "journal.db", wait=0.05)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
        with pytest.raises(Busy, match="writing"), impatient.write(RUN, 0, actor=ENGINE, now=MORNING):
            pass
        assert len(impatient.entries(RUN)) == 1
    assert len(impatient.entries(RUN)) == 2


@pytest.mark.req("EVS-16", "WFS-03")
@pytest.mark.parametrize(
    "change",
    [
        "update gonogo_event set line = cast(replace(cast(line as text), '\"n\":1', '\"n\":2') as blob) where seq = 1",
        "delete from gonogo_event where seq = 1",
        "delete from gonogo_event where seq = 2",
        "update gonogo_head set seq = 1",
        "update gonogo_head set hash = '" + "0" * 64 + "'",
    ],
)
def test_an_edited_or_removed_event_is_tampered_for_readers_and_writers(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journal.db"
    journal = journal_with_run(path)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
        transaction.append(EVENT)
    edit(path, "drop trigger gonogo_event_kept", "drop trigger gonogo_event_fixed", change)
    with pytest.raises(Tampered) as tampered:
        journal.entries(RUN)
    assert tampered.value.next_step


def test_the_file_itself_refuses_to_change_or_drop_events(tmp_path: Path) -> None:
    journal_with_run(tmp_path / "journal.db").close()
    for change in ("update gonogo_event set line = ''", "delete from gonogo_event"):
        with pytest.raises(sqlite3.IntegrityError, match="events stay"):
            edit(tmp_path / "journal.db", change)


def test_a_journal_that_was_replaced_is_opened_again_and_not_written_into_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = journal_with_run(path)
    for found in tmp_path.glob("journal.db*"):
        found.unlink()
    assert journal.runs() == ()
    journal.open_run(RunId("run-2"), [EVENT], actor=ENGINE, now=MORNING)
    assert SqliteJournal(path).runs() == (RunId("run-2"),)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.ports import Draft, Moved
from gonogo.terms import Engine, RunId
journal, run, left = SqliteJournal(Path(sys.argv[1])), RunId("run-1"), 25
while left:
    try:
        with journal.write(run, journal.entries(run)[-1].seq, actor=Engine(sys.argv[2]), now=datetime(2031, 1, 1, tzinfo=UTC)) as tx:
            tx.append(Draft("task.intended", {"left": left}))
        left -= 1
    except Moved:
        continue
"""


@pytest.mark.req("WFS-10")
def test_several_processes_append_without_losing_or_doubling_an_event(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = journal_with_run(path)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"e{n}"]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    entries = journal.entries(RUN)
    assert check_chain(entry.line for entry in entries) == ()
    seen = sorted((str(entry.actor), entry.data["left"]) for entry in entries[1:])
    assert seen == sorted((f"engine:e{n}", left) for n in range(3) for left in range(1, 26))


MORTAL = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
def die(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
journal, run, now = SqliteJournal(Path(sys.argv[1]), crash=die), RunId("run-1"), datetime(2031, 1, 1, tzinfo=UTC)
if run not in journal.runs():
    journal.open_run(run, [], actor=Engine("e"), now=now)
with journal.write(run, journal.entries(run)[-1].seq, actor=Engine("e"), now=now) as transaction:
    transaction.take_lease("production")
    transaction.append(Draft("task.intended", {}))
"""


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize("point", ["CP-02", "CP-09"])
def test_death_inside_a_transaction_leaves_nothing_of_it_and_nothing_locked(tmp_path: Path, point: str) -> None:
    path = tmp_path / "journal.db"
    journal = journal_with_run(path)
    died = subprocess.run([sys.executable, "-c", MORTAL, str(path), point], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(journal.entries(RUN)) == 1
    assert journal.lease("production") == Lease("production", 0, None, None)
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        assert transaction.take_lease("production") == 1


@pytest.mark.req("WFS-10")
def test_death_while_the_tables_are_made_leaves_a_journal_that_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    died = subprocess.run([sys.executable, "-c", MORTAL, str(path), "CP-15"], check=False)
    assert died.returncode == -signal.SIGKILL
    assert path.exists()
    assert SqliteJournal(path).runs() == ()
    assert journal_with_run(path).runs() == (RUN,)


NOBODY = 65534
"""chmod does nothing for root, so the child becomes somebody else first and says so loudly if it still may write (FI-01)."""

DENIED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.errors import Broken
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
if os.geteuid() == 0:
    os.setgid(%(nobody)d)
    os.setuid(%(nobody)d)
if os.access(sys.argv[1], os.W_OK):
    sys.exit("this user may write after all; the test shows nothing")
try:
    SqliteJournal(Path(sys.argv[1]) / "journal.db").open_run(
        RunId("r"), [Draft("run.opened", {})], actor=Engine("local"), now=datetime.now(UTC)
    )
except Broken as error:
    print(error)
else:
    sys.exit("a journal was made in a folder without write access")
"""


@pytest.mark.req("FI-01")
def test_a_folder_without_write_access_is_broken_with_the_remedy() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        state = Path(folder) / "state"
        Path(folder).chmod(0o755)
        state.mkdir(mode=0o555)
        ended = subprocess.run(
            [sys.executable, "-c", DENIED % {"nobody": NOBODY}, str(state)], check=False, capture_output=True, text=True
        )
    assert ended.returncode == 0, ended.stderr
    assert "Permission denied" in ended.stdout
    assert "access" in ended.stdout.partition("next:")[2]


def queries_of_one_append(journal: SqliteJournal, head: int) -> int:
    queries: list[str] = []
    with journal._connection() as opened:  # noqa: SLF001 - counts what the database is asked
        opened.set_trace_callback(queries.append)
    with journal.write(RUN, head, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
    with journal._connection() as opened:  # noqa: SLF001 - ends the counting
        opened.set_trace_callback(None)
    return len(queries)


def test_an_append_asks_as_little_in_a_long_ledger_as_in_a_short_one(tmp_path: Path) -> None:
    journal = journal_with_run(tmp_path / "journal.db")
    short = queries_of_one_append(journal, 0)
    with journal.write(RUN, 1, actor=ENGINE, now=MORNING) as transaction:
        for _ in range(300):
            transaction.append(EVENT)
    assert queries_of_one_append(journal, 301) == short <= 8
