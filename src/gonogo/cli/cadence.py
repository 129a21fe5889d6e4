"""`gonogo tell`: what people are told by the calendar, said now if it is due, and only once."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.telling import Told, tell_due
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class TellOptions:
    """What `gonogo tell` takes."""

    who: str
    folder: Path
    as_json: bool


@click.command()
@actor_option
@project_option
@json_option
@taking(TellOptions)
def tell(options: TellOptions) -> int:
    """Say what `cadence` of gonogo.yaml makes due: status of open runs, summary, retrospectives. For timers."""
    found = tell_due(door_at(options.folder), actor_of(options.who))
    if options.as_json:
        say_json({"told": [_row(item) for item in found]})
        return 0
    for item in found:
        say(f"{item.prefix} - {item.text}")
        for channel in item.failed:
            say(f"  it did not arrive by `{channel}`; .gonogo/announcements.jsonl has it")
    if not found:
        say("nothing is due")
    return 0


def _row(item: Told) -> dict[str, Json]:
    return {"run": item.run or None, "prefix": item.prefix, "text": item.text, "failed": list(item.failed)}
