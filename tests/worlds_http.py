"""A small real HTTP world for whole releases: slots and a front on loopback, driven by files that scripts write.

Each environment has a folder: `slots/<slot>` holds the version that runs there, `weights.json` what the front does,
`faults.json` the share of failing requests of a version, or of `HOST VERSION`; a file `silent` takes the metrics away. Counters grow with
time as if clients were asking steadily, and requests of real customers (`?customer=`) fail as often. `asked` lists every request that was really made. A place of hosts has hosts
instead of slots, all of which run v1; one with a file in `dead/` does not answer, and gets what its scripts make of it. A request with `slow=SECONDS` takes so long.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SLOTS = ("blue", "green")
RATE = 400.0


class Place:
    """One environment: its files, its counters, its addresses."""

    def __init__(self, root: Path, hosts: tuple[str, ...] = ()) -> None:
        self.root = root
        self.names = hosts or SLOTS
        self.servers: dict[str, ThreadingHTTPServer] = {}
        self.asked: list[str] = []
        self._guard = threading.Lock()
        self._seen = time.monotonic()
        self._counts = {slot: [0.0, 0.0] for slot in self.names}
        self._owed = dict.fromkeys(self.names, 0.0)
        (root / "slots").mkdir(parents=True)
        (root / "dead").mkdir()
        for name in hosts or ("blue",):
            (root / "slots" / name).write_text("v1")
        even, rest = divmod(100, len(hosts) or 1)
        weights = {name: even + (number < rest) for number, name in enumerate(hosts)} or {"blue": 100, "green": 0}
        (root / "weights.json").write_text(json.dumps({"weights": weights}))
        (root / "faults.json").write_text("{}")

    def url(self, name: str) -> str:
        """Address of `front`, `blue` or `green`."""
        return f"http://127.0.0.1:{self.servers[name].server_address[1]}"

    def version(self, slot: str) -> str:
        """The version that runs in a slot; empty for none."""
        path = self.root / "slots" / slot
        return path.read_text().strip() if path.exists() else ""

    def dead(self, name: str) -> bool:
        """Whether a host does not answer."""
        return (self.root / "dead" / name).exists()

    def weights(self) -> dict[str, int]:
        """What the front does now."""
        found: dict[str, int] = json.loads((self.root / "weights.json").read_text())["weights"]
        return found

    def front(self) -> str:
        """The slot that answers at the front: the one with most weight."""
        weights = self.weights()
        return max(self.names, key=lambda slot: (not self.dead(slot), weights[slot]))

    def fails(self, slot: str) -> bool:
        """Whether the next customer of a slot gets an error: evenly, in the share of its version."""
        share = self._failing(slot, json.loads((self.root / "faults.json").read_text()))
        with self._guard:
            self._owed[slot] += share
            failing = self._owed[slot] >= 1
            self._owed[slot] -= failing
            return failing

    def scene(self) -> dict[str, bytes]:
        """Everything that a test may change here, by file."""
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def put_back(self, scene: dict[str, bytes]) -> None:
        """Make it again what it was; what was asked until now is forgotten."""
        for name in self.scene().keys() - scene.keys():
            (self.root / name).unlink()
        for name, data in scene.items():
            (self.root / name).write_bytes(data)
        self.asked.clear()

    def _failing(self, slot: str, faults: dict[str, float]) -> float:
        version = self.version(slot)
        return faults.get(f"{slot} {version}", faults.get(version, 0.0))

    def counters(self, slot: str) -> tuple[int, int]:
        """Cumulative requests and errors of a slot, grown by the time that has passed."""
        with self._guard:
            now = time.monotonic()
            passed, self._seen = now - self._seen, now
            weights, faults = self.weights(), json.loads((self.root / "faults.json").read_text())
            for name in self.names:
                requests = RATE * passed * weights[name] / 100
                self._counts[name][0] += requests
                self._counts[name][1] += requests * self._failing(name, faults)
            found = self._counts[slot]
            return int(found[0]), int(found[1])


def _handler(place: Place, name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server asks for
            place.asked.append(f"{name}{self.path}")
            slot = place.front() if name == "front" else name
            version = place.version(slot)
            if place.dead(slot):
                self.close_connection = True
                return None
            if self.path == "/metrics" and (place.root / "silent").exists():
                return self._answer(503, "nothing is counted now", version)
            if self.path == "/metrics":
                requests, errors = place.counters(slot)
                buckets = "".join(
                    f'http_request_duration_seconds_bucket{{le="{bound}"}} {requests}\n'
                    for bound in ("0.1", "1.0", "+Inf")
                )
                body = f'http_requests_total{{code="200"}} {requests - errors}\nhttp_requests_total{{code="500"}} {errors}\n{buckets}'
                return self._answer(200 if version else 503, body, version)
            if "slow=" in self.path and not self._is_left_alone(slot, version):
                self.close_connection = True
                return None
            if "customer=" in self.path and place.fails(slot):
                return self._answer(500, "no", version)
            return self._answer(200 if version else 503, "ok", version)

        def _is_left_alone(self, slot: str, version: str) -> bool:
            """Take as long as the request says; false as soon as what began to answer runs no more."""
            until = time.monotonic() + float(self.path.partition("slow=")[2])
            while time.monotonic() < until:
                if place.dead(slot) or place.version(slot) != version:
                    return False
                time.sleep(0.02)
            return True

        def _answer(self, status: int, body: str, version: str) -> None:
            data = body.encode()
            self.send_response(status)
            if version:
                self.send_header("x-version", version)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


class Server(ThreadingHTTPServer):
    """Ends at once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def end(self) -> None:
        """Stop serving. Who sleeps until somebody asks is told to stop, and then asked."""
        stopping = threading.Thread(target=self.shutdown)
        stopping.start()
        while stopping.is_alive():
            with suppress(OSError):
                socket.create_connection(self.server_address[:2], timeout=1).close()
            stopping.join(0.01)
        self.server_close()


@contextmanager
def place(root: Path, hosts: tuple[str, ...] = ()) -> Iterator[Place]:
    """An environment that answers on loopback until the block ends."""
    found = Place(root, hosts)
    threads = []
    for name in ("front", *found.names):
        server = Server(("127.0.0.1", 0), _handler(found, name))
        found.servers[name] = server
        # It sleeps until it is asked: servers that look around all the time cost a busy machine more than what they serve.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": None}, daemon=True)
        thread.start()
        threads.append(thread)
    try:
        yield found
    finally:
        for server in found.servers.values():
            server.end()
        for thread in threads:
            thread.join()
