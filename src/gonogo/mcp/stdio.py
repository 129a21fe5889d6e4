"""The agent door over standard input and output: the launching user's agent, limited by the token in its environment.

Without a token the caller is `agent:local` and may read only. Whoever launches the server chooses the token, no model.
"""

from __future__ import annotations

from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from gonogo.control.agent_door import AgentDoor
from gonogo.mcp.server import build_server


def server_for(door: AgentDoor, token: str, version: str) -> Server[Any]:
    """The server for one launching user. Raises Refused where the token opens nothing."""
    first = door.admit(token)
    if token:
        door.connected(first, "stdio")
    return build_server(door, lambda _ctx: token, version)


def serve(server: Server[Any]) -> None:
    """Serve until the client goes away."""

    async def served() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(served)
