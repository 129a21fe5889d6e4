"""Which fields each evidence file must have: the required fields of F1 to F28, F48 and F51 to F53, and of the header.

A `*` in a place stands for every entry of a list. Fields that a file may leave out are not listed; a figure that could
not be measured is missing here as it is missing for the gate (III.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Shape: TypeAlias = Mapping[str, str]
"""Place of an object (a JSON pointer, empty for the body itself) to the names of its required fields."""

HEADER: Shape = {
    "": "schema artifact protocol run_id attempt release generated_at producer inputs mode",
    "/release": "id version digest",
    "/producer": "kind id role",
    "/inputs/*": "name sha256",
}

_DECISION = "role person decision reason decided_at expires_at key_id signature"
_SUBJECT = "package_sha256 release_digest lock_sha256 evidence_manifest_sha256"
_TARGET = "environment target reachable at"
_SERVICE_PROBE = "environment service healthy detail at"
_SERVICES: Shape = {
    "": "deployment services",
    "/deployment": "status deployed_rate healthy_rate errors started_at ended_at",
    "/services/*": "service version digest deployed healthy",
}

SHAPES: Mapping[str, Shape] = {
    "intake-validation-report.json": {
        "": "intake_validation artifacts approvals system_states renewal_requests",
        "/intake_validation": "status completeness_score approval_coverage checked_at",
        "/artifacts/*": "name from required present verified state detail",
        "/approvals/*": "kind role signature_verified state",
        "/system_states/*": "name probe state checked_at",
        "/renewal_requests/*": "item owner sent_at due",
    },
    "staging-parity-report.json": {
        "": "staging_parity sources differences not_comparable",
        "/staging_parity": (
            "drift_severity drift_metric parity_score configuration_metric compared differing not_comparable"
        ),
        "/sources": "staging production rules",
        "/sources/staging": "name sha256",
        "/sources/production": "name sha256",
        "/sources/rules": "name sha256",
        "/differences/*": "path class staging production severity weight cause",
        "/not_comparable/*": "path reason",
    },
    "staging-test-results.json": {
        "": "test_execution suites failures",
        "/test_execution": (
            "status coverage pass_rate targeted executed passed failed skipped critical_failed started_at ended_at"
        ),
        "/suites/*": "name kind targeted executed passed failed raw",
        "/suites/*/raw/*": "name sha256",
        "/failures/*": "test critical",
    },
    "rehearsal-report.json": {
        "": "deployment_status deployment commands log state_after",
        "/deployment": "success_rate error_count blocking_errors started_at ended_at",
        "/commands/*": "n argv script_sha256 started_at ended_at exit_code repeatable log_range",
        "/log": "name sha256",
        "/state_after": "version fingerprint",
    },
    "rollback-verification-report.json": {
        "": "rollback_verification steps checks_after fingerprint_before fingerprint_after",
        "/rollback_verification": ("status method recovery_time rto within_rto from_version to_version state_restored"),
        "/steps/*": "n argv started_at ended_at duration exit_code",
        "/checks_after/*": "name result",
    },
    "security-compliance-report.json": {
        "": "security_scan findings licences compliance approvals raw",
        "/security_scan": "blocking_findings max_open_severity open resolved scanned_digest",
        "/findings/*": "id source severity blocking component state cause",
        "/licences": "policy components forbidden unknown",
        "/compliance": "score controls",
        "/compliance/controls/*": "id standard state",
        "/raw/*": "name sha256",
    },
    "pre-deployment-manifest.json": {
        "": "package completeness item_count items metrics",
        "/package": "name sha256 size members",
        "/completeness": "required all",
        "/items/*": "name path required present validator",
        "/metrics": "checklist_coverage",
    },
    "readiness-approval.json": {
        "": "readiness_approval subject approvals risks action_items",
        "/readiness_approval": "status coverage latency_hours requested_at",
        "/subject": _SUBJECT,
        "/approvals/*": _DECISION,
        "/risks/*": "id text severity mitigation state",
        "/action_items/*": "text owner due state",
    },
    "deployment-checklist.json": {
        "": "deployment_checklist items communication_plan source changes compared_with",
        "/deployment_checklist": "status coverage completed total",
        "/items/*": "id text phase owner required state",
        "/changes/*": "item change was now",
        "/communication_plan/*": "when audience channel",
        "/source": "name sha256",
    },
    "deployment-readiness-checklist.json": {
        "": "readiness items approvals rollback_plan",
        "/readiness": "completion approvals_recorded rollback_plan_verified blocking_issues",
        "/items/*": "name from required present current verified",
        "/approvals/*": "role state",
        "/rollback_plan": "name sha256",
    },
    "release-manifest.confirmations.json": {
        "": "confirmation services stakeholders",
        "/confirmation": "complete required received",
        "/services/*": "name version digest owner rollback security_impact",
        "/stakeholders/*": "person role",
    },
    "staging-validation-results.json": {
        "": "staging_validation reviewed_logs checks fingerprint",
        "/staging_validation": "status fresh reason drift_severity new_drift",
        "/reviewed_logs/*": "name sha256 reviewer",
        "/checks/*": "name result at",
    },
    "change-freeze-confirmation.json": {
        "": "freeze branch_lock queued_changes acknowledgements",
        "/freeze": "started_at ends_at acknowledgement_rate required acknowledged",
        "/branch_lock": "branch locked probe_at",
        "/queued_changes/*": "id conflicts",
        "/acknowledgements/*": "person role at key_id signature",
    },
    "production-approval.json": {
        "": "production_approval subject decisions",
        "/production_approval": "status quorum_met requested_at valid_until",
        "/subject": f"{_SUBJECT} deployment_plan_sha256",
        "/decisions/*": _DECISION,
    },
    "production-deployment-report.json": {
        "": "deployment actions analyses approval_sha256 snapshot_sha256",
        "/deployment": "status strategy started_at ended_at duration downtime failed_requests",
        "/actions/*": "n kind target argv started_at ended_at exit_code",
        "/analyses/*": "metric verdict",
    },
    "post-deployment-validation.json": {
        "": "post_deployment checks metrics_snapshot incidents",
        "/post_deployment": "status success_rate executed passed blocking_incidents started_after",
        "/checks/*": "name kind critical result at detail",
        "/metrics_snapshot/*": "metric value unit at",
        "/incidents/*": "id severity blocking",
    },
    "rollback-snapshot.json": {
        "": "snapshot contents",
        "/snapshot": "id taken_at environment digest readable restore_command",
        "/contents/*": "service version digest",
    },
    "connectivity-report.json": {
        "": "connectivity targets",
        "/connectivity": "rate reachable total",
        "/targets/*": _TARGET,
    },
    "health-check-report.json": {
        "": "health services",
        "/health": "rate healthy total",
        "/services/*": _SERVICE_PROBE,
    },
    "validation.json": {
        "": "status connectivity health alerts parts targets services",
        "/connectivity": "rate reachable total",
        "/health": "rate healthy total",
        "/alerts": "critical items",
        "/alerts/items/*": "id severity since",
        "/parts/*": "name sha256",
        "/targets/*": _TARGET,
        "/services/*": _SERVICE_PROBE,
    },
    "smoke-test-results.json": {
        "": "smoke tests",
        "/smoke": "status critical_pass_rate pass_rate executed passed failed",
        "/tests/*": "name critical result duration detail",
    },
    "staging-deployment.json": _SERVICES,
    "production-deployment.json": {**_SERVICES, "": "deployment services approval_sha256"},
    "performance-baseline.json": {
        "": "performance metrics",
        "/performance": "out_of_range captured_at window",
        "/metrics/*": "metric value unit in_range",
    },
    "deployment-health-log.json": {
        "": "health slos observations series",
        "/health": "status window_start window_end extended breaches samples samples_missing",
        "/slos/*": "name objective comparison unit worst verdict",
        "/observations/*": "at anomaly decision by",
        "/series/*": "metric points_sha256",
    },
    "retrospective-inputs.json": {
        "": "retrospective improvements follow_ups figures",
        "/retrospective": "documented summary",
        "/improvements/*": "text owner source",
        "/follow_ups/*": "text owner state",
        "/figures": "duration halts failed_gates waivers waiting_for_people",
    },
    "observability-baseline.json": {
        "": "captured_at window metrics dashboards",
        "/metrics/*": "metric statistic value unit",
        "/dashboards/*": "name reference",
    },
    "operational-readiness.json": {
        "": "operations runbooks on_call escalation",
        "/operations": "status gaps checked_at",
        "/runbooks/*": "name service updated_at current",
        "/on_call/*": "function primary backup from to",
        "/escalation/*": "level contact reachable",
    },
    "deployment-report.json": {
        "": "report sections outcome",
        "/report/completeness": "required all",
        "/sections/*": "name required present from",
        "/sections/*/from/*": "name sha256",
    },
    "staging-data-refresh.json": {
        "": "refreshed environment",
        "/refreshed/*": "kind name source version started_at ended_at result",
    },
    "rollback-plan.json": {
        "": "triggers steps rehearsed rto",
        "/triggers/*": "condition severity",
        "/steps/*": "n argv script_sha256 expected",
        "/rehearsed": "report_sha256 recovery_time",
    },
    "communications.json": {
        "": "messages",
        "/messages/*": "at run_id sender channel recipients prefix text event delivered attempts",
    },
    "prerequisites-validation.json": {
        "": "status strict mode artifacts system_states environment permissions authorises_production",
        "/artifacts/*": "name from required present verified state detail",
        "/environment/*": "variable set",
        "/permissions/*": "path need ok",
    },
    "validation-report.json": {
        "": "result mode advisory gates manifest_verified log_errors success_criteria",
        "/gates/*": "gate name verdict judged failed",
        "/success_criteria/*": "name met",
    },
    "evidence-manifest.json": {
        "": "artifacts dependencies transformations coverage audit_head",
        "/artifacts/*": "name paths sha256 size media_type created_at producer validator consumers required",
        "/coverage": "required present rate",
        "/audit_head": "sequence hash",
    },
}
"""Every evidence file that is measured or computed here, with its required fields."""
