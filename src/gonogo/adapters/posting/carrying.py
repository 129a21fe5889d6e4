"""Carrying notices to people elsewhere, each channel in a thread of its own (COM-23, COM-24).

A notice is tried three times, with a pause that doubles; what became of it is told to whoever asks. What is recorded in
the run and has no outcome yet is carried again after a crash, under the same id. Nothing here makes a release wait, and
least of all a rollback.

Engine, `gonogo tell` and `gonogo serve` may all have notices of one run: one of them carries by each channel at a time,
and reads before it begins what the one before it recorded. A channel that hangs keeps nobody from using another.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeAlias

from gonogo.adapters.durable import clean_line
from gonogo.adapters.posting.announcing import notice_fields
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_text
from gonogo.ports import Clock, Delivery, Notice
from gonogo.run.waiving import role_of
from gonogo.terms import Json, Occasion, RunId
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


Claims: TypeAlias = Callable[[RunId, str], Callable[[], None] | None]
"""Makes its caller the one who carries by a channel of a run and gives what ends that; None while another one is."""


def nobody_else(_run: RunId, _channel: str) -> Callable[[], None]:
    """Where nobody else can carry: everything may be claimed."""
    return lambda: None


class ChannelPost:
    """The channels of one project. Threads begin with the first notice and end with the process."""

    def __init__(self, channels: Sequence[Channel], clock: Clock, claims: Claims = nobody_else) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._claims = claims
        self._queues: dict[str, SimpleQueue[Notice]] = {}
        self._done: defaultdict[RunId, SimpleQueue[Delivery]] = defaultdict(SimpleQueue)
        self._pending: Counter[RunId] = Counter()

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
        self._pending[notice.run] += 1
        self._queues[channel].put(notice)

    def finished(self, run: RunId, wait: float = 0.0) -> tuple[Delivery, ...]:
        """Every outcome of a run since last asked; with nothing under way there is nothing to wait for."""
        found: list[Delivery] = []
        done = self._done[run]
        while self._pending[run]:
            try:
                found.append(done.get(timeout=wait) if wait > 0 and not found else done.get_nowait())
            except Empty:
                break
            self._pending[run] -= 1
        return tuple(found)

    def claim(self, run: RunId, channel: str) -> Callable[[], None] | None:
        """Become the one who carries by this channel of the run; a lock that cannot be made keeps nobody from it."""
        try:
            return self._claims(run, channel)
        except GonogoError:
            # Told twice is better than never.
            return nobody_else(run, channel)

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
            self._done[notice.run].put(Delivery(notice.run, notice.number, name, tries, reason))


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
