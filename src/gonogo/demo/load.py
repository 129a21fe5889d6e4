"""Steady client traffic with kept connections, and an honest account of what became of every request.

Run as `python -m gonogo.demo.load --url http://127.0.0.1:9200/ --out FILE [--rate 250] [--seconds S]`; it ends at
SIGTERM, SIGINT or after S seconds, and never sends to anything but loopback. Requests are sent when they are due,
whether or not earlier ones were answered (open loop). A connection that is closed before the first byte of an answer is
no failure yet: these requests are idempotent and are sent once more on a fresh connection (RFC 9112 section 9.3.1),
which is counted as a reconnect, and also as unanswered where that connection was not a kept one. Caddy does both at a
change of its configuration (PX-08); a second time in a row is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gonogo.demo.addresses import Address
from gonogo.demo.tally import NOBODY, OK, Recorder, line_of
from gonogo.demo.upstreams import Connection, Pool, Unreachable
from gonogo.demo.wire import Head, NoAnswer, UntilClose, WireFault, read_head, relay, response_body
from gonogo.errors import BadInput, GonogoError
from gonogo.values import dataclass

CUSTOMERS = 100
MOST_UNANSWERED = 400
MOST_AT_ONCE = 25
INTERVAL = 0.1
ANSWER_SECONDS = 5.0
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Aim:
    """Where requests go: always loopback, because `Address` cannot be anything else."""

    address: Address
    path: str


def aim_of(url: str) -> Aim:
    """The aim of an `http://` URL; Refused where it is not loopback."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise BadInput(f"`{url}` is no plain http address", next_step="write http://127.0.0.1:PORT/")
    return Aim(Address(parts.hostname, parts.port or 80), parts.path or "/")


def customers() -> Iterator[int]:
    """Customer ids; each of 0..99 once in every hundred requests, each time in another order.

    A fixed order would beat against the proxy's round robin: a 5 % share would meet the same five customers for ever.
    """
    block = 0
    while True:
        yield from sorted(range(CUSTOMERS), key=lambda one: hashlib.sha256(f"{block}/{one}".encode("ascii")).digest())
        block += 1


class Driver:
    """Sends requests on time and records how each ended."""

    def __init__(self, aim: Aim, rate: float, recorder: Recorder) -> None:
        self._aim = aim
        self._rate = rate
        self._recorder = recorder
        self._pool = Pool(aim.address)
        self._customers = customers()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`, then wait for the last answers."""
        begun, sent = time.monotonic(), 0
        while not stopping.is_set():
            due = int((time.monotonic() - begun) * self._rate) + 1
            # After a moment in which this process itself did not run, all of that moment's requests are due at once:
            # between a few and the next few, answers are read, so that what was held up here is sent, and late.
            late = min(due - sent, MOST_AT_ONCE)
            for _ in range(late):
                self._send()
            sent += max(late, 0)
            await asyncio.sleep(max(begun + sent / self._rate - time.monotonic(), 0.001))
        await asyncio.gather(*self._running)
        self._pool.drop_idle()

    def _send(self) -> None:
        if len(self._running) >= MOST_UNANSWERED:
            self._recorder.skipped += 1
            return
        self._recorder.sent += 1
        task = asyncio.create_task(self._one(next(self._customers)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _one(self, customer: int) -> None:
        begun = time.monotonic()
        version, outcome = await self._outcome(customer)
        now = time.monotonic()
        self._recorder.note(version, outcome, now=now, seconds=now - begun)

    async def _outcome(self, customer: int) -> tuple[str, str]:
        raw = f"GET {self._aim.path}?customer={customer} HTTP/1.1\r\nHost: {self._aim.address}\r\n\r\n".encode("ascii")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask(raw)
        except Unreachable:
            return NOBODY, "connect"
        except TimeoutError:
            return NOBODY, "timeout"
        except NoAnswer:
            return NOBODY, "closed"
        except WireFault:
            return NOBODY, "malformed"
        except OSError:
            return NOBODY, "closed"

    async def _ask(self, raw: bytes) -> tuple[str, str]:
        connection = await self._pool.take(fresh=False)
        try:
            return await self._exchange(connection, raw)
        except NoAnswer:
            self._recorder.reconnects += 1
            self._recorder.unanswered += not connection.reused
        return await self._exchange(await self._pool.take(fresh=True), raw)

    async def _exchange(self, connection: Connection, raw: bytes) -> tuple[str, str]:
        complete = False
        try:
            connection.writer.write(raw)
            head = await read_head(connection.reader)
            body = response_body(head, "GET")
            await relay(body, connection.reader, None)
            complete = not head.says_close() and not isinstance(body, UntilClose)
            return _judged(head)
        finally:
            if complete:
                self._pool.give(connection)
            else:
                connection.drop()


def _judged(head: Head) -> tuple[str, str]:
    version = head.value("x-version") or NOBODY
    if head.status >= FIRST_SERVER_ERROR:
        return version, f"http_{head.status}"
    return version, "unnamed" if version == NOBODY else OK


async def _account(recorder: Recorder, out: Path, done: asyncio.Event) -> None:
    with out.open("a", encoding="ascii") as file:
        last = False
        while not last:
            last = done.is_set()
            file.write(line_of(recorder.cut(time.monotonic()), time.time()))
            file.flush()
            if not last:
                await _wait(done, INTERVAL)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


async def drive(aim: Aim, rate: float, out: Path, seconds: float | None) -> None:
    """Send `rate` requests a second to `aim` and keep the account in `out`."""
    stopping, done = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if seconds is not None:
        loop.call_later(seconds, stopping.set)
    recorder = Recorder(time.monotonic())
    account = asyncio.create_task(_account(recorder, out, done))
    await Driver(aim, rate, recorder).run(stopping)
    done.set()
    await account


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit 0 at the end, whatever the service answered: failures are in the account."""
    parser = argparse.ArgumentParser(prog="python -m gonogo.demo.load", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--rate", default=250.0, type=float, help="requests a second")
    parser.add_argument("--seconds", default=None, type=float)
    given = parser.parse_args(arguments)
    try:
        if not 0 < given.rate <= 10_000:
            raise BadInput(f"--rate {given.rate} is not between 0 and 10000")
        asyncio.run(drive(aim_of(given.url), given.rate, given.out, given.seconds))
    except (GonogoError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code if isinstance(error, GonogoError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
