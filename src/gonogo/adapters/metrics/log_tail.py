"""Follows a log file over rotation, truncation and half-written lines.

A file that was renamed is read on beside its successor for as long as it is the newest but one, because a program goes
on writing to it until it is told to open the new one. A file that became shorter, or whose bytes before the place that
was reached are others, was emptied in place (`copytruncate`) and is read from its start.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import field
from glob import escape as glob_escape
from hashlib import sha256
from pathlib import Path

from gonogo.errors import BadInput, Broken
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where another process was in one file; `mark` tells whether it is still that file."""

    identity: tuple[int, int]
    offset: int
    skipping: bool
    mark: str


@dataclass(slots=True)
class LogTail:
    """`path` is the file; a file of more than `backlog` bytes is begun at its end, a smaller one at its start.

    `continue_at` goes on from where another process was instead.
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

    def position(self) -> str:
        """Where the next line begins in each open file, for `continue_at`."""
        places = []
        for opened in self._files:
            offset = opened.offset - len(opened.partial)
            places.append([*opened.identity, offset, opened.skipping, _mark(opened.descriptor, offset)])
        return json.dumps(places, separators=(",", ":"))

    def continue_at(self, position: str) -> None:
        """Go on from a `position` of another process; a file of it that is no longer there is lost, and not begun anew.

        BadInput for a text that is no position.
        """
        try:
            places = [_place(*each) for each in json.loads(position)]
        except (ValueError, TypeError) as error:
            raise BadInput("not a position in a log", where=str(self.path)) from error
        self.close()
        try:
            siblings = sorted(self.path.parent.glob(f"{glob_escape(self.path.name)}*"))
            for place in places:
                self._reopen(siblings, place)
        except OSError:
            self.close()  # What cannot be read is said by the next `lines`.

    def _reopen(self, siblings: list[Path], place: _Place) -> None:
        for path in siblings:
            found = path.stat()
            if (found.st_dev, found.st_ino) != place.identity or not stat.S_ISREG(found.st_mode):
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if _mark(descriptor, place.offset) == place.mark:
                before = _before(descriptor, place.offset)
                self._files.append(_Open(descriptor, place.identity, place.offset, place.skipping, mark=before))
            elif path == self.path:
                self._files.append(_Open(descriptor, place.identity, 0))
            else:
                os.close(descriptor)
            return

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


def _place(device: int, inode: int, offset: int, skipping: bool, mark: str) -> _Place:  # noqa: FBT001 - as it was written
    numbers = (device, inode, offset)
    if not all(isinstance(number, int) and number >= 0 for number in numbers) or not isinstance(mark, str):
        raise ValueError("no place in a file")
    return _Place((device, inode), offset, bool(skipping), mark)


def _before(descriptor: int, offset: int) -> bytes:
    return os.pread(descriptor, min(MARK, offset), offset - min(MARK, offset))


def _mark(descriptor: int, offset: int) -> str:
    """What tells whether the bytes before a place are still the same, without holding anybody's request."""
    return sha256(_before(descriptor, offset)).hexdigest()[:16]


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
