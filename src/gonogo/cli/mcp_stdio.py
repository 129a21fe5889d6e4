"""`gonogo mcp serve` over standard input and output: the client is received at once, the project is opened meanwhile.

Clients wait a few seconds for a server's tools, and opening a project costs as much as everything else together. Who
comes and what is shown to them needs the log of the site alone.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.cli.saying import error_text, tell
from gonogo.cli.version import version
from gonogo.control.agents.reception import Desk, LateDesk, Reception, TokenBook
from gonogo.control.stores.project_root import find_root, journal_at_hand
from gonogo.errors import GonogoError
from gonogo.run.agents import TOKEN_VARIABLE


def serve_stdio(folder: Path, agent_user: str) -> int:
    """Serve until the client goes away. Refused where the token opens nothing."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    path = journal_at_hand(find_root(folder.absolute()), os.environ)
    if path is None:
        # A database elsewhere, and its password, are found only by whoever opens the project.
        door = importlib.import_module("gonogo.cli.mcp_door").open_door(folder, agent_user)
        return _served(door, door.reception, token)
    with SqliteJournal(path) as journal:
        reception = Reception(TokenBook(journal), SystemClock())
        return _served(LateDesk(reception, lambda: _behind(folder, agent_user)), reception, token)


def _served(desk: Desk, reception: Reception, token: str) -> int:
    first = reception.admit(token)
    if token:
        reception.connected(first, "stdio")
    tell(f"gonogo mcp: {first.agent} over standard input and output")
    try:
        importlib.import_module("gonogo.mcp.stdio").serve(desk, token, version())
    finally:
        desk.close()
    return 0


def _behind(folder: Path, agent_user: str) -> Desk:
    """The door behind the reception. Where it cannot be opened this process ends, with the reason."""
    try:
        door: Desk = importlib.import_module("gonogo.cli.mcp_door").open_door(folder, agent_user)
    except GonogoError as error:
        tell(error_text(error))
        # Nothing is held yet, and the thread that reads standard input cannot be woken.
        os._exit(error.exit_code)
    return door
