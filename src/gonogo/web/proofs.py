"""What a rollback rehearsal proved, as its report says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass

ROLLBACK_REPORT: Final = "rollback-verification-report.json"


@dataclass(frozen=True, slots=True)
class Proof:
    """A rollback rehearsal on file: what was taken back to what, how fast, and until when that proves something."""

    run: RunId
    release: str
    status: str
    method: str
    recovery: str
    rto: str
    to_version: str
    verified_at: str
    expires_at: str
    sha256: Digest


def proof_of(run: RunId, release: str, body: Mapping[str, Tree], digest: Digest) -> Proof:
    """The figures of a rehearsal from its report (F5)."""
    part = body.get("rollback_verification")
    said = part if isinstance(part, Mapping) else {}
    text = {name: str(said.get(name) or "") for name in ("status", "method", "recovery_time", "rto", "to_version")}
    return Proof(
        run=run,
        release=release,
        status=text["status"] or "inconclusive",
        method=text["method"].replace("_", " "),
        recovery=text["recovery_time"],
        rto=text["rto"],
        to_version=text["to_version"],
        verified_at=str(said.get("verified_at") or ""),
        expires_at=str(body.get("expires_at") or ""),
        sha256=digest,
    )
