"""Clocks that are wrong or jump: nothing is done twice, nothing early, and whoever stops says why.

The wrong clock is real for the process that has it: a small library before the C library answers with another time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.run.machine import Over
from shared_workers import Site, eventually, site_of
from tests.crashes.crash_harness import wait_until
from tests.projects import Project
from tests.scenarios.disk_stories import STOCK, stock_project

HOUR = 3600
SOURCE = Path(__file__).with_name("wrong_clock.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    assert compiler, "install a C compiler (Debian: gcc libc6-dev)"
    made = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"], check=True, timeout=60)
    return made


class Clock:
    """The wrong clock of a process, which can be set while it runs."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.file = folder / "wrong-by"
        self.environ = {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(self.file)}

    def set(self, seconds: int) -> None:
        self.file.with_suffix(".new").write_text(str(seconds))
        os.replace(self.file.with_suffix(".new"), self.file)


@pytest.fixture
def clock(library: Path, tmp_path: Path) -> Clock:
    found = Clock(library, tmp_path)
    found.set(0)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = stock_project(tmp_path / "project", tmp_path / "world")
    found.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", "{command: count, effect: staging}")
    held = f'while [ -e {tmp_path}/held ]; do sleep 0.05; done\n'
    found.edit("scripts/count.sh", 'echo counted >> "$RECORD"\n', f'echo counted >> "$RECORD"\n{held}')
    return found


@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize("jump", [HOUR, pytest.param(-HOUR, marks=pytest.mark.slow)])
def test_a_clock_that_jumps_in_the_middle_of_an_act_repeats_nothing_and_a_jump_back_is_named(
    project: Project, clock: Clock, tmp_path: Path, jump: int
) -> None:
    (tmp_path / "held").touch()
    run = project.begin(STOCK)
    environ = {**os.environ, "RECORD": str(project.record), **clock.environ}
    engine = gonogo_beside("resume", run, "-C", str(project.root), environ=environ)
    wait_until(lambda: project.executions("counted"), 60.0)
    clock.set(jump)
    (tmp_path / "held").unlink()
    said = engine.communicate(timeout=120)[1]
    assert project.chain_problems(run) == ()
    assert project.executions("counted") == ["counted"]
    if jump > 0:
        assert engine.returncode == 0, said
        assert project.state(run).outcome == "ready"
        return
    assert engine.returncode != 0
    assert "clock" in said and "set the clock of this machine right" in said
    clock.set(0)
    stopped = project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert isinstance(stopped, Over) and project.state(run).outcome == "ready"
    assert project.executions("counted") == ["counted"], "the result was found, and nothing was done again"


def gonogo_beside(*arguments: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    """The command line in a process of its own, which goes on beside the test."""
    root = Path(__file__).resolve().parents[2]
    environ = {**environ, "PYTHONPATH": str(root / "src")}
    return subprocess.Popen([sys.executable, "-m", "gonogo", *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def site(project: Project) -> Iterator[Site]:
    with site_of(project) as made:
        yield made


@pytest.mark.slow
@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_a_worker_with_a_wrong_clock_does_not_begin_and_says_so(site: Site, clock: Clock, wrong: int) -> None:
    clock.set(wrong)
    refused = site.start(**clock.environ)
    assert refused.wait(60) == 2
    assert f"3600 s {'ahead of' if wrong > 0 else 'behind'} the database's" in site.said(refused).replace("3599", "3600").replace("3601", "3600")


@pytest.mark.slow
@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_a_worker_whose_clock_jumps_leaves_its_runs_to_others_and_nothing_is_done_twice(
    site: Site, clock: Clock, tmp_path: Path, wrong: int
) -> None:
    jumping = site.start(**clock.environ)
    site.alive(1)
    clock.set(wrong)
    run = site.project.begin(STOCK)
    eventually(lambda: "the database's; nothing is done here" in site.said(jumping), "the wrong clock is seen")
    assert site.project.executions("counted") == []
    site.start()
    with site.signed_by_all(run):
        eventually(lambda: site.project.executions("counted"), "another worker goes on")
    assert site.project.state(run).outcome == "ready"
    assert site.project.executions("counted") == ["counted"]
    assert len(site.drivers(run)) == 1
