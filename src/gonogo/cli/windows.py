"""`gonogo window` and `break-glass`: when production may be touched, and how people let it begin all the same."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import (
    actor_of,
    actor_option,
    json_option,
    needed_run_argument,
    project_option,
    run_argument,
)
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.evidence.ledger import time_text
from gonogo.plan.windows import Windows, closing, denied_by, next_opening, said
from gonogo.run.overtaken import BREAK_GLASS
from gonogo.terms import Json
from gonogo.values import dataclass

OPEN, CLOSED = 0, 3


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """What `gonogo window` takes."""

    run: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@project_option
@json_option
@taking(WindowOptions)
def window(options: WindowOptions) -> int:
    """Show the deployment windows of the project, or those that RUN is bound to; exit 3 while none is open."""
    door = door_at(options.folder)
    planned = _planned(door, options.run)
    now = door.world.clock.now()
    if options.as_json:
        say_json(_body(planned, now))
    else:
        for line in said(planned, now) if planned else ("No window is planned; production may begin at any time.",):
            say(line)
    return CLOSED if planned and denied_by(planned, now) else OPEN


def _planned(door: Door, run: str) -> Windows | None:
    project = door.load(run_named(door, run)).plan.project if run else door.workspace.project
    return project.windows


def _body(planned: Windows | None, now: datetime) -> dict[str, Json]:
    why = denied_by(planned, now) if planned else ""
    opening = next_opening(planned, now) if planned else now
    ends = closing(planned, now) if planned and not why else None
    return {
        "open": not why,
        "why": why or None,
        "opens_at": time_text(opening) if opening else None,
        "closes_at": time_text(ends) if ends else None,
        "at_end": planned.at_end if planned else None,
        "windows": list(said(planned, now)) if planned else [],
    }


@dataclass(frozen=True, slots=True)
class GlassOptions:
    """What `gonogo break-glass` takes."""

    run: str
    who: str
    folder: Path
    as_json: bool


@click.command("break-glass")
@needed_run_argument
@actor_option
@project_option
@json_option
@taking(GlassOptions)
def break_glass(options: GlassOptions) -> int:
    """Ask that RUN may begin in production outside its window; people of `decisions.break_glass` sign."""
    door = door_at(options.folder)
    run = run_named(door, options.run)
    name = door.ask_break_glass(run, actor_of(options.who))
    following = f"gonogo approve {run} {BREAK_GLASS} --key YOUR-KEY --reason TEXT"
    if options.as_json:
        say_json({"run": run, "round": name, "next": following})
    else:
        say(f"asked: {name}; whoever may grant it signs with: {following}")
    return 0
