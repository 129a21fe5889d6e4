"""What a file of another protocol says about itself: structure, inner checksums, time, release, verdict (INT-01..03).

A zip is opened and every member read; where it brings a list of checksums, each file on it has to be there and match.
JSON has to be one strict object. Whatever cannot be read is not verified, with a reason; without a stated time the
file's own counts. A verdict is looked up only where the project says where it stands; presence is never an approval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Found, Tree, read_object, resolve_pointer
from gonogo.measure.archive import Archive, open_archive
from gonogo.terms import Digest
from gonogo.values import dataclass

MOST_JSON: Final = 16 << 20
_SUMS: Final = re.compile(r"(?:.*/)?(?:sha256sums?|checksums?(?:\.sha256)?)(?:\.txt)?", re.IGNORECASE)
_MANIFEST: Final = re.compile(r"(?:.*/)?(?:[\w.-]*-)?manifest\.json", re.IGNORECASE)
_SUM_LINE: Final = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
_PRODUCED: Final = ("produced_at", "generated_at", "created_at")
_EXPIRES: Final = ("expires_at", "valid_until")
_LISTS: Final = ("artifacts", "files", "items", "members")
_PATHS: Final = ("path", "name", "file")


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says. `verified` is false where its structure or a checksum does not hold; `detail` says why.

    `verdicts` are the values at the pointers that were asked for, as text; a pointer without a value is left out.
    """

    verified: bool
    detail: str = ""
    produced_at: datetime | None = None
    expires_at: datetime | None = None
    release_digest: Digest | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)


def read_upstream(name: str, data: bytes, pointers: Sequence[str] = ()) -> Said:
    """What `data`, found under `name`, says; `pointers` are `FILE#/pointer` in an archive, `/pointer` in a JSON."""
    try:
        if name.lower().endswith(".zip"):
            return _archive(open_archive(data, name), pointers)
        if name.lower().endswith(".json"):
            body = read_object(data, name=name, limit=MOST_JSON)
            return _about(body, {pointer: value for pointer in pointers if (value := _at(body, pointer)) is not None})
    except BadInput as error:
        return Said(False, error.what)
    return Said(bool(data.strip()), "" if data.strip() else f"{name} is empty")


def _archive(archive: Archive, pointers: Sequence[str]) -> Said:
    digests = {member: archive.digest(member) for member in archive.members}
    if not digests:
        return Said(False, f"{archive.name} holds no file")
    listed: dict[str, str] = {}
    body: Mapping[str, Tree] = {}
    lists = [member for member in digests if _SUMS.fullmatch(member) or _MANIFEST.fullmatch(member)]
    for member in lists:
        folder = member.rpartition("/")[0]
        if _MANIFEST.fullmatch(member):
            found = _json(archive, member)
            body = body or found
            sums = dict(_rows(found))
        else:
            sums = dict(_lines(archive.read(member, limit=MOST_JSON), member))
        listed |= {f"{folder}/{path}" if folder else path: digest for path, digest in sums.items()}
    fault = _mismatch(listed, digests)
    if fault:
        return Said(False, fault)
    return _about(body, _verdicts(archive, pointers), _unlisted(listed, digests, lists))


def _rows(body: Mapping[str, Tree]) -> Sequence[tuple[str, str]]:
    """Path and SHA-256 of every row of the lists of files in a manifest; a row without both lists nothing."""
    found: list[tuple[str, str]] = []
    for rows in (body.get(key) for key in _LISTS):
        for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
            if isinstance(row, Mapping) and isinstance(digest := row.get("sha256"), str):
                found += [(path.removeprefix("./"), digest.lower()) for path in _paths(row)]
    return found


def _paths(row: Mapping[str, Tree]) -> tuple[str, ...]:
    several = row.get("paths")
    if isinstance(several, Sequence) and not isinstance(several, str):
        return tuple(str(path) for path in several)
    return tuple(path for key in _PATHS if isinstance(path := row.get(key), str))[:1]


def _lines(data: bytes, member: str) -> Sequence[tuple[str, str]]:
    found = []
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.strip():
            continue
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise BadInput(f"{member} holds a line that is no checksum: {line[:80]!r}")
        found.append((match[2].removeprefix("./"), match[1].lower()))
    return found


def _mismatch(listed: Mapping[str, str], digests: Mapping[str, Digest]) -> str:
    for path, digest in listed.items():
        if path not in digests:
            return f"{path} is on its list of checksums and not in it"
        if digests[path] != digest:
            return f"{path} is not the file of its list of checksums"
    return ""


def _unlisted(listed: Mapping[str, str], digests: Mapping[str, Digest], lists: Sequence[str]) -> str:
    if not listed:
        return f"it brings no checksums; each of its {len(digests)} files was read"
    more = len(set(digests) - set(listed) - set(lists))
    beside = f"; {more} more are not on the list" if more else ""
    return f"{len(listed)} files match its checksums{beside}"


def _verdicts(archive: Archive, pointers: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pointer in pointers:
        member, _, place = pointer.partition("#")
        if member in archive.members:
            value = _at(_json(archive, member), place)
            found |= {} if value is None else {pointer: value}
    return found


def _json(archive: Archive, member: str) -> Mapping[str, Tree]:
    return read_object(archive.read(member, limit=MOST_JSON), name=f"{archive.name}: {member}", limit=MOST_JSON)


def _at(body: Mapping[str, Tree], pointer: str) -> str | None:
    found = resolve_pointer(body, pointer)
    if not isinstance(found, Found) or found.value is None or isinstance(found.value, Mapping):
        return None
    return str(found.value).lower() if isinstance(found.value, bool) else str(found.value)


def _about(body: Mapping[str, Tree], verdicts: Mapping[str, str], detail: str = "") -> Said:
    release = body.get("release")
    digest = release.get("digest") if isinstance(release, Mapping) else None
    produced, expires = _moment(body, _PRODUCED), _moment(body, _EXPIRES)
    stated = digest if isinstance(digest, str) else None
    return Said(True, detail, produced, expires, Digest(stated) if stated is not None else None, verdicts)


def _moment(body: Mapping[str, Tree], names: Sequence[str]) -> datetime | None:
    """The first of these fields; BadInput where it is there and no moment, because then nobody knows the time."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise BadInput(f"its `{name}` is no moment with a zone")
        return found
    return None
