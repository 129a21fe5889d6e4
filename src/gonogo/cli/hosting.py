"""`gonogo host`: look at a host over SSH, install a release on it, take it back; `deploy` and `rollback` may run it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from gonogo.adapters.hosts.port import HostState
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.hosts_reached import hosts_reached, package_of
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.control.workspaces import Workspace
from gonogo.errors import WrongUsage
from gonogo.plan.project import Environment
from gonogo.values import dataclass

FENCE = "GONOGO_FENCE"


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What `gonogo host` takes."""

    action: str
    environment: str
    name: str
    version: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(["look", "install", "take-back"]))
@click.argument("environment")
@click.argument("name", metavar="HOST")
@click.argument("version", default="")
@project_option
@json_option
@taking(HostOptions)
def host(options: HostOptions) -> int:
    """Look what is on HOST of ENVIRONMENT; install VERSION there; or let VERSION, which ran before, run again.

    A run calls it with its fence (GONOGO_FENCE); by hand it acts under the fence that the host has.
    """
    workspace = open_workspace(find_root(options.folder.absolute()))
    environment = workspace.project.environments.get(options.environment)
    if environment is None:
        known = ", ".join(workspace.project.environments)
        raise WrongUsage(f"there is no environment `{options.environment}`", next_step=f"known are {known}")
    if options.action != "look" and not options.version:
        raise WrongUsage(f"`host {options.action}` needs a VERSION", next_step="gonogo host --help")
    state = _done(options, workspace, environment)
    if options.as_json:
        say_json({**asdict(state)})
    else:
        shown = state.version or "no release of ours"
        say(f"{state.host}: {shown} {state.digest[:12]}; {state.detail}; fence {state.fence}")
    return 0


def _done(options: HostOptions, workspace: Workspace, environment: Environment) -> HostState:
    hosts = hosts_reached(workspace.root, environment, os.environ)
    match options.action:
        case "install":
            return hosts.install(
                options.name, package_of(workspace, environment, options.name, options.version), _fence()
            )
        case "take-back":
            return hosts.take_back(options.name, options.version, _fence())
        case _:
            return hosts.look(options.name)


def _fence() -> int | None:
    text = os.environ.get(FENCE, "")
    if not text:
        return None
    if not text.isdigit():
        raise WrongUsage(f"{FENCE} is `{text}`", next_step="it is a number, set by a run; unset it to act by hand")
    return int(text)
