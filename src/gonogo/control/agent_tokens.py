"""Tokens of agents at the door: made by people, kept by hash in the log of the site, looked up for every call.

`TokenBook` reads only what the log gained since it was last asked: a token that somebody took back opens nothing from
the next call on, in every process, and asking costs no more as the log grows.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import field

from gonogo.control.door import Door
from gonogo.engine.bench import World
from gonogo.errors import BadInput, Refused
from gonogo.ports import SITE_LOG, Draft, Journal
from gonogo.run.agents import CREATED, REVOKED, AgentToken, TokenWish, admitted, created_fields, token_text, tokens_of
from gonogo.terms import Actor, Person, Secret
from gonogo.values import dataclass


@dataclass(slots=True)
class TokenBook:
    """The tokens of a site as its log stands now; for several threads."""

    journal: Journal
    _known: dict[str, AgentToken] = field(default_factory=dict)
    _seen: int = -1
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def tokens(self) -> dict[str, AgentToken]:
        """Every token by id, taken back and expired ones included; Tampered where the log is broken."""
        with self._guard:
            fresh = self.journal.entries(SITE_LOG, self._seen) if self._seen >= 0 else self.journal.site()
            if fresh:
                self._known = tokens_of(fresh, self._known)
                self._seen = fresh[-1].seq
            return dict(self._known)


def create_token(door: Door, wish: TokenWish, actor: Actor) -> tuple[AgentToken, Secret]:
    """Make a token, and give its text this once. Refused for anybody but a person: no agent lets agents in."""
    _demand_person(actor)
    book = TokenBook(door.world.journal)
    known = book.tokens()
    text = token_text(secrets.token_hex(6), secrets.token_urlsafe(32))
    now = door.world.clock.now()
    fields = created_fields(wish, text, known, now)
    door.world.journal.note([Draft(CREATED, fields)], actor=actor, now=now)
    return book.tokens()[str(fields["id"])], Secret(text)


def revoke_tokens(door: Door, name: str, actor: Actor) -> tuple[AgentToken, ...]:
    """Take back the token with this id, or every token of the agent with this name; BadInput where there is none."""
    _demand_person(actor)
    known = TokenBook(door.world.journal).tokens().values()
    found = [token for token in known if name in {token.id, token.name} and token.revoked_at is None]
    if not found:
        raise BadInput(f"there is no token `{name}` to take back", next_step="gonogo agent list")
    drafts = [Draft(REVOKED, {"id": token.id, "name": token.name}) for token in found]
    door.world.journal.note(drafts, actor=actor, now=door.world.clock.now())
    return tuple(found)


def token_admitted(world: World, book: TokenBook, text: str) -> AgentToken:
    """The token that `text` is, as the log stands now; Refused where it opens nothing."""
    return admitted(text, book.tokens(), world.clock.now())


def _demand_person(actor: Actor) -> None:
    if not isinstance(actor, Person):
        raise Refused(f"{actor} cannot let agents in or out", next_step="a person does that: --as HANDLE")
