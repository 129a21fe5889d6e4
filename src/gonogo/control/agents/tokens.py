"""Tokens of agents, as people make them and take them back: kept by hash in the log of the site."""

from __future__ import annotations

import secrets

from gonogo.control.agents.reception import TokenBook
from gonogo.control.door import Door
from gonogo.engine.bench import World
from gonogo.errors import BadInput, Refused
from gonogo.ports import Draft
from gonogo.run.agents import CREATED, REVOKED, AgentToken, TokenWish, admitted, created_fields, token_text
from gonogo.terms import Actor, Person, Secret


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
