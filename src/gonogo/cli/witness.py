"""`gonogo witness`: keep checkpoints of other people's logs, or hand ours to somebody who does (EVS-16)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.anchors.witness_folder import FolderWitness
from gonogo.adapters.anchors.witness_http import witness_server
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.trust.anchoring import Anchored, anchor, log_key, standings
from gonogo.errors import Waiting, WrongUsage
from gonogo.terms import Json
from gonogo.values import dataclass

ACTIONS = ("add", "status", "key", "know", "serve")
PORT = 8733


@dataclass(frozen=True, slots=True)
class WitnessOptions:
    """What `gonogo witness` takes."""

    action: str
    subject: str
    place: str
    store: Path
    name: str
    port: int
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("subject", default="", metavar="[RUN|VKEY]")
@click.option(
    "--to",
    "place",
    default="",
    help="add: a witness (http://127.0.0.1:8733 or a folder of another owner), git:REMOTE or tsa:NAME. "
    "Without it: every branch and authority that the trust files name.",
)
@click.option("--store", type=click.Path(path_type=Path), default=Path("witness"), help="serve, know: its folder.")
@click.option("--name", default="witness", show_default=True, help="serve: the name under which it cosigns.")
@click.option("--port", type=int, default=PORT, show_default=True, help="serve: the port, on loopback only.")
@actor_option
@project_option
@json_option
@taking(WitnessOptions)
def witness(options: WitnessOptions) -> int:
    """`add RUN --to PLACE`, `status`, `key` (ours); for a witness: `know VKEY --store DIR`, `serve --store DIR`."""
    match options.action:
        case "add":
            return _add(options)
        case "status":
            return _status(options)
        case "key":
            return _told(options, {"vkey": log_key(door_at(options.folder))})
        case "know":
            FolderWitness(options.store, options.name).know(_needed(options.subject, "the vkey of a log"))
            return _told(options, {"known": options.subject})
        case _:
            return _serve(options)


def _add(options: WitnessOptions) -> int:
    door = door_at(options.folder)
    made = anchor(door, run_named(door, options.subject), options.place, actor_of(options.who))
    if options.as_json:
        say_json({"anchors": [_row(item) for item in made]})
        return 0
    for item in made:
        seen = item.checkpoint
        say(f"anchored   {seen.origin} up to entry {seen.size - 1} by {item.keeper.name}: {item.path}", "green")
    return 0


def _row(item: Anchored) -> dict[str, Json]:
    seen = item.checkpoint
    found: dict[str, Json] = {"origin": seen.origin, "size": seen.size, "path": str(item.path)}
    return found | {"kind": item.keeper.kind, "keeper": item.keeper.name, "reply_sha256": item.reply}


def _status(options: WitnessOptions) -> int:
    found = standings(door_at(options.folder))
    if options.as_json:
        say_json({"runs": [{"run": item.run, "anchored": item.anchored, "detail": item.detail} for item in found]})
    for item in () if options.as_json else found:
        say(f"{item.run}: {item.detail}", "green" if item.anchored else "yellow")
    return 0 if all(item.anchored for item in found) else Waiting.exit_code


def _told(options: WitnessOptions, fields: dict[str, str]) -> int:
    if options.as_json:
        say_json(fields)
    for value in () if options.as_json else fields.values():
        say(value)
    return 0


def _serve(options: WitnessOptions) -> int:
    keeper = FolderWitness(options.store, options.name)
    with witness_server(keeper, options.port) as server:
        _told(options, {"listening": f"http://127.0.0.1:{server.server_port}", "vkey": keeper.key.vkey})
        server.serve_forever()
    return 0


def _needed(text: str, what: str) -> str:
    if not text:
        raise WrongUsage(f"this needs {what}", next_step="gonogo witness --help")
    return text
