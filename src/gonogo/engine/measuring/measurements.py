"""Every measurement by the name that a plan uses for it."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine import asking_hosts as hosts
from gonogo.engine import asking_together as services
from gonogo.engine import decisions_seen as decided
from gonogo.engine.bench import Measurement
from gonogo.engine.measuring import after, intake, production, readiness, rollout, small
from gonogo.engine.measuring import baseline as watching
from gonogo.engine.measuring import checklist as listing
from gonogo.engine.measuring import operations as operating
from gonogo.engine.measuring import parity as sides
from gonogo.engine.measuring import refresh as refreshing
from gonogo.engine.measuring import rehearsal as rehearsing
from gonogo.engine.measuring import security as scanning
from gonogo.engine.measuring import tests as testing
from gonogo.engine.measuring import world as outside

MEASUREMENTS: Mapping[str, Measurement] = {
    "observe": outside.observe,
    "candidate": outside.candidate,
    "host": hosts.new_on_host,
    "service": services.new_service,
    "host-now": hosts.host_now,
    "host-back": hosts.old_on_host,
    "serves-release": outside.serves_release,
    "restored": outside.restored,
    "prerequisites": intake.prerequisites,
    "intake": intake.intake,
    "parity": sides.parity,
    "refresh": refreshing.refresh,
    "rehearsal": rehearsing.rehearsal,
    "tests": testing.tests,
    "baseline": watching.baseline,
    "rollback-proof": rehearsing.rollback_proof,
    "security": scanning.security,
    "operations": operating.operations,
    "package-index": after.package_index,
    "readiness-approval": decided.readiness_approval,
    "checklist": listing.checklist,
    "readiness": readiness.readiness,
    "confirmations": production.confirmations,
    "window": production.window,
    "staging-check": production.staging_check,
    "freeze-begin": production.freeze_begin,
    "freeze": production.freeze,
    "dry-run": production.dry_run,
    "production-approval": decided.production_approval,
    "snapshot": rollout.snapshot,
    "deployment": small.deployed,
    "post-deployment": after.post_deployment,
    "notices": after.notices,
    "health": after.health,
    "release-report": after.written_report,
    "retrospective": after.retrospective,
    "report": after.report,
    "connectivity-staging": small.staging_connectivity,
    "connectivity": small.connectivity,
    "health-checks": small.health_checks,
    "staging-deployment": small.staging_deployment,
    "smoke": small.smoke,
    "performance": small.performance,
}
