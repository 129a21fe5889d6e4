"""`gonogo agent`: let an AI agent in by a token that says what it may do, see who is let in, take it back."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.agents.reception import TokenBook
from gonogo.control.agents.tokens import create_token, revoke_tokens
from gonogo.errors import WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.run.agents import ENFORCED, LEVELS, AgentToken, Scope, TokenWish
from gonogo.terms import Json
from gonogo.values import dataclass

ACTIONS = ("create", "list", "revoke")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LASTS = re.compile(r"([1-9][0-9]{0,3})([mhd])")


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """What `gonogo agent` takes."""

    action: str
    name: str
    scopes: tuple[str, ...]
    protocols: tuple[str, ...]
    environments: tuple[str, ...]
    expires: str
    separation: str
    owner: str
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("name", default="", metavar="[NAME|ID]")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="create: what it may do; several times. Default: runs:read.",
)
@click.option("--protocol", "protocols", multiple=True, help="create: a protocol, with * and ?. Default: all.")
@click.option(
    "--environment", "environments", multiple=True, help="create: an environment, with * and ?. Default: staging."
)
@click.option("--expires", default="8h", help="create: how long it opens anything, such as 30m, 8h, 30d. Default: 8h.")
@click.option(
    "--separation",
    type=click.Choice(LEVELS),
    default=ENFORCED,
    help="create: the least separation (`gonogo doctor --agents`) at which it may drive production. Default: enforced.",
)
@click.option("--owner", default="", help="create: the person who answers for the agent. Default: you.")
@actor_option
@project_option
@json_option
@taking(AgentOptions)
def agent(options: AgentOptions) -> int:
    """Tokens of AI agents: `create NAME` prints one, once; `list`; `revoke NAME` (all of its tokens) or `revoke ID`.

    A token may read, hand in claims, and drive what gates and people let through. No scope approves, waives, resumes
    or edits: that takes a person's own key. The token is kept by its SHA-256 only.
    """
    match options.action:
        case "create":
            return _create(options)
        case "list":
            return _list(options)
        case _:
            return _revoke(options)


def _create(options: AgentOptions) -> int:
    _demand_name(options)
    actor = actor_of(options.who)
    wish = TokenWish(
        options.name,
        options.owner or str(actor),
        frozenset(Scope(name) for name in options.scopes) or frozenset({Scope.READ}),
        options.protocols or ("*",),
        options.environments or ("staging",),
        _lasts(options.expires),
        options.separation,
    )
    made, secret = create_token(door_at(options.folder), wish, actor)
    if options.as_json:
        say_json({**_row(made, "valid"), "token": secret.reveal()})
        return 0
    tell(f"{made.agent}, for {made.owner}, until {time_text(made.expires_at)}; this is the only time it is shown:")
    say(secret.reveal())
    tell("  next: put it into GONOGO_AGENT_TOKEN of the agent's environment, never into a file that is shared")
    return 0


def _lasts(text: str) -> timedelta:
    match = _LASTS.fullmatch(text)
    if match is None:
        raise WrongUsage(f"`{text}` is no length of time", next_step="say for example --expires 30m, 8h or 30d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _list(options: AgentOptions) -> int:
    door = door_at(options.folder)
    now = door.world.clock.now()
    rows = [(token, token.standing(now)) for token in TokenBook(door.world.journal).tokens().values()]
    if options.as_json:
        say_json({"tokens": [_row(token, standing) for token, standing in rows]})
        return 0
    for token, standing in rows:
        say(f"{token.id}  {standing:<8} {token.agent}", "green" if standing == "valid" else "")
        scopes = " ".join(sorted(scope.value for scope in token.scopes))
        where = f"{', '.join(token.protocols)} in {', '.join(token.environments)}"
        say(f"    {scopes}; {where}; for {token.owner}; until {time_text(token.expires_at)}")
    if not rows:
        say("no agent has a token here; make one: gonogo agent create NAME")
    return 0


def _revoke(options: AgentOptions) -> int:
    _demand_name(options)
    found = revoke_tokens(door_at(options.folder), options.name, actor_of(options.who))
    if options.as_json:
        say_json({"revoked": [token.id for token in found]})
        return 0
    for token in found:
        say(f"revoked {token.id} of {token.agent}; it opens nothing from now on")
    return 0


def _demand_name(options: AgentOptions) -> None:
    if not options.name:
        raise WrongUsage(f"`gonogo agent {options.action}` needs a name", next_step="gonogo agent list names them")


def _row(token: AgentToken, standing: str) -> dict[str, Json]:
    return {
        "id": token.id,
        "agent": str(token.agent),
        "owner": token.owner,
        "separation": token.separation,
        "standing": standing,
        "scopes": sorted(scope.value for scope in token.scopes),
        "protocols": list(token.protocols),
        "environments": list(token.environments),
        "made_at": time_text(token.made_at),
        "expires_at": time_text(token.expires_at),
        "revoked_at": time_text(token.revoked_at) if token.revoked_at else None,
    }
