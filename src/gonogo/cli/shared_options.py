"""Options that several commands have, and opening the project they are about."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from gonogo.control.door import Door
from gonogo.control.sources import find_root
from gonogo.errors import BadInput, WrongUsage
from gonogo.evidence.signers import HANDLE
from gonogo.terms import Actor, Agent, Person, Pipeline, RunId

Function = TypeVar("Function", bound=Callable[..., object])

project_option = click.option(
    "-C",
    "--project",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The project's folder. Default: here.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
actor_option = click.option(
    "--as", "who", default="", help="Who acts: a handle, agent:NAME or pipeline:NAME. Default: you."
)
run_argument = click.argument("run", default="")


def door_at(folder: Path) -> Door:
    """The project that a command is about."""
    return Door.at(find_root(folder.absolute()), dict(os.environ), _report)


def _report(text: str) -> None:
    click.echo(text, err=True)


def actor_of(who: str) -> Actor:
    """The actor that `--as` names; without it CI is a pipeline and everybody else the user who is logged in."""
    if who:
        kind, colon, name = who.partition(":")
        if not colon:
            return _person(who)
        if kind == "agent":
            return Agent(name)
        if kind == "pipeline":
            return Pipeline(name)
        raise WrongUsage(f"`{who}` names no actor", next_step="use a handle, agent:NAME or pipeline:NAME")
    if os.environ.get("GONOGO_ACTOR"):
        return actor_of(os.environ["GONOGO_ACTOR"])
    if os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITLAB_CI"):
        return Pipeline("ci")
    return _person(_login())


def _login() -> str:
    try:
        return getpass.getuser().lower()
    except (KeyError, OSError) as error:
        raise BadInput("nobody knows who you are here", next_step="say it with --as HANDLE") from error


def _person(handle: str) -> Person:
    if not HANDLE.fullmatch(handle):
        raise WrongUsage(
            f"`{handle}` is no handle", next_step="handles are 2 to 32 of a-z 0-9 . _ -; say yours with --as"
        )
    return Person(handle)


def run_named(door: Door, name: str) -> RunId:
    """The run that a command names: exactly, by a unique beginning, or the newest one where none is named."""
    runs = door.runs()
    if not runs:
        raise BadInput("there is no run in this project yet", next_step="gonogo run pre-deployment --release VERSION")
    if not name:
        return runs[-1]
    if name in runs:
        return RunId(name)
    matching = [run for run in runs if run.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    what = f"`{name}` could be {', '.join(matching[:5])}" if matching else f"there is no run `{name}`"
    raise BadInput(what, next_step=f"runs: {', '.join(runs[-5:])}")
