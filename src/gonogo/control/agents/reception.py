"""Who comes to the agent door: tokens, by the log of the site, and what each is shown. Needs nothing but that log.

`TokenBook` reads only what the log gained since it was last asked: a token that somebody took back opens nothing from
the next call on, in every process, and asking costs no more as the log grows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from gonogo.errors import Refused
from gonogo.evidence.canonical import write_json
from gonogo.ports import SITE_LOG, Clock, Draft, Journal
from gonogo.reports.agent_addresses import Resource
from gonogo.reports.agent_answers import Answer
from gonogo.reports.agent_tools import Tool, tools_for
from gonogo.run.agent_acts import CONNECTED
from gonogo.run.agents import ENFORCED, LOCAL, AgentToken, Scope, admitted, tokens_of
from gonogo.terms import Digest, Json, digest_of
from gonogo.values import dataclass

Progress: TypeAlias = Callable[[int, int, str], None]
"""Hears how far an operation is: done, of how many, in which state."""


class Desk(Protocol):
    """What a surface needs of the agent door: what is shown to whoever holds a token, and each of their calls."""

    def open(self) -> Desk:
        """The door behind, open from now on."""

    def tools_as(self, text: str) -> tuple[Tool, ...]:
        """What is listed for whoever holds the token `text`; nothing where it opens nothing."""

    def call_as(self, text: str, name: str, given: Mapping[str, Json] | None, progress: Progress) -> Answer:
        """One call by whoever holds the token `text`."""

    def read_as(self, text: str, address: str) -> Resource | Answer:
        """What stands at an address, or why not."""

    def close(self) -> None:
        """Let go of what the door holds."""


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


def local_token(now: datetime) -> AgentToken:
    """Who calls over standard input without a token: may read, and nothing else."""
    later = now + timedelta(days=3650)
    return AgentToken(LOCAL, LOCAL, "", frozenset({Scope.READ}), ("*",), ("*",), Digest(""), now, later, ENFORCED)


@dataclass(frozen=True, slots=True)
class Reception:
    """Says whose a token is, and what its holder is shown; for several threads."""

    tokens: TokenBook
    clock: Clock

    def admit(self, text: str) -> AgentToken:
        """Who holds this token now; no token is `agent:local`, who reads. Refused where it opens nothing."""
        now = self.clock.now()
        return admitted(text, self.tokens.tokens(), now) if text else local_token(now)

    def tools(self, token: AgentToken) -> tuple[Tool, ...]:
        """What is listed for a token."""
        return tools_for(token.scopes)

    def connected(self, token: AgentToken, surface: str) -> None:
        """Write down that an agent came, by which surface, and which list of tools it was shown."""
        listed = digest_of(write_json([{tool.name: tool.schema()} for tool in self.tools(token)]))
        fields: dict[str, Json] = {"surface": surface, "token": token.id, "tools_sha256": listed}
        self.tokens.journal.note([Draft(CONNECTED, fields)], actor=token.agent, now=self.clock.now())


class LateDesk:
    """The agent door of a project that is opened while whoever comes is received already, and shown the tools.

    `opened` opens it, once; a call waits for that.
    """

    def __init__(self, reception: Reception, opened: Callable[[], Desk]) -> None:
        self._reception = reception
        self._opened = opened
        self._desk: Desk | None = None
        self._guard = threading.Lock()

    def open(self) -> Desk:
        """The door itself, opened by whoever asks first."""
        with self._guard:
            if self._desk is None:
                self._desk = self._opened()
            return self._desk

    def tools_as(self, text: str) -> tuple[Tool, ...]:
        """What is listed for whoever holds the token `text`; nothing where it opens nothing, and that is logged."""
        try:
            return self._reception.tools(self._reception.admit(text))
        except Refused:
            return self.open().tools_as(text)

    def call_as(self, text: str, name: str, given: Mapping[str, Json] | None, progress: Progress) -> Answer:
        """One call by whoever holds the token `text`."""
        return self.open().call_as(text, name, given, progress)

    def read_as(self, text: str, address: str) -> Resource | Answer:
        """What stands at an address, or why not."""
        return self.open().read_as(text, address)

    def close(self) -> None:
        """Let go of what the door holds, where it was opened."""
        with self._guard:
            if self._desk is not None:
                self._desk.close()
