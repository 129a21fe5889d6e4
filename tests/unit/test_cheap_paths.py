"""What is asked often stays cheap: these import no engine, no compiler, no document reader and no web library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_line import importing

HEAVY = ("gonogo.engine", "gonogo.document", "gonogo.plan.compiling", "gonogo.control.door", "gonogo.control.assembling")
HEAVY += ("urllib3", "markdown_it", "prometheus_client", "yaml", "rich")
PATHS = {
    "the list of runs": ("gonogo.cli.glancing",),
    "the hook before each tool of an agent": ("gonogo.cli.guarding",),
    "the tools of agents until they are listed": ("gonogo.cli.mcp_serving", "gonogo.cli.mcp_stdio", "gonogo.mcp.stdio"),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_often_imports_little(path: str) -> None:
    program = f"import sys, {', '.join(PATHS[path])}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], env=importing(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], path
