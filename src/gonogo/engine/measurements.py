"""Every measurement by the name that a plan uses for it."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine import decisions_seen as decided
from gonogo.engine import measuring_after as after
from gonogo.engine import measuring_production as production
from gonogo.engine import measuring_staging as staging
from gonogo.engine import measuring_world as outside
from gonogo.engine.bench import Measurement

MEASUREMENTS: Mapping[str, Measurement] = {
    "observe": outside.observe,
    "candidate": outside.candidate,
    "serves-release": outside.serves_release,
    "restored": outside.restored,
    "prerequisites": staging.prerequisites,
    "intake": staging.intake,
    "parity": staging.parity,
    "refresh": staging.refresh,
    "rehearsal": staging.rehearsal,
    "tests": staging.tests,
    "baseline": after.baseline,
    "rollback-proof": staging.rollback_proof,
    "security": staging.security,
    "operations": staging.operations,
    "package-index": after.package_index,
    "readiness-approval": decided.readiness_approval,
    "checklist": staging.checklist,
    "readiness": production.readiness,
    "confirmations": production.confirmations,
    "window": production.window,
    "staging-check": production.staging_check,
    "freeze-begin": production.freeze_begin,
    "freeze": production.freeze,
    "dry-run": production.dry_run,
    "production-approval": decided.production_approval,
    "snapshot": production.snapshot,
    "deployment": after.deployed,
    "post-deployment": after.post_deployment,
    "notices": after.notices,
    "health": after.health,
    "release-report": after.written_report,
    "retrospective": after.retrospective,
    "report": after.report,
    "connectivity": after.connectivity,
    "health-checks": after.health_checks,
    "staging-deployment": after.staging_deployment,
    "smoke": after.smoke,
    "performance": after.performance,
}
