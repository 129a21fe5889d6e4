"""`gonogo lock`: who holds which environment, who waits for it; stop it for everybody, or give it back by signature."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.deciding import Hand, comment_option, role_option, sign_and_record
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.answering import Asked
from gonogo.control.door import Door
from gonogo.control.leasing import Held, adopt, adopt_database, held_now, hold, let_go, lift_hold
from gonogo.errors import BadInput, Refused, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.terms import Json
from gonogo.values import dataclass

ACTIONS = ("status", "hold", "lift", "release", "adopt")


@dataclass(frozen=True, slots=True)
class LockOptions:
    """What `gonogo lock` takes."""

    action: str
    environment: str
    reason: str
    key: Path | None
    role: str
    comment: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS), default="status")
@click.argument("environment", default="")
@click.option("--reason", default="", help="hold, release: why; it stands in the log.")
@click.option("--key", type=click.Path(path_type=Path), help="release: your key.")
@role_option
@comment_option
@actor_option
@project_option
@json_option
@taking(LockOptions)
def lock(options: LockOptions) -> int:
    """`status`; `hold ENV` stops every run before its next act there, `lift ENV` ends that; `release ENV` by signature.

    An environment belongs to a run until that run has ended, whatever becomes of its processes. A dead one is not
    pushed aside: `gonogo resume` finds out what became of its act and goes on. `release` is for a run that must not go
    on: you state that it has let go, and it ends there, without any rollback. `adopt` says that this workspace, a copy,
    is the real one from now on; with a database, that its journal is this project's, whichever this folder knew.
    """
    door = door_at(options.folder)
    if options.action == "status":
        return _status(door, options)
    if options.action == "adopt":
        return _adopt(door, options)
    name = _environment(door, options)
    match options.action:
        case "hold":
            if not options.reason:
                raise WrongUsage("why?", next_step=f"gonogo lock hold {name} --reason TEXT")
            hold(door, name, options.reason, actor_of(options.who))
            told = f"{name} is stopped: no run begins anything there, until gonogo lock lift {name}"
        case "lift":
            lift_hold(door, name, actor_of(options.who))
            told = f"{name} may be worked on again; halted runs go on by gonogo resume"
        case _:
            told = _release(door, name, options)
    if options.as_json:
        say_json({"environment": name, "action": options.action, "done": True})
    else:
        say(told)
    return 0


def _adopt(door: Door, options: LockOptions) -> int:
    if door.store and door.store.shared:
        place = adopt_database(door.store.shared, door, actor_of(options.who))
        if options.as_json:
            say_json({"environment": None, "action": "adopt", "done": True, "original": None, "journal": place})
        else:
            say(f"from now on the journal of this project is the one in {place}; this folder refuses any other one")
        return 0
    original = adopt(door, actor_of(options.who))
    if options.as_json:
        say_json(
            {"environment": None, "action": "adopt", "done": True, "original": str(original) if original else None}
        )
    elif original is not None:
        say(f"from now on this workspace is the real one; {original.parent}, from which it was copied, refuses to act")
    else:
        say("from now on this workspace is the real one; nobody may drive runs in the one that it was copied from")
    return 0


def _environment(door: Door, options: LockOptions) -> str:
    known = door.workspace.project.environments
    if options.environment not in known:
        what = f"there is no environment `{options.environment}`" if options.environment else "which environment?"
        raise BadInput(what, where="gonogo.yaml", next_step=f"known are {', '.join(known)}")
    return options.environment


def _status(door: Door, options: LockOptions) -> int:
    found = held_now(door)
    if options.as_json:
        say_json({"environments": [_row(each) for each in found]})
        return 0
    for each in found:
        lease = each.lease
        if lease.run is None:
            say(f"{lease.environment}   free")
        else:
            since = time_text(lease.since) if lease.since else "?"
            beat = time_text(lease.beat) if lease.beat else "?"
            alive = "driven now" if each.driven else "no engine drives it"
            say(f"{lease.environment}   held by {lease.run} since {since}")
            say(f"    for {lease.reason or '?'} by {lease.owner or '?'} (fence {lease.fence})")
            say(f"    last event {beat}, {alive}")
            say(f"    {_expected_words(each)}", "red" if each.overdue else "")
            if each.following:
                say(f"    next: {each.following}")
        if lease.hold is not None:
            say(f"    STOPPED for everybody: {lease.hold}", "red")
        for number, waiter in enumerate(each.line, 1):
            say(f"    {number}. in line: {waiter.run}, priority {waiter.priority}, since {time_text(waiter.since)}")
    return 0


def _expected_words(each: Held) -> str:
    if each.expected is None:
        return "expected end not known: no earlier run of its protocol held it to the end"
    late = "OVERDUE: " if each.overdue else ""
    return f"{late}expected end {time_text(each.expected)}, by the slowest of its last runs; nothing ends by itself"


def _row(each: Held) -> dict[str, Json]:
    lease = each.lease
    return {
        "environment": lease.environment,
        "run": lease.run,
        "fence": lease.fence,
        "owner": lease.owner or None,
        "reason": lease.reason or None,
        "since": time_text(lease.since) if lease.since else None,
        "last_event": time_text(lease.beat) if lease.beat else None,
        "expected_end": time_text(each.expected) if each.expected else None,
        "overdue": each.overdue,
        "driven": each.driven,
        "hold": lease.hold,
        "next": each.following or None,
        "line": [
            {"run": waiter.run, "priority": waiter.priority, "since": time_text(waiter.since)} for waiter in each.line
        ],
    }


def _release(door: Door, name: str, options: LockOptions) -> str:
    if options.key is None or not options.reason:
        raise Refused(
            f"{name} is given back by a signature only",
            next_step=f"gonogo lock release {name} --key YOUR-KEY --reason TEXT",
        )
    actor = actor_of(options.who)
    with let_go(door, name, actor) as (run, round_name):
        asked, request, shown = door.request(run, round_name)
        tell(shown.decode("utf-8", "replace"))
        observed = f"{door.world.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        says = {"answer": "yes", "observed_at": observed, "reason_no_automation": options.reason}
        sign_and_record(door, Asked(run, asked, request), Hand(options.key, options.role, options.comment), says)
    return f"{name} is free; {run} has ended without any rollback"
