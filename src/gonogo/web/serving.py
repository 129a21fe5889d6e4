"""Starting the server: on one address, with a one-time link for the first administrator."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gonogo.control.door import Door
from gonogo.control.served_verbs import Verb
from gonogo.errors import Broken
from gonogo.values import dataclass
from gonogo.web.agents import agents_of
from gonogo.web.application import application
from gonogo.web.reminding import reminding
from gonogo.web.sessions import LINK
from gonogo.web.site import Site
from gonogo.web.trail import SIGNED_IN
from gonogo.web.watching import Watch

BACKLOG: Final = 2048
KEPT_ALIVE_S: Final = 15
"""So many seconds a browser's connection stays open for its next page."""
SELDOM: Final = (20_000, 20, 50)
"""Cycles are looked for after so many new objects: what a page is made of has none."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens; port 0 takes a free one."""

    host: str
    port: int


def bound_to(address: Address) -> socket.socket:
    """The socket of an address; Broken where it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without it the body of a page waits for the acknowledgement of its head, up to 40 ms;
    # asyncio sets it only where a socket names its protocol.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        found.bind((address.host, address.port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        place = f"{address.host}:{address.port}"
        raise Broken(
            f"cannot listen: {error.strerror}", where=place, next_step="say another --port, or --port 0 for a free one"
        ) from error
    return found


def names_of(address: Address, port: int) -> frozenset[str]:
    """The values of `Host` that lead here by themselves."""
    names = LOOPBACK - {"::1"} if address.host in LOOPBACK else {address.host}
    return frozenset(f"{name}:{port}" for name in names)


def first_link(site: Site, base: str) -> str:
    """A link for the first administrator where nobody ever came in by a key of their own; empty otherwise."""
    came = (entry for entry in site.door.world.journal.site() if entry.type == SIGNED_IN)
    if site.credentials.all() or any(entry.data.get("how") != LINK for entry in came):
        return ""
    return f"{base}/welcome/{site.links.put('', site.now())}"


class Serving(uvicorn.Server):
    """The server; asked to end, it ends the live streams first, which would keep it waiting otherwise."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, as uvicorn does."""
        self._watch.end()
        super().handle_exit(sig, frame)


@contextmanager
def warming(site: Site) -> Iterator[None]:
    """Read in the background, from the start on, what the first readers will ask for."""
    over = threading.Event()

    def warm() -> None:
        site.memory.warm(lambda: not over.is_set())
        # What is kept is let go of by counting. To look through all of it for cycles stops everybody for a third of a
        # second where there are ten thousand runs.
        gc.freeze()

    thread = threading.Thread(target=warm, name="warm", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def serve(
    door: Door, address: Address, tell: Callable[[str], None], verbs: tuple[Verb, ...] = (), *, reminds: bool = True
) -> None:
    """Serve until the process is asked to end; `verbs` are what the command line offers through the API.

    Where it `reminds`, people are told what is due, as by `gonogo tell`.
    """
    with bound_to(address) as listening:
        port = int(listening.getsockname()[1])
        site = Site.of(door, names_of(address, port), verbs)
        base = f"http://{'localhost' if address.host in LOOPBACK else address.host}:{port}"
        tell(f"gonogo serves {site.name} at {base}/")
        link = first_link(site, base)
        if link:
            tell(f"  first administrator, once, within 24 hours: {link}")
        if base not in site.people.ring().web.origins and address.host in LOOPBACK:
            line = f'web: {{rp_ids: [localhost], origins: ["{base}"]}}'
            tell(f"  passkeys: add to {door.workspace.project.approvers}: {line}")
        if reminds and door.workers_drive:
            # No lock of this machine says who tells what where hosts share a database.
            tell("  reminders: workers share the database; let a timer on one host call gonogo tell")
            reminds = False
        watch = Watch(site)
        try:
            with reminding(site) if reminds else nullcontext():
                run_on(listening, application(site, watch, agents_of(site, base)), site, watch)
        finally:
            site.work.close()


def run_on(listening: socket.socket, app: ASGIApp, site: Site, watch: Watch) -> None:
    """Serve on a socket until the process is asked to end."""
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=KEPT_ALIVE_S,
        h11_max_incomplete_event_size=1 << 16,
        backlog=BACKLOG,
    )
    gc.set_threshold(*SELDOM)
    with warming(site):
        Serving(settings, watch).run(sockets=[listening])
