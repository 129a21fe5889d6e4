"""What a plan is compiled from: files with their names; apart from the compiler, which most commands do not need."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.evidence.signers import Ring
from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One input file: its name for messages, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything a plan is made of. `scripts` are the files that commands name, by path, with their digests.

    `approvers` is the approvers file, or the people as a package's policy names them. `gate_limits` is the file of
    `config/protocol_gates` about this protocol, where the project has one (CFG-01). `policy` is the policy that admins
    signed, where there is one; whoever gives it has verified their signatures (CFG-02). `openslo` is the file of
    further objectives, where the project names one.
    """

    document: Source
    sidecar: Source
    project: Source
    manifest: Source
    approvers: Source | Ring
    scripts: Mapping[str, Digest]
    gate_limits: Source | None = None
    policy: Source | None = None
    openslo: Source | None = None
