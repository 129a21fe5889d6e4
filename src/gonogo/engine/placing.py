"""The place of a run in the log of the site, and the proofs that go into its package (P9, EVS-16)."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.engine.bench import World
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.evidence.tlog_proof import write_proof
from gonogo.run.site import CLOSED, OPENED, SEALED
from gonogo.terms import Digest, RunId


@dataclass(frozen=True, slots=True)
class Place:
    """Number of the run in the site's log, the package sealed before this one, and the proofs by file name."""

    sequence: int
    previous: Digest | None
    proofs: dict[str, bytes]


def place_of(world: World, site: str, run: RunId, before: RunId | None) -> Place:
    """Where `run` stands; `before` is the pre-deployment run that it relies on, None where it relies on none."""
    log = world.journal.site()
    sealed = [str(entry.data.get("sha256")) for entry in log if entry.type == SEALED]
    wanted = {"opened": (OPENED, run), "closed": (CLOSED, run)}
    if before is not None:
        wanted |= {"readiness-opened": (OPENED, before), "readiness-closed": (CLOSED, before)}
    note = signed_checkpoint(world, site, site, log)
    found = {
        name: entry
        for name, (kind, about) in wanted.items()
        for entry in log
        if entry.type == kind and entry.data.get("run") == about
    }
    proofs = {f"{name}.tlog-proof": write_proof(log, entry.seq, note) for name, entry in found.items()}
    return Place(found["opened"].seq if "opened" in found else 0, Digest(sealed[-1]) if sealed else None, proofs)
