"""The agent door over HTTP: MCP at `/mcp`, the same tools as plain JSON at `/agents/v1`, behind bearer tokens.

A client without a valid token gets 401 and is told where the resource is described. Sessions are not kept, so that no
number of connections fills the memory. TLS is the business of the proxy in front; without one, listen on loopback.
"""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp

from gonogo.control.agents.door import AgentDoor
from gonogo.control.agents.http import AgentHttp
from gonogo.errors import Refused
from gonogo.mcp.server import Context, build_server
from gonogo.values import dataclass

MOST_REQUEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service is reached: its public address, and the host names and origins that may be asked for."""

    address: str
    hosts: tuple[str, ...]
    origins: tuple[str, ...]


def loopback(port: int) -> Place:
    """A service on this machine only."""
    names = ("127.0.0.1", "localhost", "[::1]")
    hosts = tuple(f"{name}:{port}" for name in names)
    return Place(f"http://127.0.0.1:{port}/mcp", hosts, tuple(f"http://{host}" for host in hosts))


class Tokens:
    """Says whose a bearer token is, from the log of the site as it stands at this moment."""

    def __init__(self, door: AgentDoor, address: str) -> None:
        self._door = door
        self._address = address

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who holds the token; None where it opens nothing."""
        try:
            found = await anyio.to_thread.run_sync(self._door.admit, token or "none")
        except Refused:
            await anyio.to_thread.run_sync(self._door.turned_away, token, "http")
            return None
        return AccessToken(
            token=token,
            client_id=found.name,
            scopes=sorted(scope.value for scope in found.scopes),
            expires_at=int(found.expires_at.timestamp()),
            resource=self._address,
            subject=found.owner,
        )


def _text_of(ctx: Context) -> str:
    """The token of the request that carries this very call; never one of an earlier request."""
    request = ctx.request
    if not isinstance(request, Request):
        return "none"
    user: Any = request.scope.get("user")
    token = getattr(user, "access_token", None)
    return token.token if isinstance(token, AccessToken) else "none"


def app_for(door: AgentDoor, place: Place, version: str) -> Starlette:
    """The whole service as an ASGI application, alone or to be mounted (its lifespan has to be entered then)."""
    server = build_server(door, _text_of, version)
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(place.address),
        resource_server_url=AnyHttpUrl(place.address),
        required_scopes=[],
        validate_token_resource=True,
    )
    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=True,
        max_request_body_size=MOST_REQUEST,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True, allowed_hosts=list(place.hosts), allowed_origins=list(place.origins)
        ),
        auth=auth,
        token_verifier=Tokens(door, place.address),
    )
    plain: ASGIApp = AgentHttp(door, version)
    app.routes.append(Mount("/agents/v1", app=plain))
    return app
