"""`gonogo search`: what runs taught, found by words, by those who may read it (LRN-13)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, recording_options
from gonogo.cli.taking import taking
from gonogo.control.audit.searching import demand_reader, found_for, withheld
from gonogo.evidence.signers import LEARNED
from gonogo.reports.searching import hit_lines, hit_row
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What `gonogo search` takes."""

    words: tuple[str, ...]
    kinds: tuple[str, ...]
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--kind", "kinds", type=click.Choice(LEARNED), multiple=True, help="Only this kind; repeatable.")
@recording_options
@taking(SearchOptions)
def search(options: SearchOptions) -> int:
    """Find by WORDS what runs taught: lessons, improvements, reports of retrospectives, known blockers and causes.

    Records that hold more of the words come first, rare words count for more; "two words" in quotes are a phrase. What
    `readers` of the approvers file keeps to some roles is found by those only.
    """
    door, actor = door_at(options.folder), actor_of(options.who)
    for kind in options.kinds:
        demand_reader(door, actor, kind)
    hits = found_for(door, actor, options.words, options.kinds)
    hidden = withheld(door, actor)
    if options.as_json:
        found: list[Json] = [hit_row(hit) for hit in hits]
        say_json({"found": found, "withheld": sorted(hidden)})
        return 0
    for line in hit_lines(hits):
        say(line)
    for kind, roles in hidden.items():
        say(f"{kind} were not searched: they are for {' or '.join(roles)}", "yellow")
    return 0
