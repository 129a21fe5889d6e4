"""Asks hosts twice: over HTTP who they are, and over SSH which bytes are really there; both have to agree (CT-04)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gonogo.adapters.hosts.port import Hosts
from gonogo.errors import GonogoError
from gonogo.ports import Prober, SlotSeen
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SshProber:
    """`http` asks the running program; `hosts` gives what reads link, digest, manager and fence of the host itself.

    It is asked for when a host is: who only looks at runs needs neither a key nor the package for SSH.
    """

    http: Prober
    hosts: Callable[[], Hosts]

    def ask(self, slot: str) -> SlotSeen:
        """What a host answers, with the digest of the bytes behind it; not healthy where the two do not agree."""
        seen = self.http.ask(slot)
        if seen.version is None:
            return seen
        try:
            state = self.hosts().look(slot)
        except GonogoError as error:
            return replace(seen, healthy=False, detail=f"{seen.detail}; over ssh: {error.what}")
        if state.version != seen.version or not state.running:
            words = f"{seen.detail}, but on the host {state.version or 'no known release'} is current: {state.detail}"
            return replace(seen, digest=state.digest or None, healthy=False, detail=words)
        if seen.digest is not None and seen.digest != state.digest:
            words = f"{seen.detail} with artifact {seen.digest[:12]}…, and the host holds {state.digest[:12]}…"
            return replace(seen, healthy=False, detail=words)
        return replace(seen, digest=state.digest, detail=f"{seen.detail}, {state.detail}")

    def front(self) -> SlotSeen:
        """Ask the public address once."""
        return self.http.front()
