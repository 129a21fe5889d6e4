"""Agents that may knock: their tokens, folded from the log of the site, and what each may do there.

A token is made once, shown once, and kept as its SHA-256 in the log of the site, which also says who made it and who
took it back: the same hash chain that holds the runs holds who was let in. Nothing here approves: no scope can.
"""

from __future__ import annotations

import enum
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry, time_of, time_text
from gonogo.terms import Agent, Digest, Json, digest_of
from gonogo.values import dataclass

TOKEN_VARIABLE: Final = "GONOGO_AGENT_TOKEN"  # noqa: S105 - the name of a variable, no token
CREATED: Final = "agent.created"
REVOKED: Final = "agent.revoked"
ENFORCED: Final = "enforced"
LOCAL: Final = "local"
"""The name of whoever calls without a token; no token bears it, so that acts of two never stand under one name."""
LEVELS: Final = ("advisory", "tamper-evident", ENFORCED)
"""How far agents are kept apart, from nothing at all up."""
PREFIX: Final = "gonogo_agent"
SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(days=90)
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
PATTERN: Final = re.compile(r"[a-z0-9*?-]{1,64}")
_TOKEN: Final = re.compile(PREFIX + r"_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(enum.Enum):
    """What a token lets an agent do. There is none that approves, waives, resumes or edits, and none for all."""

    READ = "runs:read"
    EVIDENCE = "evidence:write"
    DRIVE = "runs:drive"
    KNOWLEDGE = "knowledge:read"


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A token as the log of the site knows it: never its text, only the SHA-256 of it.

    `owner` is the person who answers for the agent, and who by default cannot approve what it asks for. `protocols` and
    `environments` are patterns with `*` and `?`. `separation` is the least level at which it may touch production; a
    lower one than `enforced` is what a person accepted by making the token. One that was taken back keeps its place.
    """

    id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    protocols: tuple[str, ...]
    environments: tuple[str, ...]
    sha256: Digest
    made_at: datetime
    expires_at: datetime
    separation: str
    revoked_at: datetime | None = None

    @property
    def agent(self) -> Agent:
        """The actor under whose name everything stands that is done with this token."""
        return Agent(self.name)

    def standing(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked` at the moment `now`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "valid"

    def reaches(self, protocol: str, environment: str) -> bool:
        """Whether the token is for this protocol in this environment."""
        return _any(self.protocols, protocol) and _any(self.environments, environment)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What somebody wants a token for; `lasts` from now."""

    name: str
    owner: str
    scopes: frozenset[Scope]
    protocols: tuple[str, ...]
    environments: tuple[str, ...]
    lasts: timedelta
    separation: str = ENFORCED


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def token_text(number: str, secret: str) -> str:
    """The text of a token: a name by which it is found (12 hex digits), and 256 random bits in base64url."""
    return f"{PREFIX}_{number}_{secret}"


def created_fields(wish: TokenWish, text: str, known: Mapping[str, AgentToken], now: datetime) -> dict[str, Json]:
    """What stands in the entry of a new token; BadInput for a wish that makes no sense, Refused for a taken name."""
    _demand_sound(wish)
    for other in known.values():
        if other.name == wish.name and other.owner != wish.owner:
            raise Refused(
                f"the agent `{wish.name}` belongs to {other.owner}",
                next_step="choose another name, or have its owner make the token",
            )
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise BadInput("the text of the token does not have the form of one", next_step="report this fault")
    return {
        "id": match[1],
        "name": wish.name,
        "owner": wish.owner,
        "scopes": sorted(scope.value for scope in wish.scopes),
        "protocols": list(wish.protocols),
        "environments": list(wish.environments),
        "sha256": digest_of(text.encode()),
        "expires_at": time_text(now + wish.lasts),
        "separation": wish.separation,
    }


def _demand_sound(wish: TokenWish) -> None:
    if not NAME.fullmatch(wish.name):
        raise BadInput(f"`{wish.name}` is no name of an agent", next_step="use 2 to 32 of a-z 0-9 -")
    if wish.name == LOCAL:
        raise BadInput(f"`{LOCAL}` is the agent without a token", next_step="choose another name")
    if not SHORTEST <= wish.lasts <= LONGEST:
        raise BadInput("a token lasts from 5 minutes to 90 days", next_step="say for example --expires 8h or 30d")
    if not wish.scopes:
        raise BadInput("a token without a scope opens nothing", next_step="say for example --scope runs:read")
    for pattern in (*wish.protocols, *wish.environments):
        if not PATTERN.fullmatch(pattern):
            raise BadInput(f"`{pattern}` is no pattern of names", next_step="use a-z 0-9 - and the wildcards * and ?")


def tokens_of(entries: Iterable[Entry], known: Mapping[str, AgentToken] | None = None) -> dict[str, AgentToken]:
    """Every token that the log of the site knows, by id, after `entries`; BadInput for a scope nobody knows."""
    found = dict(known or {})
    for entry in entries:
        if entry.type == CREATED:
            token = _read(entry)
            found[token.id] = token
        elif entry.type == REVOKED and (number := str(entry.data.get("id"))) in found:
            found[number] = replace(found[number], revoked_at=entry.ts)
    return found


def _read(entry: Entry) -> AgentToken:
    data = entry.data
    return AgentToken(
        id=str(data["id"]),
        name=str(data["name"]),
        owner=str(data["owner"]),
        scopes=frozenset(Scope(name) for name in _texts(data["scopes"])),
        protocols=_texts(data["protocols"]),
        environments=_texts(data["environments"]),
        sha256=Digest(str(data["sha256"])),
        made_at=entry.ts,
        expires_at=time_of(str(data["expires_at"])),
        separation=str(data.get("separation", ENFORCED)),
    )


def _texts(value: Tree) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def admitted(text: str, known: Mapping[str, AgentToken], now: datetime) -> AgentToken:
    """The token that `text` is; Refused in one and the same sentence for unknown, wrong, expired and revoked ones.

    Whoever holds a wrong token learns nothing about the right one; what was wrong stands in `gonogo agent list`.
    """
    found = holder(text, known)
    if found is not None and found.standing(now) == "valid":
        return found
    hint = "a variable was not filled in; set GONOGO_AGENT_TOKEN" if text.startswith("$") else "`gonogo agent list`"
    raise Refused("this token opens nothing here", next_step=hint)


def holder(text: str, known: Mapping[str, AgentToken]) -> AgentToken | None:
    """The token that `text` is or was, valid or not; None where nobody ever had it."""
    match = _TOKEN.fullmatch(text)
    found = known.get(match[1]) if match else None
    return found if found is not None and hmac.compare_digest(found.sha256, digest_of(text.encode())) else None


def owner_of(known: Mapping[str, AgentToken], actor: str) -> str | None:
    """The person who answers for `agent:NAME`; None for other actors and for agents without a token."""
    kind, _, name = actor.partition(":")
    owners = {token.owner for token in known.values() if kind == "agent" and token.name == name}
    return min(owners) if owners else None
