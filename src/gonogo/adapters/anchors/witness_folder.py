"""A witness that keeps its checkpoints in a folder: on another host behind HTTP, or on a share of another owner.

Looking and storing happen under one lock, so of two that come at once one wins. Every checkpoint that was taken stays
in a file of its own, `<log>/<size>`; the highest one is what the next has to follow from.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import disk_error, make_folder, read_small, write_file, write_file_once
from gonogo.adapters.keys import FileEngineKey
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.note import Checkpoint, NoteKey, read_note, read_vkey
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.wire import strings
from gonogo.evidence.witnessing import (
    OK,
    SHRUNK,
    STALE,
    Answer,
    WitnessKey,
    cosignature_line,
    cosigned_bytes,
    read_submission,
    weigh,
)

KEY: Final = "witness-key"
LOGS: Final = "log-keys"
SEEN: Final = "checkpoints"
_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


class FolderWitness:
    """A witness called `name` in `folder`; it knows the logs whose keys stand in its file `log-keys`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._signing = FileEngineKey(folder / KEY)

    @property
    def key(self) -> WitnessKey:
        """The public key under which this witness cosigns; made on first use."""
        blob = public_key(self._signing.public_line()).blob
        return WitnessKey(self._name, strings(blob, 2, "the key of the witness")[1])

    def know(self, vkey: str) -> None:
        """Take checkpoints of another log from now on. BadInput for what is no vkey."""
        read_vkey(vkey)
        lines = [*self._lines(), vkey.strip()]
        make_folder(self._folder)
        write_file(self._folder / LOGS, "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode(), 0o644)

    def add(self, data: bytes) -> Answer:
        """Take a submission: 200 with the cosignature, or why not."""
        try:
            sent = read_submission(data)
        except BadInput as error:
            return Answer(SHRUNK, error.what)
        make_folder(self._folder)
        with self._alone():
            try:
                known = self._latest(read_note(sent.note).checkpoint.origin)
            except GonogoError as error:
                return Answer(SHRUNK, error.what)
            found = weigh(sent, self._keys(), known)
            return found if isinstance(found, Answer) else self._taken(found, sent.note)

    def _taken(self, checkpoint: Checkpoint, note: bytes) -> Answer:
        seconds = int(time.time())
        line = cosignature_line(self.key, seconds, self._signing.sign(cosigned_bytes(checkpoint, seconds)))
        folder = self._log(checkpoint.origin)
        make_folder(folder, 0o755)
        path = folder / f"{checkpoint.size:019d}"
        if not write_file_once(path, note + line, 0o644):
            kept = read_small(path) or b""
            if read_note(kept).checkpoint != checkpoint:
                return Answer(STALE, str(checkpoint.size))
        return Answer(OK, line.decode())

    def _latest(self, origin: str) -> Checkpoint | None:
        folder = self._log(origin)
        names = sorted(path.name for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []
        data = read_small(folder / names[-1]) if names else None
        return read_note(data).checkpoint if data else None

    def _log(self, origin: str) -> Path:
        # Two origins never share a folder: what is no plain letter is written as its code.
        return self._folder / SEEN / _SAFE.sub(lambda found: f"={ord(found[0]):02x}", origin)

    def _keys(self) -> Sequence[NoteKey]:
        return [read_vkey(line) for line in self._lines()]

    def _lines(self) -> list[str]:
        data = read_small(self._folder / LOGS) or b""
        return [line for line in data.decode("ascii", "replace").splitlines() if line.strip()]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise disk_error(error, "cannot open the folder of the witness", self._folder) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def vkey_line(name: str, public_line: str) -> str:
    """The vkey of a log whose engine has this OpenSSH key."""
    return NoteKey(name, strings(public_key(public_line).blob, 2, "the engine key")[1]).vkey
