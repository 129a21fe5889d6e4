"""The verbs of the command line as calls: a process for each, its JSON document as the answer, or an operation.

A call waits a little for its process; where that takes longer, it answers 202 with the address of an operation, which
tells how far it is. What the command answers stands under `result`, its exit code beside it: 0 GO or done, 2 NO-GO,
3 waiting or inconclusive, 4 rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from starlette.responses import JSONResponse

from gonogo.control.numbering import installed
from gonogo.control.seen import NOT_AS_SEEN, MovedOn
from gonogo.control.served_verbs import Said, Taken, Verb
from gonogo.control.sources import open_workspace
from gonogo.errors import BadInput, Broken, GonogoError, Refused, WrongUsage
from gonogo.terms import Json
from gonogo.web.calls import Answered, Asked, Call, Field, known_of

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
FAILED: Final = 70
"""The exit code of a process that met a fault of our own (`gonogo.cli.called`)."""


def verb_calls(verbs: tuple[Verb, ...]) -> tuple[Call, ...]:
    """A call for each verb, and the one that asks for an operation."""
    return (*(_call(verb) for verb in verbs), OPERATION)


def _call(verb: Verb) -> Call:
    fields = tuple(_field(one) for one in verb.taken if one.name not in verb.variables)
    answer = _answering(verb)
    return Call(verb.method, verb.path, verb.about, answer, fields, verb.scope, verb.whole, verb.people)


def _field(one: Taken) -> Field:
    return Field(one.name, one.about, one.needed, one.number, flag=one.flag, many=one.many, choices=one.choices)


def _answering(verb: Verb) -> Callable[[Asked], Answered]:
    choices = {one.name: one.choices for one in verb.taken if one.choices}

    def answer(asked: Asked) -> Answered:
        said = {**asked.said, **{name: (_named(asked, name, choices),) for name in verb.variables}}
        work = asked.site.work
        seen = "" if asked.seen is None else str(asked.seen)
        operation = work.start(verb, said, asked.caller.actor, seen)
        found = work.wait(operation, asked.caller.actor, asked.wait)
        if found is None:
            return _under_way(operation)
        work.forget(operation)
        return _told(found)

    return answer


def _named(asked: Asked, name: str, choices: dict[str, tuple[str, ...]]) -> str:
    """A name of the path: of a run that the caller reaches, of what is installed here, of nothing that is a file."""
    value = asked.path[name]
    if name == "run":
        return known_of(asked).opened.run
    if not _NAME.fullmatch(value) or ".." in value:
        raise BadInput(f"there is no {name} of this name", next_step="names have letters, digits and . _ -")
    known = choices.get(name, ())
    if name == "protocol":
        known = installed(open_workspace(asked.site.door.workspace.root))
    if known and value not in known:
        raise BadInput(f"there is no {name} of this name", next_step=f"known are {', '.join(known)}")
    return value


def _under_way(operation: str) -> JSONResponse:
    place = f"/api/v1/operations/{operation}"
    body = {"operation": operation, "status": "working", "ask": place}
    return JSONResponse(body, 202, {"location": place, "retry-after": "1"})


def _told(found: Said) -> Answered:
    error = found.error
    if error is not None:
        raise _raised(error.get("exit_code"), str(error["error"]), str(error["where"] or ""), str(error["next"] or ""))
    if found.code == FAILED or found.document is None:
        raise Broken("the command failed by a fault of its own", next_step="see the log of the server; report it")
    return {"exit_code": found.code, "result": found.document}


def _raised(code: Json, what: str, where: str, following: str) -> GonogoError:
    """The error that a command told, as the kind that its exit code names."""
    if code == WrongUsage.exit_code:
        return BadInput(what, next_step=following)
    kind: type[GonogoError] = BadInput if what.startswith("there is no") else Refused
    if what.startswith(NOT_AS_SEEN):
        kind = MovedOn
    return kind(what, where=where, next_step=following)


def _operation(asked: Asked) -> Answered:
    name, work = asked.path["operation"], asked.site.work
    found = work.wait(name, asked.caller.actor, min(asked.wait, 1.0))
    if found is None:
        return _under_way(name)
    error = found.error
    if error is None:
        told = _told(found)
        assert isinstance(told, dict)
        return {"operation": name, "status": "done", **told}
    body: dict[str, Json] = {"operation": name, "status": "failed", "exit_code": found.code}
    return {**body, "error": {name: error[name] for name in ("error", "where", "next")}}


OPERATION: Final = Call(
    "GET",
    "/operations/{operation}",
    "How far a call is that took longer; whoever asked for it may ask, for a day.",
    _operation,
)
