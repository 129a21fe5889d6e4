"""`gonogo halt`, `resume`, `abort`."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.deciding import comment_option, role_option, sign_and_record
from gonogo.cli.driving import drive
from gonogo.cli.shared_options import (
    actor_of,
    actor_option,
    door_at,
    json_option,
    project_option,
    run_argument,
    run_named,
)
from gonogo.errors import Refused, WrongUsage
from gonogo.run.state import Halted

UNSIGNED = "RUN is halted"


@click.command()
@run_argument
@click.option("--reason", required=True, help="Why; shown to everybody who looks at the run.")
@actor_option
@project_option
def halt(run: str, reason: str, who: str, folder: Path) -> int:
    """Stop RUN before its next act. What runs now ends by itself; going on needs a signature."""
    door = door_at(folder)
    name = run_named(door, run)
    door.halt(name, reason, actor_of(who))
    click.echo(f"{name} is halted; going on: gonogo resume {name} --key YOUR-KEY --reason TEXT")
    return 0


@click.command()
@run_argument
@click.option("--reason", required=True, help="Why; shown to everybody who looks at the run.")
@click.option("--no-drive", is_flag=True, help="Only record the abort; another engine drives the run.")
@actor_option
@project_option
@json_option
def abort(run: str, reason: str, no_drive: bool, who: str, folder: Path, as_json: bool) -> int:  # noqa: FBT001, PLR0913 - click's
    """End RUN. Production that was touched is rolled back first; an abort wins over everything."""
    door = door_at(folder)
    name = run_named(door, run)
    door.abort(name, reason, actor_of(who))
    if no_drive:
        click.echo(f"{name} is being aborted")
        return 0
    return drive(door, name, patient=False, as_json=as_json)


@click.command()
@run_argument
@click.option("--key", type=click.Path(path_type=Path), help="Your key; lifts a halt. Not needed after a crash.")
@click.option("--reason", default="", help="Why the halt may be lifted.")
@click.option("--mitigation", default="", help="What was done about its cause.")
@click.option("--from", "stage", default="", help="The step to return to. Default: what the halt says.")
@click.option("--wait", is_flag=True, help="Stay while people are awaited.")
@role_option
@comment_option
@actor_option
@project_option
@json_option
def resume(  # noqa: PLR0913 - one parameter an option, as click hands them over
    run: str,
    key: Path | None,
    reason: str,
    mitigation: str,
    stage: str,
    wait: bool,
    role: str,
    comment: str,
    who: str,
    folder: Path,
    as_json: bool,  # noqa: FBT001 - click's
) -> int:
    """Drive RUN on from where its ledger ends; lift its halt, if it is halted, with a signature."""
    door = door_at(folder)
    name = run_named(door, run)
    halted = door.load(name).state.halted
    if halted is not None:
        _lift(door, name, halted, key, reason, mitigation or reason, stage, role, comment, who)
    elif key or stage:
        raise WrongUsage(f"{name} is not halted", next_step=f"gonogo resume {name}")
    return drive(door, name, patient=wait, as_json=as_json)


def _lift(door, name, halted: Halted, key, reason, mitigation, stage, role, comment, who) -> None:  # type: ignore[no-untyped-def]
    if key is None or not reason:
        raise Refused(
            f"{name} is halted ({halted.cause}); only a signature lifts that",
            next_step=f"gonogo resume {name} --key YOUR-KEY --reason TEXT",
        )
    asked_name = door.ask_resume(name, stage, actor_of(who))
    asked, request, shown = door.request(name, asked_name)
    click.echo(shown.decode("utf-8", "replace"), err=True)
    sign_and_record(door, name, asked, request, key, {"reason": reason, "mitigation": mitigation}, role, comment)
    door.lift(name, asked_name, actor_of(who))
