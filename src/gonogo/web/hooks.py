"""Webhooks in: signed by HMAC-SHA-256 with a secret of their own, fresh, and taken once (replay-proof).

`GONOGO_HOOK_CI=SECRET` in the server's environment makes `/hooks/ci`; whoever calls it acts as `pipeline:ci`. Signed is
`TIMESTAMP.DELIVERY.BODY`; a delivery that the log of the site already names is refused, also after a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.ports import Draft
from gonogo.terms import Digest, Json, Pipeline, RunId, digest_of
from gonogo.web.calls import Unknown, problem
from gonogo.web.site import Site, site_of
from gonogo.web.trail import HOOK

PREFIX: Final = "GONOGO_HOOK_"
FRESH_S: Final = 300
SHORTEST: Final = 16
MOST: Final = 1 << 18
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_DELIVERY: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")
_GUARD: Final = threading.Lock()


def routes() -> list[Route]:
    """One address for all hooks."""
    return [Route("/hooks/{name}", hook, methods=["POST"])]


def signature(secret: str, timestamp: str, delivery: str, body: bytes) -> str:
    """What the header `x-gonogo-signature` has to say."""
    signed = f"{timestamp}.{delivery}.".encode() + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


async def hook(request: Request) -> Response:
    """Take one delivery: {"do": "open", "protocol": ..., "release": ...}, or drive, halt, abort with {"run": ...}."""
    site, body = site_of(request), await request.body()
    try:
        return JSONResponse(
            await run_in_threadpool(_taken, site, dict(request.headers), request.path_params["name"], body)
        )
    except GonogoError as error:
        if isinstance(error, Unknown):
            site.trail.refused("hook", "")
        return problem(error)


def _taken(site: Site, headers: Mapping[str, str], name: str, body: bytes) -> dict[str, Json]:
    _demand_signed(site, headers, name, body)
    tree = read_object(body, name="body", limit=MOST)
    pipeline, delivery = Pipeline(name), digest_of(f"{name}:{headers['x-gonogo-delivery']}".encode())
    with _GUARD:
        _demand_new(site, delivery)
        fields: dict[str, Json] = {"hook": name, "delivery_sha256": delivery, "body_sha256": digest_of(body)}
        site.door.world.journal.note([Draft(HOOK, fields)], actor=pipeline, now=site.door.world.clock.now())
    return _done(site, pipeline, tree)


def _demand_signed(site: Site, headers: Mapping[str, str], name: str, body: bytes) -> None:
    """Unknown, in one and the same sentence, for a wrong name, secret, time or signature."""
    variable = f"{PREFIX}{name.upper().replace('-', '_')}"
    secret = site.door.world.environ.get(variable, "") if _NAME.fullmatch(name) else ""
    moment, delivery = headers.get("x-gonogo-timestamp", ""), headers.get("x-gonogo-delivery", "")
    said = headers.get("x-gonogo-signature", "").encode("utf-8", "replace")
    expected = signature(secret, moment, delivery, body).encode()
    now = site.door.world.clock.now().timestamp()
    fresh = moment.isascii() and moment.isdigit() and len(moment) < 12 and abs(now - int(moment)) <= FRESH_S
    sound = len(secret) >= SHORTEST and fresh and _DELIVERY.fullmatch(delivery) is not None
    if not hmac.compare_digest(said, expected) or not sound:
        raise Unknown("this hook is not signed as it has to be", next_step="docs/dashboard.md says how")


def _demand_new(site: Site, delivery: Digest) -> None:
    # Whatever is older than two windows could not be fresh: only the end of the log has to be looked at.
    oldest = site.door.world.clock.now().timestamp() - 2 * FRESH_S
    for entry in reversed(site.door.world.journal.site()):
        if entry.ts.timestamp() < oldest:
            return
        if entry.type == HOOK and entry.data.get("delivery_sha256") == delivery:
            site.trail.refused("hook_replayed", "")
            raise Refused("this delivery was taken already", next_step="send a new one with a name of its own")


def _done(site: Site, pipeline: Pipeline, tree: Mapping[str, Tree]) -> dict[str, Json]:
    word, run = str(tree.get("do", "")), RunId(str(tree.get("run", "")))
    reason = str(tree.get("reason", "")) or f"asked by {pipeline}"
    match word:
        case "open":
            opened = site.door.open(str(tree.get("protocol", "")), str(tree.get("release", "")), pipeline)
            return {"run": opened.run, "driven": site.drivers.drive(opened.run)}
        case "drive":
            site.memory.known(run)
            return {"run": run, "driven": site.drivers.drive(run)}
        case "halt":
            site.door.halt(run, reason, pipeline)
            return {"run": run, "halted": True}
        case "abort":
            site.door.abort(run, reason, pipeline)
            return {"run": run, "aborting": True, "driven": site.drivers.drive(run)}
        case _:
            raise BadInput("a hook opens, drives, halts or aborts", next_step='say {"do": "open", ...}')
