"""Options that several commands have, and who it is that asks."""

from __future__ import annotations

import getpass
import importlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput, GonogoError, WrongUsage
from gonogo.evidence.handles import HANDLE
from gonogo.terms import Actor, Agent, Person, Pipeline


def _runs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    # Asking for a run costs the whole engine; who only wants --help or a script for the shell should not pay for it.
    opened = importlib.import_module("gonogo.cli.opened")
    return _beginning(lambda: opened.door_at(_folder(ctx)).runs(), incomplete)


def _protocols(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    sources = importlib.import_module("gonogo.control.sources")

    def names() -> Iterable[str]:
        declared = sources.open_workspace(find_root(_folder(ctx).absolute())).project.protocols
        return dict.fromkeys((*sources.BUILTIN_PROTOCOLS, *declared))

    return _beginning(names, incomplete)


def _folder(ctx: click.Context) -> Path:
    found = ctx.params.get("folder")
    return found if isinstance(found, Path) else Path()


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
priority_option = click.option(
    "--priority",
    type=click.IntRange(-100, 100),
    default=0,
    show_default=True,
    help="Who goes first where several runs want one environment, or a place to work: the higher number.",
)
release_option = click.option("--release", required=True, help="The version to release; names the release manifest.")
protocol_argument = click.argument("protocol", shell_complete=_protocols)
run_argument = click.argument("run", default="", shell_complete=_runs)
needed_run_argument = click.argument("run", shell_complete=_runs)


def recording_options(command: Callable[..., int]) -> Callable[..., int]:
    """`--as`, `--project` and `--json`, which every command has that lists records or puts one on file."""
    for option in (json_option, project_option, actor_option):
        command = option(command)
    return command


def _beginning(names: Callable[[], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    try:
        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    except GonogoError:
        # Whoever presses TAB outside a project wants no error text in the middle of the line.
        return []


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
    return _person(login())


def login() -> str:
    """The name of the user who is logged in; BadInput where nobody knows it."""
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
