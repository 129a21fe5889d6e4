"""CI workflows for GitHub Actions and GitLab, as text (CIW-01 to CIW-08). They run gates and sign nothing for people.

Actions are pinned by commit. Nothing of a workflow's inputs stands inside a shell line: values go in by environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.values import dataclass

CHECKOUT: Final = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
PYTHON: Final = "actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065 # v5.6.0"
UPLOAD: Final = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2"
RESTORE: Final = "actions/cache/restore@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3"
SAVE: Final = "actions/cache/save@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3"
MINUTES: Final = 90
RETRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow: its file, its triggers, the lines of the documents that it runs, what it may do besides."""

    file: str
    name: str
    triggers: str
    protocol: str
    lines: tuple[str, ...]
    environment: str = ""
    keeps: bool = True
    dashboard: bool = False


_BY_HAND: Final = """  workflow_dispatch:
"""
_DOCUMENTS: Final = """  pull_request:
    paths: ["@PROTOCOLS@/**", "config/protocol_gates/**", "gonogo.yaml"]
"""
_STAGING: Final = """  push:
    branches: [staging]
"""
_P14: Final = ".artifacts/protocol-14/"
_EXECUTE: Final = (
    f"python3 scripts/run_protocol_gates.py --protocol 14 --input {_P14}input/ --output {_P14}output/ "
    f"--log-file {_P14}execution.log --error-handling retry"
)
WORKFLOWS: Final = (
    Workflow(
        "pre-deployment.yml",
        "Pre-deployment gates",
        "  push:\n" + _DOCUMENTS + _BY_HAND,
        "pre-deployment",
        ("python scripts/run_protocol_10_gates.py",),
    ),
    Workflow(
        "production-deployment.yml",
        "Production deployment gates",
        _BY_HAND + "  release:\n    types: [created]\n" + _DOCUMENTS,
        "production-deployment",
        ("python scripts/run_protocol_11_gates.py",),
        environment="production",
        keeps=False,
    ),
    Workflow(
        "protocol-14-intake.yml",
        "Protocol 14: intake",
        _STAGING + _DOCUMENTS + _BY_HAND,
        "pre-deployment",
        (
            "python3 scripts/validate_prerequisites_14.py --protocol 14 --workspace . --strict",
            "python scripts/validate_gate_14_intake.py --drift-threshold low",
        ),
    ),
    Workflow(
        "protocol-14-rehearsal.yml",
        "Protocol 14: rehearsal",
        _STAGING + _BY_HAND,
        "pre-deployment",
        (_EXECUTE, "python scripts/validate_gate_14_rehearsal.py --coverage 0.90"),
        environment="staging",
    ),
    Workflow(
        "protocol-14-security.yml",
        "Protocol 14: security and rollback",
        _STAGING + _BY_HAND,
        "pre-deployment",
        (
            f"python3 scripts/test_rollback_procedures.py --rto 10 --output {_P14}rollback-verification-report.json",
            "python scripts/validate_gate_14_security.py --threshold 0.95",
        ),
    ),
    Workflow(
        "protocol-14-readiness.yml",
        "Protocol 14: readiness",
        _STAGING + _BY_HAND,
        "pre-deployment",
        (
            f"python3 scripts/collect_readiness_approvals.py --output {_P14}readiness-approval.json",
            "python scripts/validate_gate_14_readiness.py --threshold 0.95",
        ),
        dashboard=True,
    ),
)


def github_workflows(version: str, protocols: str) -> dict[str, bytes]:
    """Every workflow for GitHub Actions, by path; `version` is the gonogo that they install."""
    return {f".github/workflows/{each.file}": _github(each, version, protocols).encode() for each in WORKFLOWS}


def _github(workflow: Workflow, version: str, protocols: str) -> str:
    words = {
        "@NAME@": workflow.name,
        "@TRIGGERS@": workflow.triggers.rstrip("\n").replace("@PROTOCOLS@", protocols),
        "@VERSION@": version,
        "@PROTOCOL@": workflow.protocol,
        "@STEM@": workflow.file.removesuffix(".yml"),
        "@MINUTES@": str(MINUTES),
        "@RETRIES@": str(RETRIES),
        "@PERMISSIONS@": "\n      deployments: write # posts the deployment status" if workflow.environment else "",
        "@JUDGING@": "".join(_step(line) for line in workflow.lines),
        "@KEPT@": _KEPT if workflow.keeps else "",
        "@STATUS@": _STATUS.replace("@ENVIRONMENT@", workflow.environment) if workflow.environment else "",
        "@DASHBOARD@": _DASHBOARD if workflow.dashboard else "",
    }
    return _filled(_GITHUB, words)


def _filled(text: str, words: Mapping[str, str]) -> str:
    pins = {"@CHECKOUT@": CHECKOUT, "@PYTHON@": PYTHON, "@UPLOAD@": UPLOAD, "@RESTORE@": RESTORE, "@SAVE@": SAVE}
    for word, value in (*words.items(), *pins.items()):
        text = text.replace(word, value)
    return text


def _step(line: str) -> str:
    name = line.split()[1].rpartition("/")[2].removesuffix(".py")
    return f"      - name: {name}\n        run: {line}\n"


_GITHUB: Final = """\
# Written by `gonogo init`. It judges and reports; approvals and waivers are signatures that people make elsewhere.
name: "@NAME@"

on:
@TRIGGERS@

permissions: {}

concurrency:
  group: gonogo-@STEM@-${{ github.ref }}
  cancel-in-progress: false

jobs:
  validate:
    name: validate
    runs-on: ubuntu-latest
    timeout-minutes: @MINUTES@
    permissions:
      contents: read # checks the project out@PERMISSIONS@
    env:
      GONOGO_RETRIES: "@RETRIES@"
    steps:
      - uses: @CHECKOUT@
        with:
          persist-credentials: false
      - uses: @PYTHON@
        with:
          python-version: "3.11"
      - name: install gonogo
        run: python -m pip install "gonogo==@VERSION@"
      - name: evidence of earlier jobs
        uses: @RESTORE@
        with:
          path: |
            .gonogo/journal.db*
            .gonogo/vault
          key: gonogo-${{ github.ref_name }}-${{ github.run_id }}
          restore-keys: gonogo-${{ github.ref_name }}-
      - name: check the project
        run: gonogo check --format github
@JUDGING@      - name: report
        if: ${{ !cancelled() }}
        run: |
          gonogo check --format sarif > gonogo.sarif || true
          gonogo ci report --protocol @PROTOCOL@ --summary "$GITHUB_STEP_SUMMARY" --junit gates.junit.xml --annotate
      - name: keep the evidence
        if: ${{ !cancelled() }}
        uses: @UPLOAD@
        with:
          name: gonogo-@STEM@-${{ github.run_attempt }}
          include-hidden-files: true
          if-no-files-found: warn
          path: |
            .artifacts/
            gates.junit.xml
            gonogo.sarif
@KEPT@@STATUS@@DASHBOARD@      - name: tell the team
        if: ${{ !cancelled() }}
        env:
          SLACK_WEBHOOK: ${{ secrets.SLACK_WEBHOOK }}
          RESULT: ${{ job.status }}
          PAGE: ${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}
        run: |
          if [ -z "$SLACK_WEBHOOK" ]; then echo "no SLACK_WEBHOOK is set: nobody was told"; exit 0; fi
          jq -n --arg text "@NAME@: $RESULT $PAGE" '{text: $text}' \\
            | curl --fail --silent --show-error --retry 2 -H 'content-type: application/json' -d @- "$SLACK_WEBHOOK" \\
            || echo "::warning::the team could not be told"
"""
_KEPT: Final = """      - name: evidence for later jobs
        if: ${{ !cancelled() }}
        uses: @SAVE@
        with:
          path: |
            .gonogo/journal.db*
            .gonogo/vault
          key: gonogo-${{ github.ref_name }}-${{ github.run_id }}
"""
_STATUS: Final = """      - name: deployment status
        if: ${{ !cancelled() && github.event_name != 'pull_request' }}
        env:
          GH_TOKEN: ${{ github.token }}
          SHA: ${{ github.sha }}
          RESULT: ${{ job.status == 'success' && 'success' || 'failure' }}
          PAGE: ${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}
        run: |
          at="repos/$GITHUB_REPOSITORY/deployments"
          number=$(gh api --method POST "$at" -f ref="$SHA" -f environment=@ENVIRONMENT@ -F auto_merge=false --jq .id)
          gh api --method POST "$at/$number/statuses" -f state="$RESULT" -f log_url="$PAGE"
"""
_DASHBOARD: Final = """      - name: governance dashboard
        if: ${{ !cancelled() }}
        env:
          DASHBOARD: ${{ secrets.GOVERNANCE_DASHBOARD }}
        run: |
          if [ -z "$DASHBOARD" ]; then echo "no GOVERNANCE_DASHBOARD is set: nothing was posted"; exit 0; fi
          gonogo ci report --protocol pre-deployment --json \\
            | curl --fail --silent --show-error --retry 2 -H 'content-type: application/json' -d @- "$DASHBOARD" \\
            || echo "::warning::the dashboard could not be reached"
"""


def gitlab_files(version: str, protocols: str) -> dict[str, bytes]:
    """The pipeline for GitLab, by path: jobs in a file of their own, and the file that includes them."""
    jobs = "".join(_gitlab(workflow, protocols) for workflow in WORKFLOWS)
    head = _filled(_GITLAB, {"@VERSION@": version, "@RETRIES@": str(RETRIES), "@MINUTES@": str(MINUTES)})
    whole = "# Written by `gonogo init`.\ninclude:\n  - local: .gitlab/gonogo.yml\n"
    return {".gitlab/gonogo.yml": (head + jobs).encode(), ".gitlab-ci.yml": whole.encode()}


def _gitlab(workflow: Workflow, protocols: str) -> str:
    rules = {
        "pre-deployment.yml": '    - if: $CI_PIPELINE_SOURCE == "push"\n',
        "production-deployment.yml": "    - if: $CI_COMMIT_TAG\n",
    }.get(workflow.file, '    - if: $CI_COMMIT_BRANCH == "staging"\n')
    environment = f"  environment: {workflow.environment}\n" if workflow.environment else ""
    lines = "".join(f"    - {line}\n" for line in workflow.lines)
    return (
        f"\n{workflow.file.removesuffix('.yml')}:\n  extends: .gonogo\n{environment}  script:\n"
        f"    - gonogo check\n{lines}  after_script:\n"
        f"    - gonogo ci report --protocol {workflow.protocol} --junit gates.junit.xml\n  rules:\n{rules}"
        f'    - changes: ["{protocols}/**/*", "config/protocol_gates/**/*"]\n    - if: $CI_PIPELINE_SOURCE == "web"\n'
    )


_GITLAB: Final = """\
# Written by `gonogo init`. It judges and reports; approvals and waivers are signatures that people make elsewhere.
.gonogo:
  image: python:3.11-slim
  timeout: @MINUTES@ minutes
  retry:
    max: @RETRIES@
    when: [runner_system_failure, stuck_or_timeout_failure, api_failure, scheduler_failure]
  variables:
    GONOGO_RETRIES: "@RETRIES@"
  before_script:
    - python -m pip install "gonogo==@VERSION@"
  cache:
    key: gonogo-$CI_COMMIT_REF_SLUG
    when: always
    paths: [".gonogo/journal.db*", .gonogo/vault]
  artifacts:
    when: always
    expire_in: 90 days
    paths: [.artifacts/]
    reports:
      junit: gates.junit.xml
"""
