"""One HTTP call: a fresh connection, no redirect, a time limit for the whole of it and a limit of bytes.

A GET whose connection was closed before anything came back is asked again, twice at most: Caddy's administration does
that to whoever asks right after a change (PX-08). Nothing else is ever repeated here.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress

import urllib3

from gonogo.errors import Broken
from gonogo.values import dataclass

SECONDS = 3.0
MOST_BYTES = 4 << 20
BLOCK = 1 << 16
GET_REPEATS = 2


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; field names in lower case, repeated fields joined by a comma."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    def words(self, limit: int = 300) -> str:
        """Status and the beginning of the body as one printable line, to be quoted in messages."""
        return f"{self.status} {printable(self.body, limit)}".strip()


def printable(data: bytes, limit: int = 300) -> str:
    """The beginning of foreign bytes as one line without control characters."""
    text = " ".join(data[: limit * 4].decode("utf-8", "replace").split())
    return "".join(one if one.isprintable() else "?" for one in text)[:limit]


class Unanswered(Broken):
    """The connection was closed before anything came back."""


@dataclass(frozen=True, slots=True)
class _Limits:
    seconds: float
    deadline: float
    most: int
    trust: ssl.SSLContext | None


def call(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most: int = MOST_BYTES,
    trust: ssl.SSLContext | None = None,
) -> HttpAnswer:
    """Ask once. Broken where nothing complete comes back within `seconds`, or more than `most` bytes do.

    `trust` says whose certificates are believed, and with which one we answer; None believes those of the system.
    """
    limits = _Limits(seconds, time.monotonic() + seconds, most, trust)
    for _ in range(GET_REPEATS if method == "GET" else 0):
        with suppress(Unanswered):
            return _judged(method, url, body, fields or {}, limits)
    return _judged(method, url, body, fields or {}, limits)


def _judged(method: str, url: str, body: bytes | None, fields: Mapping[str, str], limits: _Limits) -> HttpAnswer:
    try:
        return _once(method, url, body, fields, limits)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        closed = isinstance(error, urllib3.exceptions.ProtocolError) and isinstance(_cause(error), ConnectionError)
        kind = Unanswered if closed else Broken
        raise kind(f"{method} got no usable answer: {_reason(error)}", where=url) from error


def _once(method: str, url: str, body: bytes | None, fields: Mapping[str, str], limits: _Limits) -> HttpAnswer:
    limit = urllib3.Timeout(connect=limits.seconds, read=limits.seconds)
    headers = {"Connection": "close", "User-Agent": "gonogo", **fields}
    with urllib3.PoolManager(num_pools=1, ssl_context=limits.trust) as pool:
        answer = pool.request(
            method,
            url,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            timeout=limit,
            preload_content=False,
        )
        with answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(answer.status, found, _read(answer, limits, url))


def _read(answer: urllib3.BaseHTTPResponse, limits: _Limits, url: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while block := answer.read1(BLOCK):
        parts.append(block)
        size += len(block)
        if size > limits.most:
            raise Broken(f"the answer is longer than {limits.most} bytes", where=url)
        if time.monotonic() > limits.deadline:
            raise Broken("the answer took too long to come", where=url)
    return b"".join(parts)


def _cause(error: Exception) -> BaseException | None:
    return error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    """The innermost cause in words: urllib3 wraps what the system said."""
    inner = _cause(error)
    text = str(inner) if isinstance(inner, OSError) and str(inner) else str(error)
    return printable(text.encode("utf-8", "replace"), 200)
