"""Moves traffic at HAProxy over its runtime API: a UNIX socket, one change after the other, each reply judged.

HAProxy reports a refused command as text on a call that succeeded (PX-02), two commands in one line are no transaction
(PX-03), relative weights depend on the configured ones (PX-04) and run-time weights vanish on a restart (PX-05): so
only absolute weights are sent, raises first (PX-01), any text in a reply is a failure, and the end is read back.
There is no compare-and-set; two engines are kept apart by the lease alone (PX-12).

Each connection waits for HAProxy's event loop, which the load keeps full, and costs as much as a change does. So a move
is one talk: the reading before it, each change by itself, and the read-back, which is sent behind the last change:
whatever became of that change, the table is what is now. No change is sent before the one before it was accepted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from gonogo.adapters.haproxy_api import Talk, ask_haproxy, talk_to_haproxy
from gonogo.adapters.http_calls import printable
from gonogo.adapters.metrics.haproxy import parse_statistics
from gonogo.adapters.shares import check_weights, confirm, ordered_changes, percentages
from gonogo.errors import BadInput, Broken
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

PAUSE = 0.05
RUNNING = 2

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server as HAProxy lists it; `weight` is absolute, `operation` 2 is running, `admin` 0 is not disabled."""

    address: str
    weight: int
    operation: int
    admin: int

    @property
    def takes_traffic(self) -> bool:
        """Whether HAProxy would send requests to it at all."""
        return self.operation == RUNNING and self.admin == 0


@dataclass(frozen=True, slots=True)
class Change:
    """The absolute weight that a server gets, and whether that is more than it has."""

    server: str
    weight: int
    is_raise: bool

    def __str__(self) -> str:
        return f"{self.server} {self.weight} %"


def parse_states(text: str) -> Mapping[str, ServerState]:
    """The servers in the reply to `show servers state`; ValueError where it is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    columns = next((line[1:].split() for line in lines if line.startswith("#")), None)
    if columns is None:
        raise ValueError("no table of servers")
    found: dict[str, ServerState] = {}
    for line in lines[lines.index(next(one for one in lines if one.startswith("#"))) + 1 :]:
        row = dict(zip(columns, line.split(), strict=False))
        weight, operation, admin = (int(row[name]) for name in ("srv_uweight", "srv_op_state", "srv_admin_state"))
        found[row["srv_name"]] = ServerState(f"{row['srv_addr']}:{row['srv_port']}", weight, operation, admin)
    return found


@dataclass(frozen=True, slots=True)
class HaproxyTarget:
    """`socket_path` is the `stats socket` (level admin), `backend` its name.

    `slots` maps each slot to the name of its server or, better, to the address that HAProxy must have for it: a server
    that leads elsewhere then belongs to no slot, and nothing is moved. `patience` is how many seconds a move waits for
    HAProxy's own check to find a server that was started just now.
    """

    socket_path: str
    backend: str
    slots: Mapping[str, str]
    patience: float = 10.0

    def __post_init__(self) -> None:
        for name in (self.backend, *self.slots.values()):
            if not _NAME.match(name):
                raise BadInput(
                    f"`{name}` is no name of a HAProxy backend or server",
                    next_step="names hold letters, digits, `_`, `.`, `:` and `-` only",
                )

    def traffic(self) -> TrafficSeen:
        """The weights that HAProxy holds now, in percent; Broken where it does not answer."""
        return self._seen(self._states())

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Raise, then lower, one command each; Broken with HAProxy's own words where it did not obey.

        Without compare-and-set `fence` cannot be enforced here; it is named in the messages, and the lease holds.
        A server that is to be raised is waited for: HAProxy learns of a new process by its next check only.
        """
        check_weights(weights, self.slots)
        deadline = time.monotonic() + self.patience
        while True:
            with talk_to_haproxy(self.socket_path, self._where) as talk:
                (listed,) = talk.ask(self._list)
                states = self._parsed(listed)
                servers = self._require_known(states)
                before = {slot: states[server].weight for slot, server in servers.items()}
                wanted = ordered_changes(before, weights)
                changes = tuple(Change(servers[slot], weight, weight > before[slot]) for slot, weight in wanted)
                late = [change for change in changes if change.is_raise and not states[change.server].takes_traffic]
                if not late:
                    return confirm(self._seen(self._changed(talk, changes)), weights, self._where)
            if time.monotonic() >= deadline:
                raise self._not_up(late[0], states[late[0].server], fence)
            time.sleep(PAUSE)

    def _changed(self, talk: Talk, changes: tuple[Change, ...]) -> Mapping[str, ServerState]:
        """What HAProxy lists behind the last of these changes, each of which was made after the one before it."""
        if not changes:
            (listed,) = talk.ask(self._list)
            return self._parsed(listed)
        for done, change in enumerate(changes[:-1]):
            (reply,) = talk.ask(self._command(change))
            self._accepted(reply, change, changes[:done])
        reply, listed = talk.ask(self._command(changes[-1]), self._list)
        self._accepted(reply, changes[-1], changes[:-1])
        return self._parsed(listed)

    def open_requests(self) -> Mapping[str, int]:
        """Requests that each server answers or has in its queue now, by the statistics of HAProxy."""
        try:
            rows = parse_statistics(self._ask("show stat"), self.backend)
            return {
                slot: int(row["scur"]) + int(row["qcur"] or 0)
                for slot, bound in self.slots.items()
                for row in rows
                if bound in {row["svname"], row.get("addr")}
            }
        except (ValueError, KeyError) as error:
            raise Broken(f"HAProxy's statistics cannot be read: {error}", where=self._where) from error

    @property
    def _where(self) -> str:
        return f"{self.socket_path} backend {self.backend}"

    @property
    def _list(self) -> str:
        return f"show servers state {self.backend}"

    def _command(self, change: Change) -> str:
        return f"set server {self.backend}/{change.server} weight {change.weight}"

    def _accepted(self, reply: str, change: Change, done: tuple[Change, ...]) -> None:
        """Nothing where HAProxy said nothing about a change; Broken with its words and what was done otherwise."""
        if reply.strip():
            words = printable(reply.encode())
            progress = f"done before it: {', '.join(map(str, done))}" if done else "nothing was changed before it"
            raise Broken(
                f"HAProxy refused weight {change.weight} for {change.server}: `{words}`; {progress}",
                where=self._where,
                next_step="the move may be half done: read the target again before anything else is moved",
            )

    def _not_up(self, change: Change, state: ServerState, fence: int) -> Broken:
        return Broken(
            f"server {change.server} should get {change.weight} %, but HAProxy does not hold it up "
            f"(state {state.operation}, disabled {state.admin}); nothing was moved (fence {fence})",
            where=self._where,
            next_step="make the server answer its health check, or enable it, and try again",
        )

    def _states(self) -> Mapping[str, ServerState]:
        return self._parsed(self._ask(self._list))

    def _parsed(self, reply: str) -> Mapping[str, ServerState]:
        try:
            return parse_states(reply)
        except (ValueError, KeyError) as error:
            raise Broken(
                f"HAProxy does not list the servers: `{printable(reply.encode())}`", where=self._where
            ) from error

    def _servers(self, states: Mapping[str, ServerState]) -> Mapping[str, str]:
        """Server name by slot, of the slots whose binding names a server or its address."""
        return {
            slot: name
            for slot, bound in self.slots.items()
            for name, state in states.items()
            if bound in {name, state.address}
        }

    def _require_known(self, states: Mapping[str, ServerState]) -> Mapping[str, str]:
        servers = self._servers(states)
        if not self._is_whole(servers, states):
            listed = ", ".join(f"{name} ({state.address})" for name, state in sorted(states.items()))
            raise Broken(
                f"the backend has the servers {listed or 'none'}, "
                f"the target is bound to {', '.join(sorted(self.slots.values()))}; nothing was moved",
                where=self._where,
                next_step="bind exactly the servers of the backend to slots, by name or by address",
            )
        return servers

    def _is_whole(self, servers: Mapping[str, str], states: Mapping[str, ServerState]) -> bool:
        """Whether slots and servers belong to each other one to one, none left over."""
        return set(servers) == set(self.slots) and sorted(servers.values()) == sorted(states)

    def _seen(self, states: Mapping[str, ServerState]) -> TrafficSeen:
        servers = self._servers(states)
        raw = {slot: states[server].weight for slot, server in servers.items()}
        if not self._is_whole(servers, states):
            return TrafficSeen(
                percentages(raw), f"servers {', '.join(sorted(states))} are not the bound slots", readable=False
            )
        down = [server for server, state in sorted(states.items()) if state.weight and not state.takes_traffic]
        if down:
            shown = ", ".join(down)
            return TrafficSeen(
                percentages(raw), f"{shown} has a weight but takes no traffic now, so shares differ", readable=False
            )
        return TrafficSeen(percentages(raw), f"read from {self._where}; no fence here, the lease holds", readable=True)

    def _ask(self, command: str) -> str:
        return ask_haproxy(self.socket_path, command, self._where)
