"""`gonogo approve`, `acknowledge`, `attest`: prepare the statement, let the person sign, record it.

The signature is made by `ssh-keygen` with the person's own key or agent; gonogo never holds a person's private key.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.shared_options import actor_of, door_at, json_option, project_option, run_named
from gonogo.control.door import Door
from gonogo.errors import BadInput, Refused, WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.evidence.signers import Kind, Ring, namespace
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id
from gonogo.run.state import Round
from gonogo.terms import Person, RunId

key_option = click.option(
    "--key",
    type=click.Path(path_type=Path),
    required=True,
    help="Your private key file, or a .pub whose key your agent holds.",
)
role_option = click.option("--role", default="", help="In which role you sign, where you have several.")
comment_option = click.option("--comment", default="", help="Free text; stored, never judged.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask again after showing what is signed.")


@click.command()
@click.argument("run")
@click.argument("point", default="")
@key_option
@click.option("--no-go", is_flag=True, help="Decide no-go; one no-go stops the run.")
@click.option("--reason", default="", help="Why. Needed for a no-go.")
@role_option
@comment_option
@yes_option
@project_option
@json_option
def approve(  # noqa: PLR0913 - one parameter an option, as click hands them over
    run: str,
    point: str,
    key: Path,
    no_go: bool,
    reason: str,
    role: str,
    comment: str,
    yes: bool,
    folder: Path,
    as_json: bool,  # noqa: FBT001 - click's
) -> int:
    """Sign a go (or no-go) at a decision POINT of RUN."""
    if no_go and not reason:
        raise WrongUsage("a no-go needs a reason", next_step="say why with --reason TEXT")
    says: dict[str, Tree] = {"decision": "no_go" if no_go else "go", "reason": reason or "all gates so far have passed"}
    return _decide(folder, run, point, Kind.APPROVAL, key, says, role, comment, yes=yes, as_json=as_json)


@click.command()
@click.argument("run")
@key_option
@role_option
@comment_option
@yes_option
@project_option
@json_option
def acknowledge(run: str, key: Path, role: str, comment: str, yes: bool, folder: Path, as_json: bool) -> int:  # noqa: FBT001, PLR0913 - click's
    """Acknowledge the change freeze of RUN."""
    return _decide(folder, run, "freeze", Kind.FREEZE_ACK, key, {}, role, comment, yes=yes, as_json=as_json)


@click.command()
@click.argument("run")
@click.argument("point", default="")
@key_option
@click.option("--answer", type=click.Choice(["yes", "no"]), default="yes", help="What you state.")
@click.option("--why-by-hand", default="only a person can state this", help="Why no machine measured it.")
@role_option
@comment_option
@yes_option
@project_option
@json_option
def attest(  # noqa: PLR0913 - one parameter an option, as click hands them over
    run: str,
    point: str,
    key: Path,
    answer: str,
    why_by_hand: str,
    role: str,
    comment: str,
    yes: bool,
    folder: Path,
    as_json: bool,  # noqa: FBT001 - click's
) -> int:
    """State for RUN a fact that only a person can state, such as the scope of the release."""
    observed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    says: dict[str, Tree] = {"answer": answer, "observed_at": observed, "reason_no_automation": why_by_hand}
    return _decide(folder, run, point, Kind.ATTESTATION, key, says, role, comment, yes=yes, as_json=as_json)


def _decide(  # noqa: PLR0913 - everything a signature is made of
    folder: Path,
    run_name: str,
    point: str,
    kind: Kind,
    key: Path,
    says: dict[str, Tree],
    role: str,
    comment: str,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    door = door_at(folder)
    run = run_named(door, run_name)
    asked = _round(door, run, point, kind)
    _, request, shown = door.request(run, asked.name)
    click.echo(shown.decode("utf-8", "replace"), err=True)
    if not yes and os.isatty(0) and not click.confirm("sign this?", err=True):
        raise Refused("not signed", next_step="nothing was recorded; the request stays open")
    recorded = sign_and_record(door, run, asked, request, key, says, role, comment)
    if as_json:
        click.echo(
            json.dumps(
                {"run": run, "round": asked.name, "person": recorded[0], "role": recorded[1], "decision": recorded[2]}
            )
        )
    else:
        click.echo(f"recorded: {recorded[0]} ({recorded[1]}) says {recorded[2]} at `{asked.point}` of {run}")
    return 0


def sign_and_record(  # noqa: PLR0913 - everything a signature is made of
    door: Door, run: RunId, asked: Round, request: bytes, key: Path, says: dict[str, Tree], role: str, comment: str
) -> tuple[str, str, str]:
    """Let the person sign the statement for a round, and record it; (person, role, decision)."""
    ring = door.world.ring()
    signer = _signer(ring, door, run, asked, key, role)
    now = datetime.now(UTC)
    answer = Answer(statement_id(now, os.urandom(10)), now.replace(microsecond=0), "cli", says, comment)
    statement = statement_bytes(request, signer, answer)
    environment = door.load(run).plan.environment
    signature = sign_with_ssh_keygen(
        statement, namespace(asked.kind, environment), key, words=lambda text: click.echo(text, err=True)
    )
    found = door.record(run, asked.name, statement, signature, Person(signer.person))
    return found.person, found.role, found.decision


def _round(door: Door, run: RunId, point: str, kind: Kind) -> Round:
    waiting = [item for item in door.requests(run) if item.kind == kind.value]
    if point:
        waiting = [item for item in waiting if point in {item.point, item.name}]
    if len(waiting) == 1:
        return waiting[0]
    points = ", ".join(f"`{item.point}` ({item.kind})" for item in door.requests(run)) or "none"
    if not waiting:
        raise Refused(
            f"{run} asks for no {kind.value}{f' at `{point}`' if point else ''} now",
            next_step=f"open requests: {points}",
        )
    raise WrongUsage(f"{run} asks for more than one {kind.value}", next_step=f"name the point: {points}")


def _signer(ring: Ring, door: Door, run: RunId, asked: Round, key: Path, role: str) -> Signer:
    public = _public(key)
    person = ring.owner_of(public)
    if person is None:
        listed = ", ".join(sorted(item.handle for item in ring.people))
        raise Refused(
            f"{key} ({public.fingerprint}) is no listed key",
            next_step=f"list it in {door.workspace.project.approvers}; listed people: {listed}",
        )
    rule = door.load(run).plan.decisions[asked.point]
    fitting = sorted(person.roles & rule.roles) if rule.roles else sorted(person.roles)
    chosen = role or (fitting[0] if fitting else sorted(person.roles)[0] if person.roles else "nobody")
    return Signer(person.handle, person.name or person.handle, chosen, public.fingerprint)


def _public(key: Path) -> PublicKey:
    path = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        return public_key(path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the public half {path} cannot be read", next_step=f"ssh-keygen -y -f {key} > {path}"
        ) from error


def listed_person(handle: str) -> Person:
    """The person of a handle, for acts that need no signature."""
    found = actor_of(handle)
    if not isinstance(found, Person):
        raise WrongUsage(f"`{handle}` is no person", next_step="only people decide")
    return found
