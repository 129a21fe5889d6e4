"""A small reverse proxy that splits requests by weight, for machines without Caddy or HAProxy.

Run as `python -m gonogo.demo.proxy --listen 127.0.0.1:P --admin 127.0.0.1:Q --upstream blue=127.0.0.1:A --upstream
green=127.0.0.1:B [--weights blue=100,green=0]`. Each request is routed by itself (not each connection), so a change
takes hold with the next request and breaks no connection. What may be repeated, and what never (PX-17):

1. Nothing was sent, because no connection came about: any request goes to another upstream that has a weight.
2. An idempotent request without body, on a connection that was used before, closed before the first byte of an answer:
   sent again, once, on a fresh connection.
3. Everything else, above all a POST whose bytes were sent: 502, and the client decides. Requests that must not be
   repeated therefore get a fresh connection in the first place.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gonogo.demo.addresses import Address, address_of
from gonogo.demo.routing import Answer, Routes, refusal
from gonogo.demo.upstreams import Connection, Pool, Unreachable
from gonogo.demo.weights import WHOLE
from gonogo.demo.wire import (
    MOST_HEAD,
    Body,
    Head,
    NoAnswer,
    NoBody,
    Sized,
    UntilClose,
    WireFault,
    read_head,
    relay,
    request_body,
    response_body,
    written,
)
from gonogo.errors import BadInput, GonogoError, WrongUsage
from gonogo.values import dataclass

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
ANSWER_SECONDS = 15.0
DRAIN_SECONDS = 10.0
MOST_ADMIN_BODY = 4096
FIRST_FINAL = 200
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict"}
REASONS |= {412: "Precondition Failed", 413: "Content Too Large", 502: "Bad Gateway", 503: "Service Unavailable"}
REASONS |= {504: "Gateway Timeout", 505: "HTTP Version Not Supported"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose head was read and whose body is framed without doubt."""

    method: str
    target: str
    head: Head
    body: Body

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again after its bytes went out."""
        return self.method in IDEMPOTENT and isinstance(self.body, NoBody)


@dataclass(frozen=True, slots=True)
class Client:
    """The connection that a request came on."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Refusal(GonogoError):
    """The request gets this answer, and its connection ends."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.answer = refusal(status, why)


Handler = Callable[[Request, Client], Awaitable[bool]]


class Proxy:
    """Both doors of the proxy: requests, and the administration of their weights."""

    def __init__(self, upstreams: Mapping[str, Address], weights: Mapping[str, int]) -> None:
        self._pools = {name: Pool(address) for name, address in upstreams.items()}
        self.routes = Routes(weights)

    async def forward(self, request: Request, client: Client) -> bool:
        """Pass a request on; returns whether the client's connection may be used again."""
        tried: set[str] = set()
        while (name := self.routes.turns.next(tried)) is not None:
            self.routes.under_way[name] += 1
            try:
                connection, answer = await self._ask(self._pools[name], request, client)
                return await self._hand_back(name, connection, answer, request, client)
            except Unreachable:
                tried.add(name)
            finally:
                self.routes.under_way[name] -= 1
        raise Refusal(503, "no upstream with a weight can be reached")

    async def _ask(self, pool: Pool, request: Request, client: Client) -> tuple[Connection, Head]:
        connection = await pool.take(fresh=not request.repeatable)
        try:
            return connection, await _exchange(connection, request, client)
        except NoAnswer as error:
            if not (connection.reused and request.repeatable):
                raise Refusal(502, f"the upstream closed before it answered: {error}") from error
        connection = await pool.take(fresh=True)
        try:
            return connection, await _exchange(connection, request, client)
        except NoAnswer as error:
            raise Refusal(502, f"the upstream closed twice before it answered: {error}") from error

    async def _hand_back(
        self, name: str, connection: Connection, answer: Head, request: Request, client: Client
    ) -> bool:
        complete = False
        try:
            body = response_body(answer, request.method)
            close = request.head.says_close() or isinstance(body, UntilClose)
            client.writer.write(written(answer.first, answer.fields, close=close))
            await relay(body, connection.reader, client.writer)
            await client.writer.drain()
            complete = not answer.says_close() and not isinstance(body, UntilClose)
        finally:
            if complete and self.routes.turns.weights[name]:
                self._pools[name].give(connection)
            else:
                connection.drop()
        return not close

    async def administer(self, request: Request, client: Client) -> bool:
        """Answer `GET /weights` and `PUT /weights`."""
        if request.target != "/weights":
            raise Refusal(404, "only /weights is here")
        if request.method == "GET":
            _answer(client, self.routes.shown())
            return True
        if request.method != "PUT" or not isinstance(request.body, Sized) or request.body.length > MOST_ADMIN_BODY:
            raise Refusal(405, "GET, or PUT with a short body")
        data = await client.reader.readexactly(request.body.length)
        head = request.head
        _answer(client, self.routes.change(data, match=head.value("if-match"), fence=head.value("x-fence")))
        for name, weight in self.routes.turns.weights.items():
            if not weight:
                self._pools[name].drop_idle()
        return True


async def _exchange(connection: Connection, request: Request, client: Client) -> Head:
    """Send the request and read the head of its final answer; interim answers are left out."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            first = f"{request.method} {request.target} HTTP/1.1"
            try:
                connection.writer.write(written(first, request.head.fields, close=False))
                await relay(request.body, client.reader, connection.writer)
                await connection.writer.drain()
            except OSError as error:
                raise NoAnswer(f"the connection broke: {error}") from error
            while (answer := await read_head(connection.reader)).status < FIRST_FINAL:
                pass
            return answer
    except TimeoutError as error:
        connection.drop()
        raise Refusal(504, f"no answer within {ANSWER_SECONDS:g} s") from error
    except WireFault as error:
        connection.drop()
        if isinstance(error, NoAnswer):
            raise
        raise Refusal(502, str(error)) from error
    except asyncio.CancelledError:
        connection.drop()
        raise


def _answer(client: Client, answer: Answer, *, close: bool = False) -> None:
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
    if answer.etag:
        fields.append(("ETag", answer.etag))
    first = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Error')}"
    client.writer.write(written(first, tuple(fields), close=close) + answer.body)


async def read_request(client: Client) -> Request:
    """The next request of a client; NoAnswer where it is gone, Refusal where the request is not understood."""
    try:
        head = await read_head(client.reader)
        method, target, version = head.first.split(" ")
        body = request_body(head)
    except NoAnswer:
        raise
    except (WireFault, ValueError) as error:
        raise Refusal(400, f"not an unambiguous HTTP/1.1 request: {error}") from error
    if version != "HTTP/1.1":
        raise Refusal(505, "only HTTP/1.1 is spoken here")
    if any(value.lower() == "100-continue" for value in head.values("expect")):
        client.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(method, target, head, body)


class Door:
    """One listening address; counts its exchanges, so that a stop can wait for them."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closing = False
        self._clients: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client connection to its end."""
        client = Client(reader, writer)
        self._clients.add(writer)
        try:
            while await self._one(client) and not self._closing:
                pass
            writer.close()
        except (NoAnswer, OSError):
            writer.close()
        except (WireFault, asyncio.IncompleteReadError):
            writer.transport.abort()  # an answer was cut short; ending cleanly would hide that from the client
        finally:
            self._clients.discard(writer)

    async def _one(self, client: Client) -> bool:
        try:
            request = await read_request(client)
            self._begin()
            try:
                return await self._handler(request, client)
            finally:
                self._end()
        except Refusal as error:
            _answer(client, error.answer, close=True)
            await client.writer.drain()
            return False

    def _begin(self) -> None:
        self._busy += 1
        self._quiet.clear()

    def _end(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._quiet.set()

    async def close(self) -> None:
        """Let the exchanges under way end, at most ten seconds, then end all connections."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), DRAIN_SECONDS)
        for writer in tuple(self._clients):
            writer.close()


async def run(proxy: Proxy, listen: Address, admin: Address) -> None:
    """Serve both doors until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    doors = {listen: Door(proxy.forward), admin: Door(proxy.administer)}
    servers = [
        await asyncio.start_server(door.serve, address.host, address.port, limit=MOST_HEAD)
        for address, door in doors.items()
    ]
    await stopping.wait()
    for server in servers:
        server.close()
    for door in doors.values():
        await door.close()


def named(text: str) -> tuple[str, str]:
    """`blue=127.0.0.1:9101` as a pair."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise WrongUsage(f"`{text}` must read name=value")
    return name, value


def weights_of(text: str, names: Sequence[str]) -> dict[str, int]:
    """`blue=95,green=5` as weights; without text the first name gets everything."""
    if not text:
        return {name: WHOLE if name == names[0] else 0 for name in names}
    found = dict(named(part) for part in text.split(","))
    if set(found) != set(names) or not all(value.isdigit() for value in found.values()):
        raise BadInput(f"`--weights {text}` must give a whole number for each of {', '.join(names)}")
    if sum(int(value) for value in found.values()) != WHOLE:
        raise BadInput(f"`--weights {text}` must add up to {WHOLE}")
    return {name: int(found[name]) for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit 0 after a stop by signal, else as the error says."""
    parser = argparse.ArgumentParser(prog="python -m gonogo.demo.proxy", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--admin", required=True, metavar="HOST:PORT")
    parser.add_argument("--upstream", required=True, action="append", metavar="NAME=HOST:PORT")
    parser.add_argument("--weights", default="", metavar="NAME=PERCENT,...")
    given = parser.parse_args(arguments)
    try:
        upstreams = {name: address_of(value) for name, value in map(named, given.upstream)}
        proxy = Proxy(upstreams, weights_of(given.weights, tuple(upstreams)))
        asyncio.run(run(proxy, address_of(given.listen), address_of(given.admin)))
    except (GonogoError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code if isinstance(error, GonogoError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
