"""Changing sealed packages as an attacker would: with their files, with their log, with the key of the engine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace


from gonogo.evidence.ledger import Entry, next_entry, read_log
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package

LOG = "log/log.jsonl"


def files_of(package: bytes) -> dict[str, bytes]:
    """All files of a package by path."""
    opened = open_package(package)
    return {path: opened.read(path) for path in opened.members}


def packed(files: Mapping[str, bytes]) -> bytes:
    """A package of the right form with these files; nothing is sealed anew."""
    out = io.BytesIO()
    write_package(files, out)
    return out.getvalue()


def changed(package: bytes, path: str, old: bytes, new: bytes) -> bytes:
    """The package with a text of one of its files replaced; the old text has to be there."""
    files = files_of(package)
    assert old in files[path], f"{path} does not hold {old!r}"
    return packed({**files, path: files[path].replace(old, new)})


def rechained(package: bytes, edit: Callable[[Entry], Entry]) -> bytes:
    """The package with entries of its log edited and the whole chain made anew, as whoever owns the engine could."""
    files = files_of(package)
    previous: Entry | None = None
    lines = []
    for entry in map(edit, read_log(files[LOG])):
        previous = next_entry(previous, ts=entry.ts, type=entry.type, actor=entry.actor, data=entry.data)
        lines.append(previous.line)
    return packed({**files, LOG: b"".join(lines)})


def with_data(entry: Entry, **fields: object) -> Entry:
    """An entry that says something else."""
    return replace(entry, data={**entry.data, **json.loads(json.dumps(fields))})
