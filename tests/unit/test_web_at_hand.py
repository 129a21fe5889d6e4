"""Pages that are kept are answered where their request comes in; only what has to be worked out takes a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gonogo.errors import Refused
from gonogo.web.at_hand import MOST_DRAWING, MOST_WAITING, drawing_in_turn, held, kept_first, work


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


def with_turns() -> Starlette:
    app = Starlette()
    app.state.drawing = drawing_in_turn()
    return app


async def answered(kept: Kept) -> bytes:
    return bytes((await kept_first(kept.page)(Request({"type": "http", "app": with_turns()}))).body)


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
        anyio.run(kept_first(refused), Request({"type": "http", "app": with_turns()}))
    work()  # Nothing was promised here.


@pytest.mark.parametrize(
    ("slow", "passes"), [(MOST_DRAWING + MOST_WAITING - 1, True), (MOST_DRAWING + MOST_WAITING, False)]
)
def test_where_many_pages_wait_to_be_drawn_what_is_kept_stands_in_line_with_them(slow: int, passes: bool) -> None:
    app, free = with_turns(), threading.Event()
    answered: list[str] = []

    def drawn(_request: Request) -> Response:
        work()
        assert free.wait(60)
        return PlainTextResponse("drawn")

    def kept(_request: Request) -> Response:
        return PlainTextResponse("kept")

    async def ask(page: Callable[[Request], Response]) -> None:
        answered.append(bytes((await kept_first(page)(Request({"type": "http", "app": app}))).body).decode())

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(slow):
                tasks.start_soon(ask, drawn)
            while app.state.drawing.statistics().tasks_waiting < slow - MOST_DRAWING:
                await anyio.sleep(0.005)
            tasks.start_soon(ask, kept)
            tasks.start_soon(ask, drawn)
            while app.state.drawing.statistics().tasks_waiting + len(answered) < slow - MOST_DRAWING + 2:
                await anyio.sleep(0.005)
            assert answered == ["kept"] * passes
            free.set()

    anyio.run(all_of_them)
    assert sorted(answered) == ["drawn"] * (slow + 1) + ["kept"]
    assert app.state.drawing.statistics().borrowed_tokens == 0, "every turn is given back"
