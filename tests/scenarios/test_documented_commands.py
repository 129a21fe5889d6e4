"""Every command line of the documents, as printed: once where it must succeed, once where it must fail (CMD-00)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gonogo.evidence.canonical import read_object
from gonogo.measure.rederiving import disagreements
from gonogo.control.schemas import faults_of
from gonogo.measure.shapes import SHAPES
from gonogo.plan.documented_scripts import SCRIPTS
from tests.prepared import Typed, copy_of, released, typed
from tests.projects import Project

pytestmark = pytest.mark.slow

PRE = ".artifacts/pre-deployment/"
P14 = ".artifacts/protocol-14/"
DEP = ".artifacts/deployment/"
Spoil = Callable[[Project], None]


def nothing_ran(project: Project) -> None:
    """No run and no release: there is nothing that could be judged."""
    shutil.rmtree(project.root / ".gonogo")
    shutil.rmtree(project.root / "releases")


def no_upstream(project: Project) -> None:
    (project.root / "upstream/UAT-CLOSURE-PACKAGE.zip").unlink()


def edited(path: str) -> Spoil:
    def spoil(project: Project) -> None:
        file = project.root / path
        file.chmod(0o644)
        file.write_text(file.read_text() + " ")

    return spoil


def gone(path: str) -> Spoil:
    return lambda project: (project.root / path).unlink()


def silent_production(project: Project) -> None:
    """Production does not answer, and no run of any protocol remembers another address."""
    project.edit("gonogo.yaml", project.production.url("front"), "http://127.0.0.1:9")
    project.edit("gonogo.yaml", project.production.url("blue"), "http://127.0.0.1:9")
    project.edit("gonogo.yaml", project.production.url("green"), "http://127.0.0.1:9")


def drift(project: Project) -> None:
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")


def failing_smoke(project: Project) -> None:
    project.edit("scripts/tests.sh", '<testcase classname="smoke" name="cart" time="0.05"/>',
                 '<testcase classname="smoke" name="cart" time="0.05"><failure message="no cart"/></testcase>')
    project.edit("scripts/tests.sh", 'failures="0"', 'failures="1"')


def broken_document(name: str) -> Spoil:
    return lambda project: project.write(f".cursor/ai-driven-workflow/{name}", "# PROTOCOL 14: gates, evidence, approval, halt\n")


def wrong_override(project: Project) -> None:
    (project.root / "config/retention").mkdir()
    project.write("config/retention/keep.json", "{}")


Row = tuple[str, str, Spoil, int, tuple[str, ...]]
LINES: tuple[Row, ...] = (
    ("CMD-01", "python scripts/validate_gate_10_intake.py --drift-threshold low", nothing_ran, 2, ()),
    ("CMD-62", f"python3 scripts/validate_gate_10_intake.py --drift-threshold low --output {P14}intake-validation-report.json",
     no_upstream, 1, (f"{P14}intake-validation-report.json",)),
    ("CMD-02", "python scripts/validate_gate_10_rehearsal.py --coverage 0.90", nothing_ran, 2, ()),
    ("CMD-63", f"python3 scripts/validate_gate_10_rehearsal.py --coverage 0.90 --output {P14}staging-test-results.json",
     nothing_ran, 2, (f"{P14}staging-test-results.json",)),
    ("CMD-64", f"python scripts/validate_gate_10_rehearsal.py --report {PRE}rehearsal-report.json",
     edited(f"{PRE}rehearsal-report.json"), 2, ()),
    ("CMD-03", "python scripts/validate_gate_10_security.py --rto 10", nothing_ran, 2, ()),
    ("CMD-65", "python3 scripts/validate_gate_10_security.py --severity-threshold medium "
     f"--output {P14}security-compliance-report.json", nothing_ran, 2, (f"{P14}security-compliance-report.json",)),
    ("CMD-66", "python scripts/validate_gate_10_security.py --threshold 0.95", nothing_ran, 2, ()),
    ("CMD-04", "python scripts/validate_gate_10_readiness.py --threshold 0.95", nothing_ran, 2, ()),
    ("CMD-67", f"python3 scripts/validate_gate_10_readiness.py --threshold 0.95 --output {P14}pre-deployment-manifest.json",
     nothing_ran, 2, (f"{P14}pre-deployment-manifest.json",)),
    ("CMD-05", f"python3 scripts/check_staging_parity.py --output {P14}staging-parity-report.json", drift, 1,
     (f"{P14}staging-parity-report.json",)),
    ("CMD-06", f"python3 scripts/run_deployment_rehearsal.py --env staging --output {P14}staging-deployment-run.log",
     nothing_ran, 2, (f"{P14}staging-deployment-run.log", f"{P14}rehearsal-report.json")),
    ("CMD-07", f"python3 scripts/test_rollback_procedures.py --rto 10 --output {P14}rollback-verification-report.json",
     nothing_ran, 2, (f"{P14}rollback-verification-report.json",)),
    ("CMD-08", f"python3 scripts/collect_readiness_approvals.py --output {P14}readiness-approval.json", nothing_ran, 2,
     (f"{P14}readiness-approval.json",)),
    ("CMD-09", "python scripts/validate_prerequisites_10.py", no_upstream, 2, (f"{P14}prerequisites-validation.json",)),
    ("CMD-10", f"python scripts/aggregate_evidence_10.py --output {PRE}", gone(f"{PRE}staging-test-results.json"), 1,
     (f"{PRE}evidence-manifest.json",)),
    ("CMD-11", f"python scripts/refresh_staging_data.py --env staging --output {PRE}staging-data-refresh.md", nothing_ran, 2,
     (f"{PRE}staging-data-refresh.md",)),
    ("CMD-12", f"python scripts/update_deployment_checklist.py --source {PRE}staging-deployment-run.log "
     f"--output {PRE}deployment-checklist.md", gone(f"{PRE}staging-deployment-run.log"), 2,
     (f"{PRE}deployment-checklist.md", f"{PRE}deployment-checklist.json")),
    ("CMD-14", "python scripts/run_protocol_10_gates.py", nothing_ran, 2, (f"{P14}validation-report.json",)),
    ("CMD-21", f"python scripts/validate_gate_11_readiness.py --checklist {DEP}deployment-readiness-checklist.json",
     gone(f"{DEP}deployment-readiness-checklist.json"), 2, ()),
    ("CMD-22", "python scripts/validate_gate_11_freeze.py --stakeholders config/release-approvers.yaml", nothing_ran, 2, ()),
    ("CMD-23", "python scripts/validate_gate_11_launch.py --validation-threshold 0.95", nothing_ran, 2, ()),
    ("CMD-24", "python scripts/validate_gate_11_reporting.py --threshold 0.95", nothing_ran, 2, ()),
    ("CMD-25", "python scripts/validate_prerequisites_11.py", nothing_ran, 2, (".artifacts/protocol-11/prerequisites-validation.json",)),
    ("CMD-26", f"python scripts/aggregate_evidence_11.py --output {DEP}", edited(f"{DEP}post-deployment-validation.json"), 1,
     (f"{DEP}evidence-manifest.json",)),
    ("CMD-27", "python scripts/run_protocol_11_gates.py", nothing_ran, 2, (f"{DEP}validation-report.json",)),
    ("CMD-31", f"python scripts/deployment_validator.py --env all --output {DEP}validation.json", silent_production, 1,
     (f"{DEP}validation.json", f"{DEP}health-check-report.json")),
    ("CMD-32", "python scripts/rollback_prepare.py --env production --snapshot", silent_production, 1,
     (f"{DEP}rollback-snapshot.json",)),
    ("CMD-33", "python scripts/smoke_test_runner.py --env production --critical", failing_smoke, 1,
     (f"{DEP}smoke-test-results.json",)),
    ("CMD-41", "python3 scripts/validate_prerequisites_14.py --protocol 14 --workspace . --strict", no_upstream, 2,
     (f"{P14}prerequisites-validation.json",)),
    ("CMD-68", "python3 scripts/validate_prerequisites_14.py --protocol 14 --workspace . --strict=false", no_upstream, 2,
     (f"{P14}prerequisites-validation.json",)),
    *(
        (name, f"python3 scripts/run_protocol_gates.py --protocol 14 --input {P14}input/ --output {P14}output/ "
         f"--log-file {P14}execution.log --error-handling {mode}", nothing_ran, 2,
         (f"{P14}execution.log", f"{P14}output/readiness-approval.json", f"{P14}input/UAT-CLOSURE-PACKAGE.zip"))
        for name, mode in (("CMD-42", "retry"), ("CMD-69", "escalate"), ("CMD-58", "halt"))
    ),
    *(
        ("CMD-43", f"python3 scripts/aggregate_evidence_14.py --protocol 14 --artifacts-dir {P14} --output-manifest --checksum {kind}",
         edited(f"{P14}rehearsal-report.json"), 1, (f"{P14}EVIDENCE-MANIFEST.json", f"{P14}evidence-manifest.json"))
        for kind in ("sha256", "md5")
    ),
    ("CMD-70", f"python3 scripts/aggregate_evidence_14.py --protocol 14 --artifacts-dir {P14} --checksum sha256", nothing_ran, 1, ()),
    *(
        (name, f"python3 scripts/validate_protocol_14.py --protocol 14 --artifacts-dir {P14} --quality-gates {mode} --report {form}",
         nothing_ran, 2, (f"{P14}validation-report.json", *((f"{P14}validation-report.{ending}",) if ending != "json" else ())))
        for name, mode, form, ending in (
            ("CMD-44", "strict", "json", "json"), ("CMD-44", "standard", "text", "txt"), ("CMD-71", "relaxed", "html", "html"))
    ),
    ("CMD-45", "python scripts/validate_gate_14_intake.py --drift-threshold low", nothing_ran, 2, ()),
    ("CMD-45", "python scripts/validate_gate_14_rehearsal.py --coverage 0.90", nothing_ran, 2, ()),
    ("CMD-45", "python scripts/validate_gate_14_security.py --threshold 0.95", nothing_ran, 2, ()),
    ("CMD-45", "python scripts/validate_gate_14_readiness.py --threshold 0.95", nothing_ran, 2, ()),
    ("CMD-46", "python scripts/verify_protocol_14.py", broken_document("14-pre-deployment.md"), 1, ()),
    ("CMD-47", "python scripts/generate_artifacts_14.py", nothing_ran, 2, (f"{P14}traceability.json",)),
    ("CMD-50", "python scripts/cleanup_artifacts.py", wrong_override, 2, ()),
    ("CMD-51", "python3 validators-system/scripts/validate_all_protocols.py --protocol 15 --workspace .",
     broken_document("11-production-deployment.md"), 1, ()),
    ("CMD-55", "python scripts/validation_gates.py", nothing_ran, 2, (f"{DEP}validation-report.json",)),
    ("CMD-74", "python scripts/collect_perf.py", silent_production, 2, (f"{DEP}performance-baseline.json",)),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with released(tmp_path_factory.mktemp("released"), "pre-deployment", "production-deployment") as project:
        yield project


@pytest.fixture
def project(prepared: Project, tmp_path: Path) -> Project:
    return copy_of(prepared, tmp_path / "shop")


def ran(project: Project, line: str) -> Typed:
    return typed(project.root, line, RECORD=str(project.record))


def wrong_shape(path: Path) -> str:
    """What is wrong with an output file by its schema; empty where nothing is."""
    if not path.is_file() or not path.read_bytes():
        return "it is missing or empty"
    name = path.name.lower()
    if name not in SHAPES:
        return ""
    body = read_object(path.read_bytes(), name=name, limit=1 << 24)
    lacking = set(faults_of(name, path.read_bytes(), name)) - {"/metrics/checklist_coverage: this field is missing"}  # no checklist before the package is sealed
    return "; ".join((*sorted(lacking), *disagreements(name, body)))


@pytest.mark.req(
    "CMD-00", "CMD-01", "CMD-02", "CMD-03", "CMD-04", "CMD-05", "CMD-06", "CMD-07", "CMD-08", "CMD-09", "CMD-10", "CMD-11", "CMD-12", "CMD-14", "CMD-21", "CMD-22", "CMD-23", "CMD-24", "CMD-25", "CMD-26", "CMD-27", "CMD-31", "CMD-32", "CMD-33", "CMD-41", "CMD-42", "CMD-43", "CMD-44", "CMD-45", "CMD-46", "CMD-47", "CMD-50", "CMD-51", "CMD-55", "CMD-58", "CMD-62", "CMD-63", "CMD-64", "CMD-65", "CMD-66", "CMD-67", "CMD-68", "CMD-69", "CMD-70", "CMD-71", "CMD-74",  # noqa: E501
    "CMD-48", "WFS-08",
)
@pytest.mark.parametrize(("name", "line", "spoil", "code", "files"), LINES, ids=[f"{row[0]}-{n}" for n, row in enumerate(LINES)])
def test_a_documented_line_succeeds_and_writes_what_it_promises(
    project: Project, name: str, line: str, spoil: Spoil, code: int, files: tuple[str, ...]
) -> None:
    said = ran(project, line)
    assert said.code == 0, said
    assert {path: wrong_shape(project.root / path) for path in files} == dict.fromkeys(files, "")
    assert said.out.splitlines()[-1].startswith("[AUTOMATION] ")


@pytest.mark.req(
    "CMD-00", "CMD-01", "CMD-02", "CMD-03", "CMD-04", "CMD-05", "CMD-06", "CMD-07", "CMD-08", "CMD-09", "CMD-10", "CMD-11", "CMD-12", "CMD-14", "CMD-21", "CMD-22", "CMD-23", "CMD-24", "CMD-25", "CMD-26", "CMD-27", "CMD-31", "CMD-32", "CMD-33", "CMD-41", "CMD-42", "CMD-43", "CMD-44", "CMD-45", "CMD-46", "CMD-47", "CMD-50", "CMD-51", "CMD-55", "CMD-58", "CMD-62", "CMD-63", "CMD-64", "CMD-65", "CMD-66", "CMD-67", "CMD-68", "CMD-69", "CMD-70", "CMD-71", "CMD-74",  # noqa: E501
    "CMD-48", "WFS-08",
)
@pytest.mark.parametrize(("name", "line", "spoil", "code", "files"), LINES, ids=[f"{row[0]}-{n}" for n, row in enumerate(LINES)])
def test_a_documented_line_fails_with_its_status_and_says_what_to_do(
    project: Project, name: str, line: str, spoil: Spoil, code: int, files: tuple[str, ...]
) -> None:
    spoil(project)
    said = ran(project, line)
    assert said.code == code, said
    assert "success" not in said.out.splitlines()[-1]


@pytest.mark.req("CMD-00")
def test_every_script_of_the_table_has_a_documented_line() -> None:
    named = {line.split()[1].rpartition("/")[2].removesuffix(".py") for _, line, *_ in LINES}
    assert named == set(SCRIPTS)
