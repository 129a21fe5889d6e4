"""The project's own files, read below its root only (the `Files` port)."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path

from gonogo.errors import BadInput
from gonogo.ports import FileSeen
from gonogo.terms import Digest

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
            with self._opened(path) as stream:
                state = os.fstat(stream.fileno())
                digest = file_digest(stream, "sha256").hexdigest()
        except BadInput as error:
            absent = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
            return FileSeen(path, None, 0, None, error.what, absent)
        except OSError as error:
            return FileSeen(path, None, 0, None, f"{path} cannot be read: {error.strerror}")
        return FileSeen(path, Digest(digest), state.st_size, datetime.fromtimestamp(state.st_mtime, UTC))

    def read(self, path: str, *, limit: int = MOST_BYTES) -> bytes:
        """The bytes of a file; BadInput names the path and what to do."""
        with self._opened(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > limit:
                raise BadInput(f"{path} has {size} bytes; the limit is {limit}", where=path)
            try:
                return stream.read(limit + 1)
            except OSError as error:
                raise BadInput(f"{path} cannot be read: {error.strerror}", where=path) from error

    def _opened(self, path: str) -> BufferedReader:
        """A regular file, open for reading; BadInput where it is none."""
        found = self._inside(path)
        try:
            handle = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            remedy = "put the file there, or correct the path"
            raise BadInput(f"{path} {reason}", where=path, next_step=remedy) from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise BadInput(f"{path} is no regular file", where=path, next_step="name a file")
        return os.fdopen(handle, "rb")

    def _inside(self, path: str) -> Path:
        try:
            found = (self._root / path).resolve()
        except (OSError, ValueError) as error:
            # A NUL, half a character, or a loop of links: no system opens that.
            raise BadInput(
                f"{path[:200]!a} is no path of a file", where="the project", next_step="correct the name"
            ) from error
        if not found.is_relative_to(self._root):
            raise BadInput(
                f"{path} leads out of the project", where=path, next_step="name a file below the project's folder"
            )
        return found
