"""The place of a run in the log of the site, and the proofs that go into its package (P9, EVS-16)."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.engine.bench import World
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.evidence.tlog_proof import write_proof
from gonogo.run.site import ANCHORED, CLOSED, OPENED, SEALED
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Number of the run in the site's log, the package sealed before this one, and the proofs by file name.

    `anchoring` says by how many others the log of the site was kept, as far as this run relies on it.
    """

    sequence: int
    previous: Digest | None
    proofs: dict[str, bytes]
    anchoring: dict[str, Tree]


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
    needed = (found.get("readiness-closed") or found.get("opened") or log[0]).seq
    proofs = {f"{name}.tlog-proof": write_proof(log, entry.seq, note) for name, entry in found.items()}
    return Place(
        found["opened"].seq if "opened" in found else 0, _previous(sealed), proofs, _anchoring(world, site, log, needed)
    )


def _previous(sealed: Sequence[str]) -> Digest | None:
    return Digest(sealed[-1]) if sealed else None


def _anchoring(world: World, site: str, log: Sequence[Entry], needed: int) -> dict[str, Tree]:
    """How many others kept the site's log beyond entry `needed`: before this package was sealed, so never its end."""
    rules = world.ring().anchors
    keepers = {
        (str(entry.data.get("kind")), str(entry.data.get("keeper")))
        for entry in log
        if entry.type == ANCHORED and entry.data.get("origin") == site and _size(entry) > needed
    }
    level = "anchored" if len(keepers) >= rules.needed else "not anchored"
    return {"required": rules.require, "keepers": len(keepers), "covers": needed, "level": level}


def _size(entry: Entry) -> int:
    size = entry.data.get("size")
    return size if isinstance(size, int) else 0
