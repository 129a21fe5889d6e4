"""Files that are there whole or not at all, also after a power cut (WFS-10): temporary file, fsync, rename, fsync."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import Final

from gonogo.errors import Broken, GonogoError, NotStored

_ADVICE: Final = {
    errno.ENOSPC: "free space on this disk, then start the command again",
    errno.EDQUOT: "raise the quota or free space, then start the command again",
    errno.EROFS: "mount the file system for writing, then start the command again",
    errno.EACCES: "give the user that runs gonogo access to this path",
    errno.EPERM: "give the user that runs gonogo access to this path",
    errno.EIO: "the disk reports an error: check it before anything else",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ELOOP: "replace the symbolic link by a real file or folder",
}


def disk_error(error: OSError, what: str, path: Path) -> Broken:
    """A Broken that says what could not be done, where, and what to do about this kind of fault."""
    reason = error.strerror or type(error).__name__
    advice = _ADVICE.get(error.errno or 0, "look at the disk and the rights of this path, then start the command again")
    return NotStored(f"{what}: {reason}", where=str(path), next_step=advice)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make `folder` and the missing ones above it, durably, each with `mode`. Raises Broken."""
    missing = []
    step = folder
    while not step.exists():
        missing.append(step)
        step = step.parent
    try:
        for new in reversed(missing):
            new.mkdir(mode=mode, exist_ok=True)
            sync_folder(new.parent)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise disk_error(error, "cannot make the folder", folder) from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte of `data`; a short write is continued. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path` in one step, in place of what was there; durable on return. Raises Broken."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.new")
    try:
        _write_new(temporary, data, mode)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, "cannot write the file", path) from error


def write_file_once(path: Path, data: bytes, mode: int = 0o600) -> bool:
    """Like `write_file`, but what is at `path` already stays; says whether this call wrote. Raises Broken."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.new")
    try:
        _write_new(temporary, data, mode)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, "cannot write the file", path) from error
    return True


def _write_new(temporary: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def read_small(path: Path, limit: int = 1 << 20) -> bytes | None:
    """The bytes at `path`; None where nothing is there. Raises Broken, also for more than `limit` bytes or a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, "cannot open the file", path) from error
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise disk_error(error, "cannot read the file", path) from error
    if len(data) > limit:
        raise Broken(
            f"holds more than {limit} bytes", where=str(path), next_step="gonogo did not write this: look at it"
        )
    return data


def clean_line(text: str, limit: int = 400) -> str:
    """Foreign text for one line of output: control characters shown as `?`, at most `limit` characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text.strip())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def reason_of(error: GonogoError | OSError) -> str:
    """One line that says why, for places where an error is reported and not raised."""
    return clean_line(error.what if isinstance(error, GonogoError) else error.strerror or type(error).__name__)
