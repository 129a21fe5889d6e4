"""What is asked often stays cheap: these import no engine, no compiler, no document reader and no web library."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import importing

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.ports import Draft
from gonogo.run.standing import Standing
from gonogo.terms import Engine, RunId

HEAVY = ("gonogo.engine", "gonogo.document", "gonogo.plan.compiling", "gonogo.control.door", "gonogo.control.assembling")
HEAVY += ("urllib3", "markdown_it", "prometheus_client", "yaml", "rich")
PATHS = {
    "the list of runs": ("gonogo.cli.glancing",),
    "the hook before each tool of an agent": ("gonogo.cli.guarding",),
    "the tools of agents until they are listed": ("gonogo.cli.mcp_serving", "gonogo.cli.mcp_stdio", "gonogo.mcp.stdio"),
}
DEARER_THAN_THE_LIST = {"click", "dataclasses", "inspect", "hashlib", "typing", "asyncio", "threading", "subprocess", "gonogo.terms", "gonogo.values"}
"""Each costs a tenth of a bare interpreter or more, and no list of runs needs it."""


WITHOUT_COMPILER = ("gonogo.document.reading", "gonogo.document.blocks", "gonogo.plan.compiling", "gonogo.plan.linting", "gonogo.protocol.rules", "markdown_it")
GOING_ON = ("stopping", "looking", "deciding", "choosing", "stating", "waiving", "by_hand", "leasing", "driving_all", "evidence", "gating")
"""Commands about runs that are open: each run follows the plan that was kept when it was opened."""


def test_a_run_that_goes_on_loads_neither_the_compiler_nor_what_reads_documents() -> None:
    modules = ", ".join(f"gonogo.cli.{name}" for name in GOING_ON)
    program = f"import sys, {modules}\nprint(*(name for name in {WITHOUT_COMPILER!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], env=importing(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_often_imports_little(path: str) -> None:
    program = f"import sys, {', '.join(PATHS[path])}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], env=importing(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], path


def imported(*arguments: str) -> tuple[str, set[str]]:
    """What `gonogo` printed, and every module that its process imported."""
    line = [sys.executable, "-X", "importtime", "-m", "gonogo", *arguments]
    done = subprocess.run(line, env=importing(), capture_output=True, text=True, check=True)
    return done.stdout, {told.rpartition("|")[2].strip() for told in done.stderr.splitlines()}


@pytest.mark.req("RGD-01")
def test_a_process_that_lists_runs_imports_neither_a_command_line_nor_what_makes_values(tmp_path: Path) -> None:
    (tmp_path / "gonogo.yaml").write_text("project: shop\n")
    run, now = RunId("pre-deployment-v1-000000"), datetime.now(UTC)
    with SqliteJournal(tmp_path / ".gonogo" / "journal.db") as journal:
        journal.open_run(run, [Draft("run.opened", {})], actor=Engine("local"), now=now)
        journal.keep_standing(Standing(run, 0, "pre-deployment", "v1", "staging", "waiting for people", "", now))
    printed, modules = imported("status", "-C", str(tmp_path))
    assert printed.startswith(f"{run}   v1   waiting for people   since ")
    assert "gonogo.adapters.standings_read" in modules, "the list of modules is complete"
    assert DEARER_THAN_THE_LIST & modules == set()
    assert len({name for name in modules if name.startswith("gonogo.")}) <= 10


def test_a_process_that_tells_its_version_imports_no_journal_either() -> None:
    printed, modules = imported("--version")
    assert printed.startswith("gonogo 0.")
    assert (DEARER_THAN_THE_LIST | {"sqlite3", "pathlib", "json"}) & modules == set()
    assert len({name for name in modules if name.startswith("gonogo.")}) <= 6


def test_the_hook_of_an_agent_opens_nothing_where_no_run_was_ever_opened(tmp_path: Path) -> None:
    (tmp_path / "gonogo.yaml").write_text("project: shop\n")
    printed, modules = imported("guard", "--line", "kubectl apply -f web.yaml", "--json", "-C", str(tmp_path))
    assert '"allowed": true' in printed
    assert {"gonogo.control.door", "gonogo.plan.bindings", "yaml"} & modules == set()
