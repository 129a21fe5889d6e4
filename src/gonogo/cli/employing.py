"""`gonogo worker`: drive runs of a shared database on this host; see who works, and send one away."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.stores.project_root import find_root
from gonogo.control.stores.storing import WORKING, needed
from gonogo.errors import WrongUsage
from gonogo.terms import Json
from gonogo.values import dataclass

ACTIONS = ("start", "list", "evict")
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What `gonogo worker` takes."""

    action: str
    name: str
    reach: tuple[str, ...]
    at_once: int
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS), default="start")
@click.argument("name", default="", metavar="[NAME]")
@click.option(
    "--reach",
    multiple=True,
    metavar="ENVIRONMENT",
    help="start: an environment that can be reached from here; may be given again. Default: all. "
    "What has to be done elsewhere is handed to a worker that reaches it.",
)
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=AT_ONCE, show_default=True, help="start: so many runs at a time."
)
@project_option
@json_option
@taking(WorkerOptions)
def worker(options: WorkerOptions) -> int:
    """Drive runs of a shared database from this host until it is stopped; `list` the workers; `evict NAME`.

    Whatever a worker was doing when it dies is taken over by others. SIGTERM ends it within ten seconds.
    """
    module = needed(WORKING)
    if options.action == "start":
        root = find_root(options.folder.absolute())
        employed = module.Employment(options.reach, options.at_once)
        module.work(root, dict(os.environ), employed, tell)
    door = door_at(options.folder)
    if options.action == "evict":
        if not options.name:
            raise WrongUsage("which worker?", next_step="gonogo worker list; then: gonogo worker evict NAME")
        sent = module.sent_away(door, options.name)
        text = f"{sent.worker.name} is sent away; its runs go to others"
        return _told({"evicted": asdict(sent)}, [text], as_json=options.as_json)
    found = module.workers(door)
    lines = [module.line_of(seen) for seen in found] or ["no worker yet; start one with: gonogo worker"]
    return _told({"workers": [asdict(seen) for seen in found]}, lines, as_json=options.as_json)


def _told(body: dict[str, Json], lines: list[str], *, as_json: bool) -> int:
    if as_json:
        say_json(body)
    else:
        for line in lines:
            say(line)
    return 0
