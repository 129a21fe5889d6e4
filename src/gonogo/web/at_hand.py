"""Pages whose parts are all kept are answered at once; only what has to be worked out takes a thread.

A page goes through the same handler twice at most: first where requests come in, with the promise to do no work. Where
it comes upon some (`work`), it is left there and done in a thread. Few threads draw at a time: all of them share one
interpreter, and each more that calculates keeps those waiting whose page is there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import RLock
from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

MOST_DRAWING: Final = 2
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


def drawing_in_turn() -> CapacityLimiter:
    """How many pages of one server are worked out at a time."""
    return CapacityLimiter(MOST_DRAWING)


def kept_first(handler: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that is answered at once where all of it is kept; it has to read only, and may be begun twice."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        promised = _at_once.set(True)
        try:
            return handler(request)
        except _TakesWork:
            pass
        finally:
            _at_once.reset(promised)
        turns = request.app.state.drawing
        assert isinstance(turns, CapacityLimiter)
        return await run_sync(handler, request, limiter=turns)

    return answer
