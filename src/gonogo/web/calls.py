"""A call of the HTTP API: who may, what it takes, what it answers.

Every call is a row of one table, so that none can say what another does not do. A caller is a person with a session, or
a program with a token of `gonogo agent`.

An act may bring a key (`Idempotency-Key`): asked again with it, it is not done again, and is answered as before. It may
bring the number of the last entry that its caller has seen of the run (`If-Match`): where the run moved on, it is not
done. `Prefer: respond-async` or `wait=SECONDS` says how long a caller stays for an answer (RFC 7240).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Final, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gonogo.control.agents.reception import TokenBook
from gonogo.control.agents.tokens import token_admitted
from gonogo.control.door import Door
from gonogo.control.seen import MovedOn, Seen
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.run.agents import AgentToken, Scope
from gonogo.terms import Actor, Json, Person, RunId, digest_of
from gonogo.values import dataclass
from gonogo.web.memory import Known
from gonogo.web.repeating import Asking
from gonogo.web.sessions import Session
from gonogo.web.showing import code_of, problem_body
from gonogo.web.site import Site, site_of

MOST_JSON: Final = 1 << 20
MOST_ROWS: Final = 500
MOST_VALUES: Final = 100
USUAL_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 30.0
PROBLEM: Final = "application/problem+json"
_WAIT: Final = re.compile(r"wait=([0-9]{1,4})")
_REVISION: Final = re.compile(r'"?([0-9]{1,12})"?')


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a person, or a token with its scopes and reach."""

    actor: Actor
    token: AgentToken | None

    def demand(self, scope: Scope) -> None:
        """Refused where the token does not have this scope; a person has all of them."""
        if self.token is not None and scope not in self.token.scopes:
            raise Refused(f"this token does not have the scope {scope.value}", next_step="gonogo agent create --scope")

    def demand_whole(self) -> None:
        """Refused where the token is for a part of the project only."""
        if self.token is not None and not ("*" in self.token.protocols and "*" in self.token.environments):
            raise Refused(
                "this is about the whole project, and this token is for a part of it",
                next_step="gonogo agent create --protocol '*' --environment '*'",
            )

    def demand_person(self) -> None:
        """Refused for every token."""
        if self.token is not None:
            raise Refused("this is for people", next_step="sign in")

    def reaches(self, protocol: str, environment: str) -> bool:
        """Whether the caller may see and move runs of this protocol there."""
        return self.token is None or self.token.reaches(protocol, environment)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as its handler gets it: query and body were checked against what the call takes.

    `given` has one value of each, `said` all of them; `wait` is for how many seconds the caller stays.
    """

    site: Site
    caller: Caller
    path: Mapping[str, str]
    given: Mapping[str, str]
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wait: float = USUAL_WAIT_S
    seen: Seen | None = None

    @property
    def door(self) -> Door:
        """The door for the act of this call: only on the run as its caller saw it, where they say so."""
        return self.site.door if self.seen is None else self.site.door.seen(self.seen.run, self.seen.seq)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the query or of the body: a text; `number` ones hold digits, `flag` ones true or false."""

    name: str
    about: str
    needed: bool = False
    number: bool = False
    longest: int = 4000
    flag: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()

    def demand_sound(self, value: str) -> None:
        """BadInput where a value is too long, no text, no number, no truth, or none of the choices."""
        if len(value) > self.longest:
            raise BadInput(f"`{self.name}` is longer than {self.longest} letters", next_step="say it shorter")
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadInput(f"`{self.name}` holds what is no text", next_step="say it in Unicode, without U+0000")
        if self.number and not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadInput(f"`{self.name}` is no number", next_step="give digits only")
        choices = ("true", "false") if self.flag else self.choices
        if choices and value not in choices:
            raise BadInput(f"`{self.name}` is none of its choices", next_step=f"say one of {', '.join(choices)}")


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
    whole: bool = False
    people: bool = False

    async def __call__(self, request: Request) -> Response:
        """Check the caller and what they give, then answer."""
        try:
            return await self._answered(request)
        except GonogoError as error:
            return problem(error)

    async def _answered(self, request: Request) -> Response:
        caller = await run_in_threadpool(caller_of, request)
        self._demand(site_of(request), caller)
        said = _query(request) if self.method == "GET" else await _body(request)
        path = {name: str(value) for name, value in request.path_params.items()}
        given = {name: values[0] for name, values in said.items() if values}
        asked = Asked(site_of(request), caller, path, given, said, _wait(request.headers.get("prefer", "")))
        checked(self.fields, said)
        if self.method == "GET":
            return await run_in_threadpool(self._done, asked)
        key, revision = request.headers.get("idempotency-key", ""), request.headers.get("if-match", "")
        return await run_in_threadpool(self._acted, asked, key, revision)

    def _demand(self, site: Site, caller: Caller) -> None:
        who = str(caller.actor)
        if not site.pace.allows(who, site.now()):
            site.trail.refused("too_many_calls", who if caller.token is None else "")
            raise TooMany("too many calls in a minute", next_step="wait a little, then ask again")
        try:
            caller.demand(self.scope)
            if self.people:
                caller.demand_person()
            if self.whole:
                caller.demand_whole()
        except Refused:
            site.trail.refused("call_not_allowed", "", by=who, call=f"{self.method} {self.path}")
            raise

    def _done(self, asked: Asked) -> Response:
        found = self.answer(asked)
        return found if isinstance(found, Response) else JSONResponse(found)

    def _acted(self, asked: Asked, key: str, revision: str) -> Response:
        """An act: once for each key, and only on the run as its caller knows it."""
        if not key:
            return self._done(_as_seen(asked, revision))
        body: dict[str, Tree] = {"path": dict(asked.path)}
        body["said"] = {name: list(values) for name, values in asked.said.items()}
        asking = Asking(asked.caller.actor, f"{self.method} {self.path}", key, digest_of(write_json(body)))
        known = asked.site.repeats.begin(asking)
        if known is not None:
            headers = {"idempotency-replayed": "true"}
            return Response(known.body, known.status, headers, media_type="application/json")
        try:
            found = self._done(_as_seen(asked, revision))
        except GonogoError:
            asked.site.repeats.let_go(asking)
            raise
        asked.site.repeats.end(asking, found.status_code, bytes(found.body))
        return found


def known_of(asked: Asked) -> Known:
    """The run that the address names as it is now, if the caller may see it; BadInput (404) otherwise.

    A page may be a moment old; a program acts on what it reads, with the number of the entry that it saw.
    """
    run = RunId(asked.path["run"])
    asked.site.memory.look_again()
    if asked.site.memory.head(run) >= 0:
        found = asked.site.memory.known(run)
        plan = found.opened.plan
        if asked.caller.reaches(plan.name, plan.environment):
            return found
    raise BadInput("there is no run of this name", next_step="GET /api/v1/runs lists them")


def _as_seen(asked: Asked, revision: str) -> Asked:
    """The call with what its caller saw of the run; MovedOn where that is not so already before anything begins."""
    if not revision or revision == "*":
        return asked
    said = _REVISION.fullmatch(revision)
    if said is None or "run" not in asked.path:
        raise BadInput("If-Match is no number of an entry", next_step="say the `seq` of the run, or leave it out")
    seen = Seen(known_of(asked).opened.run, int(said[1]))
    later = asked.site.door.world.journal.entries(seen.run, seen.seq - 1)
    if len(later) != 1:
        # Asked for here for acts that write nothing to the run; those that do are held to it by the journal itself.
        raise seen.moved_on(asked.site.door.world.journal.entries(seen.run)[-1].seq)
    return replace(asked, seen=seen)


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


class TooMany(Refused):
    """Somebody calls too often."""


CODES: Final[tuple[tuple[type[GonogoError], int], ...]] = ((Unknown, 401), (MovedOn, 412), (TooMany, 429))


def problem(error: GonogoError) -> Response:
    """An error as problem details (RFC 9457): what, where, what to do next."""
    code = next((code for kind, code in CODES if isinstance(error, kind)), code_of(error))
    headers = {401: {"www-authenticate": "Bearer"}, 429: {"retry-after": "10"}}.get(code, {})
    return JSONResponse(problem_body(error, code), code, headers, media_type=PROBLEM)


def _wait(prefer: str) -> float:
    said = _WAIT.search(prefer)
    if said is not None:
        return min(float(said[1]), LONGEST_WAIT_S)
    return 0.0 if "respond-async" in prefer else USUAL_WAIT_S


def _query(request: Request) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in request.query_params.multi_items():
        found[name] = (*found.get(name, ()), value)
    return found


async def _body(request: Request) -> dict[str, tuple[str, ...]]:
    data = await request.body()
    if not data:
        return {}
    tree = read_object(data, name="body", limit=MOST_JSON)
    return {name: tuple(_texts(name, value)) for name, value in tree.items()}


def _texts(name: str, value: Tree) -> Iterable[str]:
    """A value of the body, or each of a list, as text."""
    if isinstance(value, list | tuple):
        if any(not isinstance(item, str) for item in value):
            raise BadInput(f"`{name[:60]}` is no list of texts", where="body", next_step="give texts only")
        return [str(item) for item in value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str | int):
        return [str(value)]
    raise BadInput(f"`{name[:60]}` is no text", where="body", next_step="give every field as a text")


def checked(fields: tuple[Field, ...], said: Mapping[str, tuple[str, ...]]) -> None:
    """BadInput where a field is missing, unknown, given twice, too long, or not what it has to be."""
    known = {field.name: field for field in fields}
    for name, values in said.items():
        field = known.get(name)
        if field is None:
            takes = ", ".join(known) or "nothing"
            raise BadInput(f"`{name[:60]}` is not taken here", next_step=f"this call takes {takes}")
        if len(values) > (MOST_VALUES if field.many else 1):
            raise BadInput(f"`{name}` is given too often", next_step="give it once" if not field.many else "say less")
        for value in values:
            field.demand_sound(value)
    lacking = [field.name for field in fields if field.needed and not any(v.strip() for v in said.get(field.name, ()))]
    if lacking:
        raise BadInput(f"`{lacking[0]}` is missing", next_step=f"give {', '.join(lacking)}")


def number(given: Mapping[str, str], name: str, usual: int, most: int) -> int:
    """A number that was given, at most `most`; `usual` where none was."""
    return min(int(given.get(name) or usual), most)
