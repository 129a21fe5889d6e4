"""Calls of the HTTP API: who may make them, what they take, and how each is described (OpenAPI 3.1).

One table says all of it: the routes, the checks and the description are made from the same `Call`s, so that none can
say what another does not do. A caller is a person with a session, or a program with a token of `gonogo agent`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gonogo.control.agent_tokens import TokenBook, token_admitted
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.run.agents import AgentToken, Scope
from gonogo.terms import Actor, Json, Person
from gonogo.values import dataclass
from gonogo.web.sessions import Session
from gonogo.web.showing import code_of
from gonogo.web.site import Site, site_of

MOST_JSON: Final = 1 << 20
MOST_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person, or a token with its scopes and reach."""

    actor: Actor
    token: AgentToken | None

    def demand(self, scope: Scope) -> None:
        """Refused where the token does not have this scope; a person has all of them."""
        if self.token is not None and scope not in self.token.scopes:
            raise Refused(f"this token does not have the scope {scope.value}", next_step="gonogo agent create --scope")

    def reaches(self, protocol: str, environment: str) -> bool:
        """Whether the caller may see and move runs of this protocol there."""
        return self.token is None or self.token.reaches(protocol, environment)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as its handler gets it: query and body were checked against what the call takes."""

    site: Site
    caller: Caller
    path: Mapping[str, str]
    given: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the query or of the body; all are texts, `number` ones hold digits."""

    name: str
    about: str
    needed: bool = False
    number: bool = False
    longest: int = 4000


Answered: TypeAlias = "Json | Response"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: method and path below `/api/v1`, what it does, what it takes, who answers it."""

    method: str
    path: str
    about: str
    answer: Callable[[Asked], Answered]
    fields: tuple[Field, ...] = ()
    scope: Scope = Scope.READ

    async def __call__(self, request: Request) -> Response:
        """Check the caller and what they give, then answer."""
        try:
            found = await self._answered(request)
        except GonogoError as error:
            return problem(error)
        return found if isinstance(found, Response) else JSONResponse(found)

    async def _answered(self, request: Request) -> Answered:
        site = site_of(request)
        caller = await run_in_threadpool(caller_of, request)
        caller.demand(self.scope)
        given = dict(request.query_params) if self.method == "GET" else await _body(request)
        asked = Asked(site, caller, {name: str(value) for name, value in request.path_params.items()}, given)
        checked(self.fields, given)
        return await run_in_threadpool(self.answer, asked)


def caller_of(request: Request) -> Caller:
    """The person of the session, or the holder of the token; Refused for anybody else."""
    session = request.scope.get("gonogo.session")
    if isinstance(session, Session):
        return Caller(Person(session.person), None)
    site = site_of(request)
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    book = request.app.state.tokens
    assert isinstance(book, TokenBook)
    try:
        if kind.lower() != "bearer":
            raise Unknown("a token is needed", next_step="Authorization: Bearer TOKEN; gonogo agent create makes one")
        token = token_admitted(site.door.world, book, text.strip())
    except Refused as error:
        site.trail.refused("token", "")
        raise Unknown(error.what, next_step=error.next_step) from error
    return Caller(token.agent, token)


class Unknown(Refused):
    """Nobody knows who calls."""


def problem(error: GonogoError) -> Response:
    """An error as JSON: what, where, what to do next."""
    code = 401 if isinstance(error, Unknown) else code_of(error)
    body = {"error": error.what, "where": error.where or None, "next_step": error.next_step or None}
    headers = {"www-authenticate": "Bearer"} if code == 401 else {}
    return JSONResponse(body, code, headers)


async def _body(request: Request) -> dict[str, str]:
    data = await request.body()
    if not data:
        return {}
    tree = read_object(data, name="body", limit=MOST_JSON)
    return {name: _text(name, value) for name, value in tree.items()}


def _text(name: str, value: Tree) -> str:
    if not isinstance(value, str):
        raise BadInput(f"`{name}` is no text", where="body", next_step="give every field as a text")
    return value


def checked(fields: tuple[Field, ...], given: Mapping[str, str]) -> None:
    """BadInput where a field is missing, unknown, too long, or no number."""
    known = {field.name: field for field in fields}
    for name, value in given.items():
        field = known.get(name)
        if field is None:
            takes = ", ".join(known) or "nothing"
            raise BadInput(f"`{name[:60]}` is not taken here", next_step=f"this call takes {takes}")
        if len(value) > field.longest:
            raise BadInput(f"`{name}` is longer than {field.longest} letters", next_step="say it shorter")
        if field.number and not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadInput(f"`{name}` is no number", next_step="give digits only")
    lacking = [field.name for field in fields if field.needed and not given.get(field.name, "").strip()]
    if lacking:
        raise BadInput(f"`{lacking[0]}` is missing", next_step=f"give {', '.join(lacking)}")


def number(given: Mapping[str, str], name: str, usual: int, most: int) -> int:
    """A number that was given, at most `most`; `usual` where none was."""
    return min(int(given.get(name) or usual), most)
