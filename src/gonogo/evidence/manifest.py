"""Lists of files with their digests: `SHA256SUMS`, `EVIDENCE.SHA256SUMS`, and the grammar of paths (EVS-10, EVS-12).

A line is 64 lower-case hex digits, two spaces, a path, LF; lines are sorted by the bytes of the path, so that
`sha256sum -c --strict` verifies them and there is one list for one set of files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from sys import intern
from typing import Final, NoReturn

from gonogo.errors import BadInput, Tampered
from gonogo.terms import Digest

PACKAGE_SUMS: Final = "SHA256SUMS"
EVIDENCE_SUMS: Final = "EVIDENCE.SHA256SUMS"
EVIDENCE_MANIFEST: Final = "evidence-manifest.json"

MOST_SEGMENTS: Final = 9
MOST_PATH: Final = 240

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_LINES: Final = re.compile(rb"(?:[0-9a-f]{64}  [!-~]{1,240}+\n)++")
_DIGEST: Final = re.compile(rb"^[0-9a-f]{64}", re.MULTILINE)
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]")
# The same grammar for many paths at once, one a line. Possessive: a hostile list costs no more than a sound one.
_PATHS: Final = re.compile(r"\n(?:(?:[a-z0-9_][a-z0-9._-]{0,100}+/){0,8}+[a-z0-9_][a-z0-9._-]{0,100}+\n)++")
_ORDINARY: Final = re.compile(
    r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z))[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?<!\.)"
)
_DEVICES: Final = re.compile(r"[/\n](?:con|prn|aux|nul|com[0-9]|lpt[0-9])[./\n]")
_ENDING_DOT: Final = re.compile(r"\.[/\n]")


def path_problem(path: str) -> str:
    """Why `path` cannot stand in a package; empty when it can."""
    if not 0 < len(path) <= MOST_PATH:
        return f"has {len(path)} characters (1 to {MOST_PATH} are allowed)"
    segments = path.split("/")
    if len(segments) > MOST_SEGMENTS:
        return f"has {len(segments)} parts (at most {MOST_SEGMENTS} are allowed)"
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            return f"has the part {segment[:40]!r}; parts are letters, digits and . _ - and begin with no dot or dash"
        if segment.endswith("."):
            return f"has the part {segment!r}, which ends in a dot"
        if _DEVICE.fullmatch(segment):
            return f"has the part {segment!r}, which is a device on some systems"
    return ""


def check_paths(paths: Collection[str]) -> None:
    """Raises BadInput for a path outside the grammar, and for two that some file system takes for one."""
    if not _all_sound(paths):
        _find_unsound(paths)


def _all_sound(paths: Collection[str]) -> bool:
    text = "\n".join(["", *paths, ""])
    low = text.lower()
    # Only ASCII may be folded: the sign for kelvin, made small, is the letter k.
    if not text.isascii() or not _PATHS.fullmatch(low) or _DEVICES.search(low) or _ENDING_DOT.search(low):
        return False
    unique = len(set(low.split("\n"))) - 1
    return max(map(len, paths)) <= MOST_PATH and text.count("\n") - 1 == len(paths) == unique


def _find_unsound(paths: Collection[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        problem = path_problem(path)
        if problem:
            raise BadInput(f"the path {path[:80]!r} {problem}", next_step="rename the file")
        folded = path.lower()
        if folded in seen:
            what = f"{path!r} and {seen[folded]!r} are one file on some systems"
            raise BadInput(what, next_step="rename one of them")
        seen[folded] = path


def sound_path(path: str) -> str:
    """A path inside the grammar for any file name: foreign characters become `_`. The old name goes to the manifest."""
    if _ORDINARY.fullmatch(path):
        return path
    parts = [_FOREIGN.sub("_", part.encode("ascii", "replace").decode()) for part in path.split("/") if part]
    sound = [_sound_segment(part) for part in parts[-MOST_SEGMENTS:]]
    return "/".join(sound)[:MOST_PATH].rstrip("./") or "_"


def _sound_segment(part: str) -> str:
    part = part[:100].rstrip(".") or "_"
    return f"_{part}" if part[0] in ".-" or _DEVICE.fullmatch(part) else part


def write_sums(digests: Mapping[str, Digest]) -> bytes:
    """The list of `digests` by path. Raises BadInput for an unsound path."""
    check_paths(digests)
    # Sound paths are ASCII, so that their order as text is their order as bytes.
    return "".join([f"{digests[path]}  {path}\n" for path in sorted(digests)]).encode("ascii")


def read_sums(data: bytes, *, name: str) -> tuple[tuple[Digest, str], ...]:
    """The lines of a list. Raises Tampered for anything but what `write_sums` writes; an empty list is none."""
    if not data.endswith(b"\n"):
        raise Tampered("is empty or ends in the middle of a line", where=name, next_step=_LOOK)
    lines = data.decode("ascii", "replace").split("\n")[:-1]
    paths = [line[_PATH_AT:] for line in lines]
    if not _LINES.fullmatch(data) or not _all_sound(paths):
        _explain(lines, name)
    if paths != sorted(paths):
        raise Tampered("is not sorted", where=name, next_step=_LOOK)
    return tuple(zip([Digest(intern(line[:_DIGITS])) for line in lines], paths, strict=True))


def listed_digests(data: bytes, *, name: str) -> frozenset[str]:
    """The digests of a list whose order and paths do not matter to the caller. Raises Tampered for other lines."""
    if not _LINES.fullmatch(data):
        raise Tampered("has lines that are not digest, two spaces and path", where=name, next_step=_LOOK)
    return frozenset(digest.decode() for digest in _DIGEST.findall(data))


def _explain(lines: Sequence[str], name: str) -> NoReturn:
    for number, line in enumerate(lines, start=1):
        if not _LINES.fullmatch(f"{line}\n".encode()) or path_problem(line[_PATH_AT:]):
            raise Tampered("is not a line of digest, two spaces and path", where=f"{name}:{number}", next_step=_LOOK)
    raise Tampered("names a file twice", where=name, next_step=_LOOK)


_DIGITS: Final = 64
_PATH_AT: Final = 66


_LOOK: Final = "compare it with another copy; do not trust this one"
