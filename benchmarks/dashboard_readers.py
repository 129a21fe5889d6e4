"""Readers of the dashboard for `bench_dashboard.py`: many at once, on plain sockets, so that they take little of the machine.

Each reader keeps its connection as a browser does, has one request under way at a time, and reads the whole answer. One
process and one `epoll` for all of them: what the readers themselves take is measured and printed beside.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gonogo.web.sessions import COOKIE

Times = dict[str, list[float]]


@dataclass(slots=True)
class Reader:
    """One reader with its connection: what is under way, since when, and what of the answer has come."""

    port: int
    cookie: str
    socket: socket.socket = field(default_factory=socket.socket)
    kind: str = ""
    path: str = ""
    began: float = 0.0
    got: bytearray = field(default_factory=bytearray)
    whole: int = 0
    """Bytes of the answer with its head, once the head is there."""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """A new connection, as after the server closed the last one."""
        self.socket.close()
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, kind: str, path: str) -> None:
        """Send a request."""
        self.kind, self.path, self.whole = kind, path, 0
        self.got.clear()
        head = f"GET {path} HTTP/1.1\r\nhost: localhost:{self.port}\r\ncookie: {COOKIE}={self.cookie}\r\naccept: text/html\r\n\r\n"
        self.began = time.perf_counter()
        self.socket.sendall(head.encode())

    def take(self) -> bool:
        """Read what came; True where the answer is whole."""
        found = self.socket.recv(1 << 18)
        assert found, ("the server ended the connection in the middle of", self.path)
        self.got += found
        if not self.whole:
            end = self.got.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.got[:end]).lower()
            self.whole = end + 4 + int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        return len(self.got) >= self.whole

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.got[9:12])


def read(port: int, cookies: list[str], kinds: Mapping[str, Callable[[], str]], *, readers: int, seconds: float, pause: float) -> Times:
    """Readers who open one page after the other, about `pause` seconds apart; times in seconds by kind of page."""
    found: Times = {kind: [] for kind in kinds}
    names = list(kinds)
    chosen = selectors.DefaultSelector()
    everybody = [Reader(port, cookies[number % len(cookies)]) for number in range(readers)]
    for reader in everybody:
        chosen.register(reader.socket, selectors.EVENT_READ, reader)
    now = time.perf_counter()
    until = now + seconds
    due = [(now + random.uniform(0, pause), number) for number in range(readers)]  # People do not breathe in step.
    heapq.heapify(due)
    numbers = {id(reader): number for number, reader in enumerate(everybody)}
    under_way: set[int] = set()
    while under_way or (due and due[0][0] < until):
        now = time.perf_counter()
        while due and due[0][0] <= now and now < until:
            _, number = heapq.heappop(due)
            kind = random.choice(names)
            everybody[number].ask(kind, kinds[kind]())
            under_way.add(number)
        if now >= until:
            due.clear()
        wait = max(due[0][0] - now, 0.0) if due else 0.5
        for key, _ in chosen.select(min(wait, 0.5)):
            reader: Reader = key.data
            number = numbers[id(reader)]
            if number not in under_way:
                # The server ended a connection on which nothing was asked for long, as it may.
                chosen.unregister(reader.socket)
                reader.connect()
                chosen.register(reader.socket, selectors.EVENT_READ, reader)
                continue
            if reader.take():
                now = time.perf_counter()
                assert reader.status == 200, (reader.path, bytes(reader.got[-600:]))
                found[reader.kind].append(now - reader.began)
                under_way.discard(number)
                heapq.heappush(due, (now + random.uniform(0.5, 1.5) * pause, number))
    for reader in everybody:
        reader.socket.close()
    return found
