"""`gonogo hold` and `gonogo retrieve`: keep files longer, erase them, get archived ones back (ARC-05 to ARC-07)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.deciding import key_option
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control import holding
from gonogo.control.holding import Wanted
from gonogo.errors import WrongUsage
from gonogo.evidence.retention import ACTIONS, EXTEND, NAMESPACE
from gonogo.evidence.signers import RELEASE_MANAGER
from gonogo.plan.reading import moment_of
from gonogo.values import dataclass

run_option = click.option("--run", default="", help="The run that the files are of. Default: the newest one.")


@dataclass(frozen=True, slots=True)
class HoldOptions:
    """What `gonogo hold` takes."""

    names: tuple[str, ...]
    run: str
    action: str
    until: str
    reason: str
    person: str
    role: str
    key: Path
    folder: Path
    as_json: bool


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="FILE|SHA256...")
@run_option
@click.option(
    "--action", type=click.Choice(ACTIONS), default=EXTEND, show_default=True, help="Keep longer, let go, or erase."
)
@click.option("--until", default="", help="extend: how long, like 2030-01-01T00:00:00Z.")
@click.option("--reason", required=True, help="The business reason; it stands in the clean-up log.")
@click.option("--as", "person", required=True, help="Who signs: a handle of the approvers file.")
@click.option("--role", default=RELEASE_MANAGER, show_default=True, help="In which role.")
@key_option
@project_option
@json_option
@taking(HoldOptions)
def hold(options: HoldOptions) -> int:
    """Sign that files are kept longer than they have to be, are let go again, or are erased at the next clean-up."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    now = door.world.clock.now()
    until = _until(options, now)
    wanted = Wanted(options.names, options.action, until, options.reason, options.person, options.role)
    path = holding.hold(door, opened, wanted, lambda data: sign_with_ssh_keygen(data, NAMESPACE, options.key), now)
    if options.as_json:
        say_json({"statement": str(path), "action": options.action, "run": opened.run})
        return 0
    say(f"signed     {options.action} {len(options.names)} files: {path}", "green")
    say("  next: have it reviewed and committed with its .sig; then gonogo cleanup shows what it changes")
    return 0


def _until(options: HoldOptions, now: datetime) -> datetime:
    if options.action != EXTEND:
        return now.replace(microsecond=0)
    found = moment_of(options.until) if options.until else None
    if found is None:
        raise WrongUsage("until when?", next_step="--until 2030-01-01T00:00:00Z, with its zone")
    return found


@dataclass(frozen=True, slots=True)
class RetrieveOptions:
    """What `gonogo retrieve` takes."""

    name: str
    run: str
    out: Path | None
    folder: Path
    as_json: bool


@click.command()
@click.argument("name", metavar="FILE|SHA256")
@run_option
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it, read-only. Default: its name, here.")
@project_option
@json_option
@taking(RetrieveOptions)
def retrieve(options: RetrieveOptions) -> int:
    """Get a file back out of the archive: verified first, and nothing is handed out that does not verify."""
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    out = (options.out or Path(options.name.rpartition("/")[2])).absolute()
    digest = holding.retrieve(door, opened, options.name, out, door.world.clock.now())
    if options.as_json:
        say_json({"file": str(out), "sha256": digest, "run": opened.run})
        return 0
    say(f"verified   {options.name} of {opened.run}, sha256 {digest}", "green")
    say(f"  written: {out}")
    return 0
