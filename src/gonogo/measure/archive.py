"""Zip archives that other protocols made: opened strictly, read without writing a file (PRE-02..PRE-04).

Any usual tool may have written them; nothing that a usual tool does not write is accepted. There is one end record at
the very end, entries do not overlap, each header agrees with the directory, names stay inside, nothing is encrypted, a
link or larger than it may be. A refusal names the archive and what is wrong.
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from gonogo.errors import BadInput
from gonogo.terms import Digest
from gonogo.values import dataclass

MOST_BYTES: Final = 256 << 20
"""An archive larger than this is not opened."""
MOST_ENTRIES: Final = 20_000
MOST_TOTAL: Final = 1 << 30
MOST_GROWTH: Final = 200
FREE_GROWTH: Final = 1 << 20
"""Small files may grow by any factor; beyond this a factor above MOST_GROWTH is a bomb."""

_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_USUAL_FLAGS: Final = 0x6 | _DESCRIPTOR | _UTF8
_KINDS: Final = frozenset({0, 0o040000, 0o100000})
"""File kinds of Unix that may occur: not stated, folder, regular file."""
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: where its bytes begin, how they are packed, and what they have to be."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    begins: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened archive; contents are checked while they are read."""

    name: str
    data: bytes
    members: Mapping[str, Member]

    def read(self, member: str, *, limit: int = 16 << 20) -> bytes:
        """The bytes of a member; BadInput where it is absent, damaged or larger than `limit`."""
        found = self.members.get(member)
        if found is None or found.size > limit:
            _refuse(self.name, f"{member} is absent" if found is None else f"{member} has more than {limit} bytes")
        return b"".join(_content(self, found))

    def digest(self, member: str) -> Digest:
        """SHA-256 of a member's bytes; BadInput where it is damaged."""
        found = hashlib.sha256()
        for chunk in _content(self, self.members[member]):
            found.update(chunk)
        return Digest(found.hexdigest())


def open_archive(data: bytes, name: str) -> Archive:
    """The archive in `data`. Raises BadInput, naming `name`, for everything that is not a plain, honest zip."""
    if not data:
        _refuse(name, "the file is empty")
    if len(data) > MOST_BYTES:
        _refuse(name, f"it has more than {MOST_BYTES >> 20} MiB")
    count, start, end = _directory(data, name)
    members: dict[str, Member] = {}
    known: set[str] = set()
    taken: list[tuple[int, int]] = []
    position = total = 0
    for _ in range(count):
        member, header, size = _entry(data, start + position, end, name)
        position += size
        total += member.size
        same = unicodedata.normalize("NFC", member.name).casefold()
        if same in known:
            _refuse(name, f"{member.name} occurs twice")
        known.add(same)
        taken.append((header, member.begins + member.packed))
        if not member.name.endswith("/"):
            members[member.name] = member
    if position != end - start:
        _refuse(name, "its directory does not hold what it says")
    if total > MOST_TOTAL:
        _refuse(name, "it would unpack to over 1 GiB")
    _no_overlap(sorted(taken), start, name)
    return Archive(name, data, members)


def _refuse(name: str, what: str) -> NoReturn:
    raise BadInput(
        f"{name} is not a usable zip archive: {what}",
        where=name,
        next_step="let the protocol that owes it make it again; do not unpack this one",
    )


def _directory(data: bytes, name: str) -> tuple[int, int, int]:
    """Number of entries, begin and end of the directory."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if at < 0 or len(data) - at < _END.size:
        _refuse(name, "it has no end record; it is cut off or something else")
    _, disk, first, here, count, length, start, comment = _END.unpack_from(data, at)
    if at + _END.size + comment != len(data):
        _refuse(name, "bytes follow its end")
    if disk or first or here != count or count == 0xFFFF or 0xFFFFFFFF in (length, start):
        _refuse(name, "it is split, or in the form for more than 4 GiB")
    if not 0 < count <= MOST_ENTRIES:
        _refuse(name, f"it holds {count} entries")
    if start + length != at:
        _refuse(name, "its directory does not lie before its end")
    return count, start, at


def _entry(data: bytes, at: int, end: int, archive: str) -> tuple[Member, int, int]:
    """A member, the begin of its local header, and the length of its directory entry."""
    if end - at < _CENTRAL.size or data[at : at + 4] != b"PK\x01\x02":
        _refuse(archive, "its directory is cut off")
    head = _CENTRAL.unpack_from(data, at)
    flags, method, crc, packed, size = head[3], head[4], head[7], head[8], head[9]
    name_size, extra_size, comment_size, outer, header = head[10], head[11], head[12], head[15], head[16]
    length = _CENTRAL.size + name_size + extra_size + comment_size
    if at + length > end:
        _refuse(archive, "its directory is cut off")
    raw = data[at + _CENTRAL.size : at + _CENTRAL.size + name_size]
    name = _name(raw, flags, archive)
    if flags & ~_USUAL_FLAGS or method not in (_STORED, _DEFLATED):
        _refuse(archive, f"{name} is {'encrypted' if flags & _ENCRYPTED else 'packed in an unusual way'}")
    if (outer >> 16) & 0o170000 not in _KINDS:
        _refuse(archive, f"{name} is a link or a device")
    if (method == _STORED and packed != size) or (size > FREE_GROWTH and size > packed * MOST_GROWTH):
        _refuse(archive, f"{name} states sizes that cannot be")
    begins = _body(data, header, raw, (flags, method, crc, packed, size), archive)
    if begins + packed > len(data):
        _refuse(archive, f"{name} is cut off")
    return Member(name, method, crc, packed, size, begins), header, length


def _name(raw: bytes, flags: int, archive: str) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        _refuse(archive, f"the name {raw[:40]!r} is not written in UTF-8")
    parts = name.removesuffix("/").split("/")
    bad = not name or "\\" in name or ":" in name or not name.isprintable()
    if bad or any(part in {"", ".", ".."} for part in parts):
        _refuse(archive, f"the name {name[:80]!r} leads out of it or says nothing")
    return name


def _body(data: bytes, header: int, raw: bytes, said: tuple[int, int, int, int, int], archive: str) -> int:
    """Where the bytes of a member begin; its own header has to agree with the directory."""
    shown = raw[:80].decode(errors="replace")
    if data[header : header + 4] != b"PK\x03\x04" or len(data) - header < _LOCAL.size:
        _refuse(archive, f"{shown} has no header where its directory says")
    head = _LOCAL.unpack_from(data, header)
    flags, method, crc, packed, size = said
    begins = header + _LOCAL.size
    same = data[begins : begins + head[9]] == raw and (head[2], head[3]) == (flags, method)
    if not same or (not flags & _DESCRIPTOR and (head[6], head[7], head[8]) != (crc, packed, size)):
        _refuse(archive, f"the header of {shown} is not that of its directory entry")
    return int(begins + head[9] + head[10])


def _no_overlap(taken: list[tuple[int, int]], start: int, archive: str) -> None:
    at = 0
    for begins, ends in taken:
        if begins < at:
            _refuse(archive, "its entries lie over each other")
        at = ends
    if taken and (taken[0][0] != 0 or at > start):
        _refuse(archive, "something lies before its first entry, or its entries reach into its directory")


def _content(archive: Archive, member: Member) -> Iterator[bytes]:
    crc = size = 0
    for chunk in _unpacked(archive, member):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > member.size:
            _refuse(archive.name, f"{member.name} is longer than it says")
        yield chunk
    if (size, crc) != (member.size, member.crc):
        _refuse(archive.name, f"{member.name} is damaged")


def _unpacked(archive: Archive, member: Member) -> Iterator[bytes]:
    packed = memoryview(archive.data)[member.begins : member.begins + member.packed]
    if member.method == _STORED:
        yield bytes(packed)
        return
    engine = zlib.decompressobj(-15)
    pending: bytes = bytes(packed)
    try:
        while pending and not engine.eof:
            yield engine.decompress(pending, _CHUNK)
            pending = engine.unconsumed_tail
        yield engine.flush()
    except zlib.error:
        _refuse(archive.name, f"{member.name} cannot be unpacked")
    if not engine.eof or engine.unused_data:
        _refuse(archive.name, f"{member.name} cannot be unpacked to its end")
