"""The pages over all runs: releases, approvals that wait for me, audit trail, history, rollback proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gonogo.errors import GonogoError
from gonogo.evidence.ledger import Entry
from gonogo.values import dataclass
from gonogo.web.memory import Row
from gonogo.web.run_pages import Asking, asking_of
from gonogo.web.showing import page, rendered
from gonogo.web.site import Site, session_of, site_of

A_PAGE: Final = 50
OUTCOMES: Final = ("ready", "released", "rolled_back", "aborted")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a long list, with the numbers of the pages before and after it (0: none)."""

    number: int
    before: int
    after: int
    total: int

    @classmethod
    def of(cls, request: Request, total: int) -> Slice:
        """The slice that `?page=` names."""
        text = request.query_params.get("page", "1")
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
    return page(request, "releases.html", {**_finished(request, site), "fragment": open_part(site)})


def open_part(site: Site) -> str:
    """The list of what is under way, drawn once for everybody."""
    return site.memory.over_open("releases", lambda _rows: rendered("releases_part.html", open_releases(site)))


def open_releases(site: Site) -> dict[str, object]:
    """What is under way, as the list shows it."""
    rows = site.memory.open_rows()
    return {"rows": rows, "driven": {row.run: site.drivers.is_driven(row.run) for row in rows[:A_PAGE]}}


def _finished(request: Request, site: Site) -> dict[str, object]:
    wanted = request.query_params.get("q", "")[:80].strip().lower()
    outcome = request.query_params.get("outcome", "")
    rows: Sequence[Row] = site.memory.finished()
    if outcome in OUTCOMES:
        rows = [row for row in rows if row.outcome == outcome]
    if wanted:
        rows = [row for row in rows if wanted in f"{row.run} {row.release} {row.protocol} {row.requested_by}".lower()]
    part = Slice.of(request, len(rows))
    return {
        "finished": rows[part.first : part.first + A_PAGE],
        "part": part,
        "q": wanted,
        "outcome": outcome if outcome in OUTCOMES else "",
        "outcomes": OUTCOMES,
        "now": site.door.world.clock.now(),
    }


def approvals_page(request: Request) -> Response:
    """What waits for a signature of mine, and what waits for others."""
    site, me = site_of(request), session_of(request).person
    waiting = site.memory.over_open("approvals", lambda _rows: tuple(_asked(site)))
    mine = [item for item in waiting if me in item[1].able]
    others = [item for item in waiting if me not in item[1].able and not item[1].met]
    return page(request, "approvals.html", {"mine": mine, "others": others})


def _asked(site: Site) -> Iterator[tuple[Row, Asking]]:
    for row in site.memory.open_rows():
        try:
            opened = site.memory.known(row.run).opened
        except GonogoError:
            # The list of releases names runs that cannot be read.
            continue
        for asked in opened.state.rounds.values():
            if asked.status == "open" and asked.kind not in {"dissent", "signoff", "resume"}:
                found = asking_of(opened, asked)
                if not found.met:
                    yield row, found


def audit_page(request: Request) -> Response:
    """The log of the site with a filter; the newest entries first."""
    site = site_of(request)
    wanted = {name: request.query_params.get(name, "")[:80].strip() for name in ("type", "actor", "run")}
    entries = site.memory.site()
    kinds = site.memory.kinds()
    found = [entry for entry in entries if _fits(entry, wanted)] if any(wanted.values()) else entries
    part = Slice.of(request, len(found))
    last = len(found) - part.first
    rows = [said_of(entry) for entry in reversed(found[max(last - A_PAGE, 0) : last])]
    return page(request, "audit.html", {"rows": rows, "part": part, "kinds": kinds, "wanted": wanted})


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


def history_page(request: Request) -> Response:
    """How releases went over time."""
    site = site_of(request)
    return page(request, "history.html", {"history": site.memory.history()})


def rollbacks_page(request: Request) -> Response:
    """Which releases have a proof that they can be taken back, and until when it counts."""
    site = site_of(request)
    return page(request, "rollbacks.html", {"proofs": site.memory.proofs()})
