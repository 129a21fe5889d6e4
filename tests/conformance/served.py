"""The product's own MCP server for the official conformance suite: the same object, without a bearer token (the suite sends none).

    python tests/conformance/served.py PORT [fixtures]

With `fixtures` it also knows the tools, resources and prompts that the suite calls by name; without, it is what users get.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "tests")]

import uvicorn  # noqa: E402
from agents_world import agency  # noqa: E402
from conformance.fixtures import with_fixtures  # noqa: E402

from gonogo.mcp.server import build_server  # noqa: E402
from tests.projects import small_project  # noqa: E402
from tests.unit.test_agent_tokens import Nowhere  # noqa: E402


def main(port: int, *, fixtures: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        there = agency(small_project(place / "shop", Nowhere(place / "staging"), Nowhere(place / "production")))
        server = build_server(there.door, lambda _ctx: there.secret, "conformance")
        served = with_fixtures(server) if fixtures else server
        app = served.streamable_http_app(streamable_http_path="/mcp", stateless_http=True)
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]), fixtures=sys.argv[2:] == ["fixtures"])
