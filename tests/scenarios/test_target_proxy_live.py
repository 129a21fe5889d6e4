"""Our own proxy as a process: what it repeats, what it never repeats, and who may move its traffic."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from live_world import Site, folder, front_of, site, slots

from gonogo.adapters.http_calls import call
from gonogo.adapters.targets.proxy import ProxyTarget
from gonogo.demo.addresses import Address, free_ports
from gonogo.demo.fronts import PROXY, Choice, start_front
from gonogo.demo.processes import kill, stop, wait_until
from gonogo.demo.world import stop_slot
from gonogo.errors import Broken, Refused

OWN = Choice(PROXY, "as asked", None)
GREETING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-version: v1\r\n\r\nhi"


class Rude(socketserver.StreamRequestHandler):
    """An upstream that answers the first request of a connection, and closes it unanswered on the second."""

    def handle(self) -> None:
        for turn in range(2):
            first = self.rfile.readline()
            if not first:
                return
            fields = list(iter(self.rfile.readline, b"\r\n"))
            length = next((int(one.split(b":")[1]) for one in fields if one.lower().startswith(b"content-length")), 0)
            body = self.rfile.read(length)
            counting_server(self.server).seen.append((first.split(b" ")[0].decode(), body))
            if b"/healthz" in first:
                self.wfile.write(GREETING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                return
            if b"/vanish" in first or turn:
                return
            self.wfile.write(GREETING)


class RudeServer(socketserver.ThreadingTCPServer):
    """Counts every request that arrived."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Rude)
        self.seen: list[tuple[str, bytes]] = []


def counting_server(server: socketserver.BaseServer) -> RudeServer:
    assert isinstance(server, RudeServer)
    return server


@contextmanager
def before_rude_upstream() -> Iterator[tuple[str, RudeServer]]:
    port, listen, admin = free_ports(3)
    server = RudeServer(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        with folder() as place, slots(place, {}) as world:
            front = front_of(world)
            behind = {"blue": Address("127.0.0.1", port), "green": Address("127.0.0.1", port)}
            fronted = type(front)(
                Address("127.0.0.1", listen), Address("127.0.0.1", admin), behind, front.weights, place
            )
            process = start_front(OWN, fronted, "v1")
            server.seen.clear()
            try:
                yield f"127.0.0.1:{listen}", server
            finally:
                stop(process)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def converse(address: str, *requests: bytes) -> bytes:
    """All requests on one connection, and everything that came back until the proxy closed it."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as door:
        door.sendall(b"".join(requests))
        door.shutdown(socket.SHUT_WR)
        parts = []
        while block := door.recv(65536):
            parts.append(block)
    return b"".join(parts)


def request(method: str, path: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: demo\r\n{length}\r\n".encode("ascii") + body


@pytest.mark.req("PX-17")
def test_a_post_whose_bytes_were_sent_is_never_repeated() -> None:
    with before_rude_upstream() as (address, upstream):
        answer = converse(address, request("POST", "/vanish", b"pay 100"))
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert upstream.seen == [("POST", b"pay 100")]


@pytest.mark.req("PX-17")
def test_a_get_on_a_kept_connection_that_closed_unanswered_is_sent_once_more() -> None:
    with before_rude_upstream() as (address, upstream):
        answers = converse(address, request("GET", "/one"), request("GET", "/two"))
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert [method for method, _ in upstream.seen] == ["GET", "GET", "GET"]


@pytest.mark.req("PX-17")
def test_a_post_after_a_get_takes_a_fresh_connection_and_so_succeeds_at_once() -> None:
    with before_rude_upstream() as (address, upstream):
        answers = converse(address, request("GET", "/one"), request("POST", "/two", b"x"))
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert [method for method, _ in upstream.seen] == ["GET", "POST"]


@pytest.mark.req("PX-17")
def test_a_get_that_is_closed_twice_ends_with_502_and_not_with_a_third_try() -> None:
    with before_rude_upstream() as (address, upstream):
        answer = converse(address, request("GET", "/one"), request("GET", "/vanish"))
        assert b"HTTP/1.1 502 " in answer
        assert len(upstream.seen) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: yes\r\n\r\n",
        b"GET /\r\n\r\n",
    ],
)
def test_an_ambiguous_request_is_refused_and_reaches_no_upstream(raw: bytes) -> None:
    with before_rude_upstream() as (address, upstream):
        assert converse(address, raw).startswith(b"HTTP/1.1 400 ")
        assert upstream.seen == []


@pytest.fixture(scope="module")
def calm() -> Iterator[Site]:
    """A proxy before one service, for tests that leave no fence behind."""
    with site("proxy", green="") as running:
        yield running


@pytest.mark.req("PX-12")
def test_of_two_drivers_with_the_same_reading_only_one_moves_the_traffic(calm: Site) -> None:
    url = f"http://{calm.front.admin}/weights"
    etag = call("GET", url).fields["etag"]
    first = call("PUT", url, body=b'{"blue": 95, "green": 5}', fields={"If-Match": etag})
    second = call("PUT", url, body=b'{"blue": 0, "green": 100}', fields={"If-Match": etag})
    assert (first.status, second.status) == (200, 412)
    assert calm.target.traffic().weights == {"blue": 95, "green": 5}


@pytest.mark.req("PX-12")
def test_an_engine_with_an_old_fence_cannot_move_traffic_any_more() -> None:
    with site("proxy") as running:
        running.target.move({"blue": 95, "green": 5}, 7)
        with pytest.raises(Refused, match="fence 6 is older than 7"):
            running.target.move({"blue": 0, "green": 100}, 6)
        assert running.target.traffic().weights == {"blue": 95, "green": 5}


@pytest.mark.req("PX-05")
def test_after_a_restart_of_the_proxy_the_read_back_says_what_really_is() -> None:
    with site("proxy") as running:
        running.target.move({"blue": 95, "green": 5}, 1)
        kill(running.process)
        with pytest.raises(Broken, match="no usable answer"):
            running.target.traffic()
        again = start_front(OWN, running.front, "v1")
        try:
            assert running.target.traffic().weights == {"blue": 100, "green": 0}
            assert running.target.move({"blue": 95, "green": 5}, 2).weights == {"blue": 95, "green": 5}
        finally:
            stop(again)


@pytest.mark.parametrize(
    "body",
    [
        b'{"blue": 100}',
        b'{"blue": 60, "green": 60}',
        b'{"blue": true, "green": 99}',
        b"[]",
        b'{"blue": -1, "green": 101}',
        b'{"blue": 50, "blue": 50, "green": 50}',
    ],
)
def test_weights_that_are_no_distribution_change_nothing(calm: Site, body: bytes) -> None:
    before = calm.target.traffic()
    assert call("PUT", f"http://{calm.front.admin}/weights", body=body).status == 400
    assert calm.target.traffic() == before


def test_requests_in_flight_finish_on_the_old_version_over_a_switch_and_the_end_of_its_process() -> None:
    with site("proxy") as running, ThreadPoolExecutor(10) as threads:
        slow = [threads.submit(running.get, "/slow?s=1") for _ in range(10)]
        assert wait_until(lambda: running.get("/healthz").status == 200, 30.0)
        port = running.world.port("production", "blue")
        # A claim of nothing: on a busy machine some may be answered before the last one asks.
        wait_until(lambda: _established(port) >= 10 or any(one.done() for one in slow), 60.0)
        running.target.move({"blue": 0, "green": 100}, 1)
        stop_slot(running.world, "production", "blue")
        answers = [one.result() for one in slow]
        assert [(one.status, one.fields["x-version"]) for one in answers] == [(200, "v1")] * 10
        assert running.get().fields["x-version"] == "v2"


def _established(port: int) -> int:
    try:
        with Path("/proc/net/tcp").open(encoding="ascii") as table:
            return sum(f":{port:04X} " in line.split(" 01 ")[0] for line in table if " 01 " in line)
    except OSError:
        return 10


def test_a_dead_upstream_is_never_replaced_by_one_without_a_weight() -> None:
    with site("proxy") as running:
        stop_slot(running.world, "production", "blue")
        answer = running.get()
        assert answer.status == 503
        assert "x-version" not in answer.fields


def test_the_proxy_and_the_load_driver_refuse_addresses_beyond_loopback() -> None:
    with pytest.raises(Refused, match="not a loopback address"):
        Address("192.0.2.7", 80)
    with pytest.raises(Refused, match="not a loopback address"):
        Address("localhost", 80)


def test_a_proxy_with_other_upstreams_than_the_bound_slots_is_unreadable(calm: Site) -> None:
    seen = ProxyTarget(f"http://{calm.front.admin}", {"blue": "x", "purple": "y"}).traffic()
    assert not seen.readable
    assert "other upstreams" in seen.detail


def test_a_second_proxy_on_the_same_port_ends_and_the_first_goes_on(calm: Site) -> None:
    with pytest.raises(Broken, match="address already in use"):
        start_front(OWN, replace(calm.front, folder=calm.world.folder), "v9")
    assert calm.get("/healthz").status == 200
