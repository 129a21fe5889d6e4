"""Packages: every file that the ledger names, sealed and signed by the engine's key (PKG-01..PKG-06, REP-02)."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata, resources

from gonogo.engine.bench import Bench, Produced
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.engine.crash_points import PACKAGE_BUILT
from gonogo.engine.handover import handover
from gonogo.engine.placing import place_of
from gonogo.engine.writing import append, show
from gonogo.evidence.artifacts import ArtifactNote, Exchanged, Lineage
from gonogo.evidence.attesting import attested
from gonogo.evidence.ledger import Entry
from gonogo.evidence.package import codec, write_package
from gonogo.evidence.packing import (
    PackageFacts,
    SealSignatures,
    Tool,
    checkpoint_of,
    envelope_signing_bytes,
    input_paths,
    package_files,
    seal_payload,
    seal_signing_bytes,
    wanted,
    with_seal,
)
from gonogo.evidence.policy import policy_bytes
from gonogo.evidence.signers import EngineKey as ListedEngine
from gonogo.evidence.signers import Ring, allowed_signers, revoked_keys
from gonogo.evidence.sshkeys import public_key
from gonogo.plan.digest import plan_bytes
from gonogo.plan.model import Seal, Stage
from gonogo.reports.standing import rules_in_force
from gonogo.run.events import CheckpointMade, Event, PackageSealed, PlanBound, TaskFinished, recorded
from gonogo.run.machine import outcome_of
from gonogo.terms import Digest, digest_of

NAMES: Mapping[str, str] = {
    "readiness": "PRE-DEPLOYMENT-PACKAGE.zip",
    "handoff": "PROTOCOL-14-EVIDENCE.zip",
    "deployment": "DEPLOYMENT-EVIDENCE.zip",
}
DECISIONS: Mapping[str, str] = {"ready": "go", "released": "go", "rolled_back": "rolled_back", "aborted": "aborted"}
VERIFIERS = ("README-VERIFY.txt", "verify.py", "verify.sh")
LIBRARY = "gonogo.library"
ENVIRONMENTS = ("production", "staging")


def seal_package(bench: Bench) -> None:
    """Build the package of this task from the ledger as it is now, sign it, store it, record it."""
    assert isinstance(bench.task.act, Seal)
    kind = bench.task.act.package
    entries = bench.world.journal.entries(bench.run)
    ring = engine_ring(bench)
    note = signed_checkpoint(bench.world, ring.site, f"{ring.site}/{bench.run}", entries)
    decision = "pending" if kind == "readiness" else DECISIONS[outcome_of(bench.plan, bench.state)]
    key = public_key(bench.world.key.public_line())
    facts = attested(_facts(bench, kind, decision, entries, note, ring), key, bench.world.key.sign)
    members = package_files(facts)
    payload = seal_payload(facts, members)
    environment = bench.plan.environment
    signatures = SealSignatures(
        key,
        bench.world.key.sign(seal_signing_bytes(payload, environment)),
        bench.world.key.sign(envelope_signing_bytes(payload)),
    )
    out = io.BytesIO()
    compact = bench.plan.project.compact_packages
    size = write_package(with_seal(members, payload, environment, signatures), out, compact=compact)
    data = out.getvalue()
    bench.world.crash(PACKAGE_BUILT)
    digest = bench.world.vault.put(data)
    name = NAMES[kind]
    checkpoint = checkpoint_of(ring.site, bench.run, entries)
    events: list[Event] = [
        CheckpointMade(len(entries), checkpoint.root.hex(), bench.world.vault.put(note)),
        PackageSealed(kind, name, digest, size, len(members) + 3),
        TaskFinished(bench.task.id, bench.attempt, 0, "ok", {"sha256": digest}, None),
    ]
    append(bench, events)
    show(bench, (Produced(name, data),))


def engine_ring(bench: Bench) -> Ring:
    """The pinned people, with this engine's own key where the approvers file does not list it."""
    key = public_key(bench.world.key.public_line())
    ring = bench.plan.ring
    if any(engine.key.blob == key.blob for engine in ring.engines):
        return ring
    return replace(ring, engines=(*ring.engines, ListedEngine(_engine_name(bench), key)))


def _engine_name(bench: Bench) -> str:
    return str(bench.actor).partition(":")[2] if str(bench.actor).startswith("engine:") else "local"


def _facts(bench: Bench, kind: str, decision: str, entries: tuple[Entry, ...], note: bytes, ring: Ring) -> PackageFacts:
    plan, vault = bench.plan, bench.world.vault
    bound = next(event for entry in entries if isinstance(event := recorded(entry).event, PlanBound))
    before = handover(bench) if plan.environment == "production" else None
    place = place_of(bench.world, ring.site, bench.run, before.run if before else None)
    signers, revoked = allowed_signers(ring, ENVIRONMENTS), revoked_keys(ring)
    trust = {
        "policy.json": policy_bytes(ring, signers, revoked),
        "allowed_signers": signers,
        "revoked_keys": revoked,
        **_signed_policy(bench, bound),
    }
    return PackageFacts(
        package=kind,
        site=ring.site,
        run_id=bench.run,
        environment=plan.environment,
        slug=plan.slug,
        version=plan.release.version,
        decision=decision,
        entries=entries,
        blobs={digest: vault.read(digest, limit=1 << 30) for digest in wanted(entries)},
        document=vault.read(bound.inputs["document"]),
        lock=plan_bytes(plan),
        release_manifest=vault.read(bound.inputs["manifest"]),
        inputs={
            path: vault.read(bound.inputs[name])
            for name, path in input_paths(plan.slug).items()
            if name in bound.inputs
        },
        checkpoint=note,
        tool=_tool(),
        lineage=lineage(bench),
        sequence=place.sequence,
        codec=codec() if plan.project.compact_packages else "stored",
        previous_package=place.previous,
        proofs=place.proofs,
        trust=trust,
        packages=_packages(bench, kind),
        rules_in_force=rules_in_force(plan, bench.state.trust),
        verifiers=_verifiers(),
    )


def _signed_policy(bench: Bench, bound: PlanBound) -> dict[str, bytes]:
    """The policy that admins signed, and their signatures, as they lay there when the run was opened (CFG-02)."""
    return {
        f"signed/{bound.names[name].rpartition('/')[2]}": bench.world.vault.read(digest)
        for name, digest in bound.inputs.items()
        if name == "policy" or (name.startswith("policy.") and "policy" in bound.inputs)
    }


def _packages(bench: Bench, kind: str) -> dict[str, bytes]:
    sealed = bench.state.packages.get("readiness")
    if kind != "handoff" or sealed is None:
        return {}
    return {sealed.name: bench.world.vault.read(sealed.sha256, limit=1 << 30)}


def _verifiers() -> dict[str, bytes]:
    folder = resources.files(LIBRARY)
    return {name: path.read_bytes() for name in VERIFIERS if (path := folder.joinpath(name)).is_file()}


def _tool() -> Tool:
    version = metadata.version("gonogo")
    return Tool("gonogo", version, digest_of(f"gonogo {version} python {platform.python_version()}".encode()))


def lineage(bench: Bench) -> Lineage:
    """What each artifact of a run is for, where it came from and who takes it (EVS-12)."""
    plan = bench.plan
    required = {name for stage in plan.stages for name in stage.evidence if _reached(bench, stage)}
    gates = {name: rule.id for rule in plan.gates.values() for name in rule.evidence}
    consumers: dict[str, list[str]] = {}
    for name, protocol in plan.outputs:
        consumers.setdefault(name, []).append(protocol)
    notes = {
        name: ArtifactNote(required=name in required, gate=gates.get(name), consumers=tuple(consumers.get(name, ())))
        for name in {*bench.state.evidence, *required}
    }
    upstream = tuple(
        Exchanged(source, name, digest)
        for name, source, _ in plan.artifacts
        if (digest := _upstream_digest(bench, name)) is not None
    )
    downstream = tuple(Exchanged(protocol, name) for name, protocol in plan.outputs)
    return Lineage(notes, upstream, downstream)


def _reached(bench: Bench, stage: Stage) -> bool:
    """Whether the run has come to this step: what later steps will write is not lacking yet."""
    return any(task.id in bench.state.tasks for task in stage.tasks)


def _upstream_digest(bench: Bench, name: str) -> Digest | None:
    binding = bench.plan.project.artifacts.get(name)
    return bench.world.files.see(binding.path).digest if binding else None
