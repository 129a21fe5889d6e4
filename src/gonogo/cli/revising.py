"""`gonogo history`: the versions of a protocol with their reasons; a new one on record; the way back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option, protocol_argument
from gonogo.cli.taking import taking
from gonogo.control.learning.revising import SHORT, History, go_back, history_of, note_change, note_outcome
from gonogo.control.learning.trending import figures_of
from gonogo.errors import WrongUsage
from gonogo.reports.model_json import model_json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What `gonogo history` takes."""

    protocol: str
    record: bool
    back_to: str
    reason: str
    impact: str
    evidence: str
    deprecates: str
    held: str | None
    who: str
    folder: Path
    as_json: bool


@click.command()
@protocol_argument
@click.option("--record", is_flag=True, help="Put on record why the present version is another one.")
@click.option("--back-to", default="", metavar="DIGEST", help="Put an earlier version in place of the present one.")
@click.option("--reason", default="", help="Why. A change without a reason is refused.")
@click.option("--impact", default="", help="What is expected of it.")
@click.option("--evidence", default="", help="What shows that it is needed.")
@click.option("--deprecates", default="", help="What should be used no more.")
@click.option("--held", type=click.Choice(("yes", "no")), help="Put on record whether the last change held.")
@actor_option
@project_option
@json_option
@taking(HistoryOptions)
def history(options: HistoryOptions) -> int:
    """Show the versions of PROTOCOL, the runs that used them and why each came; record one, or go back to one.

    Runs that are open keep the version that they began with.
    """
    if options.record and options.back_to:
        raise WrongUsage("record a change, or go back: not both", next_step="leave one of --record and --back-to out")
    door = door_at(options.folder)
    said = {"reason": options.reason, "impact": options.impact, "evidence": options.evidence}
    said["deprecates"] = options.deprecates
    if options.back_to:
        found = go_back(door, options.protocol, options.back_to, said, actor_of(options.who))
    elif options.held:
        found = note_outcome(door, options.protocol, options.held, said, actor_of(options.who))
    elif options.record:
        found = note_change(door, options.protocol, said, actor_of(options.who))
    else:
        found = history_of(door, options.protocol)
    figures = {str(version.document): figures_of(door, version.runs) for version in found.versions}
    if options.as_json:
        say_json({"history": model_json(found), "explained": found.explained, "figures": model_json(figures)})
    else:
        _print(found, figures)
    return 0


def _print(found: History, figures: Mapping[str, Mapping[str, Decimal]]) -> None:
    document, bindings = (digest[:SHORT] for digest in found.present)
    say(f"{found.protocol}   present version {document}, bindings {bindings}", bold=True)
    if not found.explained:
        say("  changed without a reason on record: --record --reason TEXT --impact TEXT puts it there", "yellow")
    for version in found.versions:
        used = f"{len(version.runs)} runs from {version.first} to {version.last}"
        say(f"  {version.document[:SHORT]}   {used}")
        for name, value in figures[version.document].items():
            say(f"      {name}: {value:.2f}")
    for change in found.changes:
        say(f"  {change.at}   {change.kind} to {change.document[:SHORT]} by {change.by}")
        for name, words in change.body.items():
            say(f"      {name}: {words}")
