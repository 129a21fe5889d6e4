"""The HTTP API under `/api/v1`: its routes, its description, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gonogo.errors import GonogoError
from gonogo.run.agents import Scope
from gonogo.terms import Json
from gonogo.web.api_acting import ACTING
from gonogo.web.api_reading import READING
from gonogo.web.calls import MOST_VALUES, PROBLEM, Call, Field, caller_of, problem
from gonogo.web.site import Site, site_of
from gonogo.web.watching import Watch

CALLS: Final = (*READING, *ACTING)
BASE: Final = "/api/v1"
PROBLEM_SCHEMA: Final = "#/components/schemas/Problem"


def routes(calls: tuple[Call, ...]) -> list[Route]:
    """One route for each call, the description, and the figures."""
    found = [Route(f"{BASE}{call.path}", call.__call__, methods=[call.method]) for call in calls]
    return [*found, Route(f"{BASE}/openapi.json", described), Route("/metrics", figures)]


async def described(request: Request) -> Response:
    """The OpenAPI description; for whoever may call."""
    try:
        await run_in_threadpool(caller_of, request)
    except GonogoError as error:
        return problem(error)
    return JSONResponse(description(request.app.state.calls))


def description(calls: tuple[Call, ...]) -> dict[str, Json]:
    """OpenAPI 3.1, made from the table of calls."""
    paths: dict[str, dict[str, Json]] = {}
    for call in calls:
        paths.setdefault(f"{BASE}{call.path}", {})[call.method.lower()] = _operation(call)
    text: dict[str, Json] = {"type": ["string", "null"]}
    words: dict[str, Json] = {name: {"type": "string"} for name in ("type", "title", "detail")}
    about: dict[str, Json] = {**words, "status": {"type": "integer"}, "where": text, "next_step": text}
    needed: list[Json] = ["type", "title", "status", "detail"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "gonogo", "version": "1", "description": "Every verb that is not a signature."},
        "paths": {path: {**operations} for path, operations in paths.items()},
        "components": {
            "schemas": {"Problem": {"type": "object", "properties": about, "required": needed}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(call: Call) -> Json:
    names = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]
    trouble: Json = {"schema": {"$ref": PROBLEM_SCHEMA}}
    operation = f"{call.method.lower()}{call.path}".replace("/", "_").replace("{", "").replace("}", "")
    found: dict[str, Json] = {
        "operationId": operation,
        "summary": call.about,
        "description": _who(call),
        "responses": {
            "200": {"description": "done"},
            "202": {"description": "begun; ask for it at `Location`"},
            "default": {"description": "what went wrong, and what to do next", "content": {PROBLEM: trouble}},
        },
    }
    if call.method == "GET":
        parameters += [
            {"name": field.name, "in": "query", "required": field.needed, "schema": _schema(field)}
            for field in call.fields
        ]
        return {**found, "parameters": parameters}
    parameters += [{"name": name, "in": "header", "schema": _HEADERS[name]} for name in _headers(call)]
    if call.fields:
        needed: list[Json] = [field.name for field in call.fields if field.needed]
        properties: dict[str, Json] = {field.name: _schema(field) for field in call.fields}
        body: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
        content: dict[str, Json] = {"application/json": {"schema": {**body, "required": needed}}}
        found["requestBody"] = {"required": bool(needed), "content": content}
    return {**found, "parameters": parameters}


_HEADERS: Final[dict[str, Json]] = {
    "Idempotency-Key": {
        "type": "string",
        "pattern": "^[!-~]{1,200}$",
        "description": "asked again with it, the act is not done again",
    },
    "If-Match": {"type": "string", "pattern": "^[0-9]{1,12}$", "description": "the `seq` of the run as you saw it"},
}


def _headers(call: Call) -> tuple[str, ...]:
    return ("Idempotency-Key", "If-Match") if "{run}" in call.path else ("Idempotency-Key",)


def _who(call: Call) -> str:
    if call.people:
        return "For a person who is signed in; for no token."
    reach = " that reaches the whole project" if call.whole else ""
    return f"Needs a token with the scope {call.scope.value}{reach}, or a person who is signed in."


def _schema(field: Field) -> Json:
    one: dict[str, Json]
    if field.number:
        one = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    elif field.flag:
        one = {"type": "boolean"}
    else:
        choices: list[Json] = list(field.choices)
        one = {"type": "string", **({"enum": choices} if choices else {"maxLength": field.longest})}
    if field.many:
        one = {"type": "array", "items": one, "maxItems": MOST_VALUES}
    return {**one, "description": field.about}


class _Figures:
    """What Prometheus gets: states of runs, signatures that are waited for, open streams."""

    def __init__(self, site: Site, watch: Watch) -> None:
        self._site, self._watch = site, watch

    def collect(self) -> Iterator[Metric]:
        """The figures now."""
        rows = self._site.memory.open_rows()
        states = GaugeMetricFamily("gonogo_open_runs", "Runs that are not over, by state", labels=["state"])
        known = {"halted": 0, "waiting for people": 0, "running": 0, "open": 0, "waiting": 0, "unusable": 0}
        for row in rows:
            word = row.status if row.status in known else row.status.partition(" ")[0].rstrip(":")
            known[word] = known.get(word, 0) + 1
        for word, count in known.items():
            states.add_metric([word.replace(" ", "_")], count)
        yield states
        ended = GaugeMetricFamily("gonogo_finished_runs", "Runs that are over, by outcome", labels=["outcome"])
        outcomes: dict[str, int] = {}
        for row in self._site.memory.rows():
            if row.outcome:
                outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
        for word, count in sorted(outcomes.items()):
            ended.add_metric([word], count)
        yield ended
        yield GaugeMetricFamily(
            "gonogo_waiting_requests", "Requests to people", value=sum(len(row.waits) for row in rows)
        )
        yield GaugeMetricFamily("gonogo_web_streams", "Open live streams", value=self._watch.streams)


async def figures(request: Request) -> Response:
    """The figures as text: of all runs, so for a token with runs:read for the whole project, or a signed-in person."""
    try:
        caller = await run_in_threadpool(caller_of, request)
        caller.demand(Scope.READ)
        caller.demand_whole()
    except GonogoError as error:
        return problem(error)
    registry = CollectorRegistry()
    registry.register(_Figures(site_of(request), request.app.state.watch))
    text = await run_in_threadpool(generate_latest, registry)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
