"""One HTTP call: a fresh connection, no retry, no redirect, a time limit for the whole of it and a limit of bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

from gonogo.errors import Broken

SECONDS = 3.0
MOST_BYTES = 4 << 20
BLOCK = 1 << 16


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


def call(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most: int = MOST_BYTES,
) -> HttpAnswer:
    """Ask once. Broken where nothing complete comes back within `seconds`, or more than `most` bytes do."""
    limit = urllib3.Timeout(connect=seconds, read=seconds)
    deadline = time.monotonic() + seconds
    headers = {"Connection": "close", "User-Agent": "gonogo", **(fields or {})}
    try:
        with urllib3.PoolManager(num_pools=1) as pool:
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
                return HttpAnswer(answer.status, found, _read(answer, deadline, most, url))
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Broken(f"{method} got no usable answer: {_reason(error)}", where=url) from error


def _read(answer: urllib3.BaseHTTPResponse, deadline: float, most: int, url: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while block := answer.read1(BLOCK):
        parts.append(block)
        size += len(block)
        if size > most:
            raise Broken(f"the answer is longer than {most} bytes", where=url)
        if time.monotonic() > deadline:
            raise Broken("the answer took too long to come", where=url)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """The innermost cause in words: urllib3 wraps what the system said."""
    inner = error.__cause__ or error.__context__
    text = str(inner) if isinstance(inner, OSError) and str(inner) else str(error)
    return printable(text.encode("utf-8", "replace"), 200)
