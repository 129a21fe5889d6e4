"""The agent door over standard input and output: the launching user's agent, limited by the token in its environment.

Without a token the caller is `agent:local` and may read only. Whoever launches the server chooses the token, no model.
"""

from __future__ import annotations

import anyio
import anyio.to_thread
from mcp.server.stdio import stdio_server

from gonogo.control.agents.reception import Desk
from gonogo.mcp.server import build_server


def serve(desk: Desk, token: str, version: str) -> None:
    """Serve one launching user until the client goes away; the door behind the desk is opened beside it."""
    server = build_server(desk, lambda _ctx: token, version)

    async def served() -> None:
        async with anyio.create_task_group() as beside, stdio_server() as (reading, writing):
            beside.start_soon(anyio.to_thread.run_sync, desk.open)
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(served)
