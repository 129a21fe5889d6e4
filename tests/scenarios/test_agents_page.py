"""The page about agents and the section of the README: every command in them runs as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import gonogo

from tests.projects import small_project
from tests.unit.test_agent_tokens import Nowhere

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("path", "heading"), [("docs/agents.md", ""), ("README.md", "## AI agents")])
def test_the_commands_of_the_page_run_as_printed(tmp_path: Path, path: str, heading: str) -> None:
    root = tmp_path / "shop"
    small_project(root, Nowhere(tmp_path / "w/staging"), Nowhere(tmp_path / "w/production"))
    text = (ROOT / path).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text[text.index(heading) :], re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("gonogo ")]
    wanted = [line for line in lines if re.match(r"gonogo (agent|mcp|doctor --agents)", line)]
    assert len(wanted) >= 3
    for line in wanted:
        words = shlex.split(line, comments=True)[1:]
        said = gonogo(*words, "-C", root)
        assert said.code == (2 if words[0] == "doctor" else 0), f"{line}: {said.err}"
