"""Protocols of one step and one gate, so that a check can be tried on a whole run in a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.run.machine import Over
from gonogo.terms import RunId
from tests.projects import Project

DOCUMENT = """# PROTOCOL 78: ONE CHECK (TRIAL COMPLIANT)

## PREREQUISITES

**[STRICT]** The scripts are there.

### Required Artifacts

- [ ] `release-manifest.json` from Release Planning – what is checked

### System State Requirements

- [ ] The scripts can be read, and their digests are pinned

## AI ROLE AND MISSION

You are a **Release Engineer**. Your mission is to look once and to write down what was seen.

**🚫 [CRITICAL] DO NOT go on unless the check passed.**

## ONE CHECK WORKFLOW

### STEP 1: Looking

1. **`[MUST]` Look Once:**
   * **Action:** Do the check.
   * **Communication:**
     > "[CHECK] Looking..."
   * **Halt condition:** Stop if the check shows a fault.
   * **Evidence:** `.artifacts/one-check/{file}` with what was seen.

## QUALITY GATES

### Gate 1: Check Gate
**Type:** Execution
**Purpose:** The check passed.

**Pass Criteria:**
- **Boolean Check:** `{metric} = {value}`.
- **Metrics:** {metric}.
- **Evidence Link:** `.artifacts/one-check/{file}`.

**Failure Handling:** Halt; look again.
- **Rollback:** Nothing was changed, so nothing goes back.
- **Notification:** Release Engineer
- **Waiver:** Not permitted.

## INTEGRATION POINTS

### Inputs From:
- **Release Planning**: `release-manifest.json` – what is checked

### Outputs To:
- **Book Keeping**: `{file}` – what was seen

### Artifact Storage Locations:
- `.artifacts/one-check/` – evidence of the check

## COMMUNICATION PROTOCOLS

### Status Announcements:
```
[CHECK PHASE 1] - Beginning Looking...
```

## HANDOFF CHECKLIST

### Pre-Handoff Validation:
- [ ] The check passed

### Handoff to Book Keeping:
**[PROTOCOL COMPLETE]** - Looked. Ready for Book Keeping

**Evidence Package:**
- `{file}` – what was seen

## EVIDENCE SUMMARY

### Generated Artifacts:
| Artifact | Location                  | Purpose       | Consumer     |
| -------- | ------------------------- | ------------- | ------------ |
| `{file}` | `.artifacts/one-check/` | What was seen | Book Keeping |
"""

SIDECAR = """schema: gonogo/sidecar/1
protocol: one-check
name: one-check
environment: staging
role: Release Engineer
next: book-keeping
metrics:
  {metric}: {{file: {file}, pointer: /{pointer}, unit: {unit}}}
steps:
  looking/look-once: {{does: {activity}}}
states: [scripts]
external: [release-manifest.json]
guardrail:
  - {{text: the check passed, by: gate check-gate}}
"""

CHECKS = {
    "tests": ("staging-test-results.json", "test_execution.status", "pass", "word"),
    "security": ("security-compliance-report.json", "security_scan.blocking_findings", "0", "count"),
    "operations": ("operational-readiness.json", "operations.status", "pass", "word"),
    "parity": ("staging-parity-report.json", "staging_parity.drift_severity", "none", "word"),
}
"""The activity of a step with its file, the metric of its gate, the value that passes, and the unit."""


@dataclass(frozen=True)
class Seen:
    """What came of one run: its outcome (empty where it halted), its evidence, what it said."""

    run: RunId
    outcome: str
    said: str
    passed: bool


def one_check(project: Project, activity: str) -> Project:
    """Bind a protocol `one-check` whose only step does `activity`."""
    file, metric, value, unit = CHECKS[activity]
    words = {"file": file, "metric": metric, "value": value, "unit": unit, "activity": activity}
    project.write("protocols/one-check.md", DOCUMENT.format(**words))
    project.write("protocols/one-check.gonogo.yaml", SIDECAR.format(pointer=metric.replace(".", "/"), **words))
    project.edit("gonogo.yaml", "project: shop\n", "project: shop\nprotocols: {one-check: protocols/one-check.md}\n")
    return project


def look(project: Project) -> Seen:
    """Run the protocol as far as it goes."""
    run = project.begin("one-check")
    stopped = project.door().drive(run, patient=False, listener=lambda state, entry: None)
    seen = project.view(run)
    verdicts = {gate.verdict for gate in seen.gates}
    passed = isinstance(stopped, Over) and verdicts == {"pass"}
    return Seen(run, seen.outcome, seen.halt, passed)
