"""The weights of the demo's proxy, with compare-and-set: who may change them, and what is said about them.

`GET /weights` answers `{"fence": n, "weights": {...}, "open": {...}}` with an ETag; open are the requests under way at
each upstream. `PUT /weights` takes `{"blue": 95, "green": 5}`; `If-Match` must name the present ETag (else 412),
`X-Fence` must not be lower than the highest one seen (else 409, so that an engine which lost its lease cannot move
traffic any more). Weights live in memory only: after a restart the proxy has those of its command line again, and
whoever resumes has to read them (PX-05).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from gonogo.demo.weights import WHOLE, Turns
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What the administration answers."""

    status: int
    body: bytes
    etag: str = ""


class Routes:
    """Weights, fence and generation; changed in one step, between two requests."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.turns = Turns(weights)
        self._fence = 0
        self._life = secrets.token_hex(4)
        self._generation = 0
        self.under_way = dict.fromkeys(weights, 0)
        """Requests at each upstream that are not answered to their end yet."""

    @property
    def etag(self) -> str:
        """Names this life of the process and this generation of the weights."""
        return f'"{self._life}.{self._generation}"'

    def shown(self, status: int = 200) -> Answer:
        """The present weights."""
        body = {"fence": self._fence, "weights": self.turns.weights, "open": self.under_way}
        return Answer(status, json.dumps(body).encode("ascii"), self.etag)

    def change(self, data: bytes, *, match: str | None, fence: str | None) -> Answer:
        """Replace the weights, or say why not: 400, 409 or 412; then nothing has changed."""
        if match is not None and match not in {self.etag, "*"}:
            return refusal(412, f"the weights are {self.etag} now, not {match}")
        if fence is not None and not (fence.isascii() and fence.isdigit()):
            return refusal(400, "X-Fence must be a whole number")
        if fence is not None and int(fence) < self._fence:
            return refusal(409, f"fence {fence} is older than {self._fence}")
        try:
            wanted = self._read(data)
        except BadInput as error:
            return refusal(400, error.what)
        self.turns.change(wanted)
        self._generation += 1
        self._fence = int(fence) if fence is not None else self._fence
        return self.shown()

    def _read(self, data: bytes) -> Mapping[str, int]:
        found = read_object(data, name="weights")
        known = self.turns.weights
        if set(found) != set(known):
            raise BadInput(f"weights must name exactly {', '.join(known)}")
        wanted = {name: _percent(found[name]) for name in known}
        if sum(wanted.values()) != WHOLE:
            raise BadInput(f"weights must add up to {WHOLE}, not {sum(wanted.values())}")
        return wanted


def _percent(value: Tree) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= WHOLE:
        raise BadInput(f"each weight must be a whole number from 0 to {WHOLE}")
    return value


def refusal(status: int, why: str) -> Answer:
    """An answer that changed nothing, with its reason."""
    return Answer(status, json.dumps({"error": why}).encode("utf-8"))
