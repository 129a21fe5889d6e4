"""Its place puts this folder on the import path, so that tests in every subfolder can import `worlds`.

With `CI=true` a test that is skipped fails: CI installs what tests need, so a skip there is something that was not run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
"""How long an example takes says how busy the machine is, and nothing about the program."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI runs."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be skipped: {report.longrepr}"
    return report


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background hands down that Control-C is ignored; what is tried here must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = ("test_demo_story.py", "test_rollout_crashes.py", "test_stopped_runs.py", "test_release_crashes.py", "test_own_project_page.py")
"""The files that take longest: begun first, so that no worker is left alone with one of them at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order among the others stays as it was shuffled."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(FIRST)))
