"""An opened package with everything that its checks need: the seal's words, the log, the people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gonogo.errors import Tampered
from gonogo.evidence.acceptance_case import SealedFile
from gonogo.evidence.canonical import Found, Tree, resolve_pointer
from gonogo.evidence.filing import Filed
from gonogo.evidence.ledger import Entry
from gonogo.evidence.note import NoteKey
from gonogo.evidence.package_reading import Package
from gonogo.evidence.signers import Ring
from gonogo.evidence.wire import strings
from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """What all checks look at. `digests` are those of the files as they are, `seal` the predicate of the seal.

    `roots` are the Merkle roots of the log as it was at each request and judgement, `sealed` its evidence.
    """

    package: Package
    digests: Mapping[str, Digest]
    seal: Mapping[str, Tree]
    entries: tuple[Entry, ...]
    filed: tuple[Filed, ...]
    ring: Ring
    now: datetime
    roots: Mapping[int, bytes]
    sealed: Sequence[SealedFile]

    def said(self, pointer: str) -> str:
        """The text at `pointer` in the seal. Raises Tampered where there is none."""
        match resolve_pointer(self.seal, pointer):
            case Found(value=str() as text):
                return text
            case _:
                raise Tampered(f"the seal says nothing at {pointer}", where="seal.json", next_step=LOOK)

    def number(self, pointer: str) -> int:
        """The integer at `pointer` in the seal. Raises Tampered where there is none."""
        match resolve_pointer(self.seal, pointer):
            case Found(value=int() as number) if not isinstance(number, bool):
                return number
            case _:
                raise Tampered(f"the seal says no number at {pointer}", where="seal.json", next_step=LOOK)

    @property
    def log_keys(self) -> tuple[NoteKey, ...]:
        """The keys of the listed engines, under the name of the site."""
        return tuple(NoteKey(self.ring.site, raw) for raw in raw_keys(self.ring).values())

    def of_type(self, kind: str) -> Sequence[Entry]:
        """The log entries of one type."""
        return [entry for entry in self.entries if entry.type == kind]


def raw_keys(ring: Ring) -> Mapping[str, bytes]:
    """The 32 bytes of each listed engine's Ed25519 key, by its name."""
    return {
        engine.name: strings(engine.key.blob, 2, "the engine key")[1]
        for engine in ring.engines
        if engine.key.type == "ssh-ed25519"
    }


LOOK = "get the package again from where it was made; do not rely on this one"
