"""The digests of all files below a folder, as `find | LC_ALL=C sort | xargs sha256sum` lists them (EVS-10, EVS-12).

Folders are walked by descriptor and links are never followed. One thread: most files of evidence are small, and handing
a small file to another thread costs more than hashing it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import disk_error
from gonogo.errors import Refused
from gonogo.evidence.manifest import write_sums
from gonogo.terms import Digest

FIRST: Final = 1 << 13
CHUNK: Final = 1 << 18
MOST_DEPTH: Final = 64

_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def folder_sums(folder: Path) -> bytes:
    """The list of the files below `folder`, sorted by the bytes of their paths; of an empty folder it is empty.

    Raises BadInput for names that no package can hold, Refused for links, devices, deep nesting, Broken for the disk.
    """
    try:
        top = os.open(folder, _FOLDER)
        try:
            found: dict[str, Digest] = {}
            _collect(top, "", 0, found)
            return write_sums(found)
        finally:
            os.close(top)
    except OSError as error:
        raise disk_error(error, "cannot list the folder", folder) from error


def _collect(parent: int, prefix: str, depth: int, found: dict[str, Digest]) -> None:
    if depth > MOST_DEPTH:
        raise _refused(prefix, f"folders are nested deeper than {MOST_DEPTH}")
    with os.scandir(parent) as listing:
        entries = list(listing)
    for entry in entries:
        name = entry.name
        if entry.is_file(follow_symlinks=False):
            found[prefix + name] = _digest(os.open(name, _FILE, dir_fd=parent))
        elif entry.is_dir(follow_symlinks=False):
            inner = os.open(name, _FOLDER, dir_fd=parent)
            try:
                _collect(inner, f"{prefix}{name}/", depth + 1, found)
            finally:
                os.close(inner)
        else:
            raise _refused(prefix + name, "is no regular file and no folder")


def _digest(descriptor: int) -> Digest:
    """The digest of the regular file behind `descriptor`, which is closed."""
    try:
        data = os.read(descriptor, FIRST)
        found = hashlib.sha256(data)
        # A regular file gives less than asked at its end only: most files are one read.
        while len(data) >= FIRST:
            data = os.read(descriptor, CHUNK)
            found.update(data)
        return Digest(found.hexdigest())
    finally:
        os.close(descriptor)


def _refused(path: str, what: str) -> Refused:
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Refused(f"{shown}: {what}", next_step="list a folder of plain files")
