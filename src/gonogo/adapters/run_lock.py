"""One engine at a time drives a run on this machine (EXE-05): a lock that the kernel frees with its process.

Beside it one lock for each channel by which people hear of the run: whoever holds that one carries what is owed there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from gonogo.adapters.commands import folder_name
from gonogo.adapters.durable import clean_line, disk_error, make_folder
from gonogo.adapters.mounts import refuse_remote
from gonogo.errors import Busy
from gonogo.evidence.ledger import time_text
from gonogo.ports import Clock
from gonogo.terms import RunId

WHERE = 5
"""The column of `/proc/locks` that names device and inode."""
TRY_AGAIN: Final = 0.02
MOST_TRIES: Final = 250
"""Five seconds: a process that an engine was starting when it died has the lock until it runs its own program."""
BRIEFLY: Final = "reminder"
"""How somebody who only tells people of a run writes into its lock."""


class RunLocks:
    """Locks at `<root>/<run>/engine.lock`."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock

    @contextmanager
    def driving(self, run: RunId, *, briefly: bool = False) -> Iterator[None]:
        """Hold the run while the block lasts. Raises Busy, naming the process that drives it, Broken, Refused.

        Who holds it `briefly` writes something down and lets go: an engine that comes meanwhile waits for that.
        """
        lock, path = self._opened(run, "engine.lock")
        try:
            self._acquire(lock, path, run, BRIEFLY if briefly else "process")
            yield
        finally:
            os.close(lock)

    def carrying(self, run: RunId, channel: str) -> Callable[[], None] | None:
        """Become the one who carries notices of a run by a channel; gives what ends that, None while another one is."""
        lock, _ = self._opened(run, f"notices-{folder_name(channel)}.lock")
        if not _is_taken(lock):
            os.close(lock)
            return None
        return partial(os.close, lock)

    def _opened(self, run: RunId, name: str) -> tuple[int, Path]:
        folder = self._root / folder_name(run)
        make_folder(folder)
        refuse_remote(folder)
        path = folder / name
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), path
        except OSError as error:
            raise disk_error(error, "cannot open the lock", path) from error

    def is_driven(self, run: RunId) -> bool:
        """Whether a process of this machine drives the run now. Looking takes no lock, so that it never keeps one out.

        Where the system does not list its locks (no `/proc/locks`), nobody can tell, and the answer is no.
        """
        try:
            number = (self._root / folder_name(run) / "engine.lock").stat().st_ino
            listed = Path("/proc/locks").read_text("ascii", errors="replace")
        except OSError:
            return False
        return any(
            len(fields) > WHERE and fields[1] == "FLOCK" and fields[WHERE].endswith(f":{number}")
            for fields in (line.split() for line in listed.splitlines())
        )

    def _acquire(self, lock: int, path: Path, run: RunId, word: str) -> None:
        for _ in range(MOST_TRIES):
            if _is_taken(lock):
                break
            holder = clean_line(os.pread(lock, 200, 0).decode(errors="replace"))
            if not _is_gone(holder) and not holder.startswith(BRIEFLY):
                raise self._busy(run, holder, path)
            self._clock.sleep(TRY_AGAIN)
        else:
            raise self._busy(run, holder, path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{word} {os.getpid()} since {time_text(self._clock.now())}\n".encode(), 0)

    def _busy(self, run: RunId, holder: str, path: Path) -> Busy:
        return Busy(
            f"run {run} is being driven by {holder or 'another process'}",
            where=str(path),
            next_step="wait for it, or end that process; the lock ends with it, nothing has to be removed",
        )


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_gone(holder: str) -> bool:
    """Whether the process that wrote itself into the lock has ended, as far as can be seen."""
    words = holder.split()
    if words[:1] not in (["process"], [BRIEFLY]) or not words[1:2] or not words[1].isdecimal():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
