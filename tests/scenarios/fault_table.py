"""Every fault of the scenario suite, in the order of the protocol, and the page that is written from it."""

from __future__ import annotations

import re
from pathlib import Path

from faulty_releases import (
    AUDIT,
    DEPLOY,
    ROLL_BACK,
    TWICE,
    Fault,
    alertmanager,
    another_release,
    backdated,
    bandit,
    case,
    configured,
    edited_view,
    foreign_member,
    junit,
    left,
    no,
    nobody_asks,
    of_another_release,
    old,
    ordered,
    other_prometheus,
    own_release,
    poisoned,
    prometheus,
    replayed,
    sbom,
    scripted,
    shared_traffic,
    short_quorum,
    signed_upstream,
    staging_is_down,
    stale_prometheus,
    stored_evidence_changed,
    swapped,
    text,
    token_is_gone,
    truncated,
    unsigned,
    verdict,
    waits,
    withheld,
)
from observed_world import PROMETHEUS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

BEGIN, SIGNATURE = "Prerequisites", "the signature"
INTAKE, PARITY = "Confirm Upstream Approvals", "Validate Staging Parity"
REFRESHING = "Refresh Test Data and Feature Flags"
DEPLOYING, TESTS, BASELINE = "Rehearse the Deployment", "Run Smoke and Acceptance Tests", "Capture the Observability Baseline"
BACK, SCANS = "Rehearse the Rollback", "Complete Security and Compliance Checks"
SUPPORT, PACKAGE = "Verify Runbooks and Support Coverage", "Assemble the Go/No-Go Package"
REVIEW, CHECKLIST = "Conduct the Readiness Review", "Update the Deployment Checklist"
GATE_3 = "Rollback & Security Gate"

FRESH, SMOKE, WATCH = "fresh", "run-smoke-and-acceptance-tests", "capture-the-observability-baseline"
SCAN, OPS = "complete-security-and-compliance-checks", "verify-runbooks-and-support-coverage"
SEAL, DECIDE = "assemble-the-go-no-go-package", "conduct-the-readiness-review"
REHEARSE, CONFIRM = "rehearse-the-deployment", "confirm-upstream-approvals"
REFRESH = "refresh: refresh\ncommands:\n  refresh: {run: [bash, scripts/refresh.sh]}\n"

nothing = lambda trial: None  # noqa: E731 - what is wrong is how it goes on
UNFED = PROMETHEUS.replace("rule_files: [{rules}]\n", "")
EMPTY = "global: {{scrape_interval: 1s}}\nscrape_configs: []\n"

FAULTS: tuple[Fault, ...] = (
    Fault("an upstream package is missing", FRESH, no("upstream/QUALITY-AUDIT-PACKAGE.zip"), BEGIN, "QUALITY-AUDIT-PACKAGE.zip", quick=True),
    Fault("an upstream package is 31 days old", FRESH, old("upstream/UAT-CLOSURE-PACKAGE.zip", 31), BEGIN, "UAT-CLOSURE-PACKAGE.zip"),
    Fault("an upstream package is empty", FRESH, text("upstream/INTEGRATION-EVIDENCE.zip", ""), BEGIN, "INTEGRATION-EVIDENCE.zip"),
    Fault("an upstream package is truncated", FRESH, truncated(AUDIT), BEGIN, "is not a usable zip archive"),
    Fault("a member of an upstream package was changed", FRESH, foreign_member, BEGIN, "QUALITY-AUDIT-PACKAGE.zip: invalid"),
    Fault("an upstream package is about another release", FRESH, of_another_release, BEGIN, "QUALITY-AUDIT-PACKAGE.zip"),
    Fault("the audit did not recommend the release", FRESH, verdict("not_ready"), BEGIN, "not_ready"),
    Fault("an upstream package is not signed", FRESH, signed_upstream(""), BEGIN, "QUALITY-AUDIT-PACKAGE.zip", quick=True),
    Fault("an upstream package is signed by somebody of another role", FRESH, signed_upstream("po1"), BEGIN, "the signer is not listed as quality_engineer"),
    Fault("the artifact is not the one that the manifest names", FRESH, text("releases/v2/app.json", '{"version": "v2" }\n'), BEGIN, "releases/v2/app.json of shop has sha256"),
    Fault("the deployment token is not set", FRESH, token_is_gone, BEGIN, "credentials", quick=True),
    Fault("staging does not answer", FRESH, staging_is_down, BEGIN, "credentials"),
    Fault("Prometheus is down at the start", FRESH, prometheus("down"), BEGIN, "metric source"),
    Fault("Alertmanager is down at the start", FRESH, alertmanager("down"), BEGIN, "metric source", quick=True),
    Fault("nobody signs the upstream approvals", FRESH, nothing, SIGNATURE, "waiting at `scope`", how=waits),
    Fault("an upstream approval bears another person's key", FRESH, nothing, SIGNATURE, "", how=unsigned, quick=True),
    Fault("an upstream approval was signed four days before it was asked for", FRESH, nothing, SIGNATURE, "", how=backdated),
    Fault("an upstream approval was signed for another run", FRESH, another_release, SIGNATURE, "", how=replayed),
    Fault("whoever asks for the release approves its scope", FRESH, nothing, SIGNATURE, "", how=own_release),
    Fault("security withholds its clearance", FRESH, nothing, BEGIN, "", how=withheld("staging_clearance", "sec1")),
    Fault("an upstream package is gone once the approvals are there", CONFIRM, no("upstream/QUALITY-AUDIT-PACKAGE.zip"), INTAKE, "QUALITY-AUDIT-PACKAGE.zip"),
    Fault("a setting differs", FRESH, swapped("config/production.env", "TIMEOUT=30", "TIMEOUT=60"), PARITY, "/configuration/TIMEOUT", quick=True),
    Fault("a secret was rotated on one side", FRESH, swapped("config/production-secrets.env", "open-sesame", "other"), PARITY, "/secrets/LETTERBOX"),
    Fault("a feature flag is off in staging", FRESH, swapped("config/staging-flags.json", "true", "false"), PARITY, "/feature_flags/fast_lane"),
    Fault("a settings file is truncated", FRESH, text("config/production-flags.json", '{"fast_lane": '), PARITY, "production-flags.json"),
    Fault("the refresh of the test data fails", FRESH, scripted("refresh.sh", "exit 6\n", "commands:\n", REFRESH), REFRESHING, "it ended with exit status 6"),
    Fault("the deploy script ends with 0 and deploys nothing", FRESH, scripted("deploy_shop.sh", "echo done\n"), DEPLOYING, "v2 was deployed, but green says", quick=True),
    Fault("the deploy script fails", FRESH, scripted("deploy_shop.sh", "echo disk is full >&2; exit 3\n"), DEPLOYING, "it ended with exit status 3"),
    Fault("the deploy script hangs", FRESH, scripted("deploy_shop.sh", "sleep 60\n", "timeout: 10s\n    secrets", "timeout: 1s\n    secrets"), DEPLOYING, "it ran into its time limit"),
    Fault("the deploy script prints an error and ends with 0", FRESH, scripted("deploy_shop.sh", DEPLOY + "echo 'ERROR: the cache was not warmed' >&2\n"), DEPLOYING, "it printed an unexpected error (stderr line 1): ERROR: the cache was not warmed", quick=True),
    Fault("the deploy script installs another version", FRESH, scripted("deploy_shop.sh", DEPLOY.replace("releases/$3", "releases/v1")), DEPLOYING, "v2 was deployed, but green says"),
    Fault("the deploy script installs other bytes under the right version", FRESH, scripted("deploy_shop.sh", "mkdir -p other && echo '{\"version\": \"v2\", \"x\": 1}' > other/app.json\n" + DEPLOY.replace("releases/$3", "other")), DEPLOYING, "but runs artifact"),
    Fault("the deploy script is changed after the run was opened", REHEARSE, swapped("scripts/deploy_shop.sh", "deployed", "Deployed"), DEPLOYING, "was changed since the run was opened"),
    Fault("another rollout has left traffic on two versions", REHEARSE, shared_traffic, DEPLOYING, "no single serving slot"),
    Fault("no test is run", SMOKE, junit(""), TESTS, "", quick=True),
    Fault("fewer tests run than have to", SMOKE, junit(case("home") + case("health")), TESTS, "executed 2 of at least 3 cases"),
    Fault("a test fails because the service does", SMOKE, ordered("green", error_rate=1.0), TESTS, "home"),
    Fault("a test is skipped", SMOKE, junit(case("home") + case("health") + case("version", "<skipped/>")), TESTS, "executed 2 of at least 3 cases"),
    Fault("the test report is truncated", SMOKE, left("junit.xml", "<testsuites><testsuite", "scripts/tests.py"), TESTS, "junit.xml"),
    Fault("the tests leave no report", SMOKE, left("junit.xml", "", "scripts/tests.py"), TESTS, "left no junit.xml"),
    Fault("the test report is another tool's", SMOKE, left("junit.xml", "<html><body>fine</body></html>", "scripts/tests.py"), TESTS, "junit.xml"),
    Fault("Prometheus is down after the rehearsal", WATCH, prometheus("down"), BASELINE, "got no usable answer", quick=True),
    Fault("Prometheus takes too long", WATCH, prometheus("silent"), BASELINE, "timed out"),
    Fault("Prometheus succeeds with an empty vector", WATCH, other_prometheus("empty", EMPTY), BASELINE, "there is no series", quick=True),
    Fault("Prometheus scrapes no more", WATCH, stale_prometheus, BASELINE, "s old; 3 s are allowed"),
    Fault("nobody uses the new version: every rate is 0/0", WATCH, nobody_asks, BASELINE, "5 needed"),
    Fault("the latency lies above the last bucket", WATCH, ordered("green", settle=4.0, delay=1.2), BASELINE, "above the last bucket bound 1 s"),
    Fault("the saturation is no ratio", WATCH, ordered("green", settle=1.5, saturation=7), BASELINE, "which is no ratio"),
    Fault("a critical alert about staging fires", WATCH, poisoned, BASELINE, "ShopPoisoned (critical)", quick=True),
    Fault("Alertmanager is down after the rehearsal", WATCH, alertmanager("down"), BASELINE, "nobody can say which alerts of staging fire"),
    Fault("nobody evaluates the alerting rule", WATCH, other_prometheus("unfed", UNFED, 7.0), BASELINE, "has no alerting rule `ShopPoisoned`"),
    Fault("the rollback script fails", FRESH, scripted("rollback_shop.sh", "exit 4\n"), BACK, "it ended with exit status 4"),
    Fault("the rollback leaves the new version running", FRESH, scripted("rollback_shop.sh", "echo done\n"), BACK, "check `new version is gone`: fail"),
    Fault("the rollback restores the wrong version", FRESH, scripted("rollback_shop.sh", '"$1" -S service/slot.py start "$2" blue "$(cat config/blue-port.txt)" releases/v2/app.json\n'), BACK, "v2"),
    Fault("the rollback takes longer than its objective", FRESH, scripted("rollback_shop.sh", ROLL_BACK + "sleep 4\n", "rto: 20s", "rto: 3s"), BACK, "the objective is 3 s"),
    Fault("the environment is another one after the rollback", FRESH, scripted("rollback_shop.sh", ROLL_BACK + "echo LEFT=1 >> config/staging.env\n"), BACK, "the environment is not what it was before"),
    Fault("deploying again fails", FRESH, scripted("deploy_shop.sh", TWICE.format(then="exit 5") + DEPLOY), BACK, "it ended with exit status 5"),
    Fault("deploying again takes longer than the objective", FRESH, scripted("deploy_shop.sh", TWICE.format(then="sleep 4") + DEPLOY, "rto: 20s", "rto: 3s"), BACK, "deploying again took"),
    Fault("the scan left no report", SCAN, left("bandit.json", "", "scripts/scan.py"), SCANS, "left no bandit.json"),
    Fault("the scan skipped everything", SCAN, left("bandit.json", bandit({}), "scripts/scan.py"), SCANS, ""),
    Fault("the scan saw other files than the release", SCAN, left("bandit.json", bandit({"other.py": 10}), "scripts/scan.py"), SCANS, "service/shop.py"),
    Fault("the scan report is of another day", SCAN, left("bandit.json", bandit({"service/shop.py": 90}, "2026-01-01T00:00:00Z"), "scripts/scan.py"), SCANS, "before this scan began"),
    Fault("the scan report is truncated", SCAN, left("bandit.json", '{"errors": [', "scripts/scan.py"), SCANS, "bandit.json"),
    Fault("the scan report is another tool's", SCAN, left("bandit.json", '{"version": "2.1.0", "runs": []}', "scripts/scan.py"), SCANS, ""),
    Fault("the scan finds a high-severity call", SCAN, swapped("service/slot.py", "def stop(", 'def risky(x: str) -> None:\n    eval(x)\n\n\ndef stop('), GATE_3, ""),
    Fault("the artifact is changed after the rehearsal", SCAN, text("releases/v2/app.json", '{"version": "v2" }\n'), SCANS, "another digest than that of the release"),
    Fault("a part has a forbidden licence", SCAN, sbom("MIT", "AGPL-3.0-only"), GATE_3, ""),
    Fault("a part has a licence that nobody listed", SCAN, sbom("MIT", "WTFPL"), GATE_3, ""),
    Fault("the parts list is missing", SCAN, no("releases/v2/sbom.cdx.json"), SCANS, "sbom.cdx.json"),
    Fault("a runbook is 100 days old", OPS, old("docs/runbook.md", 100), SUPPORT, "docs/runbook.md"),
    Fault("a runbook is missing", OPS, no("docs/runbook.md"), SUPPORT, "docs/runbook.md"),
    Fault("nobody is the backup of whoever is on call", FRESH, configured(", backup: rm1}", "}"), SUPPORT, "backup"),
    Fault("stored evidence is changed on disk", SEAL, stored_evidence_changed, PACKAGE, "does not hash to its own name any more"),
    Fault("one person signs where two have to", DECIDE, nothing, SIGNATURE, "waiting at `readiness`", how=short_quorum),
    Fault("somebody edits what people read before they sign", DECIDE, nothing, SIGNATURE, "", how=edited_view),
    Fault("the release manager says no", DECIDE, nothing, REVIEW, "", how=withheld("readiness", "rm1")),
)


def cell(message: str) -> str:
    """A message as one cell of a Markdown table."""
    return message.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", "<br>")


HEAD = """# Faults of a release, and what stops them

One fault at a time is put into a release that is good but for it: a real service behind HAProxy, scraped by Prometheus,
which feeds Alertmanager. The table is written by the test that tries them (`tests/scenarios/test_observed_release.py`);
what changes with each run (digests, times, ports, lines) stands in capitals.

    GONOGO_WRITE_FAULTS=1 .venv/bin/python -m pytest tests/scenarios/test_observed_release.py -m "slow or not slow" -k fault

| fault | stopped by | message |
|---|---|---|
"""


def rows() -> dict[str, tuple[str, str]]:
    """The page's rows by fault: what stopped it, and the message as it stands in the table."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else ():
        cells = [part.strip() for part in re.split(r"(?<!\\\\)\|", line)]
        if line.startswith("| ") and cells[1] != "fault":
            found[cells[1]] = (cells[2], cells[3])
    return found


def write(fault: str, stopped_by: str, message: str) -> None:
    """Write one row, all rows in the order of the list."""
    known = rows() | {fault: (stopped_by, cell(message))}
    lines = [f"| {one.name} | {known[one.name][0]} | {known[one.name][1]} |\n" for one in FAULTS if one.name in known]
    PAGE.write_text(HEAD + "".join(lines), encoding="utf-8")
