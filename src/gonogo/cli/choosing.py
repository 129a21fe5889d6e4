"""`gonogo decide`: the ways on of a halted run with what speaks for and against each; people choose by signature."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.cli.deciding import Hand, comment_option, role_option, sign_and_record, yes_option
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, needed_run_argument, project_option
from gonogo.cli.taking import taking
from gonogo.control.answering import Asked
from gonogo.control.door import Door
from gonogo.engine.choosing import Chosen, chosen
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import time_text
from gonogo.run.choosing import Way, ways_on
from gonogo.terms import Json, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class DecideOptions:
    """What `gonogo decide` takes."""

    run: str
    letter: str
    key: Path | None
    reason: str
    role: str
    comment: str
    yes: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@click.argument("letter", default="")
@click.option("--key", type=click.Path(path_type=Path), help="Your private key, or a .pub whose key your agent holds.")
@click.option("--reason", default="", help="Why this one. Needed with a LETTER.")
@role_option
@comment_option
@yes_option
@actor_option
@project_option
@json_option
@taking(DecideOptions)
def decide(options: DecideOptions) -> int:
    """Show how the halted RUN can go on, with pros and cons; choose the option LETTER by signature.

    A choice is on record with its author and changes nothing by itself: the command beside the option does.
    """
    door = door_at(options.folder)
    run = run_named(door, options.run)
    opened = door.load(run)
    ways = ways_on(opened.plan, opened.state)
    if not options.letter:
        return _show(options, run, ways, chosen(door.world, opened.state))
    letter = options.letter.upper()
    taken = next((way for way in ways if way.letter == letter), None)
    if not ways:
        raise Refused(f"{run} is not halted: there is nothing to decide", next_step=f"gonogo status {run}")
    if taken is None:
        letters = ", ".join(way.letter for way in ways)
        raise WrongUsage(f"there is no option {options.letter}", next_step=f"choose one of {letters}")
    if options.key is None or not options.reason.strip():
        advice = f"gonogo decide {run} {letter} --key KEY --reason TEXT"
        raise WrongUsage("a choice is signed, with its reason", next_step=advice)
    return _choose(door, run, taken, options, options.key)


def _choose(door: Door, run: RunId, taken: Way, options: DecideOptions, key: Path) -> int:
    name = door.ask_choice(run, actor_of(options.who))
    asked, request, shown = door.request(run, name)
    tell(shown.decode("utf-8", "replace"))
    tell(f"your choice: {taken}")
    if not options.yes and os.isatty(0) and not click.confirm("sign this?", err=True):
        raise Refused("not signed", next_step="nothing was recorded; the request stays open")
    observed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    says: dict[str, Tree] = {
        "answer": taken.letter,
        "observed_at": observed,
        "reason_no_automation": options.reason,
    }
    hand = Hand(key, options.role, options.comment)
    person, role, _ = sign_and_record(door, Asked(run, asked, request), hand, says)
    following = taken.command.replace("RUN", run)
    if options.as_json:
        said: dict[str, Json] = {"run": run, "round": name, "choice": taken.letter, "person": person, "role": role}
        say_json({**said, "next": following})
    else:
        say(f"recorded: {person} ({role}) chose {taken.letter} for {run}: {taken.text}")
        say(f"  next: {following}")
    return 0


def _show(options: DecideOptions, run: RunId, ways: tuple[Way, ...], taken: tuple[Chosen, ...]) -> int:
    if options.key is not None or options.reason:
        raise WrongUsage("which option?", next_step=f"gonogo decide {run} LETTER --key KEY --reason TEXT")
    if options.as_json:
        say_json({"run": run, "options": [_way(run, way) for way in ways], "chosen": [_chosen(item) for item in taken]})
        return 0
    say(f"{run} can go on like this:" if ways else f"{run} is not halted: there is nothing to decide")
    for way in ways:
        say(f"  {way.letter}  {way.text}", bold=True)
        say(f"     for:     {way.pros}")
        say(f"     against: {way.cons}")
        say(f"     by:      {way.command.replace('RUN', run)}")
    for item in taken:
        say(f"  {item.person} ({item.role}) chose {item.letter} at {time_text(item.at)}: {item.reason}")
    if ways:
        say(f"  next: gonogo decide {run} LETTER --key KEY --reason TEXT")
    return 0


def _way(run: RunId, way: Way) -> dict[str, Json]:
    said: dict[str, Json] = {"option": way.letter, "description": way.text, "pros": way.pros, "cons": way.cons}
    return {**said, "command": way.command.replace("RUN", run)}


def _chosen(item: Chosen) -> dict[str, Json]:
    said: dict[str, Json] = {"choice": item.letter, "person": item.person, "role": item.role}
    return {**said, "at": time_text(item.at), "reason": item.reason, "asked": item.asked}
