"""Live updates by server-sent events: one look at the journal for all, one drawing for all who watch the same thing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gonogo.errors import GonogoError
from gonogo.terms import RunId
from gonogo.values import dataclass
from gonogo.web.pages import open_part
from gonogo.web.run_pages import live_fragment, run_named
from gonogo.web.sessions import Session
from gonogo.web.site import Site, session_of, site_of

EVERY_S: Final = 0.5
HEARTBEAT_S: Final = 15.0
MOST_STREAMS: Final = 1000
MOST_OF_ONE: Final = 12
"""Open streams of one person: a forgotten tab more or less, and no flood."""
RELEASES: Final = "releases"


@dataclass(slots=True)
class Topic:
    """What some people watch: the last message, and an event for each of them."""

    draw: Callable[[], str]
    mark: Callable[[], object]
    seen: object = None
    message: bytes = b""
    number: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    watchers: int = 0


class Watch:
    """All topics that anybody watches. The task that looks runs only while somebody does."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._topics: dict[str, Topic] = {}
        self._task: asyncio.Task[None] | None = None
        self._people: dict[str, int] = {}
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
            self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._wake()))

    async def _wake(self) -> None:
        for topic in tuple(self._topics.values()):
            async with topic.changed:
                topic.changed.notify_all()

    def admits(self, person: str) -> bool:
        """Whether one more stream may be opened for somebody."""
        return self.streams < MOST_STREAMS and self._people.get(person, 0) < MOST_OF_ONE

    async def follow(self, name: str, topic: Callable[[], Topic], session: Session) -> AsyncIterator[bytes]:
        """The messages of a topic as long as the session lasts."""
        found = self._topics.setdefault(name, topic())
        found.watchers += 1
        self._people[session.person] = self._people.get(session.person, 0) + 1
        self._loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            async for message in self._messages(found, session):
                yield message
        finally:
            self._people[session.person] -= 1
            found.watchers -= 1
            if not found.watchers:
                self._topics.pop(name, None)

    async def _messages(self, topic: Topic, session: Session) -> AsyncIterator[bytes]:
        told = 0
        yield b"retry: 2000\n\n"
        while not self._over and self._still(session):
            if topic.number > told:
                told = topic.number
                yield topic.message
                continue
            try:
                async with topic.changed:
                    await asyncio.wait_for(topic.changed.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield b": here\n\n"
        if not self._over:
            yield b"event: over\ndata: signed out\n\n"

    def _still(self, session: Session) -> bool:
        site = self._site
        now = site.door.world.clock.now()
        return site.sessions.is_alive(session, site.now()) and site.people.still_counts(
            session.person, session.fingerprint, now
        )

    async def _look(self) -> None:
        while self._topics and not self._over:
            for topic in tuple(self._topics.values()):
                await self._drawn(topic)
            await asyncio.sleep(EVERY_S)

    async def _drawn(self, topic: Topic) -> None:
        try:
            message = await run_in_threadpool(_message, topic)
        except GonogoError:
            # A run that cannot be read now may be read a moment later; the page itself says what is wrong.
            return
        if message is not None:
            topic.message, topic.number = message, topic.number + 1
            async with topic.changed:
                topic.changed.notify_all()


def _message(topic: Topic) -> bytes | None:
    mark = topic.mark()
    if mark == topic.seen:
        return None
    topic.seen = mark
    return b"event: part\ndata: " + json.dumps(topic.draw()).encode() + b"\n\n"


async def live_stream(request: Request) -> Response:
    """What moves on the live page of a run."""
    site, known = await run_in_threadpool(run_named, request)
    run = known.opened.run

    def topic() -> Topic:
        return Topic(lambda: live_fragment(site, site.memory.known(run)), lambda: _mark(site, run))

    return _streamed(request, f"run:{run}", topic)


async def releases_stream(request: Request) -> Response:
    """What moves in the list of releases."""
    site = site_of(request)

    def topic() -> Topic:
        return Topic(lambda: open_part(site), lambda: _version(site))

    return _streamed(request, RELEASES, topic)


def _streamed(request: Request, name: str, topic: Callable[[], Topic]) -> Response:
    site, session = site_of(request), session_of(request)
    watch = request.app.state.watch
    assert isinstance(watch, Watch)
    if not watch.admits(session.person):
        site.trail.refused("too_many_streams", session.person)
        return Response("too many open pages\n", 429)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(watch.follow(name, topic, session), media_type="text/event-stream", headers=headers)


def _mark(site: Site, run: RunId) -> object:
    return site.memory.head(run)


def _version(site: Site) -> object:
    site.memory.refresh()
    return site.memory.version
