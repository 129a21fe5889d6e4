"""The agent door of a project, opened in earnest: what `gonogo mcp serve` answers calls with, and its HTTP service."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path

from gonogo.cli.opened import door_at
from gonogo.cli.saying import tell
from gonogo.cli.version import version
from gonogo.control.agents.door import AgentDoor
from gonogo.control.agents.separation import separation_lines
from gonogo.errors import Refused

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def open_door(folder: Path, agent_user: str) -> AgentDoor:
    """Open the door, and say what agents could reach."""
    door = AgentDoor.of(door_at(folder), agent_user=agent_user)
    for line in separation_lines(door.site.separation()):
        tell(line)
    return door


def serve_http(folder: Path, agent_user: str, host: str, port: int) -> int:
    """Serve until somebody stops it. Refused for an address that is not this machine's own."""
    http, uvicorn = importlib.import_module("gonogo.mcp.http"), importlib.import_module("uvicorn")
    if host not in LOOPBACK:
        raise Refused(
            f"{host} is not this machine",
            next_step="listen on loopback, and put a proxy with TLS in front of it",
        )
    door = open_door(folder, agent_user)
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            port = listening.getsockname()[1]
            place = http.loopback(port)
            tell(f"gonogo mcp: {place.address}; plain HTTP at http://127.0.0.1:{port}/agents/v1/openapi.json")
            config = uvicorn.Config(http.app_for(door, place, version()), log_level="warning", access_log=False)
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        door.close()
    return 0
