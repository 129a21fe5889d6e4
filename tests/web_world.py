"""The dashboard on a real socket, and a client that signs in as people do: with their own keys."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from urllib3 import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from gonogo.cli.verb_table import served as verb_table
from gonogo.evidence.sshsig import sign
from gonogo.web.agents import agents_of
from gonogo.web.application import application
from gonogo.web.serving import Address, bound_to, names_of
from gonogo.web.signing_in import NAMESPACE
from gonogo.web.site import Site
from gonogo.web.watching import Watch
from tests.projects import Project, small_project
from tests.worlds_http import place

VERBS = verb_table()
_INPUT = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


@dataclass(frozen=True)
class Served:
    """A project that is served now."""

    project: Project
    site: Site
    port: int
    watch: Watch

    @property
    def base(self) -> str:
        """The origin under which browsers open it."""
        return f"http://localhost:{self.port}"

    def refusals(self) -> list[str]:
        """What the log of the site says was refused by the server, in order."""
        return [str(entry.data["why"]) for entry in self.project.door().world.journal.site() if entry.type == "web.refused"]


@contextmanager
def served(project: Project, *, passkeys: bool = False) -> Iterator[Served]:
    """Serve a project on loopback as long as the block lasts; with `passkeys` its approvers file names the address."""
    with bound_to(Address("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        if passkeys:
            line = f'web: {{rp_ids: [localhost], origins: ["http://localhost:{port}"]}}\n'
            project.edit("config/release-approvers.yaml", "freeze_stakeholders:", f"{line}freeze_stakeholders:")
        site = Site.of(project.door(), names_of(Address("127.0.0.1", port), port), VERBS)
        server = uvicorn.Server(uvicorn.Config(application(site, watch := Watch(site), agents_of(site, f"http://localhost:{port}")), log_level="error", access_log=False, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield Served(project, site, port, watch)
        finally:
            watch.end()
            server.should_exit = True
            thread.join(10)
            site.drivers.join(10)
            site.work.close()


@contextmanager
def shop_served(root: Path, *, passkeys: bool = False) -> Iterator[Served]:
    """The small shop with both its places below `root`, served as long as the block lasts."""
    with place(root / "staging") as staging, place(root / "production") as production:
        with served(small_project(root / "shop", staging, production), passkeys=passkeys) as site:
            yield site


@dataclass
class Page:
    """An answer of the server."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def fields(self) -> dict[str, str]:
        """The hidden fields of its forms."""
        return {name: html.unescape(value) for name, value in _INPUT.findall(self.text)}

    @property
    def location(self) -> str:
        """Where it sends the browser."""
        return self.headers.get("location", "")


@dataclass
class Client:
    """A browser without a screen: cookies, forms, nothing else."""

    served: Served
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Page:
        """Open an address."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str] | bytes, **headers: str) -> Page:
        """Send a form as a page of the server does."""
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        usual = {"origin": self.served.base, "content-type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, body, {**usual, **headers})

    def send(self, path: str, page: Page, **fields: str) -> Page:
        """Fill in the form of a page and send it."""
        return self.post(path, {**page.fields, **fields})

    def sign_in(self, handle: str) -> Page:
        """Sign in with the SSH key of a person, by copy and paste."""
        page = self.get("/sign-in")
        found = re.search(r"echo '(.*?)' \|", html.unescape(page.text))
        assert found, page.text
        message = f"{html.unescape(found[1])}\n".encode()
        signature = sign(self.served.project.keys[handle], message, NAMESPACE).decode()
        return self.send("/sign-in", page, signature=signature)

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        said = {"host": f"localhost:{self.served.port}", "accept": "text/html", **self.headers, **headers}
        if self.cookies:
            said.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        with HTTPConnectionPool("127.0.0.1", self.served.port, timeout=20) as pool:
            answer: BaseHTTPResponse = pool.urlopen(method, path, body=body, headers=said, redirect=False, retries=False)
            text = answer.data.decode("utf-8", "replace")
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0].strip('"')
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return Page(answer.status, text, {name.lower(): answer.headers[name] for name in answer.headers})


def signed_in(served: Served, handle: str) -> Client:
    """A client of a person who has just signed in."""
    client = Client(served)
    answer = client.sign_in(handle)
    assert answer.status == 303, answer.text
    return client
