"""Real processes for scenario tests: slots, fronts and load, all on loopback, all ended by their own id."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.adapters.targets.haproxy import HaproxyTarget
from gonogo.demo.addresses import Address, free_ports
from gonogo.demo.fronts import Front, choose, start_front, start_load
from gonogo.demo.processes import Live, kill, launch, log_tail, read_pid, stop, wait_until
from gonogo.demo.tally import Tally, read_tally
from gonogo.demo.world import DIGEST_HEADER, PROJECT, World, start_release
from gonogo.errors import Broken
from gonogo.ports import Target

RELEASES = PROJECT / "releases"
HAPROXY = shutil.which("haproxy") or ("/usr/sbin/haproxy" if Path("/usr/sbin/haproxy").exists() else None)
HAPROXY_CONFIGURATION = """global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 15s
    timeout server {timeout}
    option redispatch
    retries 2
{more}
frontend fe
    bind {listen}
    default_backend app
backend app
    balance roundrobin
    option httpchk GET /healthz
    default-server check inter 500ms fall 2 rise 1
{servers}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Two slots of one environment, the front before them, and the adapter that moves traffic at it."""

    world: World
    front: Front
    target: Target
    process: Live

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://{self.front.listen}"

    @property
    def prober(self) -> HttpProber:
        """Asks both slots and the front."""
        slots = {slot: self.world.url("production", slot) for slot in ("blue", "green")}
        return HttpProber(slots, self.url, digest_header=DIGEST_HEADER)

    def get(self, path: str = "/?customer=1") -> HttpAnswer:
        """One request through the front."""
        return call("GET", self.url + path, seconds=8.0)

    def share_of(self, version: str, requests: int = 100) -> int:
        """How many of some requests, each on a connection of its own, `version` answered."""
        return sum(self.get().fields.get("x-version") == version for _ in range(requests))


@contextmanager
def folder() -> Iterator[Path]:
    """A scratch folder with a short name: a socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="gg") as name:
        yield Path(name)


@contextmanager
def slots(place: Path, releases: Mapping[str, str]) -> Iterator[World]:
    """A world whose production slots run `releases` (slot -> release; an empty one is left without a process)."""
    blue, green = free_ports(2)
    world = World(place, RELEASES, {"production": {"blue": blue, "green": green}})
    try:
        for slot, release in releases.items():
            if release:
                start_release(world, "production", slot, release)
        yield world
    finally:
        end_services(world)


def end_services(world: World) -> None:
    """End all services of a world at once: nobody waits for their last requests any more."""
    for environment, names in world.slots.items():
        for slot in names:
            noted = read_pid(world.pid_file(environment, slot))
            if noted is not None:
                kill(noted)


def front_of(world: World) -> Front:
    """A front with fresh ports before both slots, everything on blue; before hosts, the same for each."""
    listen, admin = (Address("127.0.0.1", port) for port in free_ports(2))
    ports = world.slots["production"]
    backends = {slot: Address("127.0.0.1", port) for slot, port in ports.items()}
    even, rest = divmod(100, len(ports))
    shared = {name: even + (number < rest) for number, name in enumerate(ports)}
    return Front(listen, admin, backends, {"blue": 100, "green": 0} if "blue" in ports else shared, world.folder)


@contextmanager
def site(kind: str, blue: str = "v1", green: str = "v2", more: str = "") -> Iterator[Site]:
    """Both slots behind a front of `kind`: `proxy`, `caddy` or `haproxy` (with `more` lines in its defaults)."""
    if kind == "haproxy":
        require_haproxy()
    with folder() as place, slots(place, {"blue": blue, "green": green}) as world, ExitStack() as ending:
        front = front_of(world)
        process = start_haproxy(front, more=more) if kind == "haproxy" else start_front(choose(kind), front, blue)
        ending.callback(stop, process)
        target = haproxy_target(front) if kind == "haproxy" else front.target(kind)
        yield Site(world, front, target, process)


def require_haproxy() -> None:
    """Skip with the way to install it where HAProxy is absent; in CI that is a failure."""
    if HAPROXY is None:
        hint = "HAProxy is not installed: apt-get install -y --no-install-recommends haproxy"
        if os.environ.get("CI") == "true":
            pytest.fail(hint)
        pytest.skip(hint)


def haproxy_target(front: Front) -> HaproxyTarget:
    """The adapter for the HAProxy that `start_haproxy` starts."""
    slots = {slot: str(at) for slot, at in front.slots.items()}
    return HaproxyTarget(str(front.folder / "h.sock"), "app", slots, patience=0.5)


def start_haproxy(front: Front, server_timeout: str = "15s", more: str = "") -> Live:
    """Start HAProxy in the foreground with its runtime API on a UNIX socket; ready when requests are answered."""
    socket, file = front.folder / "h.sock", front.folder / "h.cfg"
    socket.unlink(missing_ok=True)
    servers = (f"    server {name} {at} weight {front.weights[name]}" for name, at in front.slots.items())
    file.write_text(
        HAPROXY_CONFIGURATION.format(
            socket=socket,
            listen=front.listen,
            servers="\n".join(servers),
            timeout=server_timeout,
            more=more,
        ),
        encoding="ascii",
    )
    log = front.folder / "h.log"
    process = launch((str(HAPROXY), "-f", str(file), "-db"), log=log, env={})
    if not wait_until(lambda: _answers(f"http://{front.listen}/healthz"), 30.0):
        stop(process)
        pytest.fail(f"HAProxy did not start: {log_tail(log)}")
    return process


def say_to(front: Front, command: str) -> str:
    """One command to the runtime API of a front that is HAProxy, as an operator would give it."""
    return haproxy_says(front.folder / "h.sock", command)


def haproxy_says(address: Path, command: str) -> str:
    """The answer of HAProxy's runtime API at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(str(address))
        door.sendall(command.encode("ascii") + b"\n")
        parts = []
        while block := door.recv(65536):
            parts.append(block)
    return b"".join(parts).decode("ascii")


def _answers(url: str) -> bool:
    try:
        return "x-version" in call("GET", url, seconds=1.0).fields
    except Broken:
        return False


@dataclass(frozen=True, slots=True)
class Traffic:
    """Steady load in a process of its own."""

    process: Live
    out: Path

    def now(self) -> Tally:
        """What was seen so far."""
        return read_tally(self.out)

    def end(self) -> Tally:
        """Stop sending, wait for the last answers, and say what was seen."""
        stop(self.process)
        return self.now()


@contextmanager
def traffic(running: Site, rate: float = 250.0) -> Iterator[Traffic]:
    """Load on the site's public address."""
    out = running.world.folder / "load.jsonl"
    process = start_load(running.url + "/", out, running.world.folder, rate)
    try:
        yield Traffic(process, out)
    finally:
        stop(process)
