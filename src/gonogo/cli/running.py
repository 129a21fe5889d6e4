"""`gonogo run`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gonogo.cli.driving import drive
from gonogo.cli.shared_options import actor_of, actor_option, door_at, json_option, project_option


@click.command()
@click.argument("protocol")
@click.option("--release", required=True, help="The version to release; names the release manifest.")
@click.option("--wait", is_flag=True, help="Stay while people are awaited, and go on as soon as they have signed.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing; the same as `gonogo plan`.")
@actor_option
@project_option
@json_option
@click.pass_context
def run(  # noqa: PLR0913 - one parameter an option, as click hands them over
    ctx: click.Context,
    protocol: str,
    release: str,
    wait: bool,
    dry_run: bool,
    who: str,
    folder: Path,
    as_json: bool,  # noqa: FBT001 - click's
) -> int:
    """Open a run of PROTOCOL for a release and drive it until it is over, halts, or waits for people."""
    if dry_run:
        from gonogo.cli.planning import plan

        return int(ctx.invoke(plan, protocol=protocol, release=release, folder=folder, as_json=as_json) or 0)
    door = door_at(folder)
    opened = door.open(protocol, release, actor_of(who))
    if as_json:
        click.echo(json.dumps({"run": opened.run}))
    return drive(door, opened.run, patient=wait, as_json=as_json)
