"""`gonogo handoff` and `gonogo receive`: what is handed over is computed; owner and receiver sign for it."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.given_files import given_bytes
from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.driving import drive
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.handing import (
    OWNER,
    RECEIVER,
    Handoff,
    brief,
    handoff_of,
    received_run,
    record_signature,
)
from gonogo.control.opening import Opened
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.signers import Kind, namespace
from gonogo.values import dataclass

MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class HandoffOptions:
    """What `gonogo handoff` takes."""

    run: str
    key: Path | None
    go_on: bool
    who: str
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What `gonogo receive` takes."""

    bundle: Path
    key: Path | None
    questions: tuple[str, ...]
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--key", type=click.Path(path_type=Path), help="Sign as the owner of the protocol, by this key.")
@click.option("--continue", "go_on", is_flag=True, help="Open the next protocol; only where every item holds.")
@actor_option
@project_option
@json_option
@taking(HandoffOptions)
def handoff(options: HandoffOptions) -> int:
    """Compute the handoff of RUN: each item of its checklists, the next command. Exit 0 where all hold, else 2."""
    if options.key is not None and options.go_on:
        raise WrongUsage("sign first, go on then", next_step="gonogo handoff RUN --key KEY")
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    if options.key is not None:
        _sign(door, opened, OWNER, (options.key, options.who, ()))
    found = handoff_of(door, door.load(opened.run))
    if options.go_on and found.complete:
        following = door.open(opened.plan.next_protocol, opened.plan.release.version, actor_of(options.who))
        return drive(door, following.run, patient=False, as_json=options.as_json)
    _print(found, as_json=options.as_json)
    if options.go_on and not options.as_json:
        raise Refused("the handoff is not complete, so nothing is opened", next_step="see the open items above")
    return 0 if found.complete else 2


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="Sign that it arrived and verifies, by this key.")
@click.option("--question", "questions", multiple=True, help="Something that is open; the receipt is then not ready.")
@actor_option
@project_option
@json_option
@taking(ReceiveOptions)
def receive(options: ReceiveOptions) -> int:
    """Verify a handed-over BUNDLE against the log, and sign its receipt as the owner of the next protocol."""
    door = door_at(options.folder)
    opened = received_run(door, given_bytes(options.bundle, limit=MOST))
    person = ""
    if options.key is not None:
        person = _sign(door, opened, RECEIVER, (options.key, options.who, options.questions))
    found = handoff_of(door, door.load(opened.run))
    if options.as_json:
        say_json({"run": opened.run, "verified": True, "received_by": person or None, "handoff": found.complete})
    else:
        say(f"{options.bundle} is the package that {opened.run} sealed", "green")
        say(f"received by {person}" if person else "not received yet: gonogo receive BUNDLE --key KEY")
    return 0 if RECEIVER in found.signed else 3


def _sign(door: Door, opened: Opened, part: str, given: tuple[Path, str, tuple[str, ...]]) -> str:
    key, who, questions = given
    statement = brief(door, opened, part, open_items=questions)
    signature = sign_with_ssh_keygen(statement, namespace(Kind.SIGNOFF, opened.plan.environment), key, words=tell)
    return record_signature(door, opened, statement, signature, actor_of(who))


def _print(found: Handoff, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "run": found.opened.run,
                "complete": found.complete,
                "statement": found.statement or None,
                "next": found.next_command,
                "items": [{"name": item.name, "held": item.held, "why": item.why or None} for item in found.items],
                "signed": {part: str(fields.get("person")) for part, fields in found.signed.items()},
            }
        )
        return
    for item in found.items:
        say(
            f"{'holds' if item.held else 'OPEN '}  {item.name}{f': {item.why}' if item.why else ''}",
            "green" if item.held else "red",
        )
    for part in (OWNER, RECEIVER):
        say(f"{part}: {found.signed[part]['person'] if part in found.signed else 'has not signed yet'}")
    say(found.statement or "the handoff is open")
    say(f"next: {found.next_command}")
