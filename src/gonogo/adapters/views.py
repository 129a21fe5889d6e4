"""Views: stored evidence under the names that the protocols give it, below one root such as `.artifacts` (C2, EVS-06).

The vault holds the truth. A view is a copy for people and tools, written whole, read-only; one that was edited by hand
differs from the store, is reported, and never judged from.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from gonogo.adapters.durable import disk_error, make_folder, write_all
from gonogo.adapters.vault import Cipher
from gonogo.errors import BadInput, Refused, Tampered
from gonogo.evidence.copies import Difference, Look
from gonogo.ports import Vault
from gonogo.terms import Digest, digest_of

CHUNK: Final = 1 << 20
MOST_WHOLE: Final = 1 << 31
"""So large may a view be that is read whole."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def differing(look: Callable[[str], Look], views: Mapping[str, Digest]) -> tuple[Difference, ...]:
    """The views that are not what they should be, in order of paths, as `look` finds them."""
    seen = ((path, look(path), digest) for path, digest in sorted(views.items()))
    return tuple(Difference(path, found.why or "changed") for path, found, digest in seen if found.digest != digest)


class Views:
    """The views below `root`; every path is relative to it, with `/` between names."""

    def __init__(self, root: Path, vault: Vault, cipher: Cipher | None = None) -> None:
        """With a `cipher` every view is encrypted, and its name ends with `.age` (SEC-09)."""
        self._root = root
        self._vault = vault
        self._cipher = cipher

    def write(self, views: Mapping[str, Digest]) -> tuple[str, ...]:
        """Make each view hold the bytes of its digest; answers the paths that were written (others were right).

        Raises BadInput for a path that leaves the root or evidence that is gone, Refused for links in the way, Tampered
        for evidence that changed, Broken for the disk.
        """
        make_folder(self._root, 0o755)
        written = []
        for path, digest in sorted(views.items()):
            if self.look(path).digest != digest:
                self._write(self._place(path), digest)
                written.append(path)
        return tuple(written)

    def write_bytes(self, path: str, data: bytes) -> None:
        """Put `data`, which no vault holds (a state or status file), at `path`. Raises as `write` does."""
        make_folder(self._root, 0o755)
        parts = self._place(path)
        with self._parent(parts, make=True) as parent:
            self._replace(parent, parts, (data if self._cipher is None else self._cipher.sealed(data),))

    def read_bytes(self, path: str) -> bytes | None:
        """What a view says; None where it is missing, no regular file, or larger than 2 GiB."""
        found = self._opened(self._place(path))
        return None if isinstance(found, str) else self._says(found)

    def differences(self, views: Mapping[str, Digest]) -> tuple[Difference, ...]:
        """The views that are not what they should be, in order of paths; changes nothing."""
        return differing(self.look, views)

    def look(self, path: str) -> Look:
        """The digest of the plain bytes at `path`, or why there is none."""
        found = self._opened(self._place(path))
        return Look(None, found) if isinstance(found, str) else Look(self._digest(found))

    def _place(self, path: str) -> tuple[str, ...]:
        return _parts(path if self._cipher is None else f"{path}.age")

    def _opened(self, parts: tuple[str, ...]) -> int | str:
        """A descriptor of the regular file there, which the caller closes; else `missing` or `foreign`."""
        try:
            with self._parent(parts, make=False) as parent:
                descriptor = os.open(parts[-1], _FILE, dir_fd=parent)
        except FileNotFoundError:
            return "missing"
        except Refused:
            return "foreign"
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
                return "foreign"
            raise disk_error(error, "cannot read the view", self._shown(parts)) from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        return "foreign"

    def _digest(self, descriptor: int) -> Digest | None:
        """The digest of the plain bytes behind a descriptor, which is closed; None where they cannot be decrypted."""
        if self._cipher is not None:
            data = self._says(descriptor)
            return None if data is None else digest_of(data)
        try:
            return Digest(_hash(descriptor))
        except OSError as error:
            raise disk_error(error, "cannot read the view", self._root) from error
        finally:
            os.close(descriptor)

    def _says(self, descriptor: int) -> bytes | None:
        try:
            with os.fdopen(descriptor, "rb") as file:
                data = file.read(MOST_WHOLE + 1)
            if len(data) > MOST_WHOLE:
                return None
            return data if self._cipher is None else self._cipher.opened(data)
        except Refused:
            # It was changed, or is no encrypted file at all: it says nothing that could be compared.
            return None
        except OSError as error:
            raise disk_error(error, "cannot read the view", self._root) from error

    def _write(self, parts: tuple[str, ...], digest: Digest) -> None:
        with self._parent(parts, make=True) as parent:
            if self._cipher is None:
                self._replace(parent, parts, self._stored(digest), digest)
            else:
                self._replace(parent, parts, (self._cipher.sealed(self._vault.read(digest, limit=MOST_WHOLE)),))
                self._take_away(parent, parts[-1].removesuffix(".age"))

    def _take_away(self, parent: int, plain: str) -> None:
        """Remove the plain view that an encrypted one replaces: the policy may be younger than the folder."""
        with suppress(FileNotFoundError):
            if stat.S_ISREG(os.stat(plain, dir_fd=parent, follow_symlinks=False).st_mode):
                os.unlink(plain, dir_fd=parent)

    def _stored(self, digest: Digest) -> Iterator[bytes]:
        """The bytes of `digest` in pieces, so that a view of ten gigabytes needs no memory."""
        path = self._vault.path(digest)
        try:
            descriptor = os.open(path, _FILE)
        except OSError:
            # The vault says why it has nothing to give, or gives what does not lie in a file.
            yield self._vault.read(digest)
            return
        try:
            while chunk := os.read(descriptor, CHUNK):
                yield chunk
        finally:
            os.close(descriptor)

    def _replace(
        self, parent: int, parts: tuple[str, ...], pieces: Iterable[bytes], digest: Digest | None = None
    ) -> None:
        temporary = f".{secrets.token_hex(8)}.new"
        seen = hashlib.sha256()
        try:
            new = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=parent)
            try:
                for piece in pieces:
                    seen.update(piece)
                    write_all(new, piece)
                self._demand_digest(seen.hexdigest(), digest, parts)
                os.fchmod(new, 0o444)
                os.fsync(new)
                self._demand_file(parent, parts)
                os.rename(temporary, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                os.unlink(temporary, dir_fd=parent)
                raise
            finally:
                os.close(new)
            # The name is not synced: a view that a power failure took away is written anew from the vault.
        except OSError as error:
            raise disk_error(error, "cannot write the view", self._shown(parts)) from error

    def _demand_digest(self, seen: str, digest: Digest | None, parts: tuple[str, ...]) -> None:
        if digest is not None and seen != digest:
            raise Tampered(
                f"evidence {digest} does not hash to its own name any more",
                where=str(self._shown(parts)),
                next_step="restore it from a package or a backup; the view was not written",
            )

    def _demand_file(self, parent: int, parts: tuple[str, ...]) -> None:
        try:
            mode = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            raise self._in_the_way(parts)

    @contextmanager
    def _parent(self, parts: tuple[str, ...], *, make: bool) -> Iterator[int]:
        """The folder of `parts`, reached from the root one real folder at a time. Raises Refused for links."""
        current = self._open_root()
        try:
            for position, name in enumerate(parts[:-1]):
                current = self._step(current, name, parts[: position + 1], make=make)
            yield current
        finally:
            os.close(current)

    def _open_root(self) -> int:
        try:
            return os.open(self._root, _FOLDER)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise self._in_the_way(()) from error
            raise disk_error(error, "cannot open the folder of views", self._root) from error

    def _step(self, current: int, name: str, walked: tuple[str, ...], *, make: bool) -> int:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=current)
            inner = os.open(name, _FOLDER, dir_fd=current)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise self._in_the_way(walked) from error
            raise disk_error(error, "cannot open the folder of a view", self._shown(walked)) from error
        os.close(current)
        return inner

    def _in_the_way(self, parts: tuple[str, ...]) -> Refused:
        return Refused(
            "a link or something else than a file or folder stands in the way of a view",
            where=str(self._shown(parts)),
            next_step="look who put it there, and remove it",
        )

    def _shown(self, parts: tuple[str, ...]) -> Path:
        return self._root.joinpath(*parts)


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
        raise BadInput(
            f"{path!r} does not name a file below the folder of views",
            next_step="write it relative to that folder, without '..' and without a leading '/'",
        )
    return parts


def _hash(descriptor: int) -> str:
    seen = hashlib.sha256()
    while chunk := os.read(descriptor, CHUNK):
        seen.update(chunk)
    return seen.hexdigest()
