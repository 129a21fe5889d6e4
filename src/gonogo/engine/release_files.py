"""Whether the files of a release are still those that its manifest names by digest, and evidence is what was sealed."""

from __future__ import annotations

from gonogo.engine.bench import Bench
from gonogo.errors import GonogoError, Refused, Tampered


def foreign_artifacts(bench: Bench, service: str = "") -> list[str]:
    """Services, all or one, whose artifact is not the one that the release manifest names by digest (PRE-05)."""
    found = []
    for each in bench.plan.release.services:
        if service not in {"", each.name}:
            continue
        seen = bench.world.files.see(each.artifact)
        if seen.digest is None:
            found.append(f"{each.artifact} of {each.name}: {seen.why or 'it is missing'}")
        elif seen.digest != each.digest:
            stated = f"the release manifest states sha256 {each.digest[:12]}…"
            found.append(f"{each.artifact} of {each.name} has sha256 {seen.digest[:12]}…, {stated}")
    return found


def demand_own_artifact(bench: Bench, service: str) -> None:
    """Tampered where a deployment would be handed another file than the manifest names."""
    if foreign := foreign_artifacts(bench, service):
        raise Tampered(
            "; ".join(foreign), next_step="restore the file, or release the new one under a version of its own"
        )


def demand_same_bytes(bench: Bench) -> None:
    """Refused where what people signed for is no longer what lies there: the artifacts, or the run's evidence.

    The ledger holds digests only; an approval that covers them carries an act as long as the bytes are those.
    """
    if foreign := foreign_artifacts(bench):
        raise Refused(
            f"what was approved is no longer what would be deployed: {'; '.join(foreign)}",
            next_step="restore the file, or open a run for the release that it belongs to",
        )
    for item in bench.state.evidence.values():
        try:
            bench.world.vault.read(item.digest, limit=item.size)
        except GonogoError as error:
            raise Refused(
                f"the evidence {item.name} is no longer what was sealed: {error.what}",
                next_step="restore it from a backup, or measure it again in a new run",
            ) from error
