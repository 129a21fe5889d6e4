"""Real SSH hosts: Debian's sshd as processes of this user on loopback, each with its own key, folder and program.

The program of a release is one executable file, a small HTTP server that answers with its own version. A `Wire` stands
before each sshd: it can be cut while something is under way, as a cable can.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gonogo.adapters.hosts import Package
from gonogo.adapters.ssh_hosts import SshHosts
from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import wait_until
from gonogo.findings import Origin
from gonogo.plan.ssh_binding import SshBinding
from gonogo.terms import Digest

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
SETTINGS = """ListenAddress 127.0.0.1
Port {port}
HostKey {place}/host_key
AuthorizedKeysFile {keys}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowAgentForwarding yes
MaxStartups 100:30:200
SetEnv HOME={place}
Subsystem sftp internal-sftp
"""
PROGRAM = '''#!{python}
import http.server, sys
VERSION = "{version}"
REQUESTS = [0]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/metrics":
            REQUESTS[0] += 40
            count = REQUESTS[0]
            bad = int(count * {faults})
            body = "".join('http_request_duration_seconds_bucket{{le="%s"}} %d\\n' % (bound, count) for bound in ("0.1", "1.0", "+Inf"))
            body += 'http_requests_total{{code="200"}} %d\\nhttp_requests_total{{code="500"}} %d\\n' % (count - bad, bad)
        else:
            body = "ok"
        self.send_response(200)
        self.send_header("x-version", VERSION)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


class Wire:
    """Carries bytes to a port until it is cut; then what is under way stalls, and nobody new comes through."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.cut_after = -1
        self._cut = threading.Event()
        self._held: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing comes through, and nobody is told so."""
        self._cut.set()

    def mend(self) -> None:
        """Connections that are begun from now on come through again."""
        self._cut.clear()
        self.cut_after = -1

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.close()
        for held in self._held:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self._held.append(near)
            if self._cut.is_set():
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            self._held.append(far)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for one, other, counted in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=(one, other, counted), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                passed += len(data)
                if counted and 0 <= self.cut_after < passed:
                    self._cut.set()
                if self._cut.is_set():
                    return
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@dataclass
class Host:
    """One host: where its sshd listens, the wire before it, its folder, and the port of its program."""

    name: str
    place: Path
    ssh_port: int
    web_port: int
    wire: Wire
    sshd: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def folder(self) -> Path:
        """What SSH knows as the folder of this host."""
        return self.place / "srv"

    def current(self) -> str:
        """Where `current` leads; empty where there is none."""
        link = self.folder / "current"
        return os.readlink(link) if link.is_symlink() else ""


@dataclass
class Site:
    """Hosts, the key that lets in, and what gonogo is told of them."""

    root: Path
    hosts: dict[str, Host]
    key: Path
    known_hosts: Path
    managed: dict[str, object] = field(default_factory=dict)

    def binding(self, **changes: object) -> SshBinding:
        """As `environments.NAME.ssh` would be read."""
        told: dict[str, object] = {
            "user": getpass.getuser(),
            "addresses": {name: ("127.0.0.1", host.wire.port) for name, host in self.hosts.items()},
            "known_hosts": str(self.known_hosts),
            "key": "SHOP_SSH_KEY",
            "folder": f"{self.root}/{{host}}/srv",
            "service": "",
            "manager": "process",
            "unit": "",
            "control": ("start-stop-daemon",),
            "start": ("{current}/{program}", str(self.root / "{host}" / "port")),
            "timeout": 20,
            "connect": 5,
            "origin": Origin("gonogo.yaml", 1),
        }
        return SshBinding(**{**told, **self.managed, **changes})  # type: ignore[arg-type]  # a table of fields

    def reached(self, **changes: object) -> SshHosts:
        """What installs on these hosts."""
        return SshHosts(self.binding(**changes), self.root, self.key)

    def package(self, version: str, *, faults: float = 0.0) -> Package:
        """The bytes of a release."""
        data = program(version, faults)
        path = self.root / f"app-{version}"
        path.write_bytes(data)
        return Package(version, Digest(sha256(data).hexdigest()), path, "app")

    def know(self) -> None:
        """Write the host keys down, as somebody does who has seen them."""
        lines = []
        for host in self.hosts.values():
            kind, key, *_ = (host.place / "host_key.pub").read_text().split()
            lines.append(f"[127.0.0.1]:{host.wire.port} {kind} {key}\n")
        self.known_hosts.write_text("".join(lines))


def program(version: str, faults: float = 0.0) -> bytes:
    """A release: reads its port from its only argument, a number or a file that holds one."""
    text = PROGRAM.format(python=sys.executable, version=version, faults=faults)
    return text.replace("int(sys.argv[1])", "int(open(sys.argv[1]).read())").encode()


def _keyed(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _begun(root: Path, name: str, ssh_port: int, web_port: int) -> Host:
    place = root / name
    (place / "srv").mkdir(parents=True)
    (place / "port").write_text(str(web_port))
    _keyed(place / "host_key")
    settings = SETTINGS.format(port=ssh_port, place=place, keys=root / "authorized_keys")
    (place / "sshd_config").write_text(settings)
    assert SSHD, "sshd is missing; tools/debian_packages.sh installs openssh-server"
    with (place / "sshd.log").open("wb") as log:
        sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", str(place / "sshd_config")], stdout=log, stderr=log)
    return Host(name, place, ssh_port, web_port, Wire(ssh_port), sshd)


@contextmanager
def ssh_site(root: Path, names: tuple[str, ...] = ("web1",)) -> Iterator[Site]:
    """Hosts that let one key in, until the block ends; whatever runs on them is ended with them."""
    root.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root asks for it; its service makes it where there is one.
    _keyed(root / "id")
    shutil.copy(root / "id.pub", root / "authorized_keys")
    ports = free_ports(2 * len(names))
    hosts = {name: _begun(root, name, *ports[2 * number : 2 * number + 2]) for number, name in enumerate(names)}
    site = Site(root, hosts, root / "id", root / "known_hosts")
    site.know()
    try:
        for host in hosts.values():
            wait_until(lambda host=host: _listens(host.ssh_port), 10)
        yield site
    finally:
        for host in hosts.values():
            host.wire.close()
            host.sshd.kill()
            host.sshd.wait()
            end_program(host)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as found:
        return found.recv(4) == b"SSH-"
    return False


def end_program(host: Host) -> None:
    """Kill what runs on a host."""
    pid = host.folder / "gonogo.pid"
    if pid.exists():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(pid.read_text()), 9)


def answers(host: Host, seconds: float = 5.0) -> str:
    """The version that a host's program answers with, within a time; empty where it does not."""
    import urllib.request

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{host.url}/healthz", timeout=1) as found:
            return str(found.headers["x-version"])
        time.sleep(0.05)
    return ""


def record_of(host: Host) -> dict[str, str]:
    """What stands beside the bytes that are current."""
    found: dict[str, str] = json.loads((host.folder / "current" / "gonogo-release.json").read_text())
    return found
