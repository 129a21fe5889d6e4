"""`gonogo sign-off`, `consent`, `prepare`, `hand-in`: statements of one's own, and signing any of them elsewhere.

`prepare` writes exactly the bytes to sign, `hand-in` takes the signature: made by stock ssh-keygen on another machine,
or by a passkey in a browser. What is handed in is verified as if it had been signed here (REV-03, REV-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.adapters.given_files import given_bytes
from gonogo.cli.deciding import (
    Hand,
    Signing,
    comment_option,
    key_option,
    role_option,
    shown_and_signed,
    signing_options,
    statement_for,
    tell_agents_words,
)
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, needed_run_argument, project_option
from gonogo.cli.taking import taking
from gonogo.control.answering import Asked, passkey_signature
from gonogo.control.door import Door
from gonogo.engine.stating import OwnWord
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.evidence.sayings import ABOUT, ANSWERED
from gonogo.evidence.signers import Kind, namespace
from gonogo.evidence.statements import read_statement
from gonogo.run.state import Round
from gonogo.terms import Person, RunId

LISTS = ("conditions", "exceptions")
"""Answered fields that may be said several times."""


@dataclass(frozen=True, slots=True)
class SignOffOptions(Signing):
    """What `gonogo sign-off` takes."""

    run: str
    about: str
    key: Path
    reject: bool
    reason: str
    who: str


@click.command(name="sign-off")
@needed_run_argument
@click.argument("about", type=click.Choice(sorted(ABOUT[Kind.SIGNOFF])))
@key_option
@click.option("--reject", is_flag=True, help="Do not sign off; the reason is kept.")
@click.option("--reason", required=True, help="Why.")
@actor_option
@signing_options
@taking(SignOffOptions)
def sign_off(options: SignOffOptions) -> int:
    """Sign RUN off: that it is complete, as its owner, as the next owner downstream, or that it was received."""
    hand = options.hand(options.key)
    says = {"decision": "rejected" if options.reject else "approved", "reason": options.reason}
    return _stated(options, OwnWord(Kind.SIGNOFF, options.about), hand, says)


@dataclass(frozen=True, slots=True)
class ConsentOptions(Signing):
    """What `gonogo consent` takes."""

    run: str
    about: str
    lines: tuple[str, ...]
    key: Path
    no_go: bool
    reason: str
    who: str


@click.command()
@needed_run_argument
@click.argument("about", type=click.Choice(sorted(ABOUT[Kind.ACCEPTANCE])))
@click.option("--line", "lines", multiple=True, required=True, help="What is accepted; may be given several times.")
@key_option
@click.option("--no-go", is_flag=True, help="Refuse it.")
@click.option("--reason", required=True, help="Why.")
@actor_option
@signing_options
@taking(ConsentOptions)
def consent(options: ConsentOptions) -> int:
    """Accept by signature what is weaker than it should be: a lock, a finding, a missing separation."""
    hand = options.hand(options.key)
    word = OwnWord(Kind.ACCEPTANCE, options.about, {"weaker": list(options.lines)})
    return _stated(options, word, hand, {"decision": "no_go" if options.no_go else "go", "reason": options.reason})


def _stated(options: SignOffOptions | ConsentOptions, word: OwnWord, hand: Hand, says: Mapping[str, Tree]) -> int:
    door = door_at(options.folder)
    run = run_named(door, options.run)
    waiting = [item for item in door.requests(run) if item.point == word.point and not word.more]
    name = waiting[0].name if waiting else door.ask_own(run, word, actor_of(options.who))
    person, role, decision = shown_and_signed(door, run, name, hand, says, sure=options.yes)
    if options.as_json:
        say_json({"run": run, "round": name, "person": person, "role": role, "decision": decision})
    else:
        say(f"recorded: {person} ({role}) says {decision}: {word.kind.value} about {word.about} of {run}")
    return 0


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What `gonogo prepare` takes."""

    run: str
    point: str
    key: Path
    said: tuple[str, ...]
    output: Path
    role: str
    comment: str
    browser: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@needed_run_argument
@click.argument("point")
@click.option(
    "--key", type=click.Path(path_type=Path), required=True, help="The public key that will sign, a .pub file."
)
@click.option("--say", "said", multiple=True, metavar="NAME=VALUE", help="What the statement says: decision=go, ...")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Where the statement is written.")
@role_option
@comment_option
@click.option("--browser", is_flag=True, help="It will be signed by a passkey in a browser.")
@actor_option
@project_option
@json_option
@taking(PrepareOptions)
def prepare(options: PrepareOptions) -> int:
    """Write the exact bytes of a statement at a POINT of RUN, to be signed elsewhere and handed in.

    POINT is an open request of any kind, or `dissent`, `signoff_completeness` and the like, which are asked for now.
    """
    door = door_at(options.folder)
    run = run_named(door, options.run)
    asked = _round(door, run, options)
    _, request, shown = door.request(run, asked.name)
    tell(shown.decode("utf-8", "replace"))
    tell_agents_words(door, run, asked.name)
    hand = Hand(options.key, options.role, options.comment)
    says = _says(Kind(asked.kind), options.said)
    client = "browser" if options.browser else "ssh-keygen"
    _, statement = statement_for(door, Asked(run, asked, request), hand, says, client)
    write_file(options.output.absolute(), statement, 0o644)
    space = namespace(asked.kind, door.load(run).plan.environment)
    command = f"ssh-keygen -Y sign -n {space} -f KEY {options.output}"
    following = f"gonogo hand-in {run} {asked.name} {options.output}"
    if options.as_json:
        body = {"run": run, "round": asked.name, "statement": str(options.output), "namespace": space}
        say_json({**body, "command": command, "next": following})
    else:
        say(f"written    {options.output}", "green")
        say(f"  sign exactly this file: {command}")
        say(f"  next: {following}")
    return 0


def _round(door: Door, run: RunId, options: PrepareOptions) -> Round:
    """The open round that is meant; for a statement of one's own it is opened now."""
    waiting = [item for item in door.requests(run) if options.point in {item.point, item.name}]
    if len(waiting) > 1:
        names = ", ".join(item.name for item in waiting)
        raise WrongUsage(f"`{options.point}` can mean {names}", next_step="name one of them")
    if waiting:
        return waiting[0]
    kind, _, about = options.point.partition("_")
    if options.point == Kind.DISSENT.value or (kind == Kind.SIGNOFF.value and about in ABOUT[Kind.SIGNOFF]):
        name = door.ask_own(run, OwnWord(Kind(kind), about or "release"), actor_of(options.who))
        return door.request(run, name)[0]
    if options.point == Kind.RESUME.value:
        return door.request(run, door.ask_resume(run, "", actor_of(options.who)))[0]
    known = ", ".join(f"`{item.point}` ({item.kind})" for item in door.requests(run)) or "none"
    raise Refused(f"{run} asks for nothing at `{options.point}`", next_step=f"open requests: {known}")


def _says(kind: Kind, said: tuple[str, ...]) -> dict[str, Tree]:
    """The answered fields of a statement; what is usual is filled in, what is lacking is told by name."""
    found: dict[str, Tree] = {}
    if kind is Kind.ATTESTATION:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = {"observed_at": now, "reason_no_automation": "only a person can state this"}
    several: dict[str, list[str]] = {}
    for text in said:
        name, given, value = text.partition("=")
        if not given or name not in ANSWERED[kind][0] | ANSWERED[kind][1]:
            known = ", ".join(sorted(ANSWERED[kind][0] | ANSWERED[kind][1])) or "nothing"
            raise WrongUsage(f"a {kind.value} does not say `{text}`", next_step=f"it says: {known}")
        if name in LISTS:
            several.setdefault(name, []).append(value)
        else:
            found[name] = value
    found.update(several)
    lacking = sorted(ANSWERED[kind][0] - found.keys())
    if lacking:
        what = " ".join(f"--say {name}=..." for name in lacking)
        raise WrongUsage(f"a {kind.value} also says {', '.join(lacking)}", next_step=f"add: {what}")
    return found


@dataclass(frozen=True, slots=True)
class HandInOptions:
    """What `gonogo hand-in` takes."""

    run: str
    round: str
    statement: Path
    signature: Path | None
    passkey: Path | None
    folder: Path
    as_json: bool


@click.command(name="hand-in")
@needed_run_argument
@click.argument("round")
@click.argument("statement", type=click.Path(path_type=Path))
@click.option("--signature", type=click.Path(path_type=Path), help="The signature. Default: STATEMENT.sig.")
@click.option("--passkey", type=click.Path(path_type=Path), help="The browser's answer (JSON), instead of a signature.")
@project_option
@json_option
@taking(HandInOptions)
def hand_in(options: HandInOptions) -> int:
    """Record a STATEMENT that was prepared here and signed elsewhere, for a ROUND of RUN."""
    door = door_at(options.folder)
    run = run_named(door, options.run)
    statement = given_bytes(options.statement, limit=1 << 20)
    if options.passkey is not None:
        signature = passkey_signature(door, run, statement, given_bytes(options.passkey, limit=1 << 16))
    else:
        path = options.signature or options.statement.with_name(f"{options.statement.name}.sig")
        signature = given_bytes(path, limit=1 << 16)
    person = read_statement(statement).signer.person
    found = door.record(run, options.round, statement, signature, Person(person))
    if options.as_json:
        body = {"run": run, "round": options.round, "person": found.person, "role": found.role}
        say_json({**body, "decision": found.decision, "level": found.level.name})
    else:
        proof = f"at {options.round} of {run}, {found.level.name}"
        say(f"recorded: {found.person} ({found.role}) says {found.decision} {proof}")
        say(f"  next: gonogo resume {run}")
    return 0
