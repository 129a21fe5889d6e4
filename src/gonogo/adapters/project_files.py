"""The project's own files, read below its root only (the `Files` port)."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from gonogo.errors import BadInput
from gonogo.ports import FileSeen
from gonogo.terms import digest_of

MOST_BYTES = 1 << 26


class ProjectFiles:
    """Reads regular files below `root`. A path that leads out of it, also through a link, is refused."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def root(self) -> Path:
        """The project's root, absolute."""
        return self._root

    def see(self, path: str) -> FileSeen:
        """Look at one file; an absent or unreadable one is an answer with a reason, not an error."""
        try:
            data = self.read(path)
            changed = datetime.fromtimestamp((self._root / path).stat().st_mtime, UTC)
        except BadInput as error:
            return FileSeen(path, None, 0, None, error.what)
        return FileSeen(path, digest_of(data), len(data), changed)

    def read(self, path: str, *, limit: int = MOST_BYTES) -> bytes:
        """The bytes of a file; BadInput names the path and what to do."""
        found = self._inside(path)
        try:
            handle = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            remedy = "put the file there, or correct the path"
            raise BadInput(f"{path} {reason}", where=path, next_step=remedy) from error
        try:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise BadInput(f"{path} is no regular file", where=path, next_step="name a file")
            if state.st_size > limit:
                raise BadInput(f"{path} has {state.st_size} bytes; the limit is {limit}", where=path)
            with os.fdopen(handle, "rb", closefd=False) as stream:
                return stream.read(limit + 1)
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}", where=path) from error
        finally:
            os.close(handle)

    def _inside(self, path: str) -> Path:
        found = (self._root / path).resolve()
        if not found.is_relative_to(self._root):
            raise BadInput(
                f"{path} leads out of the project", where=path, next_step="name a file below the project's folder"
            )
        return found
