"""The vault on disk: `objects/sha256/ab/<digest>`, written once, read by digest, read-only (EVS-16, C29).

Sealing reads each file exactly once: what is hashed is what is stored, also while somebody goes on writing to it.
Links, devices, pipes, sockets and files with a second name are refused: their bytes can change behind the digest.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets as tokens
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue
from threading import Thread
from types import MappingProxyType
from typing import Final, Protocol

from gonogo.adapters.durable import disk_error, make_folder, sync_folder, write_all
from gonogo.adapters.mounts import refuse_remote
from gonogo.adapters.sealed_names import plain_path, shown
from gonogo.adapters.supervisor import Redactor
from gonogo.errors import BadInput, Refused, Tampered
from gonogo.ports import Sealed
from gonogo.terms import Digest, Secret, digest_of
from gonogo.values import dataclass

MOST_BYTES: Final = 10 << 30
MOST_FILES: Final = 100_000
MOST_DEPTH: Final = 64
CHUNK: Final = 1 << 20
LARGE: Final = 8 << 20
ENCRYPTED: Final = b"age-encryption.org/v1\n"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS: Final = MappingProxyType(
    {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
)
_NONE: Final[Mapping[str, Secret]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sealed folder may hold at most."""

    size: int = MOST_BYTES
    files: int = MOST_FILES


USUAL: Final = Limits()


class Reads(Protocol):
    """Gives bytes, at most `size` at once, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


class Writes(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Take `data` whole."""


class Cipher(Protocol):
    """Encrypts what is stored; the digest of an object is always that of its plain bytes."""

    def sealed(self, data: bytes) -> bytes:
        """`data`, encrypted."""

    def seal_stream(self, reader: Reads, writer: Writes) -> None:
        """Encrypt everything that `reader` gives."""

    def opened(self, data: bytes) -> bytes:
        """The plain bytes of encrypted `data`."""


class FolderVault:
    """The `Vault` port on a folder of a local file system. With a cipher no object is stored plain (SEC-09)."""

    def __init__(self, root: Path, *, limits: Limits = USUAL, cipher: Cipher | None = None) -> None:
        self._root = root
        self._limits = limits
        self._cipher = cipher

    def put(self, data: bytes) -> Digest:
        """Store bytes durably. Raises Broken (disk), Refused (network file system)."""
        self._prepare()
        incoming = _Incoming(self._root)
        try:
            incoming.write(data if self._cipher is None else self._cipher.sealed(data))
            digest = incoming.keep(digest_of(data) if self._cipher is not None else None)
            sync_folder(self.path(digest).parent)
        except OSError as error:
            raise disk_error(error, "cannot store evidence", self._root) from error
        finally:
            incoming.discard()
        return digest

    def seal(self, folder: Path, secrets: Mapping[str, Secret] = _NONE) -> tuple[Sealed, ...]:
        """Store every file below `folder`, in order of names, with each of `secrets` replaced by `[redacted:NAME]`.

        Raises Refused for links, devices, hard links and more than the limits, Broken for the disk.
        """
        self._prepare()
        budget = _Budget(folder, self._limits)
        sealed: list[Sealed] = []
        touched: set[Path] = set()
        taken: set[str] = set()
        try:
            for name, descriptor in _files(folder):
                try:
                    budget.count_file()
                    digest, size = self._copy(descriptor, secrets, budget)
                finally:
                    os.close(descriptor)
                touched.add(self.path(digest).parent)
                sealed.append(Sealed(plain_path(name, taken), digest, size, shown(name)))
            for changed in sorted(touched):
                sync_folder(changed)
        except OSError as error:
            raise disk_error(error, "cannot seal evidence", folder) from error
        return tuple(sealed)

    def read(self, digest: Digest, *, limit: int = 1 << 26) -> bytes:
        """The bytes of `digest`. Raises Tampered where they hash to another, BadInput where absent or above `limit`."""
        path = self.path(digest)
        try:
            with os.fdopen(os.open(path, _OPEN), "rb") as file:
                # Asked for more, Python takes that much memory first, whatever the file holds.
                data = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)
        except FileNotFoundError as error:
            raise BadInput(
                f"evidence {digest} is not in the vault",
                where=str(path),
                next_step="restore it from a package or a backup; without it nothing that needs it can pass",
            ) from error
        except OSError as error:
            raise disk_error(error, "cannot read evidence", path) from error
        if digest_of(data) != digest and data.startswith(ENCRYPTED):
            data = self._plain(path, digest)
        if len(data) > limit:
            raise BadInput(
                f"evidence {digest} has more than {limit} bytes",
                where=str(path),
                next_step="let the step that makes it write a smaller file",
            )
        if digest_of(data) != digest:
            raise tampered(digest, path)
        return data

    def _plain(self, path: Path, digest: Digest) -> bytes:
        if self._cipher is None:
            raise BadInput(
                f"evidence {digest} is stored encrypted",
                where=str(path),
                next_step="put `encryption` back into gonogo.yaml, with the key that can read it",
            )
        return self._cipher.opened(path.read_bytes())

    def adopt(self, digest: Digest, stored: bytes) -> None:
        """Keep an object as another vault stored it, encrypted or not. Its reader finds out whether it is sound."""
        self._prepare()
        incoming = _Incoming(self._root)
        try:
            incoming.write(stored)
            incoming.keep(digest)
            sync_folder(self.path(digest).parent)
        except OSError as error:
            raise disk_error(error, "cannot store evidence", self._root) from error
        finally:
            incoming.discard()

    def delete(self, digest: Digest) -> bool:
        """Take an object out for good, durably; False where it was not there. What names it by digest stays."""
        path = self.path(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise disk_error(error, "cannot delete evidence", path) from error
        sync_folder(path.parent)
        return True

    def path(self, digest: Digest) -> Path:
        """Where the object lies; it may be absent. Raises BadInput for text that is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise BadInput(f"{digest!r} is not a SHA-256 digest", next_step="digests are 64 hex digits in lower case")
        return self._root / "objects" / "sha256" / digest[:2] / digest

    def _prepare(self) -> None:
        incoming = self._root / "incoming"
        if not incoming.is_dir():
            make_folder(incoming)
            refuse_remote(self._root)

    def _copy(self, descriptor: int, secrets: Mapping[str, Secret], budget: _Budget) -> tuple[Digest, int]:
        redactor = Redactor({name: secret.reveal() for name, secret in secrets.items()})
        if self._cipher is not None:
            return self._copy_sealed(descriptor, redactor, budget, self._cipher)
        incoming = _Incoming(self._root, aside=os.fstat(descriptor).st_size >= LARGE)
        try:
            while chunk := os.read(descriptor, CHUNK):
                budget.count_bytes(len(chunk))
                incoming.write(redactor.feed(chunk))
            incoming.write(redactor.finish())
            return incoming.keep(), incoming.size
        finally:
            incoming.discard()

    def _copy_sealed(self, descriptor: int, redactor: Redactor, budget: _Budget, cipher: Cipher) -> tuple[Digest, int]:
        source, incoming = _Source(descriptor, redactor, budget), _Incoming(self._root)
        try:
            cipher.seal_stream(source, incoming)
            digest = Digest(source.hash.hexdigest())
            return incoming.keep(digest), source.size
        finally:
            incoming.discard()


class _Source:
    """A file in pieces, redacted and hashed on the way."""

    def __init__(self, descriptor: int, redactor: Redactor, budget: _Budget) -> None:
        self._descriptor = descriptor
        self._redactor = redactor
        self._budget = budget
        self._rest = b""
        self._over = False
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        while not (self._rest or self._over):
            self._more()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _more(self) -> None:
        chunk = os.read(self._descriptor, CHUNK)
        self._budget.count_bytes(len(chunk))
        self._over = not chunk
        self._rest = self._redactor.feed(chunk) if chunk else self._redactor.finish()
        self.hash.update(self._rest)
        self.size += len(self._rest)


def tampered(digest: Digest, path: Path) -> Tampered:
    """The complaint about stored bytes that are not what they were."""
    return Tampered(
        f"evidence {digest} does not hash to its own name any more",
        where=str(path),
        next_step="find out who changed it and restore it from a package or a backup; nothing may be judged from it",
    )


class _Budget:
    """Counts what a folder holds, and refuses above the limits."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._files = 0
        self._size = 0

    def count_file(self) -> None:
        self._files += 1
        if self._files > self._limits.files:
            self._refuse(f"more than {self._limits.files} files")

    def count_bytes(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.size:
            self._refuse(f"more than {self._limits.size} bytes")

    def _refuse(self, what: str) -> None:
        raise Refused(
            f"the step wrote {what}", where=str(self._folder), next_step="let the step write only what is evidence"
        )


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _HashAside:
    """SHA-256 in a thread of its own: a large file is written while it is hashed. Small files are faster without."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pieces: Queue[bytes] = Queue(maxsize=4)
        self._thread: Thread | None = Thread(target=self._run, daemon=True)
        self._thread.start()

    def update(self, data: bytes, /) -> None:
        if data:
            self._pieces.put(data)

    def hexdigest(self) -> str:
        """The digest of all so far; ends the thread."""
        if self._thread is not None:
            self._pieces.put(b"")
            self._thread.join()
            self._thread = None
        return self._hash.hexdigest()

    def _run(self) -> None:
        while piece := self._pieces.get():
            self._hash.update(piece)


class _Incoming:
    """A new object on its way into the vault; it has no name there before it is whole."""

    def __init__(self, root: Path, *, aside: bool = False) -> None:
        self._root = root
        self._path = root / "incoming" / tokens.token_hex(12)
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk_error(error, "cannot store evidence", root) from error
        self._hash: _Hash = _HashAside() if aside else hashlib.sha256()
        self._kept = False
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        self.size += len(data)
        write_all(self._descriptor, data)
        return len(data)

    def keep(self, named: Digest | None = None) -> Digest:
        """Give the object its name: the digest of what was written, or the one of what was encrypted."""
        digest = named or Digest(self._hash.hexdigest())
        os.fchmod(self._descriptor, 0o444)
        os.fsync(self._descriptor)
        folder = self._root / "objects" / "sha256" / digest[:2]
        make_folder(folder)
        # An object that is there already is replaced by the same bytes: that heals one that was changed.
        self._path.replace(folder / digest)
        self._kept = True
        return digest

    def discard(self) -> None:
        self._hash.hexdigest()
        os.close(self._descriptor)
        if not self._kept:
            self._path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[bytes, int]]:
    """Each regular file below `folder`, sorted, with an open descriptor that the caller closes."""
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield from _walk(top, b"", 0, folder)
    finally:
        os.close(top)


def _walk(parent: int, prefix: bytes, depth: int, folder: Path) -> Iterator[tuple[bytes, int]]:
    if depth > MOST_DEPTH:
        raise _refused(folder, prefix, f"folders are nested deeper than {MOST_DEPTH}")
    with os.scandir(parent) as listing:
        names = sorted(os.fsencode(entry.name) for entry in listing)
    for name in names:
        path = prefix + name
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                yield from _walk(inner, path + b"/", depth + 1, folder)
            finally:
                os.close(inner)
        else:
            yield path, _regular(parent, name, path, folder)


def _regular(parent: int, name: bytes, path: bytes, folder: Path) -> int:
    before = os.stat(name, dir_fd=parent, follow_symlinks=False)
    _demand_regular(before, path, folder)
    try:
        descriptor = os.open(name, _OPEN, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(folder, path, "is a symbolic link") from error
        raise
    try:
        # Looked at again through the descriptor: between the two looks the name may have got another file.
        _demand_regular(os.fstat(descriptor), path, folder)
    except Refused:
        os.close(descriptor)
        raise
    return descriptor


def _demand_regular(seen: os.stat_result, path: bytes, folder: Path) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise _refused(folder, path, f"is {_KINDS.get(stat.S_IFMT(seen.st_mode), 'not a regular file')}")
    if seen.st_nlink != 1:
        raise _refused(folder, path, f"is a file with {seen.st_nlink} names (hard links)")


def _refused(folder: Path, path: bytes, what: str) -> Refused:
    return Refused(
        f"{shown(path)}: {what}; it cannot become evidence",
        where=str(folder),
        next_step="let the step write regular files of its own into the folder that it gets",
    )
