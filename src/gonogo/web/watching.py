"""Live updates by server-sent events: one look at the journal for all, one drawing for all who watch the same thing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gonogo.errors import GonogoError
from gonogo.terms import RunId
from gonogo.values import dataclass
from gonogo.web.pages import Cards, open_cards
from gonogo.web.run_pages import live_fragment, run_named
from gonogo.web.sessions import Session
from gonogo.web.site import Site, session_of, site_of

EVERY_S: Final = 0.5
HEARTBEAT_S: Final = 15.0
MOST_STREAMS: Final = 1000
MOST_OF_ONE: Final = 12
"""Open streams of one person: a forgotten tab more or less, and no flood."""
RELEASES: Final = "releases"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What people see who watch something: the whole of it, and what moved since the drawing before (empty: all)."""

    whole: str
    moved: Mapping[RunId, str] = field(default_factory=dict)


@dataclass(slots=True)
class Topic:
    """What some people watch: how it is drawn, what it hangs on, and the last drawing as messages."""

    draw: Callable[[], Drawn]
    mark: Callable[[], object]
    seen: object = None
    whole: bytes = b""
    moved: bytes = b""
    number: int = 0
    next: asyncio.Future[None] | None = None
    watchers: int = 0

    def step(self) -> asyncio.Future[None]:
        """What ends when there is another drawing; one for all who wait."""
        if self.next is None:
            self.next = asyncio.get_running_loop().create_future()
        return self.next

    def go_on(self) -> None:
        """Wake everybody who waits."""
        waiting, self.next = self.next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


class Watch:
    """All topics that anybody watches. The task that looks runs only while somebody does."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._topics: dict[str, Topic] = {}
        self._task: asyncio.Task[None] | None = None
        self._people: dict[str, int] = {}
        self._listed: dict[tuple[str, str], bool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(topic.watchers for topic in self._topics.values())

    def end(self) -> None:
        """End every stream, so that the server can; called from any thread, also by a signal."""
        self._over = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for topic in tuple(self._topics.values()):
            topic.go_on()

    def enter(self, person: str) -> bool:
        """Count one more stream of somebody; False where it would be one too many. Each is taken off by `leave`."""
        before = self._people.get(person, 0)
        if before >= MOST_OF_ONE or sum(self._people.values()) >= MOST_STREAMS:
            return False
        self._people[person] = before + 1
        return True

    def leave(self, person: str) -> None:
        """Take a stream off again."""
        self._people[person] -= 1
        if not self._people[person]:
            del self._people[person]

    async def follow(self, name: str, topic: Callable[[], Topic], session: Session) -> AsyncIterator[bytes]:
        """The messages of a topic as long as the session lasts."""
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = topic()
        found.watchers += 1
        # What was found out for streams of before says nothing about this one.
        self._listed.pop((session.person, session.fingerprint), None)
        self._loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            async for message in self._messages(found, session):
                yield message
        finally:
            found.watchers -= 1
            if not found.watchers:
                self._topics.pop(name, None)

    async def _messages(self, topic: Topic, session: Session) -> AsyncIterator[bytes]:
        told = 0
        yield b"retry: 2000\n\n"
        while not self._over and self._still(session):
            if topic.number > told:
                # Whoever saw the drawing before needs only what moved.
                message = topic.moved if told == topic.number - 1 and topic.moved else topic.whole
                told = topic.number
                yield message
                continue
            _, late = await asyncio.wait({topic.step()}, timeout=HEARTBEAT_S)
            if late:
                yield b": here\n\n"
        if not self._over:
            yield b"event: over\ndata: signed out\n\n"

    def _still(self, session: Session) -> bool:
        """Whether a session counts; the approvers file is asked once for each look, however many streams are open."""
        site = self._site
        if not site.sessions.is_alive(session, site.now()):
            return False
        key = session.person, session.fingerprint
        if key not in self._listed:
            now = site.door.world.clock.now()
            self._listed[key] = site.people.still_counts(session.person, session.fingerprint, now)
        if not self._listed[key]:
            site.sessions.end(session)
            site.trail.refused("session_of_removed_person", session.person)
        return self._listed[key]

    async def _look(self) -> None:
        while self._topics and not self._over:
            self._listed.clear()
            for topic in await run_in_threadpool(_moved, tuple(self._topics.values())):
                topic.number += 1
                topic.go_on()
            await asyncio.sleep(EVERY_S)


def _moved(topics: Sequence[Topic]) -> list[Topic]:
    """The topics that are drawn anew because something moved."""
    found = []
    for topic in topics:
        try:
            mark = topic.mark()
            if mark == topic.seen:
                continue
            fresh = topic.draw()
        except GonogoError:
            # A run that cannot be read now may be read a moment later; the page itself says what is wrong.
            continue
        topic.seen = mark
        topic.whole = _message("part", fresh.whole)
        topic.moved = _message("cards", fresh.moved) if fresh.moved else b""
        found.append(topic)
    return found


def _message(event: str, data: str | Mapping[RunId, str]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + json.dumps(data).encode() + b"\n\n"


async def live_stream(request: Request) -> Response:
    """What moves on the live page of a run."""
    site, known = await run_in_threadpool(run_named, request)
    run = known.opened.run

    def topic() -> Topic:
        return Topic(lambda: Drawn(live_fragment(site, site.memory.known(run))), lambda: _mark(site, run))

    return _streamed(request, f"run:{run}", topic)


async def releases_stream(request: Request) -> Response:
    """What moves in the list of releases."""
    site = site_of(request)

    def topic() -> Topic:
        return Topic(Following(site).draw, lambda: _version(site))

    return _streamed(request, RELEASES, topic)


@dataclass(slots=True)
class Following:
    """The list of releases as it was sent last, so that only the cards that moved are sent again."""

    site: Site
    sent: Cards | None = None

    def draw(self) -> Drawn:
        """The list now, and what moved in it; everything where a card came, went or changed its place."""
        before, fresh = self.sent, open_cards(self.site)
        self.sent = fresh
        if before is None or tuple(before.by_run) != tuple(fresh.by_run) or before.count != fresh.count:
            return Drawn(fresh.whole)
        moved = {run: card for run, card in fresh.by_run.items() if card != before.by_run[run]}
        return Drawn(fresh.whole, moved)


def _streamed(request: Request, name: str, topic: Callable[[], Topic]) -> Response:
    site, session = site_of(request), session_of(request)
    watch = request.app.state.watch
    assert isinstance(watch, Watch)
    if not watch.enter(session.person):
        site.trail.refused("too_many_streams", session.person)
        return Response("too many open pages\n", 429)
    return Counted(watch.follow(name, topic, session), partial(watch.leave, session.person))


class Counted(StreamingResponse):
    """A stream that was counted when it was asked for, so that no flood slips in between; taken off when it ends.

    Its messages may never be asked for: whoever is gone before the first one is taken off all the same.
    """

    def __init__(self, messages: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        fields = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(messages, media_type="text/event-stream", headers=fields)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def _mark(site: Site, run: RunId) -> object:
    return site.memory.head(run), site.drivers.is_driven(run)


def _version(site: Site) -> object:
    site.memory.refresh()
    return site.memory.version
