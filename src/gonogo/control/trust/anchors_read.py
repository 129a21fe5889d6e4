"""Reading anchors for a verification: notes, branches with signed commits, time stamps with their authority (EVS-16).

What somebody hands over is a file with a checkpoint, a folder with a copy of the branch, or `FILE.tsr` beside the file
that was stamped; certificates of authorities are `*.pem` beside it. Each is verified before it says anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gonogo.adapters.anchors.git import GitBranch
from gonogo.adapters.anchors.tsa import root_digests, stamped_at
from gonogo.adapters.given_files import given_bytes
from gonogo.errors import BadInput
from gonogo.evidence.anchor_rules import BRANCH
from gonogo.evidence.signers import Ring
from gonogo.evidence.verifying_anchors import Outside
from gonogo.values import dataclass

STAMP: Final = ".tsr"
ROOT: Final = ".pem"


@dataclass(frozen=True, slots=True)
class AnchorsGiven:
    """The notes that somebody kept, and what branches and time stamps hold."""

    notes: tuple[bytes, ...]
    outside: tuple[Outside, ...]


def read_anchors(paths: Sequence[Path], ring: Ring) -> AnchorsGiven:
    """Everything that lies at `paths`; BadInput for what cannot be read, Tampered for what does not hold."""
    every = list(dict.fromkeys(inner for path in paths for inner in _spread(path)))
    stamped = {path.with_suffix("") for path in every if path.suffix == STAMP}
    plain = [path for path in every if path.is_file() and path.suffix not in {STAMP, ROOT}]
    notes = tuple(given_bytes(path) for path in plain if path not in stamped)
    found = [*_stamps(every, ring), *(item for path in every if path.is_dir() for item in _branch(path, ring))]
    return AnchorsGiven(notes, tuple(found))


def _spread(path: Path) -> Iterator[Path]:
    """A folder that is a copy of a repository stands for itself, any other for what lies in it."""
    if not path.is_dir() or (path / "HEAD").is_file() or (path / ".git").exists():
        yield path
        if path.suffix == STAMP:
            yield from sorted(path.parent.glob(f"*{ROOT}"))
        return
    for inner in sorted(path.iterdir()):
        yield from _spread(inner)


def _branch(path: Path, ring: Ring) -> Iterator[Outside]:
    rule = ring.anchors.git
    keys = [*(engine.key for engine in ring.engines), *(rule.signers if rule else ())]
    for kept in GitBranch(str(path.absolute()), rule.branch if rule else BRANCH).read(keys):
        yield Outside(kept.note, f"git commit {kept.commit[:12]}")


def _stamps(paths: Sequence[Path], ring: Ring) -> Iterator[Outside]:
    roots = [given_bytes(path) for path in paths if path.suffix == ROOT]
    for path in paths:
        if path.suffix == STAMP:
            data = given_bytes(path.with_suffix(""))
            name, root = _authority(roots, ring, str(path))
            yield Outside(data, f"time stamp of {name}", stamped_at(given_bytes(path), data, root, name=str(path)))


def _authority(roots: Sequence[bytes], ring: Ring, where: str) -> tuple[str, bytes]:
    """The authority that the trust files name and whose root lies there; without a rule, whatever root lies there."""
    for root in roots:
        digests = root_digests(root, name=where)
        listed = next((rule.name for rule in ring.anchors.tsa if rule.ca_sha256 in digests), None)
        if listed is not None or not ring.anchors.tsa:
            return listed or "an authority that you trust", root
    raise BadInput(
        "no root certificate of a listed authority lies beside the time stamp",
        where=where,
        next_step="get the root from the authority itself and put it there as a .pem file",
    )
