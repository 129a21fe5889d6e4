"""Moves traffic at Caddy through its administration API: the whole `reverse_proxy` handler in one PATCH (PX-11, PX-12).

Only `upstreams` and the selection policy of the handler are changed; everything else in it stays as its owner wrote it.
Caddy applies a configuration completely or keeps the old one, so no order of changes is needed. Fencing: the PATCH
carries the ETag that was read (`If-Match`), and the fence itself is kept inside the handler as an `@id`, which Caddy
stores, shows and otherwise ignores. A slot at 0 % is taken out of the list of upstreams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.adapters.shares import WHOLE, check_weights, confirm, percentages, refuse_older, said
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.ports import TrafficSeen
from gonogo.terms import digest_of
from gonogo.values import dataclass

OK, PRECONDITION_FAILED = 200, 412
SERVERS = "/config/apps/http/servers"
HANDLER = f"{SERVERS}/s/routes/0/handle/0"
WEIGHTED = "weighted_round_robin"

_DIAL = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}\Z|unix//\S+\Z")
_PATH = re.compile(r"/config/apps/http/servers(?:/[A-Za-z0-9_-]+)+\Z")
_FENCE = re.compile(r"gonogo-[0-9a-f]{8}-fence-([0-9]{1,18})\Z")


def handler_for(slots: Mapping[str, str], weights: Mapping[str, int], fence: int, path: str = HANDLER) -> Tree:
    """A `reverse_proxy` handler that splits requests by `weights` over `slots` (name -> host:port)."""
    given: dict[str, Tree] = {
        "handler": "reverse_proxy",
        "load_balancing": {"try_duration": "1s", "try_interval": "50ms"},
        "stream_close_delay": "30s",
    }
    return _with_weights(given, slots, weights, _mark(path, fence))


def configuration(listen: str, admin: str, slots: Mapping[str, str], weights: Mapping[str, int]) -> Tree:
    """A whole Caddy configuration for one service: nothing persisted, no certificates, loopback addresses as given."""
    route: Tree = {"handle": [handler_for(slots, weights, 0)]}
    server: Tree = {"listen": [listen], "routes": [route], "automatic_https": {"disable": True}, "protocols": ["h1"]}
    return {
        "admin": {"listen": admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"s": server}, "grace_period": "10s"}},
    }


def _mark(path: str, fence: int) -> str:
    return f"gonogo-{digest_of(path.encode('utf-8'))[:8]}-fence-{fence}"


def _with_weights(
    handler: Mapping[str, Tree], slots: Mapping[str, str], weights: Mapping[str, int], mark: str
) -> Mapping[str, Tree]:
    used = [slot for slot in sorted(slots) if weights[slot]]
    policy: Tree = {"@id": mark, "policy": WEIGHTED, "weights": [weights[slot] for slot in used]}
    balancing: Tree = {**_object(handler.get("load_balancing")), "selection_policy": policy}
    upstreams: list[Tree] = [{**_old_upstream(handler, slots[slot]), "dial": slots[slot]} for slot in used]
    return {**handler, "upstreams": upstreams, "load_balancing": balancing}


def _old_upstream(handler: Mapping[str, Tree], dial: str) -> Mapping[str, Tree]:
    return next((one for one in _objects(handler.get("upstreams")) if one.get("dial") == dial), {})


@dataclass(frozen=True, slots=True)
class CaddyTarget:
    """`admin` is e.g. `http://127.0.0.1:2019`; `slots` maps names to what Caddy dials (host:port).

    `path` is where the handler stands in Caddy's configuration.
    """

    admin: str
    slots: Mapping[str, str]
    path: str = HANDLER

    def __post_init__(self) -> None:
        if not _PATH.match(self.path):
            raise BadInput(
                f"`handler` is `{self.path}`, which is no place in Caddy's configuration",
                next_step=f"write its path, such as {HANDLER}",
            )
        for slot, dial in self.slots.items():
            if not _DIAL.match(dial):
                raise BadInput(
                    f"slot `{slot}` is to be reached at `{dial}`, which is no host:port",
                    next_step="write e.g. 127.0.0.1:9101; Caddy would take a wrong address and answer 502",
                )

    @property
    def _url(self) -> str:
        return self.admin.rstrip("/") + self.path

    def traffic(self) -> TrafficSeen:
        """The shares that Caddy's running configuration gives; unreadable where it cannot be expressed in shares."""
        _, handler = self._read()
        return self._seen(handler)

    def open_requests(self) -> None:
        """Caddy counts by upstream, but forgets one that it took out of its list while requests are under way."""
        return

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Replace upstreams and weights, if the configuration is still the one that was read, and read them back."""
        check_weights(weights, self.slots)
        answer, handler = self._read()
        self._require_own(handler)
        refuse_older(fence, _fence_of(handler), self._url)
        wanted = _with_weights(handler, self.slots, weights, _mark(self.path, fence))
        fields = {"Content-Type": "application/json"}
        if "etag" in answer.fields:
            fields["If-Match"] = answer.fields["etag"]
        changed = self._patch(write_json(wanted), fields)
        if changed is not None:
            self._check(changed, weights)
        return confirm(self.traffic(), weights, self._url)

    def _patch(self, body: bytes, fields: Mapping[str, str]) -> HttpAnswer | None:
        """Send the change; None where its answer was lost although it took effect.

        Without an answer the handler is read again. Where it is unchanged the PATCH is sent once more, which only the
        ETag makes safe: had the first one arrived late, the second would be refused with 412.
        """
        try:
            return call("PATCH", self._url, body=body, fields=fields)
        except Broken:
            answer, handler = self._read()
            if handler == read_object(body, name=self._url):
                return None
            if "If-Match" not in fields or answer.fields.get("etag") != fields["If-Match"]:
                raise
        return call("PATCH", self._url, body=body, fields=fields)

    def _check(self, changed: HttpAnswer, weights: Mapping[str, int]) -> None:
        if changed.status == PRECONDITION_FAILED:
            raise Refused(
                "Caddy's configuration was changed by somebody else in the same moment; nothing was moved",
                where=self._url,
                next_step="read the traffic again and decide anew",
            )
        if changed.status != OK:
            raise Broken(
                f"Caddy did not take the move to {said(weights)} and keeps its configuration: {changed.words()}",
                where=self._url,
                next_step="the same move would fail again; correct the configuration first",
            )

    def _read(self) -> tuple[HttpAnswer, Mapping[str, Tree]]:
        answer = call("GET", self._url)
        if answer.status != OK:
            raise self._astray(f"Caddy does not show its handler: {answer.words()}")
        try:
            handler = read_object(answer.body, name=self._url)
        except BadInput as error:
            raise self._astray(f"Caddy's handler is unreadable: {error.what}") from error
        if handler.get("handler") != "reverse_proxy":
            raise self._astray(f"there is no reverse_proxy handler but {handler.get('handler')!r}")
        return answer, handler

    def _astray(self, what: str) -> Broken:
        """Why the bound place is no handler of the slots, with the places that are."""
        servers = call("GET", f"{self.admin.rstrip('/')}{SERVERS}")
        try:
            found = _proxies(read_object(servers.body, name=SERVERS), SERVERS) if servers.status == OK else {}
        except BadInput:
            found = {}
        own = set(self.slots.values())
        known = sorted(path for path, handler in found.items() if own.intersection(_dials(handler)))
        step = f"no reverse_proxy handler here leads to {', '.join(sorted(own))}; write `handler` with its path"
        if known:
            step = f"write {' or '.join(f'`handler: {path}`' for path in known)} under the target"
        return Broken(what, where=self._url, next_step=step)

    def _require_own(self, handler: Mapping[str, Tree]) -> None:
        """Broken where the handler serves something else: a wrong binding must not overwrite somebody's upstreams."""
        strangers = self._strangers(handler)
        if strangers:
            raise Broken(
                f"the handler has upstreams that are no slots: {strangers}; nothing was moved",
                where=self._url,
                next_step=f"bind these slots, or point to the handler of {', '.join(sorted(self.slots.values()))}",
            )

    def _strangers(self, handler: Mapping[str, Tree]) -> str:
        own = set(self.slots.values())
        dials = _dials(handler)
        found = [dial for dial in dials if dial not in own or dials.count(dial) > 1]
        return ", ".join([*found, "dynamic upstreams"] if handler.get("dynamic_upstreams") else found)

    def _seen(self, handler: Mapping[str, Tree]) -> TrafficSeen:
        dials = _dials(handler)
        names = {address: slot for slot, address in self.slots.items()}
        nothing = dict.fromkeys(self.slots, 0)
        strangers = self._strangers(handler)
        if strangers:
            return TrafficSeen(nothing, f"upstreams that are no single slots: {strangers}", readable=False)
        shares = _shares(handler, len(dials))
        if shares is None:
            policy = _policy(handler).get("policy", "random")
            return TrafficSeen(nothing, f"policy `{policy}` does not fix shares", readable=False)
        raw = {**nothing, **{names[dial]: share for dial, share in zip(dials, shares, strict=True)}}
        return TrafficSeen(percentages(raw), f"read from {self._url}, fence {_fence_of(handler)}", readable=True)


def _proxies(part: Tree, path: str) -> dict[str, Mapping[str, Tree]]:
    """Every `reverse_proxy` handler of a configuration by its path, also those in subroutes."""
    found: dict[str, Mapping[str, Tree]] = {}
    if isinstance(part, Mapping):
        if part.get("handler") == "reverse_proxy":
            found[path] = part
        for name, inner in part.items():
            found |= _proxies(inner, f"{path}/{name}")
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for number, inner in enumerate(part):
            found |= _proxies(inner, f"{path}/{number}")
    return found


def _dials(handler: Mapping[str, Tree]) -> list[str]:
    return [str(one.get("dial")) for one in _objects(handler.get("upstreams"))]


def _shares(handler: Mapping[str, Tree], count: int) -> list[int] | None:
    if count <= 1:
        return [WHOLE] * count
    policy = _policy(handler)
    weights = policy.get("weights")
    if policy.get("policy") != WEIGHTED or not isinstance(weights, Sequence) or isinstance(weights, str):
        return None
    found = [weight for weight in weights if isinstance(weight, int) and not isinstance(weight, bool) and weight >= 0]
    return found if len(found) == len(weights) == count else None


def _fence_of(handler: Mapping[str, Tree]) -> int:
    found = _FENCE.match(str(_policy(handler).get("@id", "")))
    return int(found[1]) if found else 0


def _policy(handler: Mapping[str, Tree]) -> Mapping[str, Tree]:
    return _object(_object(handler.get("load_balancing")).get("selection_policy"))


def _object(value: Tree) -> Mapping[str, Tree]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Tree) -> tuple[Mapping[str, Tree], ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(_object(one) for one in value)
