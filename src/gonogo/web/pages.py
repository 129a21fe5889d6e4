"""The pages over all runs: releases, approvals that wait for me, audit trail, history, rollback proofs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gonogo.control.audit.searching import found_on_file, withheld
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import Entry
from gonogo.evidence.signers import LEARNED
from gonogo.terms import Person, RunId
from gonogo.values import dataclass
from gonogo.web.drawings import Body
from gonogo.web.memory import Known, Row
from gonogo.web.remembering import LASTS_LIST_S, LASTS_OVER_S, Depends, kept
from gonogo.web.run_pages import Asking, asking_of
from gonogo.web.showing import Sheet, rendered
from gonogo.web.site import Site, actor_of, session_of, site_of

A_PAGE: Final = 50
MOST_WORDS: Final = 200
_WORDS: Final = re.compile(r'"([^"]+)"|(\S+)')
MOST_CARDS: Final = 40
"""The first view stays below 150 KB, script and style included."""
OUTCOMES: Final = ("ready", "released", "rolled_back", "aborted")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a long list, with the numbers of the pages before and after it (0: none)."""

    number: int
    before: int
    after: int
    total: int

    @classmethod
    def of(cls, text: str, total: int) -> Slice:
        """The slice that `?page=` names."""
        last = max((total + A_PAGE - 1) // A_PAGE, 1)
        number = min(max(int(text), 1), last) if text.isascii() and text.isdigit() and len(text) < 9 else 1
        return cls(number, number - 1, number + 1 if number < last else 0, total)

    @property
    def first(self) -> int:
        """Index of its first item."""
        return (self.number - 1) * A_PAGE


def releases_page(request: Request) -> Response:
    """All runs: those under way first, then the finished ones."""
    site = site_of(request)
    wanted = request.query_params.get("q", "")[:80].strip().lower()
    outcome = request.query_params.get("outcome", "")
    asked = Finished(wanted, outcome if outcome in OUTCOMES else "", request.query_params.get("page", "1")[:9])
    under_way, finished = open_cards(site).whole, finished_part(site, asked)
    about = {"fragment": under_way, "finished": finished}
    depends = Depends(("releases", under_way, finished), LASTS_OVER_S)
    return kept(request, depends, lambda: Sheet("releases.html", about))


def finished_part(site: Site, asked: Finished) -> str:
    """The list of what is over, drawn again when a run ended."""
    over = site.memory.finished()

    def draw() -> Body:
        return Body("", rendered("finished_part.html", _finished(asked, over)))

    return site.drawings.kept(("finished", len(over), asked), site.now(), LASTS_OVER_S, draw).main


@dataclass(frozen=True, slots=True)
class Cards:
    """What is under way, drawn: a card for each of the newest runs by its name, and the whole list."""

    by_run: Mapping[RunId, str]
    count: int
    whole: str


def open_cards(site: Site) -> Cards:
    """The list of what is under way, drawn once for everybody; only cards that are another are drawn anew."""
    return site.memory.over_open("releases", lambda rows: _cards(site, rows))


def _cards(site: Site, rows: Sequence[Row]) -> Cards:
    by_run = {row.run: _card(site, row) for row in rows[:MOST_CARDS]}
    site.cards = {run: found for run, found in site.cards.items() if run in by_run}
    about = {"cards": "".join(by_run.values()), "shown": len(by_run), "count": len(rows)}
    return Cards(by_run, len(rows), rendered("releases_part.html", about))


def _card(site: Site, row: Row) -> str:
    driven = row.status == "open" and site.drivers.is_driven(row.run)
    known = site.cards.get(row.run)
    if known is None or known[0] != (row, driven):
        about = {"row": row, "status": "running" if driven else row.status}
        known = ((row, driven), rendered("card.html", about))
        site.cards[row.run] = known
    return known[1]


@dataclass(frozen=True, slots=True)
class Finished:
    """Which finished runs somebody wants to see: a text to find, an outcome, a page."""

    wanted: str
    outcome: str
    page: str


def _finished(asked: Finished, rows: Sequence[Row]) -> dict[str, object]:
    if asked.outcome:
        rows = [row for row in rows if row.outcome == asked.outcome]
    if asked.wanted:
        rows = [
            row for row in rows if asked.wanted in f"{row.run} {row.release} {row.protocol} {row.requested_by}".lower()
        ]
    part = Slice.of(asked.page, len(rows))
    shown = rows[part.first : part.first + A_PAGE]
    return {"finished": shown, "part": part, "q": asked.wanted, "outcome": asked.outcome, "outcomes": OUTCOMES}


def approvals_page(request: Request) -> Response:
    """What waits for a signature of mine, and what waits for others."""
    site, me = site_of(request), session_of(request).person
    waiting = site.memory.over_open("approvals", lambda rows: tuple(_asked(site, rows)))
    mark = hash(tuple((row.run, item.round.name, item.signed, item.missing, item.able) for row, item in waiting))
    return kept(request, Depends(("approvals", mark), LASTS_LIST_S, me), lambda: _approvals(waiting, me))


def _approvals(waiting: tuple[tuple[Row, Asking], ...], me: str) -> Sheet:
    mine = [item for item in waiting if me in item[1].able]
    others = [item for item in waiting if me not in item[1].able]
    return Sheet("approvals.html", {"mine": mine, "others": others[:A_PAGE], "more": len(others) - A_PAGE})


def _asked(site: Site, rows: Sequence[Row]) -> Iterator[tuple[Row, Asking]]:
    for row in rows:
        try:
            for asking in site.memory.of_run(row.run, "asked", partial(asked_of, site.door.world)):
                yield row, asking
        except GonogoError:
            # The list of releases names runs that cannot be read.
            continue


def asked_of(world: World, known: Known) -> tuple[Asking, ...]:
    """The rounds of a run that lack a signature."""
    opened = known.opened
    rounds = (item for item in opened.state.rounds.values() if item.status == "open")
    found = (asking_of(world, opened, item) for item in rounds if item.kind not in {"dissent", "signoff", "resume"})
    return tuple(item for item in found if not item.met)


def audit_page(request: Request) -> Response:
    """The log of the site with a filter; the newest entries first."""
    site = site_of(request)
    wanted = {name: request.query_params.get(name, "")[:80].strip() for name in ("type", "actor", "run")}
    number, entries = request.query_params.get("page", "1")[:9], site.memory.site()
    key = ("audit", len(entries), tuple(wanted.values()), number)
    return kept(request, Depends(key, LASTS_OVER_S), lambda: _audited(site, entries, wanted, number))


def _audited(site: Site, entries: Sequence[Entry], wanted: dict[str, str], number: str) -> Sheet:
    found = [entry for entry in entries if _fits(entry, wanted)] if any(wanted.values()) else entries
    part = Slice.of(number, len(found))
    last = len(found) - part.first
    rows = [said_of(entry) for entry in reversed(found[max(last - A_PAGE, 0) : last])]
    return Sheet("audit.html", {"rows": rows, "part": part, "kinds": site.memory.kinds(), "wanted": wanted})


def _fits(entry: Entry, wanted: dict[str, str]) -> bool:
    if wanted["type"] and entry.type != wanted["type"] and not entry.type.startswith(f"{wanted['type']}."):
        return False
    if wanted["actor"] and wanted["actor"].lower() not in str(entry.actor).lower():
        return False
    return wanted["run"].lower() in str(entry.data.get("run", "")).lower()


@dataclass(frozen=True, slots=True)
class SaidEntry:
    """An entry of a log as a page shows it: fields that are digests apart from words."""

    entry: Entry
    words: tuple[tuple[str, str], ...]
    digests: tuple[tuple[str, str], ...]


def said_of(entry: Entry) -> SaidEntry:
    """An entry with its fields in two groups."""
    words: list[tuple[str, str]] = []
    digests: list[tuple[str, str]] = []
    for name, value in entry.data.items():
        text = shown_value(value)
        is_digest = len(text) == 64 and all(mark in "0123456789abcdef" for mark in text)
        (digests if is_digest else words).append((name, text))
    return SaidEntry(entry, tuple(words), tuple(digests))


def shown_value(value: object) -> str:
    """A field of an entry on one line, cut where it is long."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        text = ", ".join(shown_value(item) for item in value)
    elif hasattr(value, "items"):
        text = ", ".join(f"{name}: {shown_value(item)}" for name, item in value.items())
    else:
        text = "" if value is None else str(value)
    return text if len(text) <= 400 else f"{text[:400]}…"


def search_page(request: Request) -> Response:
    """What runs taught, found by words; what is kept to roles shows to nobody else."""
    site, actor = site_of(request), actor_of(request)
    text = request.query_params.get("q", "")[:MOST_WORDS].strip()
    kind = request.query_params.get("kind", "")
    asked = text, kind if kind in LEARNED else ""
    ring = site.people.ring()
    person = ring.person(actor.handle)
    readers = tuple((name, tuple(roles)) for name, roles in ring.readers.items())
    may = (readers, person.roles if person is not None else frozenset())
    depends = Depends(("search", asked, len(site.memory.site()), may), LASTS_OVER_S, actor.handle)
    return kept(request, depends, lambda: _searched(site, actor, *asked))


def _searched(site: Site, actor: Person, text: str, kind: str) -> Sheet:
    phrases = [whole or word for whole, word in _WORDS.findall(text)]
    found = found_on_file(site.door, actor, phrases, kind) if phrases else ()
    about = {"q": text, "kind": kind, "kinds": LEARNED, "hits": found, "withheld": withheld(site.door, actor)}
    return Sheet("search.html", about)


def history_page(request: Request) -> Response:
    """How releases went over time."""
    history = site_of(request).memory.history()
    about = Depends(("history", history.total, history.open, history.weeks), LASTS_OVER_S)
    return kept(request, about, lambda: Sheet("history.html", {"history": history}))


def rollbacks_page(request: Request) -> Response:
    """Which releases have a proof that they can be taken back, and until when it counts."""
    proofs = site_of(request).memory.proofs()
    return kept(
        request, Depends(("rollbacks", proofs), LASTS_LIST_S), lambda: Sheet("rollbacks.html", {"proofs": proofs})
    )
