"""What an agent's client has to be told so that it finds the door: one snippet per client, in that client's own form.

The forms are those that the clients document in autumn 2026; they move, and each is a golden file of the tests. No
token ever stands in a snippet: the client takes it from its own environment, or asks for it.
"""

from __future__ import annotations

import json
from typing import Final

from gonogo.values import dataclass

VARIABLE: Final = "GONOGO_AGENT_TOKEN"
CLIENTS: Final = ("claude-code", "cursor", "vscode", "codex")


@dataclass(frozen=True, slots=True)
class Snippet:
    """The text, the file of the project that it belongs into, and what it has to be merged under where that exists."""

    path: str
    text: str
    key: str


def snippet(client: str, address: str) -> Snippet:
    """The configuration of one of CLIENTS; over standard input and output where `address` is empty."""
    match client:
        case "claude-code":
            return _json(".mcp.json", "mcpServers", _claude(address))
        case "cursor":
            return _json(".cursor/mcp.json", "mcpServers", _cursor(address))
        case "vscode":
            return _vscode(address)
        case _:
            return Snippet(".codex/config.toml", _codex(address), "mcp_servers.gonogo")


def _json(path: str, key: str, server: dict[str, object]) -> Snippet:
    return Snippet(path, json.dumps({key: {"gonogo": server}}, indent=2) + "\n", key)


def _claude(address: str) -> dict[str, object]:
    # ${NAME} is filled in by the client; $NAME is not, and arrives as it stands.
    if address:
        return {"type": "http", "url": address, "headers": {"Authorization": f"Bearer ${{{VARIABLE}}}"}}
    return {"command": "gonogo", "args": ["mcp", "serve"], "env": {VARIABLE: f"${{{VARIABLE}}}"}}


def _cursor(address: str) -> dict[str, object]:
    if address:
        return {"url": address, "headers": {"Authorization": f"Bearer ${{env:{VARIABLE}}}"}}
    return {"command": "gonogo", "args": ["mcp", "serve"], "env": {VARIABLE: f"${{env:{VARIABLE}}}"}}


def _vscode(address: str) -> Snippet:
    asked = {"type": "promptString", "id": "gonogo-token", "description": "gonogo agent token", "password": True}
    if address:
        server: dict[str, object] = {
            "type": "http",
            "url": address,
            "headers": {"Authorization": "Bearer ${input:gonogo-token}"},
        }
    else:
        env = {VARIABLE: "${input:gonogo-token}"}
        server = {"type": "stdio", "command": "gonogo", "args": ["mcp", "serve"], "env": env}
    body = {"servers": {"gonogo": server}, "inputs": [asked]}
    return Snippet(".vscode/mcp.json", json.dumps(body, indent=2) + "\n", "servers")


def _codex(address: str) -> str:
    if address:
        where = f'url = "{address}"\nbearer_token_env_var = "{VARIABLE}"\n'
    else:
        where = f'command = "gonogo"\nargs = ["mcp", "serve"]\nenv_vars = ["{VARIABLE}"]\n'
    return f'[mcp_servers.gonogo]\n{where}default_tools_approval_mode = "writes"\ntool_timeout_sec = 60\n'


def merged(snippet_: Snippet, present: str) -> str | None:
    """`present` with the snippet in it; None where that cannot be done without losing something of it."""
    if not present.strip():
        return snippet_.text
    if snippet_.path.endswith(".toml"):
        return None if f"[{snippet_.key}]" in present else present.rstrip("\n") + "\n\n" + snippet_.text
    try:
        body = json.loads(present)
    except ValueError:
        return None
    wanted = json.loads(snippet_.text)
    if not isinstance(body, dict) or not isinstance(body.get(snippet_.key, {}), dict):
        return None
    body[snippet_.key] = {**body.get(snippet_.key, {}), **wanted[snippet_.key]}
    for item in wanted.get("inputs", []):
        inputs = body.setdefault("inputs", [])
        if not any(isinstance(one, dict) and one.get("id") == item["id"] for one in inputs):
            inputs.append(item)
    return json.dumps(body, indent=2) + "\n"
