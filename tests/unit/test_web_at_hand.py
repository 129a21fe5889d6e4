"""Pages that are kept are answered where their request comes in; only what has to be worked out takes a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gonogo.errors import Refused
from gonogo.web.at_hand import MOST_DRAWING, MOST_WAITING, Line, held, kept_first, work


class Kept:
    """A page that has to be worked out the first time, and says in which threads it was begun."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.text = ""
        self.guard = threading.RLock()

    def page(self, _request: Request) -> Response:
        self.begun.append(threading.get_ident())
        with held(self.guard):
            if not self.text:
                work()
                self.text = "worked out"
        return PlainTextResponse(self.text)


def with_a_line() -> Starlette:
    app = Starlette()
    app.state.line = Line()
    return app


async def answered(kept: Kept) -> bytes:
    return bytes((await kept_first(kept.page)(Request({"type": "http", "app": with_a_line()}))).body)


def test_what_is_kept_takes_no_thread_and_what_is_not_takes_one() -> None:
    kept, here = Kept(), threading.get_ident()
    assert anyio.run(answered, kept) == b"worked out"
    assert kept.begun[0] == here and kept.begun[1] != here, "it promised to do no work, and was done in a thread"
    assert anyio.run(answered, kept) == b"worked out"
    assert kept.begun[2:] == [here]


def test_what_is_kept_waits_for_no_lock_where_requests_come_in() -> None:
    kept, taken, free = Kept(), threading.Event(), threading.Event()
    kept.text = "kept"

    def hold() -> None:
        with kept.guard:
            taken.set()
            assert free.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(60)

    async def others_go_on() -> bytes:
        found = []
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                found.append(await answered(kept))

            tasks.start_soon(ask)
            while len(kept.begun) < 2:
                await anyio.sleep(0.005)
            assert not found, "the page waits for the lock in a thread, and this goes on meanwhile"
            free.set()
        return found[0]

    assert anyio.run(others_go_on) == b"kept"
    holder.join()


def test_an_error_of_a_page_is_an_error_wherever_it_was_begun() -> None:
    def refused(_request: Request) -> Response:
        raise Refused("no")

    with pytest.raises(Refused):
        anyio.run(kept_first(refused), Request({"type": "http", "app": with_a_line()}))
    work()  # Nothing was promised here.


def asked(
    page: Callable[[Request], Response], app: Starlette, answered: list[str]
) -> Callable[[], Coroutine[None, None, None]]:
    async def ask() -> None:
        answered.append(bytes((await kept_first(page)(Request({"type": "http", "app": app}))).body).decode())

    return ask


class Slow:
    """Pages that are worked out as long as it pleases the test."""

    def __init__(self) -> None:
        self.begun, self.free, self.guard = 0, threading.Event(), threading.Lock()

    def page(self, _request: Request) -> Response:
        work()
        with self.guard:
            self.begun += 1
        assert self.free.wait(60)
        return PlainTextResponse("drawn")


def at_hand(_request: Request) -> Response:
    return PlainTextResponse("kept")


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not condition():
            await anyio.sleep(0.005)


@pytest.mark.parametrize(("waiting", "passes"), [(MOST_WAITING - 1, True), (MOST_WAITING, False)])
def test_where_many_pages_wait_to_be_drawn_what_is_kept_stands_in_line_with_them(
    waiting: int, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.web.at_hand.TURN_S", 60.0)
    app, slow, answered = with_a_line(), Slow(), list[str]()

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(1 + waiting):
                tasks.start_soon(asked(slow.page, app, answered))
            await until(lambda: app.state.line.waiting == waiting)
            tasks.start_soon(asked(at_hand, app, answered))
            await until(lambda: app.state.line.waiting + len(answered) == waiting + 1 and slow.begun > 0)
            assert answered == ["kept"] * passes
            assert slow.begun == 1, "one at a time"
            slow.free.set()

    anyio.run(all_of_them)
    assert answered == [*["kept"] * passes, *["drawn"] * (waiting + 1), *["kept"] * (not passes)]
    assert app.state.line.waiting == 0


def test_a_page_that_takes_long_keeps_nobody_waiting() -> None:
    app, slow, answered = with_a_line(), Slow(), list[str]()

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(2 * MOST_DRAWING):
                tasks.start_soon(asked(slow.page, app, answered))
            await until(lambda: slow.begun > 0)
            tasks.start_soon(asked(at_hand, app, answered))
            await until(lambda: bool(answered))
            assert answered == ["kept"], "it had its turn while all the others are not there yet"
            await until(lambda: slow.begun == MOST_DRAWING)
            slow.free.set()

    anyio.run(all_of_them)
    assert (slow.begun, len(answered)) == (2 * MOST_DRAWING, 2 * MOST_DRAWING + 1)
    assert app.state.line.waiting == 0


def test_what_somebody_before_in_the_line_worked_out_is_not_worked_out_again() -> None:
    app, kept, answered = with_a_line(), Kept(), list[str]()

    async def two() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(asked(kept.page, app, answered))

    anyio.run(two)
    assert answered == ["worked out"] * 2
    assert len([one for one in kept.begun if one != threading.get_ident()]) == 1
