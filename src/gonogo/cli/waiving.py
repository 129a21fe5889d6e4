"""`gonogo waive`, `dissent`: accept by signature that a gate did not pass; put an objection on record (WVR-01)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gonogo.cli.deciding import (
    Hand,
    Question,
    Signing,
    answer_round,
    comment_option,
    key_option,
    role_option,
    shown_and_signed,
    signing_options,
)
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, needed_run_argument, project_option
from gonogo.cli.taking import taking
from gonogo.engine.stating import OwnWord
from gonogo.engine.waiving import Wish
from gonogo.errors import WrongUsage
from gonogo.evidence.signers import Kind
from gonogo.run.waiving import waiver_point

DUE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class WaiveOptions(Signing):
    """What `gonogo waive` takes."""

    run: str
    gate: str
    justification: str
    risk_assessment: str
    controls: tuple[str, ...]
    risk_owner: str
    follow_up: str
    key: Path | None
    no_go: bool
    reason: str
    who: str


@click.command()
@needed_run_argument
@click.argument("gate")
@click.option("--justification", default="", help="Ask for a waiver: why the gate may be left as it is.")
@click.option("--risk-assessment", default="", help="What may happen, and how bad it would be.")
@click.option("--control", "controls", multiple=True, help="What is done instead; may be given several times.")
@click.option("--risk-owner", default="", help="Who answers for the risk. Default: whoever asks.")
@click.option("--follow-up", default="", help="The ticket under which the gate is put right, within 30 days.")
@click.option("--key", type=click.Path(path_type=Path), help="Answer: your private key, or a .pub in your agent.")
@click.option("--no-go", is_flag=True, help="Answer: refuse the waiver.")
@click.option("--reason", default="", help="Answer: why.")
@actor_option
@signing_options
@taking(WaiveOptions)
def waive(options: WaiveOptions) -> int:
    """Ask for a waiver of the GATE at which RUN stands (--justification), or answer the request (--key)."""
    if bool(options.justification) == bool(options.key):
        raise WrongUsage("say --justification to ask, or --key to answer", next_step="gonogo waive --help")
    return _answer(options, options.key) if options.key is not None else _ask(options)


def _ask(options: WaiveOptions) -> int:
    door = door_at(options.folder)
    run = run_named(door, options.run)
    actor = actor_of(options.who)
    wish = Wish(
        justification=options.justification,
        risk_assessment=options.risk_assessment,
        controls=options.controls,
        risk_owner=options.risk_owner or str(actor),
        follow_up=options.follow_up or f"waiver of {options.gate}",
        due=(datetime.now(UTC) + DUE).replace(microsecond=0),
    )
    name = door.ask_waiver(run, options.gate, wish, actor)
    following = f"gonogo waive {run} {options.gate} --key KEY --reason TEXT"
    if options.as_json:
        say_json({"run": run, "gate": options.gate, "round": name, "next": following})
    else:
        say(f"asked: {name}; whoever may grant it signs with: {following}")
    return 0


def _answer(options: WaiveOptions, key: Path) -> int:
    if not options.reason:
        raise WrongUsage("a waiver is granted or refused for a reason", next_step="say --reason TEXT")
    point = waiver_point(options.gate)
    asked = Question(options.folder, options.run, point, Kind.WAIVER, options.yes, options.as_json)
    says = {"decision": "no_go" if options.no_go else "go", "reason": options.reason}
    return answer_round(asked, options.hand(key), says)


@dataclass(frozen=True, slots=True)
class DissentOptions:
    """What `gonogo dissent` takes."""

    run: str
    key: Path
    reason: str
    role: str
    comment: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@key_option
@click.option("--reason", required=True, help="What you object to.")
@role_option
@comment_option
@actor_option
@project_option
@json_option
@taking(DissentOptions)
def dissent(options: DissentOptions) -> int:
    """Put a signed objection to RUN on record. It stops nothing; every later signer is shown it."""
    door = door_at(options.folder)
    run = run_named(door, options.run)
    name = door.ask_own(run, OwnWord(Kind.DISSENT, "release"), actor_of(options.who))
    hand = Hand(options.key, options.role, options.comment)
    person, role, _ = shown_and_signed(door, run, name, hand, {"reason": options.reason}, sure=True)
    if options.as_json:
        say_json({"run": run, "round": name, "person": person, "role": role})
    else:
        say(f"recorded: {person} ({role}) objects to {run}")
    return 0
