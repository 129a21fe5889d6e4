"""What stands before every page, stream, asset and call: host, size, rate, origin, who asks. Nothing is open as such.

Order: 1. the name that was asked for is ours (host-header tricks); 2. the body is not too large; 3. the cookie belongs
to a session whose person and key still count (a removed approver's open session ends here); 4. whoever is not signed in
gets the sign-in page only; 5. an act comes from a page of ours (`Origin`, `Sec-Fetch-Site`), besides the token that
each form carries. Programs are told what was refused as problem details (RFC 9457), browsers in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gonogo.errors import Refused
from gonogo.values import dataclass
from gonogo.web.agents import BELOW
from gonogo.web.calls import PROBLEM
from gonogo.web.sessions import COOKIE, Session
from gonogo.web.showing import TooLarge, problem_body
from gonogo.web.site import Site

OPEN: Final = frozenset({"/healthz", "/sign-in", "/favicon.ico"})
OPEN_BELOW: Final = ("/sign-in/", "/welcome/")
"""The sign-in page with its own assets, and one-time links; nothing else is answered to strangers."""
OWN_KEYS: Final = ("/api/", "/metrics", "/hooks/")
"""Called by programs with a token or a signature of their own; the handlers demand it."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_BODY: Final = 1 << 20
FOREIGN: Final = "this was not asked for by a page of this server"
TOO_LARGE, SEND_LESS = "this is larger than anything that is taken here", "send less"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types gonogo"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """The ASGI application that stands before the other one."""

    app: ASGIApp
    site: Site
    agents: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = self._answer(scope)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        if self.agents is not None and str(scope["path"]).startswith(BELOW):
            # Both doors for agents hold to the same limit while they read, and say so in their own form.
            await self.agents(scope, self._counted(scope, receive, refuses=False), _with_headers(send))
            return
        sending = send if scope["method"] in SAFE else self._after_an_act(send)
        await self.app(scope, self._counted(scope, receive, refuses=True), _with_headers(sending))

    def _after_an_act(self, send: Send) -> Send:
        """Whoever acted is sent to a page that knows of it."""

        async def send_and_look_again(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.site.memory.look_again()
            await send(message)

        return send_and_look_again

    def _counted(self, scope: Scope, receive: Receive, *, refuses: bool) -> Receive:
        """What is received, counted where nobody said beforehand how much it is; the trail has what is too large."""
        taken = 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            before, taken = taken, taken + len(message.get("body", b""))
            if before <= MOST_BODY < taken:
                self.site.trail.refused("too_large", _handle(scope))
            if refuses and taken > MOST_BODY:
                raise TooLarge(TOO_LARGE, next_step=SEND_LESS)
            return message

        return receive_some

    def _answer(self, scope: Scope) -> Response | None:
        """Why this request goes no further; None where it does. Leaves the session in the scope."""
        headers, path = Headers(scope=scope), str(scope["path"])
        if headers.get("host", "").lower() not in self.site.hosts():
            self.site.trail.refused("host", "")
            what = "this server answers to the names under web.origins of the approvers file, and to no other"
            return _refusal(path, 421, what, "ask for one of these names")
        if _declared(headers) > MOST_BODY:
            self.site.trail.refused("too_large", "")
            return _refusal(path, 413, TOO_LARGE, SEND_LESS)
        scope["gonogo.session"] = session = self._session(headers)
        if self.agents is not None and path.startswith(BELOW):
            return self._to_agents(scope, headers, session)
        if path.startswith(OWN_KEYS) and (session is None or "authorization" in headers):
            scope["gonogo.session"] = None
            return None
        stranger = session is None and path not in OPEN and not path.startswith(OPEN_BELOW)
        if stranger:
            return _to_sign_in(scope, headers)
        return None if scope["method"] in SAFE else self._foreign(scope, headers, session)

    def _session(self, headers: Headers) -> Session | None:
        values = set(cookies(headers, COOKIE))
        if len(values) > 1:
            # One of them was planted, by a page of another port or for a part of this site only.
            self.site.trail.refused("cookie_twice", "")
            return None
        value = next(iter(values), "")
        found = self.site.sessions.find(value, self.site.now()) if value else None
        if found is None:
            return None
        now = self.site.door.world.clock.now()
        if not self.site.people.still_counts(found.person, found.fingerprint, now):
            self.site.sessions.end(found)
            self.site.trail.refused("session_of_removed_person", found.person)
            return None
        return found

    def _to_agents(self, scope: Scope, headers: Headers, session: Session | None) -> Response | None:
        """A call at the doors for agents: it brings a token that is asked for there, and no foreign page makes one.

        What only describes them is a page like any other.
        """
        path = str(scope["path"])
        if "origin" in headers and headers["origin"] not in self.site.origins():
            self.site.trail.refused("foreign_origin", session.person if session else "")
            return _refusal(path, 403, FOREIGN, "call it from a program, or list the page under web.origins")
        return _to_sign_in(scope, headers) if path.endswith("/openapi.json") and session is None else None

    def _foreign(self, scope: Scope, headers: Headers, session: Session | None) -> Response | None:
        """An act that no page of ours asked for, or one too many."""
        person, path = session.person if session else "", str(scope["path"])
        address = scope["client"][0] if scope.get("client") else ""
        origin = headers.get("origin", "")
        ours = origin in self.site.origins() if origin else headers.get("sec-fetch-site", "") == "same-origin"
        if not ours:
            self.site.trail.refused("foreign_origin", person)
            return _refusal(path, 403, FOREIGN, "use a token instead of the session of a browser: gonogo agent create")
        if not self.site.writes.allows(person or f"stranger at {address}", self.site.now()):
            self.site.trail.refused("too_many", person)
            return _refusal(path, 429, "too many acts in a minute", "wait a little")
        return None


def cookies(headers: Headers, name: str) -> tuple[str, ...]:
    """All values of a cookie of ours, which is never quoted."""
    found = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return tuple(value.strip() for mark, _, value in found if mark.strip() == name)


def _to_sign_in(scope: Scope, headers: Headers) -> Response:
    if scope["method"] in SAFE and "text/html" in headers.get("accept", ""):
        path, query = str(scope["path"]), scope["query_string"].decode("latin-1")
        asked = f"{path}?{query}" if query else path
        wanted = f"?next={quote(asked)}" if asked != "/" else ""
        return RedirectResponse(f"/sign-in{wanted}", 303)
    body = problem_body(Refused("sign in first", next_step="open /sign-in"), 401)
    return JSONResponse(body, 401, media_type=PROBLEM)


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else MOST_BODY + 1


def _handle(scope: Scope) -> str:
    session = scope.get("gonogo.session")
    return session.person if isinstance(session, Session) else ""


def _refusal(path: str, code: int, what: str, next_step: str) -> Response:
    """What was refused and what to do next: as problem details where programs call, as a line of text on a page."""
    if path.startswith((*OWN_KEYS, *BELOW)):
        return JSONResponse(problem_body(Refused(what, next_step=next_step), code), code, media_type=PROBLEM)
    return PlainTextResponse(f"{what}: {next_step}\n", code)


_RAW: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = list(message.get("headers", ()))
            own = {name for name, _ in said}
            message["headers"] = [*said, *(item for item in _RAW if item[0] not in own)]
        await send(message)

    return send_with_headers
