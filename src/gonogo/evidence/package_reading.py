"""Reading packages so that there is one way to read them (PKG-03, ARC-07).

Everything is checked before a byte is decompressed: one end record and nothing after it, sound unique names, regular
files, no flags, no fields beyond zip64, each local header equal to its directory entry, and entries, directory and end
records that tile the file without gap or overlap. The interpreter's zip module is not used. A refusal names the offset.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from sys import intern
from typing import BinaryIO, Final, NoReturn

from gonogo.errors import BadInput, Tampered
from gonogo.evidence import package as form
from gonogo.evidence.manifest import check_paths
from gonogo.evidence.package import Placed
from gonogo.terms import Digest
from gonogo.values import dataclass

MOST_ENTRIES: Final = 200_000
MOST_TOTAL: Final = 16 << 30
MOST_DIRECTORY: Final = 96 << 20
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Package:
    """An opened package whose form is sound; contents are checked while they are read."""

    file: BinaryIO
    members: Mapping[str, Placed]

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of `path` in pieces. Raises Tampered where CRC or size differ, BadInput where it is absent."""
        entry = self.members.get(path)
        if entry is None:
            raise BadInput(f"{path} is not in the package", next_step="use the whole package")
        return _checked(self.file, entry)

    def read(self, path: str, *, limit: int = 64 << 20) -> bytes:
        """All bytes of `path`, at most `limit`."""
        entry = self.members.get(path)
        if entry is not None and entry.size > limit:
            raise BadInput(f"{path} has {entry.size} bytes, more than {limit}", next_step="read it in pieces")
        return b"".join(self.chunks(path))

    def digest(self, path: str) -> Digest:
        """SHA-256 of the bytes of `path`."""
        entry = self.members.get(path)
        if entry is not None and entry.method == form.STORED and entry.size < CHUNK:
            return Digest(intern(hashlib.sha256(_small(self.file, entry)).hexdigest()))
        found = hashlib.sha256()
        for chunk in self.chunks(path):
            found.update(chunk)
        return Digest(intern(found.hexdigest()))


def open_package(file: BinaryIO | bytes) -> Package:
    """The package in `file` (seekable). Raises Tampered, naming the offset, for every deviation from the one form."""
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    size = stream.seek(0, io.SEEK_END)
    count, length, start = _ending(stream, size)
    stream.seek(start)
    directory = stream.read(length)
    members: dict[str, Placed] = {}
    position = expected = total = 0
    for _ in range(count):
        entry, position = _entry(directory, position, start)
        if entry.offset != expected:
            _refuse(f"entry {entry.name[:60]!r} does not begin where the one before it ends", expected)
        expected = _local(stream, entry)
        total += entry.size
        if total > MOST_TOTAL:
            _refuse("the files are larger than 16 GiB together", entry.offset)
        name = entry.name.decode("ascii", errors="replace")
        if name in members:
            _refuse(f"the name {name!r} occurs twice", entry.offset)
        members[name] = entry
    if position != length:
        _refuse("the directory does not end with its last entry", start + position)
    if expected != start:
        _refuse("bytes lie between the last entry and the directory", expected)
    try:
        check_paths(members)
    except BadInput as error:
        raise Tampered(error.what, where=f"directory at byte {start}", next_step=_LOOK) from error
    return Package(stream, members)


_LOOK: Final = "get the package again from where it was made; do not unpack this one"


def _refuse(what: str, offset: int) -> NoReturn:
    raise Tampered(what, where=f"byte {offset}", next_step=_LOOK)


def _ending(stream: BinaryIO, size: int) -> tuple[int, int, int]:
    """Number of entries, length and start of the directory, from the records at the very end."""
    tail_size = min(size, form.END.size + form.LOCATOR.size + form.END64.size)
    stream.seek(size - tail_size)
    tail = stream.read(tail_size)
    at = size - form.END.size
    if size < form.END.size:
        _refuse("the file is too short for a package", 0)
    mark, disk, first, here, count, length, start, comment = form.END.unpack(tail[-form.END.size :])
    if mark != form.END_MARK or comment or disk or first or here != count:
        _refuse("the file does not end with one plain end record", at)
    if count == form.FULL_COUNT or form.FULL in {length, start}:
        count, length, start, at = _ending64(tail, size)
    if not 0 < count <= MOST_ENTRIES or length > MOST_DIRECTORY:
        _refuse(f"the directory has {count} entries in {length} bytes", at)
    if start + length != at or tail[-len(_written(count, length, start)) :] != _written(count, length, start):
        _refuse("the directory does not reach up to the end record", at)
    return count, length, start


def _written(count: int, length: int, start: int) -> bytes:
    return form.end_records(count, length, start)


def _ending64(tail: bytes, size: int) -> tuple[int, int, int, int]:
    at = size - form.END.size - form.LOCATOR.size - form.END64.size
    if at < 0:
        _refuse("the zip64 records are missing", size - form.END.size)
    record = form.END64.unpack(tail[: form.END64.size])
    return record[7], record[8], record[9], at


def _entry(directory: bytes, position: int, start: int) -> tuple[Placed, int]:
    """One entry of the directory and the position after it; it has to be spelled as the writer spells it."""
    offset = start + position
    if len(directory) - position < form.CENTRAL.size:
        _refuse("the directory ends inside an entry", offset)
    head = form.CENTRAL.unpack_from(directory, position)
    name_size, extra_size = head[10], head[11]
    end = position + form.CENTRAL.size + name_size + extra_size
    name = directory[position + form.CENTRAL.size : position + form.CENTRAL.size + name_size]
    extra = directory[position + form.CENTRAL.size + name_size : end]
    entry = _widened(Placed(name, head[4], head[7], head[8], head[9], head[16]), extra, offset)
    if entry.method not in (form.STORED, form.DEFLATED):
        _refuse(f"{name[:60]!r} is packed by method {entry.method}", offset)
    if directory[position:end] != form.central_header(entry):
        _refuse(f"the directory entry of {name[:60]!r} is not in the one plain form", offset)
    if entry.method == form.STORED and entry.packed != entry.size:
        _refuse(f"{name[:60]!r} is stored and has two sizes", offset)
    if entry.size > entry.packed * form.ratio_limit(entry.size):
        _refuse(f"{name[:60]!r} would grow more than {form.ratio_limit(entry.size)} times", offset)
    return entry, end


def _widened(entry: Placed, extra: bytes, offset: int) -> Placed:
    """The entry with the numbers of its zip64 field, where it has one."""
    if not extra:
        return entry
    wide = form.FULL in (entry.size, entry.packed)
    wanted = (2 if wide else 0) + (1 if entry.offset == form.FULL else 0)
    if not wanted or len(extra) != 4 + 8 * wanted or extra[:4] != struct.pack("<HH", 1, 8 * wanted):
        _refuse("an entry has fields beyond the plain form", offset)
    numbers = list(struct.unpack(f"<{wanted}Q", extra[4:]))
    size, packed = (numbers.pop(0), numbers.pop(0)) if wide else (entry.size, entry.packed)
    return Placed(entry.name, entry.method, entry.crc, packed, size, numbers[0] if numbers else entry.offset)


def _body(entry: Placed) -> int:
    return entry.offset + form.LOCAL.size + len(entry.name) + len(form.local_extra(entry))


def _local(stream: BinaryIO, entry: Placed) -> int:
    """Check that the local header is the one that belongs to `entry`; gives the end of the entry."""
    wanted = form.local_header(entry)
    stream.seek(entry.offset)
    if stream.read(len(wanted)) != wanted:
        _refuse(f"the header of {entry.name[:60]!r} is not that of its directory entry", entry.offset)
    return entry.offset + len(wanted) + entry.packed


def _small(stream: BinaryIO, entry: Placed) -> bytes:
    """The bytes of a small stored entry in one read, checked as `_checked` checks them."""
    stream.seek(_body(entry))
    data = stream.read(entry.packed)
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        _refuse(f"{entry.name.decode()} is damaged (size or CRC differ)", entry.offset)
    return data


def _checked(stream: BinaryIO, entry: Placed) -> Iterator[bytes]:
    crc = size = 0
    for chunk in _inflated(stream, entry) if entry.method == form.DEFLATED else _raw(stream, entry):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > entry.size:
            _refuse(f"{entry.name.decode()} is longer than its header says", entry.offset)
        yield chunk
    if size != entry.size or crc != entry.crc:
        _refuse(f"{entry.name.decode()} is damaged (size or CRC differ)", entry.offset)


def _raw(stream: BinaryIO, entry: Placed) -> Iterator[bytes]:
    position = _body(entry)
    end = position + entry.packed
    while position < end:
        stream.seek(position)
        chunk = stream.read(min(CHUNK, end - position))
        if not chunk:
            return
        position += len(chunk)
        yield chunk


def _inflated(stream: BinaryIO, entry: Placed) -> Iterator[bytes]:
    engine = zlib.decompressobj(-15)
    try:
        for packed in _raw(stream, entry):
            pending = packed
            while pending and not engine.eof:
                yield engine.decompress(pending, CHUNK)
                pending = engine.unconsumed_tail
            if engine.unused_data:
                _refuse(f"bytes follow the packed data of {entry.name.decode()}", entry.offset)
        while not engine.eof and (piece := engine.decompress(b"", CHUNK)):
            yield piece
    except zlib.error as error:
        raise Tampered(f"{entry.name.decode()} cannot be unpacked: {error}", where=f"byte {entry.offset}") from error
    if not engine.eof:
        _refuse(f"the packed data of {entry.name.decode()} is cut off", entry.offset)
