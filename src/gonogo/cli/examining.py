"""`gonogo doctor`: what this machine lacks for running the protocols here (CFG-09, CFG-10)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.examining import examine
from gonogo.control.proving import workspace_at
from gonogo.control.trust_standing import assurance_examined, trust_examined
from gonogo.reports.model_json import model_json


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """What `gonogo doctor` takes."""

    trust: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--trust", is_flag=True, help="Also look at trust files, keys, and what is unanchored.")
@project_option
@json_option
@taking(DoctorOptions)
def doctor(options: DoctorOptions) -> int:
    """Look at programs, rights, room on disk and the journal. Exit 2 where something needed is missing."""
    workspace = workspace_at(options.folder)
    root = options.folder.absolute() if workspace is None else workspace.root
    found = examine(root, workspace, os.environ)
    if workspace is not None:
        found = (*found, *assurance_examined(workspace))
    if options.trust and workspace is not None:
        found = (*found, *trust_examined(Door.at(root, os.environ)))
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
