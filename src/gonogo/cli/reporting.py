"""`gonogo report`: the report of a run as it was sealed, or as it would be now (REP-01, REP-04)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.viewing import as_json, view
from gonogo.reports.release import release_report
from gonogo.terms import Digest

REPORTS = ("RUN-REPORT.md", "DEPLOYMENT-REPORT.md")
"""Names of sealed reports; the one at the end of the run knows more than the one before it."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What `gonogo report` takes."""

    run: str
    form: str
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A report; without `digest` it was put together just now and is on no record."""

    name: str
    text: str
    digest: Digest | None


@click.command()
@run_argument
@click.option(
    "--format", "form", type=click.Choice(["md", "json"]), default="md", show_default=True, help="How to print."
)
@project_option
@json_option
@taking(ReportOptions)
def report(options: ReportOptions) -> int:
    """Print the report of RUN: the sealed one, or as it is now where the run has not come that far."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    found = report_of(door, opened)
    if options.as_json or options.form == "json":
        seen = as_json(view(door.world, opened))
        packages = [{"name": item.name, "sha256": item.sha256} for item in opened.state.packages.values()]
        body = {"name": found.name, "sealed_sha256": found.digest, "markdown": found.text}
        say_json({**seen, "packages": packages, "report": body})
        return 0
    if found.digest is None:
        tell("no report is sealed yet; this one is put together from what is on record now")
    else:
        tell(f"{found.name}   sha256 {found.digest}")
    say(found.text.rstrip("\n"))
    return 0


def report_of(door: Door, opened: Opened) -> Report:
    """The report of a run: sealed bytes from the store, or made now where there are none."""
    for name in REPORTS:
        sealed = opened.state.evidence.get(name)
        if sealed is not None:
            return Report(name, door.world.vault.read(sealed.digest).decode("utf-8", "replace"), sealed.digest)
    text = release_report(opened.plan, opened.state, opened.run, door.world.clock.now())
    return Report(REPORTS[0], text, None)
