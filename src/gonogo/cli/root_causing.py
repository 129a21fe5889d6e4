"""`gonogo rootcause`: what a blocker came from, recorded with its repair, and closed by a gate that passed again."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, needed_run_argument, recording_options
from gonogo.cli.taking import taking
from gonogo.control.opening import Opened
from gonogo.control.root_causing import Recorded, Words, last_halt, records, write_down
from gonogo.errors import WrongUsage
from gonogo.plan.model import all_stages
from gonogo.reports.root_causes import CauseClass, gates_that_show, triple_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RootcauseOptions:
    """What `gonogo rootcause` takes."""

    run: str
    kind: str | None
    cause: str
    resolution: str
    prevention: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@click.option("--class", "kind", type=click.Choice([kind.value for kind in CauseClass]), help="Where it comes from.")
@click.option("--cause", default="", help="What it really was.")
@click.option("--resolution", default="", help="What was done about it.")
@click.option("--prevention", default="", help="What keeps it from coming back.")
@recording_options
@taking(RootcauseOptions)
def rootcause(options: RootcauseOptions) -> int:
    """Show what the halt of RUN can come from and what is on record; with --class, write a record.

    A record is open until a gate that judges the step has passed again. Exit 0 where none is open, else 3.
    """
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    if options.kind is not None:
        words = Words(CauseClass(options.kind), options.cause, options.resolution, options.prevention)
        write_down(door.world, opened, words, actor_of(options.who))
    elif options.cause or options.resolution or options.prevention:
        raise WrongUsage("a record needs its class", next_step="say where it comes from: --class CLASS")
    found = records(door.world, opened)
    if options.as_json:
        say_json({"run": opened.run, "records": [item.as_json() for item in found]})
    else:
        _say_ways(opened)
        for item in found:
            _say(item)
    return 3 if any(item.open for item in found) else 0


def _say_ways(opened: Opened) -> None:
    halt = last_halt(opened)
    if halt is None:
        tell(f"{opened.run} was never halted")
        return
    name = str(halt.data.get("stage"))
    say(f"blocker    {halt.data.get('cause')} at {name}", "red")
    stage = next((item for item in all_stages(opened.plan) if item.id == name), None)
    triple = triple_of(stage) if stage is not None else None
    for kind, text in triple.causes if triple else ():
        say(f"  can be   {kind.value}: {text}")
    if triple is not None:
        say(f"  repair   {triple.solution}")
    gates = gates_that_show(opened.plan, stage) if stage is not None else ()
    if gates:
        say(f"  shown by {', '.join(gates)}: it has to pass again")


def _say(item: Recorded) -> None:
    for line in item.record.markdown().splitlines():
        say(line)
    say(f"  by {item.by} at {item.at}; {f'{item.revalidated_by} passed since' if not item.open else 'open'}")
