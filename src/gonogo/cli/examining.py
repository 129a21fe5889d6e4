"""`gonogo doctor`: what this machine lacks for running the protocols here (CFG-09, CFG-10)."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.agents.separation import separated, separation_lines
from gonogo.control.door import Door
from gonogo.control.examining import Examined, examine
from gonogo.control.examining_state import state_examined
from gonogo.control.proving import workspace_at
from gonogo.control.trust.standing import anchors_examined, assurance_examined, trust_examined
from gonogo.errors import Broken, Refused
from gonogo.findings import forbids
from gonogo.reports.model_json import model_json
from gonogo.reports.separation import Separation
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What `gonogo doctor` takes."""

    trust: bool
    agents: bool
    agent_user: str
    folder: Path
    as_json: bool


@click.command()
@click.option("--trust", is_flag=True, help="Also look at trust files and keys, and at each run's anchor.")
@click.option("--agents", is_flag=True, help="Look at what AI agents could reach; exit 2 below `enforced`.")
@click.option("--agent-user", default="", help="With --agents: the user that agents run as. Default: you.")
@project_option
@json_option
@taking(DoctorOptions)
def doctor(options: DoctorOptions) -> int:
    """Look at programs, rights, disk, clock, journal, leases, stalled runs. Exit 2 where something needed lacks."""
    if options.agents:
        return _agents(options)
    workspace = workspace_at(options.folder)
    root = options.folder.absolute() if workspace is None else workspace.root
    found = examine(root, workspace, os.environ)
    if workspace is not None:
        found = (*found, *assurance_examined(workspace))
    if workspace is not None and not forbids(workspace.findings):
        found = (*found, *_of_project(root, trust=options.trust))
    missing = [each for each in found if each.needed and not each.ok]
    if options.as_json:
        say_json({"ok": not missing, "examined": model_json(found)})
        return 2 if missing else 0
    for each in found:
        say(
            f"{'✓' if each.ok else '✗'} {each.what}: {each.detail}",
            "" if each.ok else "red" if each.needed else "yellow",
        )
        if each.remedy:
            say(f"    {each.remedy}")
    if workspace is None:
        say("no gonogo.yaml here or above: rights and journal were not looked at")
    return 2 if missing else 0


def _of_project(root: Path, *, trust: bool) -> tuple[Examined, ...]:
    """State and trust; nothing where the journal cannot be had, which is a row of its own already."""
    try:
        door = Door.at(root, os.environ)
    except (Broken, Refused):
        return ()
    return (*_of_state(door), *(trust_examined(door) if trust else ()))


def _of_state(door: Door) -> tuple[Examined, ...]:
    """The state of the runs; nothing where the journal cannot be read, which is a row of its own already."""
    try:
        return (*state_examined(door), anchors_examined(door))
    except (Broken, Refused):
        return ()


def _agents(options: DoctorOptions) -> int:
    """The separation check alone: it is about agents, and says nothing about this machine's programs."""
    found = separated(door_at(options.folder), options.agent_user, os.environ)
    if options.as_json:
        say_json({"level": found.level.word, "statements": [item.as_json() for item in found.statements]})
    else:
        for line in separation_lines(found):
            say(line, "red" if line.startswith(("✗", "?")) else "")
    return 0 if found.level is Separation.ENFORCED else 2
