"""The service that the scenario project releases: real HTTP, real metrics, nothing but the standard library.

`python shop.py ARTIFACT PORT ORDERS`: ARTIFACT is the release's app.json, ORDERS a file that says what goes wrong now:
`error_rate` (0 to 1), `delay` (seconds), `poison` (a gauge for alerting). Each answer names the version and the SHA-256 of the artifact.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Shop:
    """Counters of one process, and what it was ordered to do wrong."""

    def __init__(self, artifact: Path, orders: Path) -> None:
        data = artifact.read_bytes()
        self.version = json.loads(data)["version"]
        self.digest = hashlib.sha256(data).hexdigest()
        self.orders_file = orders
        self.guard = threading.Lock()
        self.codes = {"200": 0, "500": 0}
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.credit = 0.0

    def orders(self) -> dict[str, float]:
        """What is ordered now; nothing where there is no such file."""
        try:
            return dict(json.loads(self.orders_file.read_text()))
        except (OSError, ValueError):
            return {}

    def serve(self) -> int:
        """Answer one customer: the status."""
        begun, orders = time.perf_counter(), self.orders()
        time.sleep(orders.get("delay", 0.002))
        with self.guard:
            self.credit += orders.get("error_rate", 0.0)
            status = 500 if self.credit >= 1 else 200
            self.credit -= 1 if status == 500 else 0
            took = time.perf_counter() - begun
            self.codes[str(status)] += 1
            self.buckets[next((at for at, bound in enumerate(BOUNDS) if took <= bound), len(BOUNDS))] += 1
            self.seconds += took
        return status

    def metrics(self) -> str:
        """The page that Prometheus reads; a code that never happened has no series, as in most services (PM-01)."""
        name, label = "http_request_duration_seconds", f'version="{self.version}"'
        with self.guard:
            counts, total = {code: n for code, n in self.codes.items() if n}, 0
            lines = ["# TYPE http_requests_total counter"]
            lines += [f'http_requests_total{{{label},code="{code}"}} {n}' for code, n in counts.items()]
            lines.append(f"# TYPE {name} histogram")
            for bound, n in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
                total += n
                lines.append(f'{name}_bucket{{{label},le="{bound}"}} {total}')
            lines += [f"{name}_sum{{{label}}} {self.seconds}", f"{name}_count{{{label}}} {total}"]
        orders = self.orders()
        lines += ["# TYPE worker_saturation gauge", f"worker_saturation{{{label}}} {orders.get('saturation', 0.25)}"]
        lines += ["# TYPE shop_poison gauge", f"shop_poison{{{label}}} {orders.get('poison', 0)}"]
        return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    shop: Shop

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server asks for
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self.answer(200, "healthy")
        elif path == "/metrics":
            self.answer(200, self.shop.metrics())
        else:
            self.answer(self.shop.serve(), f"welcome to {self.shop.version}")

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-version", self.shop.version)
        self.send_header("x-artifact-digest", self.shop.digest)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Ends at once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


if __name__ == "__main__":
    Handler.shop = Shop(Path(sys.argv[1]), Path(sys.argv[3]))
    Server(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever(poll_interval=0.1)
