"""Pages of runs that were drawn a moment ago are sent again: who looks at the same thing does not draw it anew.

A page is kept for one person, one address and one state of the run; the token of the session is put in afterwards. What
a page says about files on disk (views that somebody edited) is at most a minute old for finished runs.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gonogo.web.run_pages import run_named
from gonogo.web.site import Site, session_of

MOST: Final = 1000
MOST_PAGE: Final = 1 << 18
LASTS_OPEN_S: Final = 1.0
LASTS_OVER_S: Final = 60.0
TOKEN: Final = b"@@the-token-of-the-session@@"


class Remembered:
    """The pages that were drawn last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], tuple[float, bytes]] = OrderedDict()
        self._guard = threading.Lock()

    def find(self, key: tuple[object, ...], now: float, lasts: float) -> bytes | None:
        """A page that is young enough."""
        with self._guard:
            found = self._known.get(key)
        return found[1] if found is not None and now - found[0] <= lasts else None

    def keep(self, key: tuple[object, ...], now: float, body: bytes) -> None:
        """Keep a page; the one that was kept first goes where there are too many."""
        with self._guard:
            self._known[key] = (now, body)
            self._known.move_to_end(key)
            while len(self._known) > MOST:
                self._known.popitem(last=False)


PAGES: Final = Remembered()


def remembered(draw: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A page of a run, drawn again only when the run, its engine or the asking person is another."""

    @wraps(draw)
    def drawn(request: Request) -> Response:
        site, known = run_named(request)
        session = session_of(request)
        key = (
            id(site),
            session.person,
            str(request.url.path),
            str(request.url.query),
            known.seq,
            *_state(site, request),
        )
        lasts = LASTS_OVER_S if known.opened.state.outcome else LASTS_OPEN_S
        body = PAGES.find(key, site.now(), lasts)
        if body is not None:
            return HTMLResponse(body.replace(TOKEN, session.csrf.encode()))
        answer = draw(request)
        if answer.status_code == 200 and len(answer.body) <= MOST_PAGE:
            PAGES.keep(key, site.now(), bytes(answer.body).replace(session.csrf.encode(), TOKEN))
        return answer

    return drawn


def _state(site: Site, request: Request) -> tuple[object, ...]:
    """What a page shows beside the run: whether somebody drives it, and what waits for the person."""
    run = request.path_params["run"]
    return site.drivers.is_driven(run), site.drivers.said(run), site.memory.waiting_for(session_of(request).person)
