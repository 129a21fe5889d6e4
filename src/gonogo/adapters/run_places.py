"""How many runs are worked on at once on this machine (EXE-02): places are locks that die with their process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gonogo.adapters.durable import disk_error, make_folder
from gonogo.adapters.mounts import refuse_remote


class RunPlaces:
    """Places at `<root>/1` to `<root>/<most>`; this object holds at most one of them."""

    def __init__(self, root: Path, most: int) -> None:
        self._root = root
        self._most = most
        self._held = -1

    @property
    def held(self) -> bool:
        """Whether a place is held."""
        return self._held >= 0

    def take(self) -> bool:
        """Take a free place, if there is one; whether a place is held now. Raises Broken, Refused for the folder."""
        if self.held:
            return True
        make_folder(self._root)
        refuse_remote(self._root)
        for number in range(1, self._most + 1):
            path = self._root / str(number)
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise disk_error(error, "cannot open the lock", path) from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                self._held = lock
                return True
        return False

    def leave(self) -> None:
        """Give the place back; does nothing where none is held."""
        if self.held:
            os.close(self._held)
            self._held = -1
