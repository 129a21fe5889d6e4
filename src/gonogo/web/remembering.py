"""Pages that were drawn a moment ago are sent again: who looks at the same thing does not draw it anew.

The body of a page is kept by all that it depends on: the number of the last entry of the run or of the site, and where
something of it is about the person, the person; of a run, what waits for the person, so that those for whom the same
waits share a drawing. Its frame (name, signatures that wait, notices) is drawn each time, and
the token of the session is put in last. What a page of a run under way says of the hour, of engines and of files on
disk is at most `LASTS_OPEN_S` old, that of a finished one at most `LASTS_OVER_S`. Nothing here is asked by an act: each
loads the run from its ledger.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Hashable
from functools import wraps
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gonogo.values import dataclass
from gonogo.web.at_hand import kept_first
from gonogo.web.drawings import Body
from gonogo.web.memory import Known
from gonogo.web.run_pages import asked_of, run_named
from gonogo.web.showing import Sheet, drawn, frame_of, framed
from gonogo.web.site import Site, session_of, site_of

LASTS_OPEN_S: Final = 2.0
LASTS_OVER_S: Final = 60.0
LASTS_LIST_S: Final = 5.0
HOLE: Final = f"hole-{secrets.token_hex(16)}"
"""Stands for the token of the session in what is kept; no free text can name it."""

OfRun = Callable[[Request, Site, Known], Sheet]


def remembered(sheet: OfRun, *asked: str) -> Callable[[Request], Awaitable[Response]]:
    """A page of a run that is drawn again only when something it shows may be another; `asked` are its parameters."""

    @wraps(sheet)
    def page_of_run(request: Request) -> Response:
        site, known = run_named(request)
        opened = known.opened
        over = bool(opened.state.outcome)
        given = tuple(request.query_params.get(name, "")[:80] for name in asked)
        moved = (known.seq, not over and site.drivers.is_driven(opened.run), site.drivers.said(opened.run))
        mine = asked_of(site, known, session_of(request).person)
        lasts = LASTS_OVER_S if over else LASTS_OPEN_S
        about = Depends((request.scope["path"], given, moved, mine), lasts)
        return kept(request, about, lambda: sheet(request, site, known))

    return kept_first(page_of_run)


@dataclass(frozen=True, slots=True)
class Depends:
    """What the body of a page depends on: a key, for how long (seconds), and on the person where that is not empty."""

    key: Hashable
    lasts: float
    person: str = ""


def kept(request: Request, about: Depends, sheet: Callable[[], Sheet]) -> Response:
    """The page of a sheet, drawn where it is not kept, in the frame of whoever asks."""
    site, frame = site_of(request), frame_of(request)

    def draw() -> Body:
        return drawn(sheet(), {"me": about.person, "csrf": HOLE, "now": frame["now"]})

    body = site.drawings.kept((about.key, about.person), site.now(), about.lasts, draw)
    return framed(frame, Body(body.title, body.main.replace(HOLE, session_of(request).csrf)))
