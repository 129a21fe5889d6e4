"""Names of sealed files: what a step called a file, turned into a path that every system and archive keeps (EVS-09).

A path has at most nine segments of `[A-Za-z0-9_][A-Za-z0-9._-]{0,100}` and 240 bytes, no segment ends in a dot or is a
device name of Windows, and no two paths differ only by case. A name outside of that gets a readable form with eight
digits of the digest of the original; the original is kept beside it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

MOST_SEGMENTS: Final = 9
MOST_BYTES: Final = 240
MOST_EXTENSION: Final = 16

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def is_plain(path: str) -> bool:
    """Whether `path` can stand in a package as it is."""
    segments = path.split("/")
    return len(segments) <= MOST_SEGMENTS and len(path) <= MOST_BYTES and all(map(_is_plain_segment, segments))


def plain_path(original: bytes, taken: set[str]) -> str:
    """The path for the file found as `original` (relative, `/` between segments); adds its casefold form to `taken`."""
    mark = hashlib.sha256(original).hexdigest()[:8]
    segments = [segment.decode("utf-8", "replace") for segment in original.split(b"/")]
    plain = "/".join(segment if _is_plain_segment(segment) else _mapped(segment, mark) for segment in segments)
    if not is_plain(plain):
        plain = f"deep/{_mapped(segments[-1], mark)}"
    if plain.casefold() in taken:
        plain = f"twice/{_mapped(segments[-1], mark)}"
    taken.add(plain.casefold())
    return plain


def shown(original: bytes) -> str:
    """`original` as text; bytes that are not UTF-8 are written as a backslash, `x` and two hex digits."""
    return original.decode("utf-8", "backslashreplace")


def _is_plain_segment(segment: str) -> bool:
    return bool(_SEGMENT.fullmatch(segment)) and not segment.endswith(".") and not _DEVICE.fullmatch(segment)


def _mapped(segment: str, mark: str) -> str:
    stem, dot, extension = _FOREIGN.sub("_", segment.lstrip(".-")).rpartition(".")
    if not stem:
        stem, dot, extension = extension, "", ""
    if not extension.strip("._-") or len(extension) > MOST_EXTENSION:
        stem, dot, extension = f"{stem}{dot}{extension}", "", ""
    return f"_{stem.rstrip('.')[:60]}-{mark}{dot}{extension.rstrip('.')}"
