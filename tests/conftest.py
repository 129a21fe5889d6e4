"""Its place puts this folder on the import path, so that tests in every subfolder can import `worlds`.

With `CI=true` a test that is skipped fails: CI installs what tests need, so a skip there is something that was not run.
"""

from __future__ import annotations

import gc
import os
import signal
import socketserver
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
"""How long an example takes says how busy the machine is, and nothing about the program."""

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes: several times what the folders of a whole run hold at once."""


def takes_projects(place: Path) -> bool:
    """Whether scripts can be run in `place` (a file system in memory, on Linux), and it has room for a whole run."""
    if not os.access(place, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(place)
    memory = next((line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:")), ": 0 kB")
    return not found.f_flag & os.ST_NOEXEC and min(found.f_bavail * found.f_frsize, int(memory.split()[1]) << 10) >= ROOM


if "TMPDIR" not in os.environ and takes_projects(MEMORY):
    # A release makes a thousand things durable, and no test pulls the plug: what waits for the disk shows nothing.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)  # pytest has asked for the folder once when this is read


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI runs."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be skipped: {report.longrepr}"
    return report


_tell_of_error = socketserver.BaseServer.handle_error


def _error_of_a_server(self: socketserver.BaseServer, request: object, client_address: object) -> None:
    """Who goes away before the answer is no news; everything else is.

    A traceback is made with `ast`, which in Python 3.11 fails where another thread, a test, is parsing (cpython#106905).
    """
    if not isinstance(sys.exception(), ConnectionError):
        _tell_of_error(self, request, client_address)  # type: ignore[arg-type]


socketserver.BaseServer.handle_error = _error_of_a_server  # type: ignore[method-assign]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background hands down that Control-C is ignored; what is tried here must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = tuple(
    f"test_{name}.py"
    for name in (
        "demo_story rollout_crashes stopped_runs release_crashes own_project_page parity_in_runs observed_release bad_input cli_runs"
        " checks_bad_input release measured_truth hosts_rolling ssh_release distributed auditing_page rollback_proof web_api agent_release"
        " ssh_hosts web_browser intake trust_page agent_signed_runs cli_init_release deployment_windows cleanup agent_bypass"
    ).split()
)
"""The files that take longest: begun first, so that no worker is left alone with one of them at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order among the others stays as it was shuffled."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(FIRST)))


def pytest_collection_finish() -> None:
    """Thousands of tests live as long as the process: looking through them again for what may go is a twentieth of the work."""
    gc.collect()
    gc.freeze()
