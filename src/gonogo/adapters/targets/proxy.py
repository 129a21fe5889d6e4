"""Moves traffic at gonogo's own small proxy: `GET` and `PUT /weights`, with ETag and fence (PX-12)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.adapters.shares import check_weights, confirm, said
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

OK, CONFLICT, PRECONDITION_FAILED = 200, 409, 412


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """`admin` is the address of the administration, e.g. `http://127.0.0.1:9291`; `slots` are the known slots."""

    admin: str
    slots: Mapping[str, str]

    @property
    def _url(self) -> str:
        return f"{self.admin.rstrip('/')}/weights"

    def traffic(self) -> TrafficSeen:
        """The weights that the proxy uses now; Broken where it does not say."""
        return self._seen(self._read())

    def open_requests(self) -> Mapping[str, int]:
        """Requests that were sent on to each upstream and are not answered yet."""
        return _counts(self._read(), "open", self._url)

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Set all weights in one step, if nobody changed them since they were read, and read them back."""
        check_weights(weights, self.slots)
        before = self._read()
        if self._seen(before).weights == weights and _fence(before) == fence:
            return self._seen(before)
        fields = {"X-Fence": str(fence), "If-Match": before.fields.get("etag", ""), "Content-Type": "application/json"}
        try:
            answer = call("PUT", self._url, body=write_json(weights), fields=fields)
        except Broken as error:
            return confirm(self.traffic(), weights, self._url, error.what)
        if answer.status in {CONFLICT, PRECONDITION_FAILED}:
            raise Refused(
                f"the proxy refused the move to {said(weights)}: {answer.words()}",
                where=self._url,
                next_step="somebody else moves this traffic; read who holds the environment before going on",
            )
        if answer.status != OK:
            raise Broken(f"the proxy did not move to {said(weights)}: {answer.words()}", where=self._url)
        return confirm(self.traffic(), weights, self._url, answer.words())

    def _read(self) -> HttpAnswer:
        answer = call("GET", self._url)
        if answer.status != OK:
            raise Broken(f"the proxy does not say its weights: {answer.words()}", where=self._url)
        return answer

    def _seen(self, answer: HttpAnswer) -> TrafficSeen:
        weights = _counts(answer, "weights", self._url)
        if set(weights) != set(self.slots):
            known = ", ".join(sorted(self.slots))
            return TrafficSeen(weights, f"the proxy knows other upstreams than {known}", readable=False)
        return TrafficSeen(weights, f"read from {self._url}, fence {_fence(answer)}", readable=True)


def _counts(answer: HttpAnswer, member: str, where: str) -> Mapping[str, int]:
    try:
        found = read_object(answer.body, name=where).get(member)
    except BadInput as error:
        raise Broken(f"the proxy's answer is unreadable: {error.what}", where=where) from error
    if not isinstance(found, Mapping) or not all(_is_count(weight) for weight in found.values()):
        raise Broken(f"the proxy's answer holds no {member}: {answer.words()}", where=where)
    return {slot: weight for slot, weight in found.items() if isinstance(weight, int)}


def _fence(answer: HttpAnswer) -> int:
    found = read_object(answer.body, name="weights").get("fence")
    return found if isinstance(found, int) and not isinstance(found, bool) else -1


def _is_count(value: Tree) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
