"""A cluster for tests: real etcd, API server and controller manager with a small kubelet of ours, or the tape of one.

The tape is what the real API server answered when the tests were recorded (`make test-kubernetes` with GONOGO_RECORD=1). It
is played back by request: the answers to equal requests come in the order in which they were given, the last one again and
again, and a changing request that nobody recorded fails. So the fast tests see answers of a real server, conflicts included.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import Live, launch, log_tail, stop, wait_until

TAPES = Path(__file__).parents[1] / "cases" / "kubernetes"
PROGRAMS = os.environ.get("GONOGO_KUBERNETES", "")
"""The folder with `etcd`, `kube-apiserver` and `kube-controller-manager`; empty: play the tapes."""

RECORD = bool(os.environ.get("GONOGO_RECORD"))
KUBELET_PAUSE = 0.05


@dataclass
class Server:
    """A real API server, its address, token and certificate authority."""

    url: str
    token: str
    authority: Path
    folder: Path

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[int, bytes]:
        """One request as an administrator."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        trust = ssl.create_default_context(cafile=str(self.authority))
        try:
            with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@contextmanager
def real_server(folder: Path) -> Iterator[Server]:
    """etcd, the API server, the controllers and our kubelet; ended in the order that the design of Kubernetes wants."""
    programs = Path(PROGRAMS)
    etcd_port, peer, port, other = free_ports(4)
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    (folder / "tokens.csv").chmod(0o600)
    subprocess.run(["openssl", "genrsa", "-out", str(folder / "sa.key"), "2048"], check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", str(folder / "sa.key"), "-pubout", "-out", str(folder / "sa.pub")]
    subprocess.run(public, check=True, capture_output=True)
    store, friends = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer}"
    server = Server(f"https://127.0.0.1:{port}", token, folder / "certs" / "apiserver.crt", folder)
    with ExitStack() as ending:
        ending.enter_context(
            program(
                folder, programs / "etcd", f"--data-dir={folder / 'etcd-data'}", f"--listen-client-urls={store}",
                f"--advertise-client-urls={store}", f"--listen-peer-urls={friends}", f"--initial-advertise-peer-urls={friends}",
                f"--initial-cluster=default={friends}", "--unsafe-no-fsync",
            )
        )  # fmt: skip
        ending.enter_context(
            program(
                folder, programs / "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1", f"--secure-port={port}",
                "--insecure-port=0", f"--cert-dir={folder / 'certs'}", f"--service-account-key-file={folder / 'sa.pub'}",
                f"--service-account-signing-key-file={folder / 'sa.key'}", f"--service-account-issuer=https://127.0.0.1:{port}",
                f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
            )
        )  # fmt: skip
        if not wait_until(lambda: ready(server), 60.0):
            pytest.fail(f"the API server did not become ready: {log_tail(folder / 'kube-apiserver.log')}")
        (folder / "kubeconfig").write_text(kubeconfig(server))
        ending.enter_context(
            program(
                folder, programs / "kube-controller-manager", f"--kubeconfig={folder / 'kubeconfig'}",
                f"--service-account-private-key-file={folder / 'sa.key'}", "--use-service-account-credentials=false",
                "--leader-elect=false", "--controllers=deployment,replicaset,endpoint,garbagecollector,namespace",
                "--bind-address=127.0.0.1", f"--secure-port={other}", "--port=0", f"--cert-dir={folder / 'certs'}",
            )
        )  # fmt: skip
        ending.enter_context(kubelet(server))
        yield server


def ready(server: Server) -> bool:
    with suppress(OSError):
        return server.ask("GET", "/readyz") == (200, b"ok")
    return False


def kubeconfig(server: Server) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server.url, "certificate-authority": str(server.authority)}}],
            "users": [{"name": "u", "user": {"token": server.token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


@contextmanager
def program(folder: Path, binary: Path, *options: str) -> Iterator[Live]:
    process = launch((str(binary), *options), log=folder / f"{binary.name}.log", env={"PATH": os.environ["PATH"]})
    try:
        yield process
    finally:
        stop(process)


@contextmanager
def kubelet(server: Server) -> Iterator[None]:
    """Binds every pod to a node that there is not and calls it ready, unless its image says otherwise; buries the deleted."""
    ending = threading.Event()

    def serve() -> None:
        while not ending.wait(KUBELET_PAUSE):
            with suppress(OSError, ValueError):
                for pod in json.loads(server.ask("GET", "/api/v1/pods")[1])["items"]:
                    look_after(server, pod)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(5)


def look_after(server: Server, pod: dict) -> None:
    about = pod["metadata"]
    path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}"
    if "deletionTimestamp" in about:
        server.ask("DELETE", path, {"gracePeriodSeconds": 0})
    elif not pod["spec"].get("nodeName"):
        server.ask("POST", f"{path}/binding", {"metadata": {"name": about["name"]}, "target": {"kind": "Node", "name": "fake"}})
    elif not pod["status"].get("podIP") and "crash" not in pod["spec"]["containers"][0]["image"]:
        address = "10.1." + ".".join(str(part) for part in (secrets.randbelow(250), secrets.randbelow(250) + 1))
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady", "PodScheduled")],
        }
        server.ask("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")


@dataclass
class Tape:
    """Requests with their answers. `age` counts the changes so far: a reading is played back in the age it was made in."""

    rows: list[dict] = field(default_factory=list)
    age: int = 0
    places: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, key: str, status: int, body: bytes) -> None:
        row = {"request": key, "status": status, "answer": slim(json.loads(body)) if body else None, "age": self.age}
        last = next((old for old in reversed(self.rows) if old["request"] == key), None)
        self.rows += [] if key.startswith("GET ") and last == row else [row]
        self.age += not key.startswith("GET ")

    def answer(self, key: str) -> tuple[int, bytes]:
        same = [row for row in self.rows if row["request"] == key and row["age"] <= self.age]
        now = [row for row in same if row["age"] == self.age]
        place = self.places.get((key, self.age), 0)
        self.places[key, self.age] = place + 1
        if not key.startswith("GET "):
            same = now
            self.age += bool(now)
        found = now[min(place, len(now) - 1)] if now else same[-1] if same else None
        if found is None:
            return 599, json.dumps({"message": f"nobody recorded at age {self.age}: {key}"}).encode()
        return found["status"], json.dumps(found["answer"]).encode()


def slim(answer: object) -> object:
    """Without what only fills the tape."""
    if isinstance(answer, dict):
        return {key: slim(value) for key, value in answer.items() if key not in ("managedFields", "containers", "uid")}
    return [slim(one) for one in answer] if isinstance(answer, list) else answer


@dataclass
class Cluster:
    """What a test talks to: an address on loopback, behind which a real server or its tape stands."""

    url: str
    live: bool

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[int, dict]:
        """One request of the test itself, as somebody other than gonogo."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def until(self, path: str, holds: object, seconds: float = 60.0) -> dict:
        """The object at `path` once it holds."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.ask("GET", path)[1]):
            assert time.monotonic() < deadline, f"{path} never held: {found}"
            time.sleep(0.1 if self.live else 0.001)
        return found


@contextmanager
def cluster(name: str, server: Server | None) -> Iterator[Cluster]:
    """The cluster of one test: recorded to, or played from, the tape of its name."""
    file = TAPES / f"{name}.json"
    tape = Tape() if server else Tape(json.loads(file.read_text("utf-8")))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type") or ""
            key = f"{self.command} {self.path} {kind if data else ''} {json.dumps(json.loads(data), sort_keys=True) if data else ''}"
            if server:
                status, body = server.ask(self.command, self.path, data or None, kind or "application/json")
                tape.add(key.strip(), status, body)
            else:
                status, body = tape.answer(key.strip())
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_words: object) -> None:
            """Nothing is printed."""

    front = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield Cluster(f"http://127.0.0.1:{front.server_address[1]}", server is not None)
        if server and RECORD:
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(tape.rows, indent=0, sort_keys=True) + "\n", "utf-8")
    finally:
        front.shutdown()
        front.server_close()
