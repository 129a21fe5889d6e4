"""Agents on the same address: the door of `gonogo mcp` at `/mcp` and `/agents/v1`, where the extra `mcp` is installed.

It asks for tokens of its own at every call, and none of them opens a page.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from starlette.applications import Starlette

from gonogo.control.agents.door import AgentDoor
from gonogo.web.site import Site

BELOW: Final = ("/mcp", "/agents/v1", "/.well-known/oauth-protected-resource")
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def agents_of(site: Site, base: str) -> Starlette | None:
    """The application for agents; None where the extra is not installed."""
    if importlib.util.find_spec("mcp") is None:
        return None
    http = importlib.import_module("gonogo.mcp.http")
    place = http.Place(f"{base}/mcp", tuple(sorted(site.hosts())), tuple(sorted(site.origins())))
    found = http.app_for(AgentDoor.of(site.door), place, importlib.metadata.version("gonogo"))
    assert isinstance(found, Starlette)
    return found


def alive_with(agents: Starlette | None) -> Lifespan:
    """What begins and ends with the server."""

    @asynccontextmanager
    async def alive(_app: Starlette) -> AsyncIterator[None]:
        if agents is None:
            yield
            return
        async with agents.router.lifespan_context(agents):
            yield

    return alive
