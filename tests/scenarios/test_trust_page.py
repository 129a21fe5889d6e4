"""The page about trust: each block runs as printed, in order, in a project that has everything but people."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import importing

from tests.projects import small_project
from tests.worlds_http import place

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"
BLOCK = re.compile(r"^```bash(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ONE_PERSON = PAGE.read_text(encoding="utf-8").partition("## A team of two")[0]


def run_blocks(text: str, folder: Path) -> None:
    """Run the blocks of `text` as one script; each has to end as the page says."""
    program = folder / "bin" / "gonogo"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gonogo.cli.main "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "home/.ssh").mkdir(parents=True)
    blocks = BLOCK.findall(text)
    script = "set -u\n" + "".join(
        f'{body}\nended=$?; echo "ended $ended, the page says {code or 0}" >&3\n' for code, body in blocks
    )
    settings = importing(HOME=str(folder / "home"), LOGNAME="ann", USER="ann", RECORD=str(folder / "record.txt"))
    settings["PATH"] = f"{program.parent}:{Path(sys.executable).parent}:{settings['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"exec 3>{folder}/ends; {script}"],
        cwd=folder / "project", env=settings, capture_output=True, text=True, check=False, timeout=240,
    )
    ends = (folder / "ends").read_text().splitlines()
    wanted = [f"ended {code or 0}, the page says {code or 0}" for code, _ in blocks]
    assert ends == wanted, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project without people: whoever reads the page is the first."""
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        small_project(tmp_path / "project", staging, production)
        (tmp_path / "project/config/release-approvers.yaml").unlink()
        yield tmp_path


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")
def test_one_person_comes_to_a_first_go_with_nine_lines(folder: Path) -> None:
    lines = re.search(r"<<END\n(.*?)^END$", ONE_PERSON, re.MULTILINE | re.DOTALL)
    assert lines is not None
    assert lines[1].count("\n") <= 10
    run_blocks(ONE_PERSON, folder)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")
def test_every_block_of_the_page_ends_as_the_page_says(folder: Path) -> None:
    run_blocks(PAGE.read_text(encoding="utf-8"), folder)
