"""`gonogo report`: the report of a run as it was sealed, or as it would be now (REP-01, REP-04)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import json_text, say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.run_reports import page_of, report_of
from gonogo.control.viewing import as_json, view
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What `gonogo report` takes."""

    run: str
    form: str
    output: Path | None
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True, help="How to print."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write it to this file instead of printing it.")
@project_option
@json_option
@taking(ReportOptions)
def report(options: ReportOptions) -> int:
    """Print the report of RUN: the sealed one, or as it is now where the run has not come that far.

    `--format html` is one file with pictures, for a browser or on paper; nothing in it comes from elsewhere.
    """
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    if options.form == "html" and not options.as_json:
        return _given(options, page_of(door, opened))
    found = report_of(door, opened)
    if options.as_json or options.form == "json":
        seen = as_json(view(door.world, opened))
        packages = [{"name": item.name, "sha256": item.sha256} for item in opened.state.packages.values()]
        body = {"name": found.name, "sealed_sha256": found.digest, "markdown": found.text}
        return _given_json(options, {**seen, "packages": packages, "report": body})
    if found.digest is None:
        tell("no report is sealed yet; this one is put together from what is on record now")
    else:
        tell(f"{found.name}   sha256 {found.digest}")
    return _given(options, found.text)


def _given_json(options: ReportOptions, body: dict[str, Json]) -> int:
    if options.output is None:
        say_json(body)
        return 0
    write_file(options.output.absolute(), (json_text(body) + "\n").encode(), 0o644)
    if options.as_json:
        say_json({"written": str(options.output)})
    else:
        say(f"written    {options.output}", "green")
    return 0


def _given(options: ReportOptions, text: str) -> int:
    if options.output is None:
        say(text.rstrip("\n"))
        return 0
    write_file(options.output.absolute(), text.encode(), 0o644)
    say(f"written    {options.output}", "green")
    return 0
