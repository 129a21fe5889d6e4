"""Acts that need no signature: abort, halt, let go on, open a run; through the door, as the person who asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gonogo.errors import BadInput
from gonogo.web.run_pages import run_named
from gonogo.web.showing import form_of
from gonogo.web.site import actor_of, site_of

MOST_REASON = 2000


async def abort(request: Request) -> Response:
    """End a run; where no engine drives it, this server does, so that production is rolled back now."""
    fields = await form_of(request)
    site, known = run_named(request)
    run = known.opened.run
    site.door.abort(run, _reason(fields, "aborted in the browser"), actor_of(request))
    site.drivers.drive(run)
    return RedirectResponse(f"/runs/{run}?done=aborted", 303)


async def halt(request: Request) -> Response:
    """Stop a run before its next act."""
    fields = await form_of(request)
    site, known = run_named(request)
    site.door.halt(known.opened.run, _reason(fields, ""), actor_of(request))
    return RedirectResponse(f"/runs/{known.opened.run}?done=halted", 303)


async def drive(request: Request) -> Response:
    """Let a run go on from where its ledger ends."""
    await form_of(request)
    site, known = run_named(request)
    begun = site.drivers.drive(known.opened.run)
    return RedirectResponse(f"/runs/{known.opened.run}?done={'driving' if begun else 'driven'}", 303)


async def open_run(request: Request) -> Response:
    """Open a run of a protocol for a release, and drive it."""
    fields = await form_of(request)
    site = site_of(request)
    protocol, release = fields.get("protocol", "").strip(), fields.get("release", "").strip()
    if not protocol or not release:
        raise BadInput("which protocol, and which release?", next_step="fill in both")
    opened = site.door.open(protocol, release, actor_of(request))
    site.drivers.drive(opened.run)
    return RedirectResponse(f"/runs/{opened.run}?done=opened", 303)


def _reason(fields: dict[str, str], usual: str) -> str:
    reason = fields.get("reason", "").strip()[:MOST_REASON] or usual
    if not reason:
        raise BadInput("a halt needs a reason", next_step="say why; it is shown to everybody who looks at the run")
    return reason
