"""The page about one's own project: every block runs as printed, in order, and ends as the page says."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import importing

PAGE = Path(__file__).parents[2] / "docs" / "own-project.md"
BLOCK = re.compile(r"^```bash(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shell_text() -> str:
    """The blocks of the page as one script that prints what each ended with."""
    parts = ["set -u"]
    for code, body in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        parts.append(f"{body}\nended=$?; echo \"ended $ended, the page says {code or 0}\" >&3")
    return "\n".join(parts)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")
def test_every_block_of_the_page_ends_as_the_page_says(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "gonogo"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gonogo.cli.main "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "home").mkdir()
    (tmp_path / "empty").mkdir()
    settings = importing(HOME=str(tmp_path / "home"), LOGNAME="ada", USER="ada")
    settings["PATH"] = f"{program.parent}:{Path(sys.executable).parent}:{settings['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"exec 3>{tmp_path}/ends; {shell_text()}"],
        cwd=tmp_path / "empty", env=settings, capture_output=True, text=True, check=False, timeout=400,
    )
    ends = (tmp_path / "ends").read_text().splitlines()
    assert len(ends) == len(BLOCK.findall(PAGE.read_text())), done.stderr
    for line in ends:
        found = re.fullmatch(r"ended (\d+), the page says (\d+)", line)
        assert found is not None
        assert found[1] == found[2], f"{ends}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_the_page_quotes_what_check_really_says() -> None:
    quoted = re.search(r"^```text\n(.*?)\n", PAGE.read_text(), re.MULTILINE)
    expected = (Path(__file__).parents[1] / "cases/cli/check-of-a-new-project.txt").read_text()
    assert quoted is not None
    assert quoted[1] in expected
