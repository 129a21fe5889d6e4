"""The agent door for agents that speak no MCP: an ASGI application without a framework, to be run or mounted anywhere.

    GET  /openapi.json       the tools of the table, described
    POST /tools/{name}       one call: a JSON object of arguments in, the envelope out

The bearer token is looked up for every call. What a refused call gets is the same envelope, with a status that fits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from gonogo.control.agents.door import AgentDoor
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import read_object
from gonogo.reports.agent_answers import CODES, Answer
from gonogo.reports.agent_tools import TOOLS, Tool
from gonogo.terms import Json

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MOST_BODY: Final = 1 << 20
STATUS: Final[Mapping[str, int]] = {
    "OK": 200,
    "BAD_ARGUMENTS": 400,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "UNKNOWN_TOOL": 404,
    "TOO_LARGE": 413,
    "RATE_LIMITED": 429,
    "BUSY": 503,
    "INTERNAL": 500,
}
"""Status by code; every other refusal is 409: the run, a gate or people say no."""
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_SAFE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class AgentHttp:
    """The application; `door` decides, this only carries."""

    def __init__(self, door: AgentDoor, version: str) -> None:
        self._door = door
        self._described = json.dumps(described(version)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        match (scope["method"], path):
            case ("GET", "/openapi.json"):
                await _send(send, 200, self._described)
            case ("POST", str() as called) if called.startswith("/tools/"):
                await self._called(called.removeprefix("/tools/"), scope, receive, send)
            case _:
                await _send(send, 404, _body(Answer("NOT_FOUND")))

    async def _called(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        text = _bearer(scope)
        try:
            self._door.admit(text or "none")
        except Refused:
            await asyncio.to_thread(self._door.turned_away, text, name)
            challenge = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
            await _send(send, 401, _body(Answer("FORBIDDEN")), challenge)
            return
        data = await _whole(receive)
        if data is None:
            await _send(send, 413, _body(Answer("TOO_LARGE")))
            return
        try:
            given: Mapping[str, Json] = _plain(read_object(data or b"{}", name="body", limit=MOST_BODY))
        except BadInput:
            given = {"?": None}
        answer = await asyncio.to_thread(self._door.call_as, text, name, given)
        await _send(send, STATUS.get(answer.code, 409), _body(answer))


def _plain(body: Mapping[str, Any]) -> dict[str, Json]:
    """Arguments as they came, nothing coerced; no tool takes a fraction, a list or an object."""
    return {name: value if isinstance(value, bool | int | str) or value is None else [] for name, value in body.items()}


def _bearer(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(found) != 1:
        return ""
    kind, _, text = found[0].decode("latin-1").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


async def _whole(receive: Receive) -> bytes | None:
    """The body, None where it is larger than a call may be."""
    data = bytearray()
    while True:
        message = await receive()
        data += message.get("body", b"")
        if len(data) > MOST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(data)


def _body(answer: Answer) -> bytes:
    return json.dumps(answer.as_json(), ensure_ascii=False, separators=(",", ":")).encode()


async def _send(send: Send, status: int, body: bytes, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    headers = [_JSON, *_SAFE, *more, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def described(version: str) -> dict[str, Json]:
    """The OpenAPI 3.1 description of the tools: the same table, the same closed schemas."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "gonogo: tools for agents", "version": version},
        "paths": {f"/tools/{tool.name}": {"post": _operation(tool)} for tool in TOOLS.values()},
        "components": {
            "securitySchemes": {"agent": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Answer": _envelope()},
        },
    }


def _operation(tool: Tool) -> Json:
    answer: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
    codes = {"200": "Done.", "400": "Wrong arguments.", "401": "No valid token.", "409": "Not now, or not so."}
    return {
        "operationId": tool.name,
        "summary": tool.title,
        "description": tool.says,
        "security": [{"agent": [tool.scope.value]}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": tool.schema()}}},
        "responses": {status: {"description": says, "content": answer} for status, says in codes.items()},
    }


def _envelope() -> Json:
    return {
        "type": "object",
        "required": ["ok", "code", "message", "data", "blocked_by", "next_actions", "truncated"],
        "properties": {
            "ok": {"type": "boolean"},
            "code": {"type": "string", "enum": list(CODES)},
            "message": {"type": "string"},
            "data": {"type": "object"},
            "blocked_by": {"type": "array", "items": {"type": "object"}},
            "next_actions": {"type": "array", "items": {"type": "object"}},
            "truncated": {"type": "boolean"},
            "cursor": {"type": ["string", "null"]},
        },
    }
