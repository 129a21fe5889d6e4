"""The one table of the scripts that documents name: file, protocol, act, flags, exits (CMD-00 to CMD-75, REG-03).

`gonogo init` writes a front end for each row, `gonogo script` carries a row out, `gonogo scripts` compares the rows
with what is really there. A row holds no rule of its own: gates are judged by the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from gonogo.values import dataclass

Kind: TypeAlias = Literal["severity", "ratio", "minutes", "path", "word", "switch", "flag"]
"""What a flag takes. `switch` takes nothing; `flag` takes nothing, or `=true` or `=false`."""

PRE: Final = "pre-deployment"
PRODUCTION: Final = "production-deployment"
AUTOMATION: Final = "deployment-automation"
STANDARD: Final[Mapping[int, str]] = {
    0: "done, and every clause passed",
    1: "a gate or the action failed",
    2: "input, prerequisites or usage missing",
}
SEVERITIES: Final = ("none", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Flag:
    """A documented flag. `bounds` names the limit that it asks for, by its short name in `config/protocol_gates`."""

    name: str
    kind: Kind
    says: str
    values: tuple[str, ...] = ()
    default: str = ""
    bounds: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A documented script: `act` and `subject` say what it does, `protocol` whose run it is about."""

    name: str
    act: str
    subject: str
    protocol: str
    number: str
    purpose: str
    flags: tuple[Flag, ...] = ()
    writes: tuple[str, ...] = ()
    exits: Mapping[int, str] = field(default_factory=lambda: STANDARD)
    folder: str = "scripts"
    repeatable: bool = True

    @property
    def path(self) -> str:
        """Where its front end lies, from the project's root."""
        return f"{self.folder}/{self.name}.py"


def _path(name: str, says: str, default: str = "") -> Flag:
    return Flag(name, "path", says, default=default)


_PROTOCOL: Final = Flag("protocol", "word", "number or name of the protocol")
_WORKSPACE: Final = _path("workspace", "root of the project")
_ARTIFACTS: Final = _path("artifacts-dir", "folder of the artifacts")
_ENVIRONMENT: Final = Flag("env", "word", "environment", ("staging", "production"), "staging")
_FRESH: Final = "measure the raw evidence anew into this file, then judge by it"

_GATES: Final[Mapping[str, tuple[str, str, tuple[Flag, ...]]]] = {
    "intake": (
        "1",
        "judges the intake confirmation gate",
        (
            Flag("drift-threshold", "severity", "worst drift; may only tighten", SEVERITIES, bounds="drift_severity"),
            _path("output", _FRESH),
        ),
    ),
    "rehearsal": (
        "2",
        "judges the deployment rehearsal gate",
        (
            Flag("coverage", "ratio", "least coverage of the targeted suites; may only tighten", bounds="coverage"),
            _path("output", _FRESH),
            _path("report", "the rehearsal report that is judged: that of the run"),
        ),
    ),
    "security": (
        "3",
        "judges the rollback and security gate",
        (
            Flag("rto", "minutes", "recovery time in minutes; may only be shorter", bounds="rto"),
            Flag(
                "severity-threshold",
                "severity",
                "worst open finding; may only tighten",
                ("info", "low", "medium", "high", "critical"),
                bounds="severity",
            ),
            Flag("threshold", "ratio", "least compliance score; may only tighten", bounds="compliance_score"),
            _path("output", _FRESH),
        ),
    ),
    "readiness": (
        "4",
        "judges the readiness approval gate",
        (
            Flag("threshold", "ratio", "least completeness; may only tighten", bounds="manifest_completeness"),
            _path("output", _FRESH),
        ),
    ),
}
_FILES: Final = {
    "intake": "intake-validation-report.json",
    "rehearsal": "staging-test-results.json",
    "security": "security-compliance-report.json",
    "readiness": "pre-deployment-manifest.json",
}


def _pre_gates() -> tuple[Script, ...]:
    return tuple(
        Script(f"validate_gate_{number}_{name}", "gate", gate, PRE, number, purpose, flags, (_FILES[name],))
        for number in ("10", "14")
        for name, (gate, purpose, flags) in _GATES.items()
    )


def _production_gates() -> tuple[Script, ...]:
    checklist = _path("checklist", "the checklist that is judged: that of the run")
    stakeholders = _path("stakeholders", "the list of stakeholders: the approvers file of the project")
    launch = Flag(
        "validation-threshold",
        "ratio",
        "least success rate of the checks; may only tighten",
        bounds="validation_success_rate",
    )
    report = Flag("threshold", "ratio", "least completeness; may only tighten", bounds="report_completeness")
    rows = (
        ("readiness", "1", "judges the readiness confirmation gate", checklist),
        ("freeze", "2", "judges the approval and change freeze gate", stakeholders),
        ("launch", "3", "judges the production launch gate", launch),
        ("reporting", "4", "judges the stabilization and reporting gate", report),
    )
    return tuple(
        Script(f"validate_gate_11_{name}", "gate", gate, PRODUCTION, "11", purpose, (flag,))
        for name, gate, purpose, flag in rows
    )


_PREREQUISITES_EXITS: Final = {0: "success", 1: "validation failed", 2: "prerequisites missing"}


def _prerequisites(number: str, protocol: str, *, long: bool) -> Script:
    strict = Flag("strict", "flag", "strict validation; `=false` lists shortfalls of optional items as warnings")
    return Script(
        f"validate_prerequisites_{number}",
        "prerequisites",
        "prerequisites-validation.json",
        protocol,
        number,
        f"checks the prerequisites of {protocol}, the variables and the rights",
        (_PROTOCOL, _WORKSPACE, strict) if long else (),
        ("prerequisites-validation.json",),
        _PREREQUISITES_EXITS,
    )


def _aggregate(number: str, protocol: str, *, long: bool) -> Script:
    short = (_path("output", "folder into which the manifest is written"),)
    flags = (
        _PROTOCOL,
        _ARTIFACTS,
        Flag("output-manifest", "switch", "write the manifest; without it only check and print"),
        Flag("checksum", "word", "an additional checksum", ("md5", "sha256"), "sha256"),
    )
    exits = {0: "success", 1: "aggregation failed"} if long else {}
    return Script(
        f"aggregate_evidence_{number}",
        "aggregate",
        "long" if long else "short",
        protocol,
        number,
        f"checks the stored evidence of {protocol} and writes its manifest",
        flags if long else short,
        ("evidence-manifest.json",),
        exits or {0: "complete", 1: "incomplete or altered", 2: "nothing there"},
    )


def _measuring() -> tuple[Script, ...]:
    output = "the file to write"
    return (
        Script("check_staging_parity", "parity", "parity", PRE, "14", "compares staging with production",
               (_path("output", output),), ("staging-parity-report.json",),
               {0: "within limits", 1: "beyond limits", 2: "a side cannot be read"}),
        Script("refresh_staging_data", "refresh", "refresh", PRE, "10", "brings data and flags of staging up to date",
               (_ENVIRONMENT, _path("output", output)), ("staging-data-refresh.md",)),
        Script("run_deployment_rehearsal", "step", "rehearsal", PRE, "14", "rehearses the deployment in staging",
               (_ENVIRONMENT, _path("output", output)), ("staging-deployment-run.log", "rehearsal-report.json"),
               repeatable=False),
        Script("test_rollback_procedures", "step", "rollback-proof", PRE, "14",
               "rehearses the rollback in staging against the clock",
               (Flag("rto", "minutes", "recovery time in minutes; may only be shorter", bounds="rto"),
                _path("output", output)),
               ("rollback-verification-report.json",), repeatable=False),
        Script("collect_readiness_approvals", "approvals", "readiness", PRE, "14",
               "verifies the signed decisions of the readiness review; never approves",
               (_path("output", output),), ("readiness-approval.json",),
               {0: "complete", 1: "withheld or refused", 2: "still open"}),
        Script("update_deployment_checklist", "checklist", "checklist", PRE, "10",
               "carries what the rehearsal taught into the deployment checklist",
               (_path("source", "the log of the rehearsal"), _path("output", output)),
               ("deployment-checklist.md", "deployment-checklist.json")),
        Script("deployment_validator", "validator", "health-checks", AUTOMATION, "6",
               "asks every environment for reach and health",
               (Flag("env", "word", "environments", ("all", "staging", "production"), "all"), _path("output", output)),
               ("validation.json", "connectivity-report.json", "health-check-report.json")),
        Script("rollback_prepare", "snapshot", "snapshot", AUTOMATION, "6",
               "records what a rollback would bring back",
               (_ENVIRONMENT, Flag("snapshot", "switch", "take the snapshot")), ("rollback-snapshot.json",)),
        Script("smoke_test_runner", "smoke", "smoke", AUTOMATION, "6", "runs the smoke tests",
               (_ENVIRONMENT, Flag("critical", "switch", "decide by the critical tests only")),
               ("smoke-test-results.json",)),
        Script("collect_perf", "performance", "performance", AUTOMATION, "6",
               "records the performance of production as a baseline", (), ("performance-baseline.json",)),
    )  # fmt: skip


def _whole() -> tuple[Script, ...]:
    handling = Flag("error-handling", "word", "what to do after an error", ("retry", "escalate", "halt"), "halt")
    quality = Flag("quality-gates", "word", "how to judge", ("strict", "standard", "relaxed"), "strict")
    report = Flag("report", "word", "rendering of the report", ("json", "html", "text"), "json")
    every = _path("workspace", "root of the project")
    return (
        Script("run_protocol_10_gates", "gates", "", PRE, "10", "judges the four gates of pre-deployment", (),
               ("validation-report.json",)),
        Script("run_protocol_11_gates", "gates", "", PRODUCTION, "11", "judges the four gates of production-deployment",
               (), ("validation-report.json",)),
        Script("run_protocol_gates", "execute", "", "", "14", "executes a protocol with its gates",
               (_PROTOCOL, _path("input", "folder of the inputs"), _path("output", "folder of the outputs"),
                _path("log-file", "log of the execution"), handling), ("execution.log",),
               {0: "success", 1: "execution error", 2: "gate failed"}, repeatable=False),
        Script("validate_protocol_14", "validate", "", PRE, "14", "judges every gate again from the stored evidence",
               (_PROTOCOL, _ARTIFACTS, quality, report), ("validation-report.json",),
               {0: "all gates pass", 1: "gate failure", 2: "critical error"}),
        Script("verify_protocol_14", "lint", "", PRE, "14", "checks the protocol document and its bindings", (), (),
               {0: "no errors", 1: "errors", 2: "not readable"}),
        Script("generate_artifacts_14", "derive", "", PRE, "14", "writes what follows from recorded evidence", (),
               ("traceability.json",)),
        Script("validation_gates", "gates", "", PRODUCTION, "11", "judges the gates of the running protocol", (),
               ("validation-report.json",)),
        Script("cleanup_artifacts", "cleanup", "", PRE, "14",
               "shows what has outlived its time, deletes it with --apply",
               (Flag("apply", "switch", "delete"),), ("cleanup-log.json",)),
        Script("validate_all_protocols", "lint", "named", "", "15", "checks the document of any protocol",
               (_PROTOCOL, every), (), {0: "valid", 1: "not valid", 2: "not found"},
               folder="validators-system/scripts"),
    )  # fmt: skip


SCRIPTS: Final[Mapping[str, Script]] = {
    script.name: script
    for script in (
        *_pre_gates(),
        *_production_gates(),
        _prerequisites("10", PRE, long=False),
        _prerequisites("14", PRE, long=True),
        _prerequisites("11", PRODUCTION, long=False),
        _aggregate("10", PRE, long=False),
        _aggregate("14", PRE, long=True),
        _aggregate("11", PRODUCTION, long=False),
        *_measuring(),
        *_whole(),
    )
}
"""Every documented script by its name."""
