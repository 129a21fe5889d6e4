"""The application: every address, and the guard before all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gonogo.control.agents.reception import TokenBook
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.web import (
    acting,
    api,
    deciding,
    enrolling,
    evidence_pages,
    hooks,
    pages,
    run_pages,
    signing_in,
    signing_in_elsewhere,
    watching,
)
from gonogo.web.agents import alive_with
from gonogo.web.api_verbs import verb_calls
from gonogo.web.at_hand import Line, kept_first
from gonogo.web.calls import PROBLEM, problem
from gonogo.web.guarding import Guard
from gonogo.web.remembering import remembered
from gonogo.web.sessions import Session
from gonogo.web.showing import ASSETS, asset, error_page, page, problem_body
from gonogo.web.signing_in import following
from gonogo.web.site import Site
from gonogo.web.watching import Watch

Handler = Callable[[Request], Response | Awaitable[Response]]
FOR_EVER: Final = "private, max-age=31536000, immutable"


def assets(request: Request) -> Response:
    """A stylesheet, script or picture; the mark in its address changes with its bytes."""
    name = str(request.path_params["name"])
    if name not in ASSETS:
        return Response("not here\n", 404)
    return Response(asset(name), media_type=ASSETS[name], headers={"cache-control": FOR_EVER})


def _reading() -> list[Route]:
    run = "/runs/{run}"
    found: dict[str, Handler] = {
        "/": kept_first(pages.releases_page),
        "/approvals": kept_first(pages.approvals_page),
        "/audit": kept_first(pages.audit_page),
        "/history": kept_first(pages.history_page),
        "/rollbacks": kept_first(pages.rollbacks_page),
        "/you": enrolling.you_page,
        "/search": kept_first(pages.search_page),
        "/stream": watching.releases_stream,
        run: remembered(run_pages.overview),
        f"{run}/live": remembered(run_pages.live_page),
        f"{run}/stream": watching.live_stream,
        f"{run}/parity": remembered(run_pages.parity_page),
        f"{run}/rollback": remembered(run_pages.rollback_page),
        f"{run}/evidence": remembered(evidence_pages.evidence_page),
        f"{run}/evidence/{{sha256}}": evidence_pages.file_page,
        f"{run}/evidence/{{sha256}}/file": evidence_pages.take_page,
        f"{run}/trail": remembered(evidence_pages.trail_page, "type", "page"),
        f"{run}/gates/{{gate}}": remembered(run_pages.gate_page),
        f"{run}/requests/{{round}}": deciding.request_page,
        "/sign/{token}": deciding.sign_page,
        "/sign/{token}/statement.json": deciding.statement_file,
        "/static/{mark}/{name}": assets,
        "/sign-in": signing_in.sign_in_page,
        "/sign-in/{mark}/{name}": assets,
        "/welcome/{token}": signing_in.welcome_page,
        "/healthz": signing_in.healthz,
    }
    return [Route(path, handler, methods=["GET"]) for path, handler in found.items()]


def _writing() -> list[Route]:
    run = "/runs/{run}"
    found: dict[str, Handler] = {
        "/sign-in": signing_in.sign_in,
        "/sign-out": signing_in.sign_out,
        "/welcome/{token}": signing_in.welcome,
        "/you/passkey/begin": enrolling.begin_passkey,
        "/you/passkey": enrolling.enrol_passkey,
        "/you/invite": enrolling.invite,
        "/runs": acting.open_run,
        f"{run}/abort": acting.abort,
        f"{run}/halt": acting.halt,
        f"{run}/drive": acting.drive,
        f"{run}/ask": deciding.ask,
        f"{run}/requests/{{round}}": deciding.prepare,
        "/sign/{token}": deciding.sign,
    }
    return [Route(path, handler, methods=["POST"]) for path, handler in found.items()]


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, GonogoError)
    if "text/html" in request.headers.get("accept", ""):
        return error_page(request, error)
    return problem(error)


def _missing(request: Request, _error: Exception) -> Response:
    if ".." in request.url.path.split("/") or ".." in str(request.scope["path"]).split("/"):
        session = request.scope.get("gonogo.session")
        person = session.person if isinstance(session, Session) else ""
        request.app.state.site.trail.refused("path_traversal", person)
    if request.url.path.startswith("/api/"):
        return problem(BadInput("there is no such call", next_step="GET /api/v1/openapi.json describes them all"))
    whole = request.url.path.rstrip("/")
    if request.method == "GET" and request.url.path == f"{whole}/" and following(request.app.state.site, whole):
        # A slash too many; said without a name, so that whoever came by TLS stays there.
        return RedirectResponse(f"{whole}?{request.url.query}" if request.url.query else whole, 307)
    about = {"what": "there is no such page", "where": "", "next_step": "begin at the list of releases"}
    return page(request, "error.html", about, 404)


def _another_method(_request: Request, _error: Exception) -> Response:
    error = Refused("this address takes another method", next_step="GET /api/v1/openapi.json describes all calls")
    return JSONResponse(problem_body(error, 405), 405, media_type=PROBLEM)


def application(site: Site, watch: Watch, agents: Starlette | None = None) -> ASGIApp:
    """The whole server of a site, guard included; with `agents` their door stands beside the pages."""
    calls = (*api.CALLS, *verb_calls(site.verbs))
    app = Starlette(
        routes=[*signing_in_elsewhere.routes(), *_reading(), *_writing(), *api.routes(calls), *hooks.routes()],
        lifespan=alive_with(agents),
        exception_handlers={GonogoError: _failed, 404: _missing, 405: _another_method},
    )
    app.router.redirect_slashes = False
    app.state.site = site
    app.state.watch = watch
    app.state.line = Line()
    app.state.oidc = signing_in_elsewhere.configured(site.door.world.environ)
    app.state.calls = calls
    app.state.tokens = TokenBook(site.door.world.journal)
    return Guard(app, site, agents)
