"""Carrying notices to people elsewhere, each channel in a thread of its own (COM-23, COM-24).

A notice is tried three times, with a pause that doubles; what became of it is told to whoever asks. What is recorded in
the run and has no outcome yet is carried again after a crash, under the same id. Nothing here makes a release wait, and
least of all a rollback.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from gonogo.adapters.durable import clean_line
from gonogo.adapters.posting.announcing import notice_fields
from gonogo.evidence.ledger import time_text
from gonogo.ports import Clock, Delivery, Notice
from gonogo.run.waiving import role_of
from gonogo.terms import Json, Occasion
from gonogo.values import dataclass

TRIES: Final = 3
PAUSE: Final = 2.0
SCHEMA: Final = "gonogo/notice/1"


class Carrier(Protocol):
    """Takes one notice one way: a command, a web address, a mail server."""

    def carry(self, notice: Notice) -> str:
        """Try once. Why it did not arrive, without any secret; empty where it did."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to people: for `roles` and on `occasions` only, or always where there are none."""

    name: str
    carrier: Carrier
    roles: tuple[str, ...] = ()
    occasions: tuple[Occasion, ...] = ()
    lacking: tuple[str, ...] = ()
    """Names of secrets that the channel needs and that are not set."""


class ChannelPost:
    """The channels of one project. Threads begin with the first notice and end with the process."""

    def __init__(self, channels: Sequence[Channel], clock: Clock) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._queues: dict[str, SimpleQueue[Notice]] = {}
        self._done: SimpleQueue[Delivery] = SimpleQueue()
        self._pending = 0

    def channels(self, to: tuple[str, ...], occasion: Occasion) -> tuple[str, ...]:
        """The channels for these recipients on this occasion; a role is the same however it is written."""
        wanted = {role_of(words) for words in to}
        return tuple(
            channel.name
            for channel in self._channels.values()
            if (not channel.roles or wanted & {role_of(words) for words in channel.roles})
            and (not channel.occasions or occasion in channel.occasions)
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
                    self._clock.sleep(PAUSE * 2 ** (tries - 1))
                tries += 1
                reason = _tried(channel, notice)
                if not reason:
                    break
            self._done.put(Delivery(notice.run, notice.number, name, tries, reason))


def _tried(channel: Channel, notice: Notice) -> str:
    if channel.lacking:
        return f"the secret {channel.lacking[0]} is not set"
    try:
        return channel.carrier.carry(notice)
    except Exception as error:  # noqa: BLE001 - foreign code carries; whatever it raises is an outcome, not a lost notice
        return clean_line(str(error)) or type(error).__name__


def notice_body(notice: Notice) -> dict[str, Json]:
    """The notice as its receiver reads it; `id` is the same for every try, so that it can be told once."""
    return {"schema": SCHEMA, "id": notice_id(notice), "at": time_text(notice.at), **notice_fields(notice)}


def notice_id(notice: Notice) -> str:
    """The same for every try on every channel, after a crash, too."""
    return f"{notice.run}/{notice.number}"
