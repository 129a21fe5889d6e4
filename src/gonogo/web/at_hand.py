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
MOST_WAITING: Final = 4
"""From so many waiting pages on, nobody is served past them."""
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
        turns = request.app.state.drawing
        assert isinstance(turns, CapacityLimiter)
        if turns.statistics().tasks_waiting >= MOST_WAITING:
            async with turns:
                return await _answered(handler, request, None)
        return await _answered(handler, request, turns)

    return answer


async def _answered(
    handler: Callable[[Request], Response], request: Request, turns: CapacityLimiter | None
) -> Response:
    found = _answered_at_once(handler, request)
    return found if found is not None else await run_sync(handler, request, limiter=turns)


def _answered_at_once(handler: Callable[[Request], Response], request: Request) -> Response | None:
    promised = _at_once.set(True)
    try:
        return handler(request)
    except _TakesWork:
        return None
    finally:
        _at_once.reset(promised)
