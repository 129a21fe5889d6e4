"""Checkpoints as files of signed commits on a branch that another party protects (EVS-16; trust section 11).

A checkpoint lies in `checkpoints/<log>/<size>` and is never touched again: a history in which a file was changed or
taken away is refused, and so is a commit that no listed key signed. Nothing is ever pushed by force. What is read is
fetched into an empty folder first, so that git itself has checked every object against its name.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import clean_line
from gonogo.errors import Broken, Tampered
from gonogo.evidence.git_commit import read_commit, signed_commit
from gonogo.evidence.note import Checkpoint, read_note
from gonogo.evidence.sshkeys import PublicKey
from gonogo.values import dataclass

SECONDS: Final = 60.0
FOLDER: Final = "checkpoints"
REF: Final = "refs/heads/kept"
MOST_COMMITS: Final = 100_000
_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "gc.auto=0",
    "init.defaultBranch=kept",
    "fetch.fsckObjects=true",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint on the branch: the note, and the commit at the head of the branch that holds it."""

    note: bytes
    commit: str


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs commits, as a port: its public half, and the act."""

    key: PublicKey
    sign: Callable[[bytes], bytes]


class GitBranch:
    """The branch `branch` of the repository at `remote` (a path or an address that git understands)."""

    def __init__(self, remote: str, branch: str, environ: Mapping[str, str] | None = None) -> None:
        self._remote = remote
        self._branch = branch
        self._environ = os.environ if environ is None else environ

    def add(self, note: bytes, signer: Signer, now: datetime) -> str:
        """Add a checkpoint and push it; gives the commit. Tampered where the branch holds another one of this size."""
        checkpoint = read_note(note).checkpoint
        with self._copy() as folder:
            head = self._fetched(folder)
            path = path_of(checkpoint)
            held = self._file(folder, path) if head else None
            if held is not None:
                if read_note(held).checkpoint != checkpoint:
                    what = f"holds another checkpoint of {checkpoint.origin} at {checkpoint.size} entries"
                    raise Tampered(f"the branch {self._branch} {what}", where=self._remote, next_step=_COMPARE)
                return head
            tree = self._tree(folder, head, path, note)
            message = f"{checkpoint.origin} up to entry {checkpoint.size - 1}"
            data = signed_commit(tree, (head,) if head else (), message, now, signer.key, signer.sign)
            commit = self._git(folder, "hash-object", "-t", "commit", "-w", "--stdin", data=data).decode().strip()
            self._git(folder, "push", "--quiet", self._remote, f"{commit}:refs/heads/{self._branch}", data=b"")
            return commit

    def read(self, keys: Sequence[PublicKey]) -> tuple[Kept, ...]:
        """Every checkpoint of the branch. Tampered where a commit is not signed by one of `keys`, or took one back."""
        with self._copy() as folder:
            head = self._fetched(folder)
            if not head:
                return ()
            self._check_commits(folder, keys)
            changed = self._git(folder, "log", "--format=", "--name-status", "--diff-filter=a", REF, "--").decode()
            if changed.strip():
                what = clean_line(changed.strip().splitlines()[0])
                raise Tampered(
                    f"a checkpoint was changed or taken away: {what}", where=self._remote, next_step=_COMPARE
                )
            names = self._git(folder, "ls-tree", "-r", "-z", "--name-only", REF, FOLDER).decode("utf-8", "replace")
            paths = [name for name in names.split("\0") if name]
            return tuple(Kept(found, head) for path in paths if (found := self._file(folder, path)) is not None)

    def _check_commits(self, folder: Path, keys: Sequence[PublicKey]) -> None:
        listed = self._git(folder, "rev-list", f"--max-count={MOST_COMMITS + 1}", REF).decode().split()
        if len(listed) > MOST_COMMITS:
            raise Broken(f"the branch has more than {MOST_COMMITS} commits", where=self._remote)
        blobs = {key.blob for key in keys}
        for commit in listed:
            found = read_commit(self._git(folder, "cat-file", "commit", commit), name=f"{self._remote} {commit[:12]}")
            if found.key.blob not in blobs:
                what = f"commit {commit[:12]} is signed by {found.key.fingerprint}, which is not listed"
                raise Tampered(what, where=self._remote, next_step=_COMPARE)

    def _tree(self, folder: Path, head: str, path: str, note: bytes) -> str:
        """The tree of the branch with one file more."""
        blob = self._git(folder, "hash-object", "-w", "--stdin", data=note).decode().strip()
        if head:
            self._git(folder, "read-tree", head)
        self._git(folder, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        return self._git(folder, "write-tree").decode().strip()

    def _file(self, folder: Path, path: str) -> bytes | None:
        return self._git(folder, "show", f"{REF}:{path}", quiet=True) or None

    def _fetched(self, folder: Path) -> str:
        """The head of the branch, fetched into `folder`; empty where there is no such branch yet."""
        found = self._git(folder, "ls-remote", "--heads", self._remote, f"refs/heads/{self._branch}").decode().split()
        if not found:
            return ""
        self._git(folder, "fetch", "--quiet", "--no-tags", self._remote, f"refs/heads/{self._branch}:{REF}")
        return self._git(folder, "rev-parse", REF).decode().strip()

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="gonogo-anchor-") as name:
            folder = Path(name)
            self._git(folder, "init", "--quiet", "--bare", str(folder))
            yield folder

    def _git(self, folder: Path, *arguments: str, data: bytes = b"", quiet: bool = False) -> bytes:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        try:
            ended = subprocess.run(  # noqa: S603 - an argument list
                ["git", "--no-pager", "--no-replace-objects", *settings, *arguments],  # noqa: S607 - found by PATH
                input=data,
                capture_output=True,
                cwd=folder,
                env=_clean(self._environ),
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise Broken("the program git is not installed", next_step="install git, or use another anchor") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Broken("git did not answer", where=self._remote, next_step="try it by hand: git fetch") from error
        if ended.returncode and not quiet:
            said = clean_line(ended.stderr.decode(errors="replace"))
            raise Broken(f"git {arguments[0]} did not work: {said}", where=self._remote, next_step=_BY_HAND)
        return b"" if ended.returncode else ended.stdout


_COMPARE: Final = "ask whoever protects the branch for its history; do not rely on this copy"
_BY_HAND: Final = "try it by hand; where somebody else pushed in the same moment, say it once more"


def path_of(checkpoint: Checkpoint) -> str:
    """Where a checkpoint lies on the branch; two logs never share a folder."""
    log = _SAFE.sub(lambda found: f"={ord(found[0]):02x}", checkpoint.origin)
    return f"{FOLDER}/{log}/{checkpoint.size:019d}"


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """What a person's own git needs to reach a remote, without anything that steers it elsewhere."""
    found = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    if "GIT_SSH_COMMAND" in environ:
        found["GIT_SSH_COMMAND"] = environ["GIT_SSH_COMMAND"]
    return found | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
