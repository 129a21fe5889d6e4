"""Durable files, file systems, the clock and the lock of a run."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.durable import clean_line, disk_error, make_folder, read_small, write_file, write_file_once
from gonogo.adapters.mounts import file_system_of, refuse_remote
from gonogo.adapters.run_lock import RunLocks
from gonogo.errors import Broken, Busy, Refused
from gonogo.terms import RunId
from worlds import SimulatedClock

RUN, OTHER = RunId("run-1"), RunId("run-2")


def test_a_file_is_replaced_whole_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data, mode in ((b"one", 0o600), (b"", 0o444), (b"3" * 200_000, 0o640)):
        write_file(path, data, mode)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (data, mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_written_once_keeps_its_first_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert write_file_once(path, b"first")
    assert not write_file_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_for_their_user_only_and_an_existing_one_stays(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(Broken, match="Not a directory"):
        make_folder(tmp_path / "file")


def test_small_files_are_read_up_to_the_limit_and_links_are_not_followed(tmp_path: Path) -> None:
    assert read_small(tmp_path / "none") is None
    (tmp_path / "x").write_bytes(b"12345")
    assert read_small(tmp_path / "x", 5) == b"12345"
    with pytest.raises(Broken, match="more than 4 bytes"):
        read_small(tmp_path / "x", 4)
    (tmp_path / "link").symlink_to("x")
    with pytest.raises(Broken, match="symbolic link"):
        read_small(tmp_path / "link")


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free space"), (errno.EROFS, "for writing"), (errno.EIO, "check it")]
)
def test_each_fault_of_a_disk_comes_with_place_and_advice(number: int, advice: str) -> None:
    broken = disk_error(OSError(number, os.strerror(number)), "cannot write the file", Path("/state/x"))
    assert (broken.where, os.strerror(number) in broken.what, advice in broken.next_step) == ("/state/x", True, True)


def test_foreign_text_becomes_one_harmless_line() -> None:
    assert clean_line(" a\x1b[2J\nb\u202ec ") == "a?[2J?b?c"
    assert len(clean_line("x" * 1000)) == 400


TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/team rw,relatime - nfs4 nas:/export rw
31 30 8:2 / /mnt/team/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /home/me/with\\040blank rw - fuse.sshfs me@host:/ rw
33 22 0:42 / /data rw - ext4 /dev/sdc1 rw
34 22 0:43 / /data rw master:1 propagate_from:2 - 9p share rw
a broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/gonogo", "ext4"),
        ("/mnt/team/state", "nfs4"),
        ("/mnt/teamwork", "ext4"),
        ("/mnt/team/local/state", "xfs"),
        ("/home/me/with blank/x", "fuse.sshfs"),
        ("/data/x", "9p"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_and_latest_mount(path: str, kind: str) -> None:
    assert file_system_of(Path(path), TABLE) == kind


@pytest.mark.req("EXE-05")
def test_state_on_a_network_file_system_is_refused_with_the_reason(tmp_path: Path) -> None:
    for path in ("/mnt/team/state", "/home/me/with blank/x", "/data/x"):
        with pytest.raises(Refused, match="locks are not dependable") as refused:
            refuse_remote(Path(path), TABLE)
        assert "local disk" in refused.value.next_step
    refuse_remote(Path("/var/lib/gonogo"), TABLE)
    refuse_remote(tmp_path)


def test_the_system_clock_is_aware_and_its_sleep_lasts() -> None:
    clock = SystemClock()
    before, wall = clock.monotonic(), clock.now()
    clock.sleep(0.01)
    clock.sleep(-1)
    assert clock.monotonic() - before >= 0.01
    assert wall.utcoffset() is not None
    assert clock.now() >= wall


@pytest.mark.req("EXE-05")
def test_a_run_is_driven_by_one_engine_at_a_time_and_the_second_hears_by_whom(tmp_path: Path) -> None:
    first, second = (RunLocks(tmp_path / "runs", SimulatedClock()) for _ in range(2))
    with first.driving(RUN):
        with (
            pytest.raises(Busy, match=f"process {os.getpid()} since 2026-11-21T10:00:00.000Z") as busy,
            second.driving(RUN),
        ):
            pass
        assert "nothing has to be removed" in busy.value.next_step
        with second.driving(OTHER):
            pass
    with second.driving(RUN):
        pass
    assert (tmp_path / "runs" / "run-1" / "engine.lock").exists()


HOLDER = """
import sys, time
from pathlib import Path
from gonogo.adapters.clock import SystemClock
from gonogo.adapters.run_lock import RunLocks
from gonogo.terms import RunId
with RunLocks(Path(sys.argv[1]), SystemClock()).driving(RunId("run-1")):
    print("driving", flush=True)
    time.sleep(60)
"""


@pytest.mark.req("WFS-10")
def test_the_lock_of_an_engine_that_was_killed_is_free_at_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        locks = RunLocks(tmp_path, SimulatedClock())
        with pytest.raises(Busy, match=f"process {holder.pid} "), locks.driving(RUN):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with locks.driving(RUN):
            pass


def test_a_lock_is_given_back_when_the_drive_fails(tmp_path: Path) -> None:
    locks = RunLocks(tmp_path, SimulatedClock())
    with pytest.raises(ZeroDivisionError), locks.driving(RUN):
        raise ZeroDivisionError
    with locks.driving(RUN):
        pass
