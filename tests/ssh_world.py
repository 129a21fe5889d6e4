"""Real SSH hosts: Debian's sshd, each with its own key, folder and program, behind a link that can be cut.

Where the machine allows it each host has its own network namespace, else they are processes on loopback (`ssh_links`).
The program of a release is one executable file, a small HTTP server that answers with its own version.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gonogo.adapters.hosts.port import Package
from gonogo.adapters.hosts.ssh_hosts import SshHosts
from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import wait_until
from gonogo.findings import Origin
from gonogo.plan.ssh_binding import SshBinding
from gonogo.terms import Digest
from tests.ssh_links import Link, Relay, Veth, listens, namespaces_allowed, veth

SSH_PORT, WEB_PORT = 2222, 8080
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
SETTINGS = """ListenAddress {address}
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
address, _, port = open(sys.argv[1]).read().rpartition(":")
Server((address, int(port)), Handler).serve_forever()
'''


@dataclass
class Host:
    """One host: its folder, the link to its sshd, and where its program listens (`web`: address and port)."""

    name: str
    place: Path
    link: Link
    web: str
    sshd: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{self.web}"

    @property
    def inside(self) -> tuple[str, ...]:
        """What stands before an argument list that is to run on the host itself."""
        return self.link.inside if isinstance(self.link, Veth) else ()

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
            "addresses": {name: (host.link.address, host.link.port) for name, host in self.hosts.items()},
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
            lines.append(f"[{host.link.address}]:{host.link.port} {kind} {key}\n")
        self.known_hosts.write_text("".join(lines))


def program(version: str, faults: float = 0.0) -> bytes:
    """A release: its only argument is a file that says where it listens."""
    return PROGRAM.format(python=sys.executable, version=version, faults=faults).encode()


def _keyed(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _linked(isolated: bool) -> tuple[Link, str, int, str]:
    """(link, address and port of the sshd, where the program listens)."""
    if isolated:
        link = veth(SSH_PORT)
        return link, link.address, SSH_PORT, f"{link.address}:{WEB_PORT}"
    ssh_port, web_port = free_ports(2)
    return Relay(ssh_port), "127.0.0.1", ssh_port, f"127.0.0.1:{web_port}"


def _begun(root: Path, name: str, isolated: bool) -> Host:
    place = root / name
    (place / "srv").mkdir(parents=True)
    _keyed(place / "host_key")
    link, address, port, web = _linked(isolated)
    (place / "port").write_text(web)
    settings = SETTINGS.format(address=address, port=port, place=place, keys=root / "authorized_keys")
    (place / "sshd_config").write_text(settings)
    inside = link.inside if isinstance(link, Veth) else ()
    assert SSHD, "sshd is missing; tools/debian_packages.sh installs openssh-server"
    with (place / "sshd.log").open("wb") as log:
        sshd = subprocess.Popen([*inside, SSHD, "-D", "-e", "-f", str(place / "sshd_config")], stdout=log, stderr=log)
    return Host(name, place, link, web, sshd)


@contextmanager
def ssh_site(root: Path, names: tuple[str, ...] = ("web1",), *, isolated: bool | None = None) -> Iterator[Site]:
    """Hosts that let one key in, until the block ends; whatever runs on them is ended with them.

    Each has a network namespace of its own where the machine allows it, or as `isolated` says.
    """
    root.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root asks for it; its service makes it where there is one.
    _keyed(root / "id")
    shutil.copy(root / "id.pub", root / "authorized_keys")
    apart = namespaces_allowed() if isolated is None else isolated
    hosts: dict[str, Host] = {}
    try:
        for name in names:
            hosts[name] = _begun(root, name, apart)
        site = Site(root, hosts, root / "id", root / "known_hosts")
        site.know()
        for host in hosts.values():
            assert wait_until(lambda host=host: listens(host.link), 30), (host.place / "sshd.log").read_text()
        yield site
    finally:
        for host in hosts.values():
            host.sshd.kill()
            host.sshd.wait()
            end_program(host)
            host.link.close()


def end_program(host: Host) -> None:
    """Kill what runs on a host."""
    pid = host.folder / "gonogo.pid"
    if pid.exists():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(pid.read_text()), 9)


def answers(host: Host, seconds: float = 5.0) -> str:
    """The version that a host's program answers with, within a time; empty where it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError), DIRECT.open(f"{host.url}/healthz", timeout=1) as found:
            return str(found.headers["x-version"])
        time.sleep(0.05)
    return ""


def record_of(host: Host) -> dict[str, str]:
    """What stands beside the bytes that are current."""
    found: dict[str, str] = json.loads((host.folder / "current" / "gonogo-release.json").read_text())
    return found
