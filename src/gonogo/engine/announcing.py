"""Telling people what happened: said, recorded, then carried to who is elsewhere (COM-01, COM-23, COM-24).

What is owed follows from the ledger alone, so that no message is lost in a crash: one that was said and not yet
recorded is said again, one that was recorded and of which nobody knows whether it arrived is carried again. Better
told twice than never. A channel that was down is tried again after a minute, and then ever more seldom for a day: a
mail server that is started anew costs nobody a message. In the ledger each message stands once, and on each channel the
outcome of each round of tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from gonogo.engine.bench import Bench, World
from gonogo.engine.crash_points import SAID
from gonogo.engine.performing import append_latest
from gonogo.errors import GonogoError
from gonogo.plan.model import Plan
from gonogo.ports import Delivery, Notice
from gonogo.reports.cadence import due_message, expiring, is_by_calendar
from gonogo.reports.messages import messages_for
from gonogo.reports.trouble import Message
from gonogo.run.events import Announced, Delivered, Recorded
from gonogo.run.state import RunState
from gonogo.terms import Digest, Occasion, RunId, digest_of
from gonogo.values import dataclass

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost", None})
EVERYBODY = ("stakeholders",)
FIRST_AGAIN: Final = timedelta(minutes=1)
LAST_AGAIN: Final = timedelta(days=1)
"""So long after it was said a message that did not arrive is tried again: after that it is no news."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A notice that a channel did not take: how many rounds of tries were in vain, and when the last one ended."""

    notice: Notice
    rounds: int
    at: datetime

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to try again: each pause is twice as long as the one before."""
        return self.at + FIRST_AGAIN * (1 << (self.rounds - 1)) <= now < self.notice.at + LAST_AGAIN


@dataclass(slots=True)
class Outbox:
    """The messages of one run that are still owed, and the notices whose arrival nobody knows."""

    world: World
    plan: Plan
    run: RunId
    owed: tuple[Message, ...] = ()
    under_way: dict[tuple[int, str], Notice] = field(default_factory=dict)
    handed: set[tuple[int, str]] = field(default_factory=set)
    claimed: dict[str, Callable[[], None]] = field(default_factory=dict)
    """The channels by which nobody else carries notices of this run now, each with what ends that."""
    failed: dict[tuple[int, str], Failed] = field(default_factory=dict)
    by_calendar: datetime | None = None
    """When the last message of the calendar was said."""
    said: set[Digest] = field(default_factory=set)
    """What was said already, so that a warning that still holds is not repeated."""

    def hear(self, state: RunState, entry: Recorded) -> None:
        """Take note of one event; `state` is the state after it."""
        match entry.event:
            case Announced() as said:
                self._tick_off(said)
                self.said.add(said.text_sha256)
                if is_by_calendar(self.plan, said.prefix):
                    self.by_calendar = entry.at
                for channel in self.world.post.channels(tuple(said.to), occasion_of(said)):
                    self.under_way[entry.seq, channel] = self._notice(entry, said)
            case Delivered() as known:
                self._hear_outcome(known, entry.at)
            case _:
                self.owed = (*self.owed, *messages_for(self.plan, state, entry, self._told))

    def has_more(self, state: RunState, now: datetime) -> bool:
        """Whether anything is owed now or still has to arrive; changes nothing."""
        return bool(self.owed or self.under_way or self._due(state, now) or self._again(now))

    def fall_due(self, state: RunState, now: datetime) -> bool:
        """Owe what the calendar asks for now (COM-25), a warning of what is about to expire, and what did not arrive.

        Gives whether any is due.
        """
        due, again = self._due(state, now), self._again(now)
        self.owed = (*self.owed, *due)
        self.under_way.update(again)
        self.handed.difference_update(again)
        return bool(due or again)

    def _due(self, state: RunState, now: datetime) -> tuple[Message, ...]:
        found = [message for message in expiring(self.plan, state, now) if _digest(message) not in self.said]
        due = due_message(self.plan, state, self.by_calendar, now)
        return (*found, *((due,) if due else ()))

    def _again(self, now: datetime) -> dict[tuple[int, str], Notice]:
        waiting = ((key, item) for key, item in self.failed.items() if key not in self.under_way)
        return {key: item.notice for key, item in waiting if item.is_due(now)}

    def say(self, bench: Bench) -> None:
        """Say the first message that is owed, and record it."""
        message = self.owed[0]
        to = message.to or self.plan.project.notify or EVERYBODY
        occasion = message.occasion.value
        said = Announced(message.prefix, _digest(message), message.phase, to, message.severity, occasion)
        self.world.announcer.say(self._notice(Recorded(-1, bench.now, bench.actor, said), said, message.text))
        self.world.crash(SAID)
        self.world.vault.put(_data(message))
        append_latest(bench, (said,))

    def carry(self, bench: Bench, wait: float = 0.0) -> bool:
        """Hand out what is under way, and record what arrived or failed; whether the ledger has to be read again."""
        if self._claims_more():
            # What was recorded by whoever carried before is read before anything is handed out.
            return True
        for key, notice in self.under_way.items():
            if key not in self.handed and key[1] in self.claimed:
                self.handed.add(key)
                self.world.post.hand(key[1], notice)
        arrived = self.world.post.finished(self.run, wait)
        found = [item for item in arrived if (item.number, item.channel) in self.under_way]
        if found:
            append_latest(bench, tuple(self._outcome(item) for item in found))
        return bool(found)

    def let_go(self) -> None:
        """Leave to others what is still under way, and every channel."""
        while self.claimed:
            self.claimed.popitem()[1]()

    def _claims_more(self) -> bool:
        wanted = {channel for _, channel in self.under_way}
        for channel in self.claimed.keys() - wanted:
            self.claimed.pop(channel)()
        before = len(self.claimed)
        for channel in wanted - self.claimed.keys():
            ends = self.world.post.claim(self.run, channel)
            if ends is not None:
                self.claimed[channel] = ends
        return len(self.claimed) > before

    def _hear_outcome(self, known: Delivered, at: datetime) -> None:
        key = known.message, known.channel
        before = self.failed.pop(key, None)
        notice = self.under_way.pop(key, None) or (before.notice if before else None)
        if known.outcome == "failed" and notice is not None:
            self.failed[key] = Failed(notice, before.rounds + 1 if before else 1, at)

    def _outcome(self, item: Delivery) -> Delivered:
        detail = self.world.vault.put(item.reason.encode("utf-8", "replace")) if item.reason else None
        return Delivered(item.number, item.channel, "failed" if item.reason else "delivered", item.attempts, detail)

    def _tick_off(self, said: Announced) -> None:
        known = [(message.prefix, _digest(message)) for message in self.owed]
        if (said.prefix, said.text_sha256) in known:
            at = known.index((said.prefix, said.text_sha256))
            self.owed = (*self.owed[:at], *self.owed[at + 1 :])

    def _notice(self, entry: Recorded, said: Announced, text: str | None = None) -> Notice:
        return Notice(
            run=self.run,
            number=entry.seq,
            at=entry.at,
            sender=str(entry.actor),
            project=self.plan.project.name,
            release=self.plan.release.version,
            phase=said.phase,
            severity=said.severity,
            to=tuple(said.to),
            prefix=said.prefix,
            text=self._told(said.text_sha256) if text is None else text,
            occasion=occasion_of(said),
            environment=self.plan.environment,
            link=f"{site}/runs/{self.run}" if (site := dashboard(self.plan.ring.web.origins)) else "",
        )

    def _told(self, digest: Digest | None) -> str:
        if digest is None:
            return ""
        try:
            return self.world.vault.read(digest).decode("utf-8", "replace")
        except GonogoError:
            # A text that is gone keeps nobody from hearing that something happened.
            return ""


def dashboard(origins: Iterable[str]) -> str:
    """Where people elsewhere open the dashboard: a listed address, by TLS first; empty where each is of one machine."""
    found = [origin for origin in origins if urlsplit(origin).hostname not in LOOPBACK]
    return min(found, key=lambda origin: (not origin.startswith("https:"), origin), default="")


def occasion_of(said: Announced) -> Occasion:
    """On what occasion a recorded message was said; one of a version that did not record it counts as progress."""
    known = {occasion.value: occasion for occasion in Occasion}
    return known.get(said.occasion, Occasion.PROGRESS)


def _data(message: Message) -> bytes:
    return message.text.encode("utf-8", "replace")


def _digest(message: Message) -> Digest:
    return digest_of(_data(message))
