"""Follows a log file over rotation, truncation and half-written lines.

A file that was renamed is read on beside its successor for as long as it is the newest but one, because a program goes
on writing to it until it is told to open the new one. A file that became shorter, or whose bytes before the place that
was reached are others, was emptied in place (`copytruncate`) and is read from its start.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from gonogo.errors import Broken
from gonogo.values import dataclass

BACKLOG = 16 << 20
BLOCK = 1 << 18
LONGEST_LINE = 1 << 20
MARK = 64
FILES_AT_ONCE = 2


@dataclass(slots=True)
class _Open:
    descriptor: int
    identity: tuple[int, int]
    offset: int
    skipping: bool = False
    partial: bytes = b""
    mark: bytes = b""


@dataclass(slots=True)
class LogTail:
    """`path` is the file; a file of more than `backlog` bytes is begun at its end, a smaller one at its start.

    From its start, so that an engine that was killed and resumed counts the same lines again and comes to the same
    sums; only a file too large for that begins with nothing.
    """

    path: Path
    backlog: int = BACKLOG
    _files: list[_Open] = field(default_factory=list)

    def lines(self) -> Iterator[bytes]:
        """Every whole line since the last call, without its end; Broken where there is no such file."""
        try:
            self._follow()
            for opened in tuple(self._files):
                yield from _new_lines(opened)
        except OSError as error:
            raise Broken(
                f"the log cannot be read: {error.strerror or error}",
                where=str(self.path),
                next_step="check the path, and that this user may read the file",
            ) from error

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            os.close(self._files.pop().descriptor)

    def _follow(self) -> None:
        seen = self.path.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(f"{self.path} is no regular file")
        if self._files and self._files[-1].identity == (seen.st_dev, seen.st_ino):
            return
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        too_large = not self._files and found.st_size > self.backlog
        offset = found.st_size if too_large else 0
        self._files.append(_Open(descriptor, (found.st_dev, found.st_ino), offset, skipping=too_large))
        while len(self._files) > FILES_AT_ONCE:
            os.close(self._files.pop(0).descriptor)


def _new_lines(opened: _Open) -> Iterator[bytes]:
    size = os.fstat(opened.descriptor).st_size
    before = os.pread(opened.descriptor, len(opened.mark), opened.offset - len(opened.mark))
    if size < opened.offset or before != opened.mark:
        opened.offset, opened.partial, opened.mark, opened.skipping = 0, b"", b"", False
    while opened.offset < size and (block := os.pread(opened.descriptor, BLOCK, opened.offset)):
        opened.offset += len(block)
        opened.mark = (opened.mark + block)[-MARK:]
        *whole, opened.partial = (opened.partial + block).split(b"\n")
        if opened.skipping:
            opened.skipping, whole = not whole, whole[1:]
            opened.partial = b"" if opened.skipping else opened.partial
        if len(opened.partial) > LONGEST_LINE:
            whole.append(opened.partial[:LONGEST_LINE])
            opened.partial, opened.skipping = b"", True
        yield from whole
