"""Notices by a command of the project: one JSON object on standard input; its exit status alone is the answer."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from gonogo.adapters.command_checks import INHERITED
from gonogo.adapters.durable import clean_line
from gonogo.adapters.posting.announcing import json_line
from gonogo.adapters.posting.carrying import notice_body
from gonogo.ports import Notice
from gonogo.terms import Secret

LIMIT: Final = 20.0
MOST_REASON: Final = 4096


class CommandCarrier:
    """Runs `argv` in the project's folder for each notice, for at most `limit` seconds."""

    def __init__(
        self, argv: tuple[str, ...], limit: float, secrets: Mapping[str, Secret], root: Path, environ: Mapping[str, str]
    ) -> None:
        self._argv = argv
        self._limit = min(limit, LIMIT)
        self._secrets = secrets
        self._root = root
        known = {name: environ[name] for name in ("PATH", *INHERITED) if environ.get(name)}
        self._env = known | {"TERM": "dumb"}

    def carry(self, notice: Notice) -> str:
        """Run the command once."""
        env = self._env | {name: secret.reveal() for name, secret in self._secrets.items()}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(json_line(notice_body(notice)))
            given.seek(0)
            child = subprocess.Popen(  # noqa: S603 - an argument list that the project binds, without a shell
                self._argv,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=self._root,
                env=env,
                start_new_session=True,
            )
            return self._ending(child, said)

    def _ending(self, child: subprocess.Popen[bytes], said: IO[bytes]) -> str:
        """Wait for a child, and for none of its own children. Why it failed; empty where not."""
        try:
            code = child.wait(self._limit)
        except subprocess.TimeoutExpired:
            # It is not reaped yet, so the number is still that of its own group.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"it took more than {self._limit:g} s"
        said.seek(0)
        text = said.read(MOST_REASON).decode(errors="replace")
        for secret in self._secrets.values():
            text = text.replace(secret.reveal(), str(secret))
        return f"exit code {code}: {clean_line(text)}" if code else ""
