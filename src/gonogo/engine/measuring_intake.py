"""Prerequisites and intake: artifacts, approvals and system states, before anything runs (PRE-01, INT-01..INT-09)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.handover import Handover, handover
from gonogo.engine.measuring_baseline import alerts_of
from gonogo.engine.measuring_world import reach
from gonogo.measure.figures import read_time
from gonogo.measure.intake import (
    PARITY_REPORT,
    ApprovalSeen,
    ArtifactSeen,
    FoundFile,
    GapRow,
    IntakeSeen,
    StateSeen,
    gap_rows,
    intake_body,
)
from gonogo.plan.model import Measure, Plan

PRODUCTION_DEPLOYMENT = "production-deployment"
CONNECTIVITY_REPORT = "connectivity-report.json"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "INTEGRATION-EVIDENCE.zip": ("integration-evidence-bundle.zip",),
    "UAT-CLOSURE-PACKAGE.zip": ("uat-approval-record.json", "uat-signoff.json"),
}


def asks_before_probing(plan: Plan) -> bool:
    """Whether this plan probes production only after a person's confirmation (CON-02)."""
    return any(task.act == Measure("connectivity") for stage in plan.stages for task in stage.tasks)


def _artifacts(bench: Bench) -> tuple[ArtifactSeen, ...]:
    found = []
    earlier = handover(bench) if bench.plan.environment == "production" else None
    for name, source, optional in bench.plan.artifacts:
        if "*" in name:
            continue
        binding = bench.plan.project.artifacts.get(name)
        waived = bool(binding and binding.optional) and bench.plan.environment == "staging"
        path = binding.path if binding else _default_path(bench, name)
        age = timedelta(seconds=float(binding.max_age)) if binding else timedelta(days=30)
        files = tuple(one for one in (_found(bench, name, path, earlier),) if one)
        found.append(
            ArtifactSeen(
                name=name,
                source=(binding.source if binding else "") or source,
                required=not (optional or waived),
                found=files,
                max_age=age,
                release_digest=bench.plan.release.digest,
                aliases=ALIASES.get(name, ()),
            )
        )
    return tuple(found)


def _default_path(bench: Bench, name: str) -> str:
    base = name.rpartition("/")[2]
    if base == "release-manifest.json":
        return bench.plan.project.manifest.replace("{release}", bench.plan.release.version)
    return base


def _found(bench: Bench, name: str, path: str, earlier: Handover | None) -> FoundFile | None:
    handed = earlier.file(name) if earlier else None
    if handed is not None:
        return FoundFile(handed.digest, handed.size, handed.at, readable=True, verified=True)
    seen = bench.world.files.see(path)
    if seen.digest is None or seen.modified is None:
        return None
    readable = seen.size > 0
    return FoundFile(seen.digest, seen.size, seen.modified, readable=readable, verified=readable)


def _states(bench: Bench) -> tuple[StateSeen, ...]:
    proven_later = {"parity": PARITY_REPORT}
    if asks_before_probing(bench.plan):
        proven_later |= {"credentials": CONNECTIVITY_REPORT, "metrics": CONNECTIVITY_REPORT}
    return tuple(
        StateSeen(stated, probe, _state_holds(bench, probe), bench.now, proven_later.get(probe))
        for probe, stated in bench.plan.states
    )


def _state_holds(bench: Bench, probe: str) -> bool | None:
    match probe:
        case "parity":
            return None
        case "scripts":
            return bool(bench.plan.scripts) and all(
                bench.world.files.see(path).digest == digest for path, digest in bench.plan.scripts.items()
            )
        case "metrics" | "credentials" if asks_before_probing(bench.plan):
            # Production is probed only after a person confirmed it (CON-02); the connectivity step proves both then.
            return None if probe == "metrics" or _reached(bench, "staging") else False
        case "metrics":
            environment = bench.environment(bench.plan.environment)
            source = bench.world.metrics.get(environment.name)
            known, _ = alerts_of(bench, environment.kind)
            return bool(source and source.sample().slots) and known is not None
        case "credentials":
            return _reached(bench, bench.plan.environment)
        case _:
            return None


def _reached(bench: Bench, kind: str) -> bool:
    names = {name for command in bench.plan.project.commands.values() for name in command.secrets}
    secrets = all(bench.world.environ.get(name) for name in names)
    return secrets and all(ok for _, ok, _ in reach(bench, kind))


def prerequisites(bench: Bench) -> Looked:
    """All artifacts and system states at once, before anything runs; what is missing is listed whole (PRE-01)."""
    body = intake_body(IntakeSeen(_artifacts(bench), (), _states(bench)), bench.now)
    lacking = [_sentence(gap) for gap in gap_rows(body) if not _is_open_state(bench, gap.item)]
    scripts = [
        command.name for command in bench.plan.project.commands.values() if not _runs_something(bench, command.run)
    ]
    lacking += [f"command `{name}` names no file that is there" for name in scripts]
    lacking += foreign_artifacts(bench)
    report = bench.json(
        "prerequisites-validation.json",
        {
            "status": "missing" if lacking else "success",
            "strict": True,
            "artifacts": body["artifacts"],
            "system_states": body["system_states"],
            "authorises_production": False,
        },
    )
    return Looked(ok=not lacking, files=(report,), detail=_missing(bench, lacking) if lacking else "")


def _missing(bench: Bench, lacking: list[str]) -> str:
    lines = ["prerequisites are missing:", *(f"  - {line}" for line in lacking)]
    if bench.plan.name == PRODUCTION_DEPLOYMENT and handover(bench) is None:
        lines.append(f"  next: gonogo run pre-deployment --release {bench.plan.release.version}")
    else:
        lines.append(f"  next: provide what is listed, then lift the halt: gonogo resume {bench.run}")
    return "\n".join(lines)


def _sentence(gap: GapRow) -> str:
    """What is missing, why, and who can supply it (INT-04)."""
    why = gap.detail or gap.cause.replace("_", " ")
    supplier = f"; {gap.source} can supply it" if gap.source else ""
    optional = "" if gap.required else " (optional, but what is there has to hold)"
    return f"{gap.item}: {gap.state}{f', {why}' if why else ''}{supplier}{optional}"


def foreign_artifacts(bench: Bench) -> list[str]:
    """Services whose artifact is not the one that the release manifest names by digest (PRE-05)."""
    found = []
    for service in bench.plan.release.services:
        seen = bench.world.files.see(service.artifact)
        if seen.digest is None:
            found.append(f"{service.artifact} of {service.name}: {seen.why or 'it is missing'}")
        elif seen.digest != service.digest:
            stated = f"the release manifest states sha256 {service.digest[:12]}…"
            found.append(f"{service.artifact} of {service.name} has sha256 {seen.digest[:12]}…, {stated}")
    return found


def _is_open_state(bench: Bench, name: str) -> bool:
    return any(stated == name and _state_holds(bench, probe) is None for probe, stated in bench.plan.states)


def _runs_something(bench: Bench, argv: tuple[str, ...]) -> bool:
    files = [part for part in argv if "/" in part and "{" not in part and not part.startswith(("-", "/"))]
    return all(bench.world.files.see(part).digest for part in files)


def intake(bench: Bench) -> Looked:
    """Artifacts again, approvals as they were signed in this run, states (INT-01..INT-09)."""
    body = intake_body(IntakeSeen(_artifacts(bench), _approvals(bench), _states(bench)), bench.now)
    status = body["intake_validation"]
    ok = isinstance(status, Mapping) and status.get("status") == "pass"
    lacking = "\n".join(("intake is not complete:", *(f"  - {_sentence(gap)}" for gap in gap_rows(body))))
    return Looked(ok=ok, files=(bench.json("intake-validation-report.json", body),), detail="" if ok else lacking)


def _approvals(bench: Bench) -> tuple[ApprovalSeen, ...]:
    found = []
    for item in bench.state.rounds.values():
        if item.kind != "approval" or item.status not in {"open", "used"}:
            continue
        for answer in item.answers:
            granted = answer.decision == "go"
            expires = read_time(item.expires_at.replace(".000Z", "Z"))
            found.append(
                ApprovalSeen(
                    item.point, answer.role, answer.person, answer.at, expires, signature_verified=True, granted=granted
                )
            )
    return tuple(found)
