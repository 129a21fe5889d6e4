"""`gonogo approve`, `acknowledge`, `attest`: prepare the statement, let the person sign, record it.

The signature is made by `ssh-keygen` with the person's own key or agent; gonogo never holds a person's private key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, needed_run_argument, project_option
from gonogo.cli.taking import taking
from gonogo.control.agents.said import agents_said
from gonogo.control.answering import Asked, Said, reason_of, signer_of, statement_of
from gonogo.control.door import Door
from gonogo.control.viewing import signing_command
from gonogo.engine.people import people_now
from gonogo.errors import BadInput, Refused, WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.evidence.signers import Kind, ListedPerson, Ring, namespace
from gonogo.evidence.sshcerts import SigningKey, signing_key
from gonogo.evidence.statements import Signer
from gonogo.reports.agent_words import AgentWords
from gonogo.run.state import Round
from gonogo.terms import Person, RunId

point_argument = click.argument("point", default="")
key_option = click.option(
    "--key",
    type=click.Path(path_type=Path),
    required=True,
    help="Your private key file, or a .pub whose key your agent holds.",
)
role_option = click.option("--role", default="", help="In which role you sign, where you have several.")
comment_option = click.option("--comment", default="", help="Free text; stored, never judged.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask again after showing what is signed.")


@dataclass(frozen=True, slots=True)
class Hand:
    """How a person signs: the key file, the role, and words of their own."""

    key: Path
    role: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What every command takes that shows a person some bytes and has them signed."""

    role: str
    comment: str
    yes: bool
    folder: Path
    as_json: bool

    def hand(self, key: Path) -> Hand:
        """How the person signs, by the key of this file."""
        return Hand(key, self.role, self.comment)


def signing_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of `Signing`, in the order in which help shows them."""
    for option in (json_option, project_option, yes_option, comment_option, role_option):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Question:
    """What is signed, and how the person is asked."""

    folder: Path
    run: str
    point: str
    kind: Kind
    yes: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class ApproveOptions(Signing):
    """What `gonogo approve` takes."""

    run: str
    point: str
    key: Path
    no_go: bool
    reason: str
    risks: tuple[str, ...]
    actions: tuple[str, ...]
    conditions: tuple[str, ...]


@click.command()
@needed_run_argument
@point_argument
@key_option
@click.option("--no-go", is_flag=True, help="Decide no-go; one no-go stops the run.")
@click.option("--reason", default="", help="Why. Needed for a no-go, and to break the glass.")
@click.option("--risk", "risks", multiple=True, metavar="ID=TEXT", help="A risk that you accept, and own.")
@click.option("--action", "actions", multiple=True, metavar="OWNER=DATE=TEXT", help="What somebody owes until a date.")
@click.option(
    "--condition", "conditions", multiple=True, help="A go with a condition counts when signed again without."
)
@signing_options
@taking(ApproveOptions)
def approve(options: ApproveOptions) -> int:
    """Sign a go (or no-go) at a decision POINT of RUN."""
    if options.no_go and not options.reason:
        raise WrongUsage("a no-go needs a reason", next_step="say why with --reason TEXT")
    decision = "no_go" if options.no_go else "go"
    asked = Question(options.folder, options.run, options.point, Kind.APPROVAL, options.yes, options.as_json)
    hand = options.hand(options.key)
    says: dict[str, Tree] = {"decision": decision, "reason": options.reason}
    return answer_round(asked, hand, says | _besides(options))


def _besides(options: ApproveOptions) -> dict[str, Tree]:
    """Risks, action items and conditions, where there are any (REV-02)."""
    owner = options.role or "the signer"
    risks = [_named(text, "risk", ("id", "text")) | {"owner": owner} for text in options.risks]
    actions = [_named(text, "action", ("owner", "due", "text")) for text in options.actions]
    for item in actions:
        item["due"] = f"{item['due']}T00:00:00Z" if len(item["due"]) == len("2026-01-31") else item["due"]
    found: dict[str, Tree] = {}
    if risks:
        found["risks_accepted"] = [*risks]
    if actions:
        found["action_items"] = [*actions]
    if options.conditions:
        found["conditions"] = [*options.conditions]
    return found


def _named(text: str, option: str, names: tuple[str, ...]) -> dict[str, str]:
    parts = text.split("=", len(names) - 1)
    if len(parts) != len(names) or not all(parts):
        raise WrongUsage(f"`{text}` is no {option}", next_step=f"write --{option} {'='.join(names).upper()}")
    return dict(zip(names, parts, strict=True))


@dataclass(frozen=True, slots=True)
class AcknowledgeOptions(Signing):
    """What `gonogo acknowledge` takes."""

    run: str
    key: Path


@click.command()
@needed_run_argument
@key_option
@signing_options
@taking(AcknowledgeOptions)
def acknowledge(options: AcknowledgeOptions) -> int:
    """Acknowledge the change freeze of RUN."""
    asked = Question(options.folder, options.run, "freeze", Kind.FREEZE_ACK, options.yes, options.as_json)
    return answer_round(asked, options.hand(options.key), {})


@dataclass(frozen=True, slots=True)
class AttestOptions(Signing):
    """What `gonogo attest` takes."""

    run: str
    point: str
    key: Path
    answer: str
    why_by_hand: str


@click.command()
@needed_run_argument
@point_argument
@key_option
@click.option("--answer", type=click.Choice(["yes", "no"]), default="yes", help="What you state.")
@click.option("--why-by-hand", default="only a person can state this", help="Why no machine measured it.")
@signing_options
@taking(AttestOptions)
def attest(options: AttestOptions) -> int:
    """State for RUN a fact that only a person can state, such as the scope of the release."""
    observed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = Question(options.folder, options.run, options.point, Kind.ATTESTATION, options.yes, options.as_json)
    says = {"answer": options.answer, "observed_at": observed, "reason_no_automation": options.why_by_hand}
    return answer_round(asked, options.hand(options.key), says)


def answer_round(question: Question, hand: Hand, says: Mapping[str, Tree]) -> int:
    """Show what is asked, let the person sign the answer, and record it."""
    door = door_at(question.folder)
    run = run_named(door, question.run)
    asked = _round(door, run, question)
    _, request, shown = door.request(run, asked.name)
    if question.kind is Kind.APPROVAL:
        says = {**says, "reason": reason_of(asked, str(says["decision"]), str(says["reason"]))}
    tell(shown.decode("utf-8", "replace"))
    agents = tell_agents_words(door, run, asked.name)
    _be_sure(sure=question.yes)
    person, role, decision = sign_and_record(door, Asked(run, asked, request), hand, says)
    if question.as_json:
        body = {"run": run, "round": asked.name, "person": person, "role": role, "decision": decision}
        say_json({**body, "untrusted_agents": agents.as_json()})
    else:
        say(f"recorded: {person} ({role}) says {decision} at `{asked.point}` of {run}")
        say(f"  next: gonogo resume {run}")
    return 0


def shown_and_signed(
    door: Door, run: RunId, name: str, hand: Hand, says: Mapping[str, Tree], *, sure: bool, answers: str = ""
) -> tuple[str, str, str]:
    """Show a round with the answers to it, let the person sign, and record it; (person, role, decision)."""
    asked, request, shown = door.request(run, name)
    tell(shown.decode("utf-8", "replace"))
    if answers:
        tell(f"your answers:\n{answers}")
    _be_sure(sure=sure)
    return sign_and_record(door, Asked(run, asked, request), hand, says)


def _be_sure(*, sure: bool) -> None:
    """Ask at a terminal whether what was shown is to be signed."""
    if not sure and os.isatty(0) and not click.confirm("sign this?", err=True):
        raise Refused("not signed", next_step="nothing was recorded; the request stays open")


def tell_agents_words(door: Door, run: RunId, name: str) -> AgentWords:
    """Show what agents say about a round, after what is signed and apart from it; gives it back."""
    found = agents_said(door.world, run, name)
    for line in found.lines():
        tell(line)
    return found


def statement_for(door: Door, asked: Asked, hand: Hand, says: Mapping[str, Tree], client: str) -> tuple[Signer, bytes]:
    """Who signs a round with this key, and the bytes that they sign."""
    ring = people_now(door.world, door.load(asked.run).plan)
    person, public = signing_person(ring, hand.key, "this run")
    signer = signer_of(door, asked, person, public.key, hand.role)
    return signer, statement_of(asked, signer, Said(says, hand.comment, client))


def sign_and_record(door: Door, asked: Asked, hand: Hand, says: Mapping[str, Tree]) -> tuple[str, str, str]:
    """Let the person sign the statement for a round, and record it; (person, role, decision)."""
    signer, statement = statement_for(door, asked, hand, says, "cli")
    environment = door.load(asked.run).plan.environment
    signature = sign_with_ssh_keygen(statement, namespace(asked.round.kind, environment), hand.key, words=tell)
    found = door.record(asked.run, asked.round.name, statement, signature, Person(signer.person))
    return found.person, found.role, found.decision


def _round(door: Door, run: RunId, question: Question) -> Round:
    kind, point = question.kind, question.point
    waiting = [item for item in door.requests(run) if item.kind == kind.value]
    if point:
        waiting = [item for item in waiting if point in {item.point, item.name}]
    if len(waiting) == 1:
        return waiting[0]
    if not waiting:
        asked = "; ".join(signing_command(run, item.kind, item.point) for item in door.requests(run))
        raise Refused(
            f"{run} asks for no {kind.value}{f' at `{point}`' if point else ''} now",
            next_step=f"open requests: {asked or 'none'}",
        )
    points = ", ".join(f"`{item.point}` ({item.kind})" for item in waiting)
    raise WrongUsage(f"{run} asks for more than one {kind.value}", next_step=f"name the point: {points}")


def signing_person(ring: Ring, key: Path, where: str) -> tuple[ListedPerson, SigningKey]:
    """Whose key it is, and what its public half names; Refused where nobody of `where` has it."""
    public = _public(key)
    person = _owner(ring, public)
    if person is None:
        listed = ", ".join(sorted(item.handle for item in ring.people))
        raise Refused(
            f"{key} ({public.key.fingerprint}) is no listed key",
            next_step=f"people of {where}: {listed}; for later runs: gonogo keys enrol PERSON --key FILE.pub",
        )
    return person, public


def _owner(ring: Ring, public: SigningKey) -> ListedPerson | None:
    """Whose key it is: the person it is listed for, or for whom an authority's certificate speaks."""
    if public.certificate is None:
        return ring.owner_of(public.key)
    for authority in ring.cert_authorities:
        if authority.key.blob == public.certificate.authority.blob:
            named = (name for name in public.certificate.principals if name in authority.people)
            return next((person for name in named if (person := ring.person(name))), None)
    return None


def _public(key: Path) -> SigningKey:
    path = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        return signing_key(path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the public half {path} cannot be read", next_step=f"ssh-keygen -y -f {key} > {path}"
        ) from error
