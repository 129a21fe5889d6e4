"""Several files that belong together: all are written aside first, then put in place, so that none is left half done.

What stands there already is replaced only where this program wrote it and nobody edited it since; a record beside the
files knows their digests.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import disk_error, make_folder, read_small, sync_folder, write_all, write_file
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.terms import digest_of

RECORD: Final = ".gonogo-written.json"
FORMAT: Final = "gonogo/written/1"


def write_together(folder: Path, files: Mapping[str, bytes], *, force: bool = False) -> tuple[str, ...]:
    """Write all of `files` (plain names) into `folder`, or none; the names of those that changed.

    Refused where a file is there that was not written by this function or was edited since, unless `force`.
    """
    known = _known(folder)
    present = {name: read_small(folder / name) for name in files}
    foreign = [name for name, data in present.items() if data is not None and not _ours(name, data, files, known)]
    if foreign and not force:
        raise Refused(
            f"{', '.join(foreign)} {'is' if len(foreign) == 1 else 'are'} there, and not as gonogo wrote it",
            where=str(folder),
            next_step="write elsewhere with -o, or replace what is there with --force",
        )
    changed = {name: data for name, data in files.items() if present[name] != data}
    make_folder(folder, 0o755)
    _place(folder, changed)
    record: dict[str, Tree] = {**known, **{name: digest_of(data) for name, data in files.items()}}
    body = write_json({"format": FORMAT, "files": record})
    if read_small(folder / RECORD) != body:
        write_file(folder / RECORD, body, 0o644)
    return tuple(changed)


def _ours(name: str, data: bytes, files: Mapping[str, bytes], known: Mapping[str, str]) -> bool:
    return data == files[name] or known.get(name) == digest_of(data)


def _known(folder: Path) -> dict[str, str]:
    data = read_small(folder / RECORD)
    if data is None:
        return {}
    files = read_object(data, name=str(folder / RECORD)).get("files")
    if not isinstance(files, Mapping):
        raise BadInput("does not say what was written", where=str(folder / RECORD), next_step="delete it")
    return {name: str(digest) for name, digest in files.items()}


def _place(folder: Path, files: Mapping[str, bytes]) -> None:
    aside = {name: folder / f".{name[:100]}.{secrets.token_hex(6)}.new" for name in files}
    try:
        for name, data in files.items():
            _write(aside[name], data)
        for name in files:
            aside[name].replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise disk_error(error, "cannot write", folder) from error
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
