"""Turning values into pages: templates that escape everything, forms that are read strictly, errors as pages."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gonogo.errors import BadInput, Broken, GonogoError, Refused, Tampered, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.terms import Json
from gonogo.values import dataclass
from gonogo.web.drawings import Body
from gonogo.web.sessions import Session
from gonogo.web.site import site_of

_LENGTH: Final = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
MOST_FIELDS: Final = 60
MOST_KEPT: Final = 4096
"""So many drawn words and moments are kept: a page of a run has a few hundred, many of them again and again."""
MOST_FRAMES: Final = 1024
FRAMED: Final = ("project", "me", "csrf", "notice", "waiting")
"""What a frame is drawn with, besides the part of the site."""
SECTIONS: Final = {
    "/": "Releases",
    "/approvals": "Approvals",
    "/rollbacks": "Rollbacks",
    "/history": "History",
    "/search": "Search",
    "/audit": "Audit",
}
ASSETS: Final = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
WORDS: Final[Mapping[str, str]] = {
    "pass": "go",
    "done": "go",
    "ready": "go",
    "released": "go",
    "ok": "go",
    "go": "go",
    "fail": "nogo",
    "failed": "nogo",
    "no_go": "nogo",
    "error": "nogo",
    "halted": "nogo",
    "rolled_back": "back",
    "aborted": "back",
    "waived": "doubt",
    "inconclusive": "doubt",
    "waiting for people": "wait",
    "running": "live",
    "no engine at work": "doubt",
    "open": "rest",
}
SIGNS: Final[Mapping[str, str]] = {
    "go": "✓",
    "nogo": "✕",
    "back": "↶",
    "doubt": "?",
    "wait": "◷",
    "live": "▸",
    "rest": "·",
}


NOTICES: Final[Mapping[str, str]] = {
    "signed": "Your signature is recorded and verified.",
    "aborted": "The abort is recorded. Production that was touched is being rolled back.",
    "halted": "The halt is recorded: nothing new begins. Going on needs a signature.",
    "driving": "The run goes on.",
    "driven": "Somebody drives this run already.",
    "enrolled": "The key is listed. Have the change of the approvers file reviewed and committed. "
    "It counts in runs that are opened from now on.",
    "signed-in": "You are signed in.",
    "opened": "The run is open and under way.",
}
"""What a page says after an act, by name: no text of an address ever stands on a page."""


class TooLarge(Refused):
    """A body that is longer than anything this server takes."""


def look_of(word: str) -> str:
    """The class of a state or verdict: what it looks like."""
    if word.startswith("waiting until"):
        return "wait"
    return "nogo" if word.startswith("unusable") else WORDS.get(word, "rest")


@lru_cache(maxsize=MOST_KEPT)
def badge(word: str) -> Markup:
    """A state as sign and word; never by colour alone."""
    look = look_of(word)
    text = escape({"": "not begun", "open": "to do"}.get(word, word.replace("_", " ")))
    form = f'<span class="badge {look}"><span class="sign" aria-hidden="true">{SIGNS[look]}</span>{text}</span>'
    return Markup(form)  # noqa: S704 - made of constants and a word that is escaped


@lru_cache(maxsize=MOST_KEPT)
def moment(value: datetime | None) -> Markup:
    """A moment in UTC; the page's script shows it in the viewer's zone, with UTC on hover."""
    if value is None:
        return Markup("")
    shown = f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    form = f'<time datetime="{time_text(value)}" title="{shown} UTC">{shown[:16]} UTC</time>'
    return Markup(form)  # noqa: S704 - figures alone


def ago(value: datetime | str | None, now: datetime) -> str:
    """How long ago, in one unit; a moment of evidence is a text, and says nothing where it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return ""
    if value is None or value.tzinfo is None:
        return ""
    return f"{lasting((now - value).total_seconds())} ago"


def lasting(seconds: float) -> str:
    """A time in one unit, or two for hours."""
    left = max(int(seconds), 0)
    if left < 120:
        return f"{left} s"
    if left < 7200:
        return f"{left // 60} min"
    if left < 48 * 3600:
        return f"{left // 3600} h {left % 3600 // 60} min"
    return f"{timedelta(seconds=left).days} days"


def took(text: object) -> str:
    """A length of ISO 8601 such as `PT1M0.5S` for people: `1 min 0.5 s`; anything else as it stands."""
    said = str(text or "")
    found = _LENGTH.fullmatch(said)
    if found is None or said == "PT":
        return said
    return " ".join(
        f"{number} {unit}" for number, unit in zip(found.groups(), ("h", "min", "s"), strict=True) if number
    )


_HANDLES: Final = re.compile(r"\([^)]*\)|_")
"""What stands in brackets, and each underscore outside of them."""


def spoken(text: str) -> str:
    """Roles as words: `release_manager (rm_1)` is `release manager (rm_1)`; handles stay as they are."""
    return _HANDLES.sub(lambda found: " " if found[0] == "_" else found[0], text)


def short(digest: object) -> Markup:
    """A digest, cut for reading; the whole of it on hover."""
    text = str(digest or "")
    form = f'<code class="digest" title="sha256 {escape(text)}">{escape(text[:12])}</code>'
    return Markup(form) if text else Markup("")  # noqa: S704 - every part of it is escaped


def raw_svg(text: str) -> Markup:
    """A chart of `reports.charts`, which escapes its own texts."""
    return Markup(text)  # noqa: S704 - made by us


def asset(name: str) -> bytes:
    """A file of this package."""
    return files("gonogo.web").joinpath("static", name).read_bytes()


MARKS: Final = {name: hashlib.sha256(asset(name)).hexdigest()[:12] for name in ASSETS}
"""The version of each asset, as part of its address: it can be kept for ever."""


def environment() -> Environment:
    """The templates; an unknown name in one is an error, and everything is escaped."""
    made = Environment(
        loader=PackageLoader("gonogo.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        {
            "took": took,
            "spoken": spoken,
            "badge": badge,
            "moment": moment,
            "ago": ago,
            "short": short,
            "lasting": lasting,
            "look": look_of,
        }
    )
    made.filters["svg"] = raw_svg
    made.globals["marks"] = MARKS
    made.globals["sections"] = SECTIONS
    made.globals["parts"] = made.get_template("parts.html").module
    return made


TEMPLATES: Final = environment()


def rendered(name: str, about: Mapping[str, object]) -> str:
    """A template filled in, without the frame of the page."""
    return TEMPLATES.get_template(name).render(about)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page says: its template and what that is filled in with, without the frame that every page has."""

    template: str
    about: Mapping[str, object]


def drawn(sheet: Sheet, frame: Mapping[str, object]) -> Body:
    """A sheet filled in, without its frame."""
    template = TEMPLATES.get_template(sheet.template)
    known = template.new_context({**frame, **sheet.about})
    return Body("".join(template.blocks["title"](known)), "".join(template.blocks["main"](known)))


def frame_of(request: Request) -> dict[str, object]:
    """What every page is framed with: project, person, token of the session, notice."""
    site = site_of(request)
    found = request.scope.get("gonogo.session")
    session = found if isinstance(found, Session) else None
    return {
        "project": site.name,
        "me": session.person if session else "",
        "admin": session is not None and site.people.is_admin(session.person),
        "csrf": session.csrf if session else "",
        "path": request.scope["path"],
        "now": site.door.world.clock.now(),
        "notice": NOTICES.get(request.query_params.get("done", ""), ""),
        "waiting": site.memory.waiting_for(session.person) if session else 0,
    }


def framed(frame: Mapping[str, object], body: Body, code: int = 200) -> HTMLResponse:
    """A body in the frame of whoever is signed in."""
    path = str(frame["path"])
    # Of the address a frame says only in which part of the site it is.
    section = "/runs/" if path.startswith("/runs/") else path if path in (*SECTIONS, "/you") else ""
    head, between, foot = _frame_drawn((*((name, frame[name]) for name in FRAMED), ("path", section)))
    return HTMLResponse(f"{head}{body.title}{between}{body.main}{foot}", code)


@lru_cache(maxsize=MOST_FRAMES)
def _frame_drawn(known: tuple[tuple[str, object], ...]) -> tuple[str, str, str]:
    """A frame: what stands before the title, between title and content, and after that."""
    title, main = (secrets.token_hex(16) for _ in range(2))
    head, _, rest = rendered("framed.html", {**dict(known), "title": title, "main": main}).partition(title)
    between, _, foot = rest.partition(main)
    return head, between, foot


def page(request: Request, name: str, about: Mapping[str, object] | None = None, code: int = 200) -> HTMLResponse:
    """A whole page for whoever is signed in."""
    frame = frame_of(request)
    return framed(frame, drawn(Sheet(name, about or {}), frame), code)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that one of our pages sent: its token is the session's. Refused for any other."""
    fields = read_form(await request.body())
    session = request.scope.get("gonogo.session")
    if not isinstance(session, Session) or fields.pop("csrf", "") != session.csrf:
        site_of(request).trail.refused("csrf", session.person if isinstance(session, Session) else "")
        raise Refused("this form is not of your session", next_step="open the page again and send it from there")
    return fields


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form, each once; BadInput for anything else."""
    try:
        found = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise BadInput("this is no form that a page of ours sends", next_step="open the page again") from error
    if any(len(values) != 1 for values in found.values()):
        raise BadInput("a field of the form is there twice", next_step="open the page again")
    return {name: values[0].replace("\r\n", "\n") for name, values in found.items()}


def code_of(error: GonogoError) -> int:
    """The HTTP status of an error."""
    match error:
        case BadInput() if error.what.startswith(("there is no", "nobody was asked", "nothing")):
            return 404
        case TooLarge():
            return 413
        case BadInput() | WrongUsage():
            return 400
        case Refused():
            return 409
        case Tampered() | Broken():
            return 503
        case _:
            return 409


def problem_body(error: GonogoError, code: int) -> dict[str, Json]:
    """An error as problem details (RFC 9457), with the place and what to do next."""
    where, following = error.where or None, error.next_step or None
    body: dict[str, Json] = {"type": "about:blank", "title": HTTPStatus(code).phrase, "status": code}
    return {**body, "detail": error.what, "where": where, "next_step": following}


def error_page(request: Request, error: GonogoError) -> Response:
    """What went wrong, where, and what to do next; as a page."""
    about = {"what": error.what, "where": error.where, "next_step": error.next_step}
    return page(request, "error.html", about, code_of(error))
