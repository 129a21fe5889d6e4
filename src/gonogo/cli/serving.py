"""`gonogo serve`: the dashboard in the browser; needs the extra `web`."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.errors import BadInput
from gonogo.values import dataclass

OFFERED = ("releases", "live", "approvals", "gates", "parity", "rollback", "evidence", "audit", "history", "search")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `gonogo serve` takes."""

    host: str
    port: int
    tell: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8477, show_default=True, help="0 takes a free one.")
@click.option(
    "--tell/--no-tell",
    default=True,
    show_default=True,
    help="Remind people of what is due, each once, as `gonogo tell` does; without it a timer has to.",
)
@project_option
@json_option
@taking(ServeOptions)
def serve(options: ServeOptions) -> int:
    """Serve the dashboard: releases, the live rollout, approvals with passkeys. Ends with Ctrl-C.

    The first start prints a link for the first administrator, which works once. --json only says what is offered.
    """
    if options.as_json:
        say_json({"server": "gonogo", "pages": list(OFFERED), "installed": installed()})
        return 0
    if not installed():
        raise BadInput("the dashboard is not installed", next_step="pip install 'gonogo[web]'")
    serving = importlib.import_module("gonogo.web.serving")
    # Describing every verb imports every command: only the server pays for that.
    verbs = importlib.import_module("gonogo.cli.verb_table").served()
    place = serving.Address(options.host, options.port)
    serving.serve(door_at(options.folder), place, tell, verbs, reminds=options.tell)
    return 0


def installed() -> bool:
    """Whether the extra `web` is there."""
    return all(importlib.util.find_spec(name) is not None for name in ("starlette", "jinja2", "uvicorn"))
