"""Pages whose parts are all kept are answered at once; only what has to be worked out takes a thread.

A page is begun first where requests come in, with the promise to do no work. Where it comes upon some (`work`), it is
left there, stands in a line, and is begun again in its turn. Pages are worked out one after the other: all share one
interpreter, and two at a time are both there later than the first would have been. Who takes long lets the next begin.

Where many stand in the line, all who come stand in it with them. Otherwise those who are served at once come back at
once, take the interpreter again, and the line of the others never gets shorter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import RLock
from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

MOST_WAITING: Final = 4
"""From so many waiting pages on, nobody is served past them."""
TURN_S: Final = 0.05
"""A page that takes longer does not keep the next one waiting: its turn is over, though it is not."""
MOST_DRAWING: Final = 4
"""So many pages are worked out at a time where they take long."""
_at_once: ContextVar[bool] = ContextVar("gonogo_at_once", default=False)


class _TakesWork(Exception):
    """Something has to be worked out first; never seen outside this module."""


def work() -> None:
    """Stands before everything that takes long: what has promised to do no work ends here."""
    if _at_once.get():
        raise _TakesWork


@contextmanager
def held(guard: RLock) -> Iterator[None]:
    """Hold a lock; what has promised to do no work does not wait for it either."""
    if not guard.acquire(blocking=not _at_once.get()):
        work()
    try:
        yield
    finally:
        guard.release()


class Line:
    """In which pages of one server wait to be worked out, in the order in which they came."""

    def __init__(self) -> None:
        self.threads = CapacityLimiter(MOST_DRAWING)
        self._turns = CapacityLimiter(1)

    @property
    def waiting(self) -> int:
        """How many stand in it."""
        return self._turns.statistics().tasks_waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """The turn of whoever comes, and whether it was waited for; over after `TURN_S` at the latest."""
        holder, waited = object(), self._turns.available_tokens == 0
        await self._turns.acquire_on_behalf_of(holder)
        late = asyncio.get_running_loop().call_later(TURN_S, self._turns.release_on_behalf_of, holder)
        try:
            yield waited
        finally:
            if holder in self._turns.statistics().borrowers:
                late.cancel()
                self._turns.release_on_behalf_of(holder)


def kept_first(handler: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that is answered at once where all of it is kept; it has to read only, and may be begun more than once."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        line = request.app.state.line
        assert isinstance(line, Line)
        found = _at_once_by(handler, request) if line.waiting < MOST_WAITING else None
        if found is not None:
            return found
        async with line.turn() as waited:
            # Somebody before it in the line may have worked out the same.
            found = _at_once_by(handler, request) if waited else None
            return found if found is not None else await run_sync(handler, request, limiter=line.threads)

    return answer


def _at_once_by(handler: Callable[[Request], Response], request: Request) -> Response | None:
    promised = _at_once.set(True)
    try:
        return handler(request)
    except _TakesWork:
        return None
    finally:
        _at_once.reset(promised)
