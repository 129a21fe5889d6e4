"""Writing packages: zip files of which the same input gives the same bytes (PKG-01, ARC-01).

Stock unzip opens them. All freedom of the format is taken away: no clock, no comments, no folders, no data descriptors,
one file mode, names in byte order. The zip is a carrier; identity is the digest of the `SHA256SUMS` inside.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO, Final, TypeAlias

from gonogo.errors import BadInput, Broken
from gonogo.evidence.manifest import check_paths
from gonogo.values import dataclass

_FAST: tuple[str, Callable[[bytes, int, int], bytes]] | None = None
try:
    from isal import __version__ as _isal_version
    from isal import isal_zlib
except ImportError:
    pass  # the extra `fast` is not installed: the same form, more slowly
else:
    _FAST = (f"isal {_isal_version}", isal_zlib.compress)

LOCAL: Final = struct.Struct("<IHHHHHIIIHH")
CENTRAL: Final = struct.Struct("<IHHHHHHIIIHHHHHII")
END: Final = struct.Struct("<IHHHHIIH")
END64: Final = struct.Struct("<IQHHIIQQQQ")
LOCATOR: Final = struct.Struct("<IIQI")

LOCAL_MARK: Final = 0x04034B50
CENTRAL_MARK: Final = 0x02014B50
END_MARK: Final = 0x06054B50
END64_MARK: Final = 0x06064B50
LOCATOR_MARK: Final = 0x07064B50

STORED: Final = 0
DEFLATED: Final = 8
MADE_BY: Final = 0x0314
NEEDED: Final = 20
NEEDED64: Final = 45
DATE: Final = 0x0021
MODE: Final = 0o100644 << 16
FULL: Final = 0xFFFFFFFF
FULL_COUNT: Final = 0xFFFF
MOST_RATIO: Final = 200
SMALL: Final = 1 << 20
MOST_RATIO_SMALL: Final = 1100
LEAST_SAVING: Final = 0.95
FAST_LEVEL: Final = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A file too large to hold: its size and its bytes in pieces, read when it is written."""

    size: int
    chunks: Callable[[], Iterable[bytes]]


Content: TypeAlias = bytes | Source


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry as it was written."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def write_package(files: Mapping[str, Content], out: BinaryIO, *, compact: bool = False) -> int:
    """Write `files` as a package to `out` (seekable, at its start) and return the number of bytes.

    `compact` deflates what is held in memory and saves at least 5 %; then the bytes depend on the `codec`. Raises
    BadInput for unsound paths, Broken when a source does not give as many bytes as it said.
    """
    if not files:
        raise BadInput("a package without files proves nothing", next_step="give the files of the run")
    check_paths(files)
    placed: list[Placed] = []
    offset = 0
    for path in sorted(files, key=str.encode):
        entry = _place(path, files[path], offset, out, compact=compact)
        placed.append(entry)
        offset += LOCAL.size + len(entry.name) + len(local_extra(entry)) + entry.packed
    directory = b"".join(map(central_header, placed))
    out.write(directory)
    ending = end_records(len(placed), len(directory), offset)
    out.write(ending)
    return offset + len(directory) + len(ending)


def _place(path: str, content: Content, offset: int, out: BinaryIO, *, compact: bool) -> Placed:
    name = path.encode("ascii")
    match content:
        case bytes():
            packed = _deflated(content) if compact else None
            body = content if packed is None else packed
            method = STORED if packed is None else DEFLATED
            entry = Placed(name, method, zlib.crc32(content), len(body), len(content), offset)
            out.write(local_header(entry))
            out.write(body)
            return entry
        case Source():
            return _stream(Placed(name, STORED, 0, content.size, content.size, offset), content, out)


def _stream(entry: Placed, source: Source, out: BinaryIO) -> Placed:
    out.write(local_header(entry))
    crc = written = 0
    for chunk in source.chunks():
        crc = zlib.crc32(chunk, crc)
        written += len(chunk)
        out.write(chunk)
    if written != source.size:
        raise Broken(
            f"{entry.name.decode()} has {written} bytes, not {source.size}", next_step="verify the vault and try again"
        )
    whole = Placed(entry.name, entry.method, crc, entry.packed, entry.size, entry.offset)
    out.seek(entry.offset)
    out.write(local_header(whole))
    out.seek(entry.offset + LOCAL.size + len(entry.name) + len(local_extra(entry)) + written)
    return whole


def _deflated(content: bytes) -> bytes | None:
    packed = _squeezed(content)
    if len(packed) > LEAST_SAVING * len(content) or len(content) > len(packed) * ratio_limit(len(content)):
        return None
    return packed


def _squeezed(content: bytes) -> bytes:
    if _FAST is not None:
        return _FAST[1](content, FAST_LEVEL, -15)
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeezer.compress(content) + squeezer.flush()


def codec() -> str:
    """What deflates compact packages here, with its version: the same files give the same bytes with the same one."""
    return _FAST[0] if _FAST is not None else f"zlib {zlib.ZLIB_RUNTIME_VERSION}"


def ratio_limit(size: int) -> int:
    """By how much an entry of `size` bytes may be smaller when packed."""
    return MOST_RATIO_SMALL if size < SMALL else MOST_RATIO


def local_extra(entry: Placed) -> bytes:
    """The zip64 field of a local header: both sizes, only when one of them does not fit."""
    if max(entry.size, entry.packed) < FULL:
        return b""
    return struct.pack("<HHQQ", 1, 16, entry.size, entry.packed)


def central_extra(entry: Placed) -> bytes:
    """The zip64 field of a directory entry: both sizes when one does not fit, the offset when it does not fit."""
    body = b""
    if max(entry.size, entry.packed) >= FULL:
        body += struct.pack("<QQ", entry.size, entry.packed)
    if entry.offset >= FULL:
        body += struct.pack("<Q", entry.offset)
    return struct.pack("<HH", 1, len(body)) + body if body else b""


def local_header(entry: Placed) -> bytes:
    """The header before the bytes of an entry."""
    extra = local_extra(entry)
    large = bool(extra)
    head = LOCAL.pack(
        LOCAL_MARK,
        NEEDED64 if large else NEEDED,
        0,
        entry.method,
        0,
        DATE,
        entry.crc,
        FULL if large else entry.packed,
        FULL if large else entry.size,
        len(entry.name),
        len(extra),
    )
    return head + entry.name + extra


def central_header(entry: Placed) -> bytes:
    """The entry of the directory."""
    extra = central_extra(entry)
    large = max(entry.size, entry.packed) >= FULL
    head = CENTRAL.pack(
        CENTRAL_MARK,
        MADE_BY,
        NEEDED64 if large else NEEDED,
        0,
        entry.method,
        0,
        DATE,
        entry.crc,
        FULL if large else entry.packed,
        FULL if large else entry.size,
        len(entry.name),
        len(extra),
        0,
        0,
        0,
        MODE,
        min(entry.offset, FULL),
    )
    return head + entry.name + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """What follows the directory: the end record, with the zip64 records before it when a number does not fit."""
    large = count >= FULL_COUNT or size >= FULL or offset >= FULL
    plain = END.pack(
        END_MARK,
        0,
        0,
        min(count, FULL_COUNT),
        min(count, FULL_COUNT),
        min(size, FULL),
        min(offset, FULL),
        0,
    )
    if not large:
        return plain
    record = END64.pack(END64_MARK, END64.size - 12, MADE_BY, NEEDED64, 0, 0, count, count, size, offset)
    return record + LOCATOR.pack(LOCATOR_MARK, 0, offset + size, 1) + plain
