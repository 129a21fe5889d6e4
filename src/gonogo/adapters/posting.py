"""Carrying notices through commands of the project, each channel in a thread of its own (COM-23, COM-24).

The command gets one JSON object on standard input and answers by its exit status alone. It is tried three times; what
became of it is told to whoever asks. Nothing here makes a release wait, and least of all a rollback.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Final

from gonogo.adapters.announcing import json_line, notice_fields
from gonogo.adapters.command_checks import INHERITED
from gonogo.adapters.durable import clean_line
from gonogo.evidence.ledger import time_text
from gonogo.ports import Clock, Delivery, Notice
from gonogo.run.waiving import role_of
from gonogo.terms import Secret

TRIES: Final = 3
PAUSE: Final = 2.0
LIMIT: Final = 20.0
SCHEMA: Final = "gonogo/notice/1"
MOST_REASON: Final = 4096


@dataclass(frozen=True, slots=True)
class Channel:
    """A command that carries notices: for `roles` only, or for everybody where there are none; `limit` in seconds."""

    name: str
    argv: tuple[str, ...]
    roles: tuple[str, ...]
    limit: float
    secrets: Mapping[str, Secret]
    lacking: tuple[str, ...] = ()
    """Names of secrets that the channel needs and that are not set."""


class CommandPost:
    """The channels of one project. Threads begin with the first notice and end with the process."""

    def __init__(self, channels: Sequence[Channel], root: Path, environ: Mapping[str, str], clock: Clock) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._root = root
        self._env = {name: environ[name] for name in ("PATH", *INHERITED) if environ.get(name)} | {"TERM": "dumb"}
        self._clock = clock
        self._queues: dict[str, SimpleQueue[Notice]] = {}
        self._done: SimpleQueue[Delivery] = SimpleQueue()
        self._pending = 0

    def channels(self, to: tuple[str, ...]) -> tuple[str, ...]:
        """The channels for these recipients; a role is the same however it is written."""
        wanted = {role_of(words) for words in to}
        return tuple(
            channel.name
            for channel in self._channels.values()
            if not channel.roles or wanted & {role_of(words) for words in channel.roles}
        )

    def hand(self, channel: str, notice: Notice) -> None:
        """Queue a notice for the thread of its channel."""
        if channel not in self._queues:
            self._queues[channel] = SimpleQueue()
            threading.Thread(target=self._serve, args=(channel,), name=f"post-{channel}", daemon=True).start()
        self._pending += 1
        self._queues[channel].put(notice)

    def finished(self, wait: float = 0.0) -> tuple[Delivery, ...]:
        """Every outcome since last asked; with nothing under way there is nothing to wait for."""
        found: list[Delivery] = []
        while self._pending:
            try:
                found.append(self._done.get(timeout=wait) if wait > 0 and not found else self._done.get_nowait())
            except Empty:
                break
            self._pending -= 1
        return tuple(found)

    def _serve(self, name: str) -> None:
        channel = self._channels[name]
        while True:
            notice = self._queues[name].get()
            tries, reason = 0, ""
            while tries < TRIES:
                if tries:
                    self._clock.sleep(PAUSE)
                tries += 1
                reason = self._carry(channel, notice)
                if not reason:
                    break
            self._done.put(Delivery(notice.run, notice.number, name, tries, reason))

    def _carry(self, channel: Channel, notice: Notice) -> str:
        """Run the command once. Why it failed; empty where it did not."""
        if channel.lacking:
            return f"the secret {channel.lacking[0]} is not set"
        env = self._env | {name: secret.reveal() for name, secret in channel.secrets.items()}
        try:
            with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
                given.write(_body(notice))
                given.seek(0)
                child = subprocess.Popen(  # noqa: S603 - an argument list that the project binds, without a shell
                    channel.argv,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    cwd=self._root,
                    env=env,
                    start_new_session=True,
                )
                return _ending(child, min(channel.limit, LIMIT), said, channel.secrets)
        except (OSError, ValueError, IndexError) as error:
            return clean_line(str(error)) or type(error).__name__


def _body(notice: Notice) -> bytes:
    """The notice as its receiver reads it; `id` is the same for every try, so that it can be told once."""
    about = {"schema": SCHEMA, "id": f"{notice.run}/{notice.number}", "at": time_text(notice.at)}
    return json_line({**about, **notice_fields(notice)})


def _ending(child: subprocess.Popen[bytes], limit: float, said: IO[bytes], secrets: Mapping[str, Secret]) -> str:
    """Wait for a child at most `limit` seconds, and for none of its own children. Why it failed; empty where not."""
    try:
        code = child.wait(limit)
    except subprocess.TimeoutExpired:
        # It is not reaped yet, so the number is still that of its own group.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return f"it took more than {limit:g} s"
    said.seek(0)
    text = said.read(MOST_REASON).decode(errors="replace")
    for secret in secrets.values():
        text = text.replace(secret.reveal(), str(secret))
    return f"exit code {code}: {clean_line(text)}" if code else ""
