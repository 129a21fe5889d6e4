"""The report of a run: the sealed one, or one put together now."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.reports.release import release_report
from gonogo.terms import Digest

REPORTS = ("RUN-REPORT.md", "DEPLOYMENT-REPORT.md")
"""Names of sealed reports; the one at the end of the run knows more than the one before it."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report; without `digest` it was put together just now and is on no record."""

    name: str
    text: str
    digest: Digest | None


def report_of(door: Door, opened: Opened) -> Report:
    """The report of a run: sealed bytes from the store, or made now where there are none."""
    for name in REPORTS:
        sealed = opened.state.evidence.get(name)
        if sealed is not None:
            return Report(name, door.world.vault.read(sealed.digest).decode("utf-8", "replace"), sealed.digest)
    text = release_report(opened.plan, opened.state, opened.run, door.world.clock.now())
    return Report(REPORTS[0], text, None)
