"""Files that somebody names on the command line: documents, packages, trust files. What cannot be read is BadInput."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from gonogo.errors import BadInput

MOST_BYTES: Final = 1 << 26

_REASONS: Final = {
    errno.ENOENT: ("is not there", "check the path"),
    errno.EACCES: ("may not be read by you", "give yourself the right to read it"),
    errno.EISDIR: ("is a folder", "name a file in it"),
}


def open_given(path: Path) -> BinaryIO:
    """The regular file at `path`, opened for reading; BadInput for what is missing, unreadable or no regular file."""
    try:
        # Without O_NONBLOCK a named pipe would hold the command for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        file = os.fdopen(descriptor, "rb")
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise BadInput("the file is no regular file", where=str(path), next_step="name a file")
    return file


def given_bytes(path: Path, *, limit: int = MOST_BYTES) -> bytes:
    """The bytes of the file at `path`; BadInput as `open_given`, and for more than `limit` bytes."""
    with open_given(path) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise _unusable(path, error) from error
    if len(data) > limit:
        raise BadInput(
            f"the file has more than {limit} bytes", where=str(path), next_step="this is not what gonogo reads"
        )
    return data


def _unusable(path: Path, error: OSError) -> BadInput:
    why, advice = _REASONS.get(error.errno or 0, (f"cannot be read: {error.strerror}", "look at the disk"))
    return BadInput(f"the file {why}", where=str(path), next_step=advice)
