"""Who wrote the commits between two revisions, from the repository itself (REV-08; rule A16).

A repository is foreign data: nothing in it may start a program or change what history says. So git runs without the
user's and the system's settings, without any GIT_ variable, hook, pager, signature program, replacement or graft, and
never fetches. A shallow copy is refused: its history ends where the copying did.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import clean_line
from gonogo.errors import BadInput, Broken

SECONDS: Final = 60.0
MOST_BYTES: Final = 64 << 20
_FORMAT: Final = "%ae%x00%(trailers:key=Co-authored-by,valueonly,separator=%x00)%x00"
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "log.showSignature=false",
    "log.mailmap=false",
    "protocol.allow=never",
)


class GitHistory:
    """The `History` port on the repository that holds `folder`; of `environ` only what finds programs is used."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder.absolute()
        self._environ = os.environ if environ is None else environ

    def authors(self, revision: str, previous: str) -> tuple[str, ...]:
        """Addresses of all authors and co-authors, in lower case, of what `revision` has and `previous` has not.

        Raises BadInput where this is no repository or one of the commits is not in it, Broken where git does not work.
        """
        if self._git("rev-parse", "--is-shallow-repository").strip() != "false":
            raise BadInput(
                "the repository is a shallow copy, and not all authors are in it",
                where=str(self._folder),
                next_step="git fetch --unshallow (in CI: check out with the whole history)",
            )
        for commit in filter(None, (revision, previous)):
            self._git("cat-file", "-e", f"{commit}^{{commit}}", absent=commit)
        wanted = [revision, *([f"^{previous}"] if previous else [])]
        said = self._git("log", "--no-show-signature", f"--format={_FORMAT}", *wanted, "--")
        return tuple(sorted({address for text in said.split("\0") if (address := _address(text))}))

    def last_change(self, path: str) -> str:
        """The commit that last changed `path`; empty where it differs from that commit or there is no such history."""
        try:
            if self._git("status", "--porcelain", "--untracked-files=all", "--", f":(literal){path}").strip():
                return ""
            return self._git("log", "-1", "--no-show-signature", "--format=%H", "--", f":(literal){path}").strip()
        except (BadInput, Broken):
            # A project without a repository has digests all the same; a revision is told only where there is one.
            return ""

    def _git(self, *arguments: str, absent: str = "") -> str:
        settings = [part for setting in (*_SETTINGS, f"safe.directory={self._folder}") for part in ("-c", setting)]
        command = ["git", "--no-pager", "--no-replace-objects", *settings, "-C", str(self._folder), *arguments]
        try:
            ended = subprocess.run(  # noqa: S603 - an argument list; revisions are whole commit ids
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=_clean(self._environ),
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise Broken("the program git is not installed", next_step="install git, or name no revisions") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Broken("git did not answer", where=str(self._folder), next_step="try it by hand: git log") from error
        if ended.returncode:
            raise self._refused(clean_line(ended.stderr.decode(errors="replace")), absent)
        if len(ended.stdout) > MOST_BYTES:
            raise Broken("the history is too long to read", where=str(self._folder), next_step="name a nearer revision")
        return ended.stdout.decode(errors="replace")

    def _refused(self, said: str, absent: str) -> BadInput:
        if absent:
            return BadInput(
                f"the commit {absent[:12]}… is not in this repository",
                where=str(self._folder),
                next_step="fetch it, or correct the revision in the release manifest",
            )
        return BadInput(
            f"the history cannot be read: {said}", where=str(self._folder), next_step="name a folder in the repository"
        )


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nothing steers git."""
    found = {name: environ[name] for name in ("PATH", "TMPDIR") if name in environ}
    return found | {
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_GRAFT_FILE": "/dev/null",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _address(text: str) -> str:
    """The address in `Name <address>`, or the text itself."""
    plain = text.strip().lower()
    if plain.endswith(">") and "<" in plain:
        return plain[plain.rindex("<") + 1 : -1].strip()
    return plain
