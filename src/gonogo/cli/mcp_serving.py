"""`gonogo mcp`: serve the tools of the agent door to AI agents, over standard input and output or over HTTP."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import click

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput, Refused, WrongUsage
from gonogo.reports.agent_clients import CLIENTS, merged, snippet
from gonogo.reports.agent_tools import TOOLS
from gonogo.reports.model_json import model_json
from gonogo.run.agents import TOKEN_VARIABLE
from gonogo.values import dataclass

HERE = "serve"
"""What `--http` without an address stands for."""
ACTIONS = ("serve", "tools", "install")
AFTERWARDS = (
    "  next: make a token, and put it into the environment from which the client is started; it stands in no file:",
    "        gonogo agent create NAME --scope runs:read --scope runs:drive",
    f"        export {TOKEN_VARIABLE}=...     without one the agent may read only",
)


@dataclass(frozen=True, slots=True)
class McpOptions:
    """What `gonogo mcp` takes."""

    action: str
    http: str
    client: str
    write: bool
    host: str
    port: int
    agent_user: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.option(
    "--http",
    is_flag=False,
    flag_value=HERE,
    default="",
    metavar="[URL]",
    help="serve: over HTTP instead of standard input and output. install: the address of a service.",
)
@click.option("--client", type=click.Choice(CLIENTS), default=CLIENTS[0], help="install: whose client.")
@click.option("--write", is_flag=True, help="install: write it into the project instead of printing it.")
@click.option("--host", default="127.0.0.1", help="serve: the address to listen at. Default: this machine only.")
@click.option("--port", default=8765, type=click.IntRange(0, 65535), help="serve: the port; 0 takes a free one.")
@click.option("--agent-user", default="", help="serve: the user that agents run as, for the separation check.")
@project_option
@json_option
@taking(McpOptions)
def mcp(options: McpOptions) -> int:
    """The door for AI agents: `serve` it over the Model Context Protocol, list its `tools`, `install` it in a client.

    Over standard input and output the token is GONOGO_AGENT_TOKEN; without one the agent may read only. Over HTTP every
    request needs a bearer token (`gonogo agent create`). No tool approves, waives, resumes, or runs a command.
    """
    if options.action == "tools":
        return _tools(as_json=options.as_json)
    if options.action == "install":
        return _install(options)
    if importlib.util.find_spec("mcp") is None:
        raise BadInput("serving agents needs the extra `mcp`", next_step="pip install 'gonogo[mcp]'")
    if options.http:
        served = importlib.import_module("gonogo.cli.mcp_door").serve_http
        code: int = served(options.folder, options.agent_user, options.host, options.port)
    else:
        code = importlib.import_module("gonogo.cli.mcp_stdio").serve_stdio(options.folder, options.agent_user)
    return code


def _install(options: McpOptions) -> int:
    """Print what the client has to be told, or write it into the project's file; never a token."""
    if options.http == HERE:
        raise WrongUsage(
            "--http needs the address of the service here", next_step="say for example --http https://HOST/mcp"
        )
    address = options.http
    if address and not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?", address):
        raise WrongUsage(f"`{address}` is no address of a service", next_step="say for example https://HOST/mcp")
    found = snippet(options.client, address)
    root = find_root(options.folder.absolute())
    present = (read_small(root / found.path) or b"").decode("utf-8", "replace")
    text = merged(found, present)
    if options.write:
        if text is None:
            raise Refused(
                "the client's file has a gonogo already, or cannot be read",
                where=found.path,
                next_step="put the snippet in by hand: leave out --write",
            )
        make_folder((root / found.path).parent, 0o755)
        write_file(root / found.path, text.encode(), 0o644)
    if options.as_json:
        say_json({"client": options.client, "path": found.path, "snippet": found.text, "written": options.write})
        return 0
    if options.write:
        say(f"written    {found.path}", "green")
    else:
        tell(f"{found.path}:")
        say(found.text.rstrip("\n"))
    for line in AFTERWARDS:
        tell(line)
    return 0


def _tools(*, as_json: bool) -> int:
    if as_json:
        tools = [
            {"name": tool.name, "scope": tool.scope.value, "changes": tool.changes, "arguments": tool.schema()}
            for tool in TOOLS.values()
        ]
        say_json({"tools": model_json(tools)})
        return 0
    for tool in TOOLS.values():
        say(f"{tool.name:<18}{tool.scope.value:<16}{'changes' if tool.changes else 'reads'}")
        say(f"    {tool.says}")
    return 0
