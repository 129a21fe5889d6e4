"""Disks that fail: a full one, one that reports errors, a slow one, one that is read-only, below a journal that is written to.

The faults are real for the process that meets them: a small library before the C library makes its calls fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.evidence.ledger import check_chain
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
from worlds import MORNING

ROOT = Path(__file__).resolve().parents[2]
RUN = RunId("r1")
WRITER = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.vault import FolderVault
from gonogo.errors import GonogoError
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
folder = Path(sys.argv[1])
try:
    if sys.argv[2] == "vault":
        FolderVault(folder / "vault").put(b"evidence" * 1000)
    else:
        with SqliteJournal(folder / "journal.db") as journal:
            last = journal.entries(RunId("r1"))[-1].seq
            with journal.write(RunId("r1"), last, actor=Engine("local"), now=datetime.now(UTC)) as change:
                change.append(Draft("task.finished", {"n": last + 1}))
    print("recorded")
except GonogoError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    assert compiler, "install a C compiler (Debian: gcc libc6-dev)"
    made = tmp_path_factory.mktemp("faulty") / "faulty.so"
    source = Path(__file__).with_name("faulty_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True, timeout=60)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with SqliteJournal(tmp_path / "journal.db") as journal:
        journal.open_run(RUN, [Draft("run.opened", {})], actor=Engine("local"), now=MORNING)
    return tmp_path


def written(folder: Path, faulty: Path, where: str = "journal", **faults: str) -> str:
    """What a writer says that meets these faults."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "LD_PRELOAD": str(faulty)} | faults
    said = subprocess.run([sys.executable, "-c", WRITER, str(folder), where], env=environ, capture_output=True, text=True, timeout=60, check=True)
    return said.stdout.strip()


def recorded(folder: Path) -> int:
    """So many events stand in the journal, in a chain that is whole."""
    with SqliteJournal(folder / "journal.db") as journal:
        entries = journal.entries(RUN)
    assert check_chain(entry.line for entry in entries) == ()
    return len(entries)


JOURNAL = {
    "a full disk": ({"FAULTY_WRITE": "enospc", "FAULTY_PATH": "journal.db-wal"}, "the disk is full; nothing of this change was recorded", "free space"),
    "no room for its shared memory": ({"FAULTY_WRITE": "enospc", "FAULTY_PATH": "journal.db-shm"}, "the disk is full or read-only", "free space"),
    "writes that fail": ({"FAULTY_WRITE": "eio", "FAULTY_PATH": "journal.db-wal"}, "the disk reports an error", "check the disk"),
    "a disk that does not keep": ({"FAULTY_SYNC": "eio", "FAULTY_PATH": "journal.db-wal"}, "the disk reports an error", "check the disk"),
    "a read-only disk": ({"FAULTY_OPEN": "erofs", "FAULTY_PATH": "journal.db"}, "the journal cannot be", "access to file and folder"),
}


@pytest.mark.req("WFS-10", "ERR-10")
@pytest.mark.parametrize("fault", JOURNAL)
def test_what_the_disk_does_not_take_is_not_recorded_and_the_next_write_goes_on(folder: Path, faulty: Path, fault: str) -> None:
    faults, words, advice = JOURNAL[fault]
    said = written(folder, faulty, **faults)
    assert said.startswith(("Broken: ", "NotStored: "))
    assert words in said
    assert advice in said
    assert recorded(folder) == 1
    assert written(folder, faulty) == "recorded"
    assert recorded(folder) == 2


@pytest.mark.req("WFS-10")
def test_a_slow_disk_loses_and_doubles_nothing(folder: Path, faulty: Path) -> None:
    assert written(folder, faulty, FAULTY_SYNC="slow", FAULTY_PATH="journal.db") == "recorded"
    assert recorded(folder) == 2


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize(("fault", "words"), [({"FAULTY_WRITE": "enospc"}, "free space"), ({"FAULTY_SYNC": "eio"}, "check it")], ids=["full", "error"])
def test_evidence_that_the_disk_does_not_keep_is_not_there(folder: Path, faulty: Path, fault: dict[str, str], words: str) -> None:
    said = written(folder, faulty, "vault", FAULTY_PATH="/vault/", **fault)
    assert said.startswith(("Broken: ", "NotStored: "))
    assert words in said
    assert [path for path in (folder / "vault").rglob("*") if path.is_file() and len(path.name) == 64] == []
    assert written(folder, faulty, "vault") == "recorded"
