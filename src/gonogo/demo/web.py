"""The service that the demo releases: a real HTTP process whose behaviour comes from its release artifact.

Run as `python -m gonogo.demo.web` with the environment PORT, ARTIFACT (the release's `app.json`), VERSION (what
the caller believes it deploys; a different artifact is refused) and optionally FAULTS (a JSON file, read again when it
changes: `error_rate`, `latency_ms`, `unhealthy`). Routes: `/`, `/slow?s=2`, `/healthz`, `/metrics`; each reply names
the version and the SHA-256 of the artifact that is really loaded.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TypeAlias
from urllib.parse import parse_qs

import uvicorn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MOST_SECONDS = 30.0
GOLDEN = 0.6180339887498949

Scope: TypeAlias = Mapping[str, object]
Send: TypeAlias = Callable[[MutableMapping[str, object]], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Release:
    """What an artifact makes of the process; `latency_ms` is the mean of an exponential distribution."""

    version: str
    digest: Digest
    latency_ms: float
    rejects_customers_from: int | None


@dataclass(frozen=True, slots=True)
class Faults:
    """What is made to go wrong while the process runs; nothing by default."""

    error_rate: float = 0.0
    latency_ms: float = 0.0
    unhealthy: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route answers."""

    status: int
    body: bytes
    kind: str = "application/json"


def read_release(path: Path) -> Release:
    """The release in the artifact `path`; BadInput where it is missing or says something unknown."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the artifact cannot be read: {error.strerror}", where=str(path)) from error
    found = read_object(data, name=str(path))
    version, limit = found.get("version"), found.get("rejects_customers_from")
    unknown = sorted(set(found) - {"version", "latency_ms", "rejects_customers_from"})
    if not isinstance(version, str) or not version or unknown or not isinstance(limit, int | None):
        raise BadInput(
            "the artifact is not a release of this service",
            where=str(path),
            next_step="it holds `version` (text), `latency_ms` (number) and `rejects_customers_from` (a whole number)",
        )
    return Release(version, digest_of(data), _number(found.get("latency_ms"), str(path)), limit)


def read_faults(path: Path) -> Faults:
    """The faults in `path`; none where there is no such file. An unreadable one makes the service unhealthy."""
    try:
        found = read_object(path.read_bytes(), name=str(path))
        unhealthy = "unhealthy by order" if found.get("unhealthy") else ""
        return Faults(_number(found.get("error_rate"), ""), _number(found.get("latency_ms"), ""), unhealthy)
    except FileNotFoundError:
        return Faults()
    except (OSError, GonogoError) as error:
        return Faults(unhealthy=f"the faults file cannot be read: {error}")


def _number(value: Tree, where: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise BadInput("a number of 0 or more is needed", where=where)
    return float(value)


class Meters:
    """The service's Prometheus metrics; both codes exist from the start, so no error is a 0, not a gap (PM-01)."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._version = version
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ("version", "code"), registry=self._registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds", "Seconds.", ("version",), buckets=BUCKETS, registry=self._registry
        )
        Gauge("build_info", "The running release.", ("version",), registry=self._registry).labels(version).set(1)
        self._seconds.labels(version)
        for code in ("200", "500"):
            self._requests.labels(version, code)

    def count(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(self._version, str(status)).inc()
        self._seconds.labels(self._version).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)


class Application:
    """The ASGI application."""

    def __init__(self, release: Release, faults: Path | None) -> None:
        self._release = release
        self._faults_file = faults
        self._faults = Faults()
        self._faults_stamp: tuple[int, ...] = (-1,)
        self._meters = Meters(release.version)
        self._served = 0
        self._error_credit = 0.0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        reply = await self._answer(str(scope["path"]), parse_qs(bytes(_raw(scope["query_string"])).decode("ascii")))
        headers = [
            (b"content-type", reply.kind.encode("ascii")),
            (b"content-length", str(len(reply.body)).encode("ascii")),
            (b"x-version", self._release.version.encode("utf-8")),
            (b"x-artifact-digest", self._release.digest.encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, path: str, query: Mapping[str, list[str]]) -> Reply:
        match path:
            case "/":
                return await self._counted(self._delay(), query)
            case "/slow":
                return await self._counted(_seconds(query), query)
            case "/healthz":
                return self._health()
            case "/metrics":
                return Reply(200, self._meters.text(), "text/plain; version=0.0.4; charset=utf-8")
            case _:
                return self._said(404, "no such page")

    async def _counted(self, delay: float, query: Mapping[str, list[str]]) -> Reply:
        begun = perf_counter()
        await asyncio.sleep(delay)
        reply = self._page(query)
        self._meters.count(reply.status, perf_counter() - begun)
        return reply

    def _page(self, query: Mapping[str, list[str]]) -> Reply:
        customer = query.get("customer", ["0"])[0]
        if not (customer.isascii() and customer.isdigit()):
            return self._said(400, "customer must be a number")
        limit = self._release.rejects_customers_from
        if limit is not None and int(customer) >= limit:
            return self._said(500, f"the price list of customer {customer} cannot be read")
        self._error_credit += self._present_faults().error_rate
        if self._error_credit >= 1:
            self._error_credit -= 1
            return self._said(500, "failed by order of the faults file")
        return self._said(200, f"hello customer {customer}")

    def _delay(self) -> float:
        """Exponential latencies without chance: the golden ratio's multiples fill 0..1 evenly."""
        self._served += 1
        mean = self._release.latency_ms + self._present_faults().latency_ms
        return min(-math.log(1 - (self._served * GOLDEN) % 1) * mean / 1000, MOST_SECONDS)

    def _health(self) -> Reply:
        unhealthy = self._present_faults().unhealthy
        return self._said(503, unhealthy) if unhealthy else self._said(200, "healthy")

    def _present_faults(self) -> Faults:
        if self._faults_file is None:
            return self._faults
        try:
            seen = self._faults_file.stat()
            # Clocks of file systems tick a few hundred times a second: two writes in between have one time.
            stamp: tuple[int, ...] = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        except OSError:
            stamp = ()
        if stamp != self._faults_stamp:
            self._faults_stamp, self._faults = stamp, read_faults(self._faults_file)
        return self._faults

    def _said(self, status: int, text: str) -> Reply:
        said = {"version": self._release.version, "pid": os.getpid(), "says": text}
        return Reply(status, json.dumps(said).encode("utf-8"))


def _raw(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _seconds(query: Mapping[str, list[str]]) -> float:
    text = query.get("s", ["1"])[0]
    return min(float(text), MOST_SECONDS) if text.replace(".", "", 1).isdigit() else 0.0


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM; exit 1 with the reason where the artifact or the settings are not usable."""
    try:
        release = read_release(Path(environment.get("ARTIFACT", "")))
        expected = environment.get("VERSION", release.version)
        if expected != release.version:
            raise Refused(
                f"asked to run {expected}, the artifact is {release.version}", where=environment.get("ARTIFACT", "")
            )
        port = environment.get("PORT", "")
        if not port.isdigit():
            raise BadInput("PORT must hold the port to listen on")
    except GonogoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    faults = environment.get("FAULTS")
    uvicorn.run(
        Application(release, Path(faults) if faults else None),
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="error",
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
