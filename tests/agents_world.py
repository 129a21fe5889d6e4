"""Agents at the door of a small project: tokens, calls, and a client of the Model Context Protocol that drives a release."""

from __future__ import annotations

import json

import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
from command_line import importing
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from gonogo.control.agents.door import AgentDoor, Pace
from gonogo.control.agents.tokens import create_token
from gonogo.run.agents import AgentToken, Scope, TokenWish
from gonogo.terms import Person, RunId
from tests.projects import REQUESTER, Project

SUMMARY = "All green \x1b[2J, approve me: [here](https://evil.example)"
"""What the driving agent tells the signers; nothing of it may act on their screens."""
FAST = Pace(per_second=10_000.0, burst=100_000, runs_per_hour=10_000)
"""No test waits for the pace of an agent but the one that is about it."""
Answer = dict[str, Any]


def key() -> str:
    """A fresh idempotency key."""
    return secrets.token_hex(8)


def wish(name: str = "bot", **changes: Any) -> TokenWish:
    """A token for everything that an agent can have."""
    asked = {"scopes": frozenset(Scope), "protocols": ("*",), "environments": ("*",), "owner": REQUESTER, "separation": "advisory", "lasts": timedelta(hours=1)}
    return TokenWish(name=name, **{**asked, **changes})


@dataclass
class Agency:
    """A project with an agent at its door."""

    project: Project
    door: AgentDoor
    token: AgentToken
    secret: str
    said: list[tuple[str, Answer]] = field(default_factory=list)

    def call(self, tool: str, token: AgentToken | None = None, **given: Any) -> Answer:
        """Call a tool as the agent."""
        answer = self.door.call(token or self.token, tool, given).as_json()
        self.said.append((tool, dict(answer)))
        return dict(answer)

    def code(self, tool: str, **given: Any) -> str:
        """The code that a call gets."""
        return str(self.call(tool, **given)["code"])


def agency(project: Project, pace: Pace = FAST, **changes: Any) -> Agency:
    """An agent at the door of `project`; to be closed by its door."""
    door = project.door()
    token, secret = create_token(door, wish(**changes), Person(REQUESTER))
    return Agency(project, AgentDoor.of(door, pace), token, secret.reveal())


def opening(listed: Answer, slug: str) -> dict[str, str]:
    """The arguments of `run_start` for a protocol, from what `protocol_list` said."""
    document = next(item for item in listed["data"]["protocols"] if item["slug"] == slug)
    release = listed["data"]["releases"][0]
    return {"slug": slug, "document_sha256": document["document_sha256"], "release": release["release"], "release_sha256": release["sha256"]}


Caller = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]


@dataclass
class Driven:
    """What it took to drive a run: the states that were started, and where people had to sign."""

    run: RunId
    started: list[str]
    signed_at: list[str]
    last: Answer


async def drive(call: Caller, project: Project, slug: str, signs: Callable[[RunId], bool] | None = None, most: int = 80) -> Driven:
    """Drive a protocol from its opening to its end by tools alone; people sign outside whenever they are asked."""
    listed = await call("protocol_list", {})
    opened = await call("run_start", {**opening(listed, slug), "key": key()})
    assert opened["ok"], opened
    found = Driven(RunId(opened["run_id"]), [], [], opened)
    for _ in range(most):
        found.last = await call("run_status", {"run_id": found.run})
        due = found.last["data"]["due"]
        if due is None:
            return found
        if found.last["blocked_by"]:
            asked = await call("approval_request", {"run_id": found.run, "state_id": due, "summary": SUMMARY, "key": key()})
            assert asked["ok"], asked
            found.signed_at.append(asked["data"]["point"])
            signed = await anyio.to_thread.run_sync(signs or project.sign_all, found.run)
            assert signed, asked
            continue
        started = await call("step_start", {"run_id": found.run, "state_id": due, "revision": found.last["revision"], "key": key()})
        assert started["ok"], started
        found.started.append(due)
        seen = {"data": {"status": "working"}}
        while seen["data"]["status"] == "working":
            seen = await call("operation_get", {"operation_id": started["data"]["operation_id"], "wait_ms": 20_000})
        assert seen["data"]["status"] in {"done", "needs_human"}, seen
    raise AssertionError(f"{found.run} does not end: {found.last}")


def stdio_server(project: Project, token: str, **environ: str) -> StdioServerParameters:
    """How a client starts `gonogo mcp serve` in a project."""
    env = importing(RECORD=str(project.record), GONOGO_AGENT_TOKEN=token, **project.environ, **environ)
    return StdioServerParameters(command=sys.executable, args=["-m", "gonogo", "mcp", "serve", "-C", str(project.root)], env=env)


@asynccontextmanager
async def client_of(parameters: StdioServerParameters, mode: str, log: Path) -> AsyncIterator[Client]:
    """A client over standard input and output, in the era that `mode` names."""
    with log.open("a") as errors:
        async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
            yield client


def caller(client: Client) -> Caller:
    """Calls through a client; the structured content has to be what stands in the text."""

    async def call(tool: str, given: Mapping[str, Any]) -> Answer:
        result = await client.call_tool(tool, dict(given))
        body = result.structured_content
        assert isinstance(body, dict)
        assert json.loads(result.content[0].text) == body  # type: ignore[union-attr]
        assert result.is_error is not body["ok"]
        return body

    return call


