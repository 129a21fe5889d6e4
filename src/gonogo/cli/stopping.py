"""`gonogo halt`, `resume`, `abort`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.cli.deciding import Hand, comment_option, role_option, sign_and_record
from gonogo.cli.driving import drive, end
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, priority_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.answering import Asked
from gonogo.control.door import Door
from gonogo.errors import Refused, WrongUsage
from gonogo.run.state import Halted
from gonogo.terms import RunId
from gonogo.values import dataclass

reason_option = click.option("--reason", required=True, help="Why; shown to everybody who looks at the run.")


@dataclass(frozen=True, slots=True)
class HaltOptions:
    """What `gonogo halt` takes."""

    run: str
    reason: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@reason_option
@actor_option
@project_option
@json_option
@taking(HaltOptions)
def halt(options: HaltOptions) -> int:
    """Stop RUN before its next act. What runs now ends by itself; going on needs a signature."""
    door = door_at(options.folder)
    name = run_named(door, options.run)
    door.halt(name, options.reason, actor_of(options.who))
    following = f"gonogo resume {name} --key YOUR-KEY --reason TEXT"
    if options.as_json:
        say_json({"run": name, "halted": True, "next": following})
    else:
        say(f"{name} is halted; going on: {following}")
    return 0


@dataclass(frozen=True, slots=True)
class AbortOptions:
    """What `gonogo abort` takes."""

    run: str
    reason: str
    no_drive: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@reason_option
@click.option("--no-drive", is_flag=True, help="Only record the abort; another engine drives the run.")
@actor_option
@project_option
@json_option
@taking(AbortOptions)
def abort(options: AbortOptions) -> int:
    """End RUN. Production that was touched is rolled back first; an abort wins over everything."""
    door = door_at(options.folder)
    name = run_named(door, options.run)
    door.abort(name, options.reason, actor_of(options.who))
    if not options.no_drive:
        return end(door, name, as_json=options.as_json)
    following = f"gonogo resume {name}"
    if options.as_json:
        say_json({"run": name, "aborting": True, "next": following})
    else:
        say(f"{name} is being aborted; where no engine drives it: {following}")
    return 0


@dataclass(frozen=True, slots=True)
class ResumeOptions:
    """What `gonogo resume` takes."""

    run: str
    key: Path | None
    reason: str
    mitigation: str
    stage: str
    outcome: str | None
    wait: bool
    priority: int
    role: str
    comment: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--key", type=click.Path(path_type=Path), help="Your key; lifts a halt. Not needed after a crash.")
@click.option("--reason", default="", help="Why the halt may be lifted.")
@click.option("--mitigation", default="", help="What was done about its cause.")
@click.option("--from", "stage", default="", help="The step to return to. Default: what the halt says.")
@click.option(
    "--outcome",
    type=click.Choice(["applied", "not-applied"]),
    help="What became of an act whose outcome nobody knows: you looked, and state it by your signature.",
)
@click.option("--wait", is_flag=True, help="Stay while people, or an environment, are awaited.")
@priority_option
@role_option
@comment_option
@actor_option
@project_option
@json_option
@taking(ResumeOptions)
def resume(options: ResumeOptions) -> int:
    """Drive RUN on from where its ledger ends; lift its halt, if it is halted, with a signature."""
    door = door_at(options.folder)
    name = run_named(door, options.run)
    halted = door.load(name).state.halted
    if halted is not None and not door.is_waived(name):
        _lift(door, name, halted, options)
    elif options.key or options.stage or options.outcome:
        raise WrongUsage(f"{name} is not halted", next_step=f"gonogo resume {name}")
    return drive(door, name, patient=options.wait, as_json=options.as_json, priority=options.priority)


def _lift(door: Door, name: RunId, halted: Halted, options: ResumeOptions) -> None:
    if options.key is None or not options.reason:
        raise Refused(
            f"{name} is halted ({halted.cause}); only a signature lifts that",
            next_step=f"gonogo resume {name} --key YOUR-KEY --reason TEXT",
        )
    actor = actor_of(options.who)
    if options.outcome:
        asked_name = door.ask_outcome(name, options.outcome.replace("-", "_"), actor)
    else:
        asked_name = door.ask_resume(name, options.stage, actor)
    asked, request, shown = door.request(name, asked_name)
    tell(shown.decode("utf-8", "replace"))
    hand = Hand(options.key, options.role, options.comment)
    says = {"reason": options.reason, "mitigation": options.mitigation or options.reason}
    if options.outcome:
        observed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        says = {"answer": "yes", "observed_at": observed, "reason_no_automation": options.reason}
    sign_and_record(door, Asked(name, asked, request), hand, says)
    door.lift(name, asked_name, actor)
