"""`gonogo init`: what it writes, what it never touches, and that `check` names every line that is left to people."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from command_line import Said, files_below, gonogo, same_as, steady
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.control.checking import MARK
from gonogo.plan.documented_scripts import SCRIPTS, STANDARD
from tests.projects import public_line

SCRIPTED = {"scripts/gate_utils.py", "scripts/script-registry.json", *(script.path for script in SCRIPTS.values())}
DOCUMENTS = {
    f".cursor/ai-driven-workflow/{name}.{ending}"
    for name in ("14-pre-deployment", "11-production-deployment", "6-deployment-automation")
    for ending in ("md", "gonogo.yaml")
}
WORKFLOWS = {
    *(f".github/workflows/{name}.yml" for name in ("pre-deployment", "production-deployment")),
    *(f".github/workflows/protocol-14-{name}.yml" for name in ("intake", "rehearsal", "security", "readiness")),
    ".gitlab-ci.yml",
    ".gitlab/gonogo.yml",
}
WRITTEN = {
    *WORKFLOWS,
    *SCRIPTED,
    *DOCUMENTS,
    "config/protocol_gates/11.yaml",
    "config/protocol_gates/14.yaml",
    ".gitignore",
    "config/production.env",
    "config/release-approvers.yaml",
    "config/staging.env",
    "docs/runbook-web.md",
    "gonogo.yaml",
    "scripts/deploy_web.sh",
    "scripts/manifest_web.sh",
    "scripts/rollback_web.sh",
    "scripts/traffic_web.sh",
    "tests/smoke_web.py",
}


def init(root: Path, *arguments: str, home: Path | None = None) -> Said:
    environ = {"HOME": str(home or root.parent / "nobody"), "LOGNAME": "ada", "USER": "ada", "LNAME": "ada"}
    return gonogo("init", "-C", root, "--service", "web", *arguments, **environ)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    root = tmp_path / "web"
    root.mkdir()
    return root


@pytest.mark.req("CFG-11")
def test_check_names_exactly_the_lines_that_init_left_to_people(new: Path) -> None:
    assert init(new).code == 0
    marked = {
        f"{path}:{number}"
        for path, data in files_below(new).items()
        for number, line in enumerate(data.decode().splitlines(), 1)
        if f"{MARK}:" in line
    }
    said = gonogo("check", "-C", new, "--json")
    found = said.json()["findings"]
    named = {f"{item['primary']['file']}:{item['primary']['line']}" for item in found if item["code"] == "GN1006"}
    assert said.code == 2
    assert named == marked
    assert len(marked) >= 11


def test_what_check_says_about_a_new_project_is_what_was_agreed(new: Path) -> None:
    init(new)
    said = gonogo("check", "-C", new, PATH="/nowhere")
    same_as("check-of-a-new-project", steady(said.out, new))


def test_besides_its_marks_a_new_project_lacks_only_upstream_artifacts(new: Path) -> None:
    init(new)
    found = gonogo("check", "-C", new, "--json").json()["findings"]
    others = {(item["code"], item["message"].split()[0]) for item in found if item["code"] not in {"GN1006", "GN1008"}}
    assert {code for code, _ in others} == {"GN1007"}
    assert {path for _, path in others} == {
        "upstream/QUALITY-AUDIT-PACKAGE.zip",
        "upstream/INTEGRATION-EVIDENCE.zip",
        "upstream/UAT-CLOSURE-PACKAGE.zip",
    }


def test_init_writes_these_files_and_keeps_its_own_state_apart(new: Path) -> None:
    init(new)
    assert {path for path in files_below(new) if not path.startswith(".gonogo/")} == WRITTEN
    assert (new / "scripts/deploy_web.sh").stat().st_mode & 0o777 == 0o755
    assert (new / ".gonogo/keys/engine").stat().st_mode & 0o777 == 0o600


def test_the_second_init_changes_nothing(new: Path) -> None:
    init(new)
    before = files_below(new)
    said = init(new, "--force", "--json")
    assert files_below(new) == before
    assert {item["state"] for item in said.json()["files"]} == {"unchanged"}


def test_a_file_that_somebody_else_wrote_is_never_overwritten(new: Path) -> None:
    (new / "gonogo.yaml").write_text("mine\n")
    (new / ".gitignore").write_text("*.pyc")
    said = init(new, "--force", "--json")
    states = {item["path"]: item["state"] for item in said.json()["files"]}
    assert (new / "gonogo.yaml").read_text() == "mine\n"
    assert states["gonogo.yaml"] == "kept"
    assert (new / ".gitignore").read_text() == "*.pyc\n.gonogo/\n.artifacts/\nscripts/logs/\n"


def test_force_renews_only_what_nobody_edited_since(new: Path) -> None:
    init(new)
    (new / "docs/runbook-web.md").write_text("call Ada\n")
    home = new.parent / "ada"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519.pub").write_text(f"{public_line(Ed25519PrivateKey.generate())} ada@example\n")
    gently = {item["path"]: item["state"] for item in init(new, "--json", home=home).json()["files"]}
    hard = {item["path"]: item["state"] for item in init(new, "--force", "--json", home=home).json()["files"]}
    assert gently["config/release-approvers.yaml"] == "kept"
    assert hard["config/release-approvers.yaml"] == "replaced"
    assert hard["docs/runbook-web.md"] == "kept"


def test_a_dry_run_of_init_writes_nothing(new: Path) -> None:
    said = init(new, "--dry-run")
    assert said.code == 0
    assert files_below(new) == {}
    assert "written    gonogo.yaml" in said.out


@pytest.mark.req("CFG-04")
def test_the_keys_of_the_person_and_the_engine_are_listed_and_nothing_private_is(new: Path) -> None:
    home = new.parent / "ada"
    (home / ".ssh").mkdir(parents=True)
    line = public_line(Ed25519PrivateKey.generate())
    (home / ".ssh/id_ed25519.pub").write_text(f"{line} ada@example\n")
    (home / ".ssh/broken.pub").write_text("ssh-dss no\n")
    init(new, home=home)
    text = (new / "config/release-approvers.yaml").read_text()
    engine = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(new / ".gonogo/keys/engine")], capture_output=True, text=True, check=True
    ).stdout
    assert f"- {line}" in text
    assert " ".join(engine.split()[:2]) in text
    assert "PRIVATE" not in text
    assert "ada@example" not in text


@pytest.mark.parametrize("script", ["deploy", "rollback"])
def test_a_new_script_fails_until_somebody_writes_it(new: Path, script: str) -> None:
    init(new)
    path = str(new / f"scripts/{script}_web.sh")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", path, *arguments], capture_output=True, text=True, check=False)

    real = run("--env", "staging", "--release", "v1")
    assert real.returncode == 1
    assert "write me" in real.stderr
    assert run("--env", "staging", "--release", "v1", "--dry-run").returncode == 0
    assert run("--env", "staging").returncode != 0
    assert run("--force").returncode == 2


def test_the_manifest_script_names_the_artifact_by_its_digest(new: Path) -> None:
    init(new)
    (new / "app.tar").write_bytes(b"the program")
    subprocess.run(["bash", "scripts/manifest_web.sh", "v1", "app.tar"], cwd=new, check=True, capture_output=True)
    found = gonogo("check", "-C", new, "--release", "v1", "--json").json()["findings"]
    assert not [item for item in found if "manifest" in item["message"] or "app.tar" in item["message"]]
    (new / "app.tar").write_bytes(b"another program")
    again = gonogo("check", "-C", new, "--release", "v1", "--json").json()["findings"]
    assert [item for item in again if item["code"] == "GN1007" and "app.tar has the digest" in item["message"]]


def test_the_smoke_test_writes_its_failures_as_junit(new: Path) -> None:
    init(new)
    environ = {**os.environ, "GONOGO_URL": "http://127.0.0.1:9", "GONOGO_RELEASE": "v1"}
    done = subprocess.run(
        [sys.executable, "tests/smoke_web.py", "junit.xml"], cwd=new, env=environ, capture_output=True, text=True, check=False
    )
    suite = ElementTree.parse(new / "junit.xml").getroot()[0]
    assert done.returncode == 1
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")


@pytest.mark.parametrize("name", ["Web", "a b", "-web", "x" * 33])
def test_a_service_needs_a_plain_name(new: Path, name: str) -> None:
    said = gonogo("init", "-C", new, f"--service={name}")
    assert said.code == 64
    assert "is no name of a service" in said.err
    assert files_below(new) == {}


def test_the_folder_gives_the_name_where_none_is_said(tmp_path: Path) -> None:
    root = tmp_path / "My Shop!"
    root.mkdir()
    assert gonogo("init", "-C", root, "--dry-run", "--json", LOGNAME="ada", HOME=str(tmp_path)).json()["service"] == "my-shop"


def test_no_mark_of_a_template_is_left_unfilled_by_init(new: Path) -> None:
    init(new)
    for path, data in files_below(new).items():
        assert not re.search(r"@[A-Z]+@", data.decode()), path


def test_the_annotated_examples_are_printed_whole() -> None:
    assert "schema: gonogo/project/1" in gonogo("init", "--example").out
    assert "schema: gonogo/approvers/1" in gonogo("init", "--example-people").out


def test_an_upgrade_shows_what_differs_and_changes_nothing(new: Path) -> None:
    init(new)
    assert init(new, "--upgrade", "--json").json() == {"files": []}
    (new / "docs/runbook-web.md").write_text("call Ada\n")
    before = files_below(new)
    said = init(new, "--upgrade", "--json").json()
    assert [(item["path"], item["edited"]) for item in said["files"]] == [("docs/runbook-web.md", True)]
    assert "-call Ada\n" in said["files"][0]["diff"]
    assert "-call Ada" in init(new, "--upgrade").out
    assert files_below(new) == before


@pytest.mark.req("CMD-00", "CMD-49")
def test_the_scripts_are_plain_python_of_3_8_and_hold_no_rule(new: Path) -> None:
    init(new)
    for path in SCRIPTED:
        file = new / path
        if file.suffix == ".py":
            tree = ast.parse(file.read_text(), feature_version=(3, 8))
            compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
            assert path.endswith("gate_utils.py") or len(compared) == 1, path
            assert file.stat().st_mode & 0o111


@pytest.mark.req("CMD-49")
def test_importing_what_the_scripts_share_writes_and_prints_nothing(new: Path) -> None:
    init(new)
    before = files_below(new)
    line = [sys.executable, "-B", "-c", "import gate_utils"]
    done = subprocess.run(line, cwd=new / "scripts", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files_below(new) == before


@pytest.mark.req("CMD-00")
def test_without_gonogo_a_script_ends_with_2_and_says_what_to_install(new: Path) -> None:
    init(new)
    line = [sys.executable, "-I", "-S", "-B", "-c", NAKED, "scripts/validate_gate_10_intake.py"]
    done = subprocess.run(line, cwd=new, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "validate_gate_10_intake: gonogo is not installed" in done.stderr
    assert "pip install gonogo" in done.stderr
    assert done.stdout == ""


NAKED = """
import runpy, sys
sys.path.insert(0, "scripts")
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("arguments", [("--second", "grace"), ("--second", "ada", "--second-key", "KEY"), ("--second", "A B", "--second-key", "KEY")])
def test_a_second_person_is_another_handle_with_a_key(new: Path, arguments: tuple[str, ...]) -> None:
    key = new.parent / "grace.pub"
    key.write_text(f"{public_line(Ed25519PrivateKey.generate())} grace@example\n")
    said = init(new, *(str(key) if argument == "KEY" else argument for argument in arguments))
    assert said.code == 64
    assert files_below(new).get("gonogo.yaml") is None


def test_the_page_of_commands_names_every_script_with_its_flags_and_exits() -> None:
    page = (Path(__file__).parents[2] / "docs/commands.md").read_text()
    for script in SCRIPTS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{script.path}` |"))
        assert script.purpose in row
        assert set(re.findall(r"`--([a-z-]+)`", row)) == {flag.name for flag in script.flags}
        if dict(script.exits) != dict(STANDARD):
            assert all(f"{code} {words}" in row for code, words in script.exits.items())


AUTOMATION = {
    "PG1-09": (("validate_gate_10_intake.py", "check_staging_parity.py"), "protocol-14-intake.yml", ("completeness", "drift_severity", "drift_metric"), "14"),
    "PG2-09": (("run_deployment_rehearsal.py", "validate_gate_10_rehearsal.py"), "protocol-14-rehearsal.yml", ("coverage", "deployment_success"), "14"),
    "PG3-09": (("test_rollback_procedures.py", "validate_gate_10_security.py"), "protocol-14-security.yml", ("rto", "severity"), "14"),
    "PG4-09": (("validate_gate_10_readiness.py", "collect_readiness_approvals.py"), "protocol-14-readiness.yml", ("manifest_completeness", "approval_coverage"), "14"),
    "DG-05": (tuple(f"validate_gate_11_{gate}.py" for gate in ("readiness", "freeze", "launch", "reporting")), "production-deployment.yml", (), "11"),
}


@pytest.mark.req("PG1-09", "PG2-09", "PG3-09", "PG4-09", "DG1-05", "DG2-05", "DG3-05", "DG4-05")
@pytest.mark.parametrize("gate", AUTOMATION)
def test_each_gate_has_its_scripts_its_workflow_and_its_governed_limits(new: Path, gate: str) -> None:
    init(new)
    scripts, workflow, limits, number = AUTOMATION[gate]
    for name in scripts:
        text = (new / "scripts" / name).read_text("utf-8")
        assert f'engine("{name.removesuffix(".py")}"' in text
    lines = (new / ".github/workflows" / workflow).read_text("utf-8")
    if number == "14":
        assert "branches: [staging]" in lines
        assert any(f"scripts/{name}" in lines.replace("gate_14", "gate_10") for name in scripts)
    governed = yaml.safe_load((new / f"config/protocol_gates/{number}.yaml").read_text("utf-8"))
    assert set(limits) <= set(governed["limits"])


@pytest.mark.req("IOP-08")
def test_check_names_a_number_that_two_installed_protocols_claim_and_what_is_refused(new: Path) -> None:
    assert init(new).code == 0
    assert "GN0503" not in gonogo("check", "-C", new).out
    folder = new / ".cursor/ai-driven-workflow"
    for ending in ("md", "gonogo.yaml"):
        (folder / f"14-other-deployment.{ending}").write_bytes((folder / f"11-production-deployment.{ending}").read_bytes())
    said = gonogo("check", "-C", new).out
    assert "warning[GN0503]: protocol number 14 is claimed by pre-deployment and other-deployment" in said
    assert "`--protocol 14` is refused" in said


def test_a_protocol_that_nobody_installed_is_named_before_the_release_is_looked_for(new: Path) -> None:
    assert init(new).code == 0
    said = gonogo("run", "walrus-feeding", "--release", "v9", "-C", new)
    assert said.code == 64
    assert "there is no protocol `walrus-feeding`" in said.err


SHAPES = {
    "hosts": ("--hosts", "web1,web2,web3"),
    "services": ("--services", "db,api,web"),
    "services on hosts": ("--hosts", "db/db1,api/api1,api/api2,web/web1"),
}


@pytest.mark.req("CFG-11", "ROL-01")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_project_on_hosts_and_one_of_several_services_lack_only_what_is_marked_and_what_others_hand_over(new: Path, shape: str) -> None:
    assert init(new, *SHAPES[shape]).code == 0
    written = {path for path in files_below(new) if not path.startswith(".gonogo/")}
    assert written == (WRITTEN if shape == "services" else WRITTEN - {"scripts/traffic_web.sh"})
    found = gonogo("check", "-C", new, "--json").json()["findings"]
    marked = {item["code"] for item in found if item["code"] not in {"GN1006", "GN1008"}}
    assert marked == {"GN1007"}, found
    assert {item["message"].partition("/")[0] for item in found if item["code"] == "GN1007"} == {"upstream"}
    for path, data in files_below(new).items():
        assert not re.search(r"@[A-Z]+@", data.decode()), path
    assert init(new, "--upgrade", "--json").json() == {"files": []}  # the shape is that of the project, unless told otherwise


@pytest.mark.parametrize("shape", SHAPES)
def test_the_scripts_of_a_shape_are_told_which_host_or_service_and_do_nothing_in_a_dry_run(new: Path, shape: str) -> None:
    init(new, *SHAPES[shape])
    word, name = ("--service", "api") if shape == "services" else ("--host", "web2")
    beside = ("--service", "api") if shape == "services on hosts" else ()
    for script in ("deploy", "rollback"):
        line = ["bash", str(new / f"scripts/{script}_web.sh"), "--env", "staging", "--release", "v1", "--dry-run", *beside]
        alone = subprocess.run(line, capture_output=True, text=True, check=False)
        assert (alone.returncode != 0, f"{word} is missing" in alone.stderr) == (True, True)
        told = subprocess.run([*line, word, name], capture_output=True, text=True, check=False)
        assert (told.returncode, name in told.stdout) == (0, True)


def test_a_manifest_of_several_services_ships_exactly_those_that_the_project_names(new: Path) -> None:
    init(new, *SHAPES["services"])
    pairs = []
    for name in ("db", "api", "web"):
        (new / f"{name}.tar").write_text(name)
        pairs.append(f"{name}={name}.tar")
    subprocess.run(["bash", "scripts/manifest_web.sh", "v1", *pairs], cwd=new, check=True, capture_output=True)
    said = gonogo("check", "-C", new, "--release", "v1", "--json").json()["findings"]
    assert not [item for item in said if "manifest" in item["message"] or "ships" in item["message"]]
    subprocess.run(["bash", "scripts/manifest_web.sh", "v1", *pairs[:2]], cwd=new, check=True, capture_output=True)
    said = gonogo("check", "-C", new, "--release", "v1", "--json").json()["findings"]
    assert [item for item in said if "the release ships api, db, and `services` names db, api, web" in item["message"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--hosts", "web1", "--services", "db,web"), "--hosts says which of them each host runs"),
        (("--hosts", "db/db1,web1"), "`web1` is of no service"),
        (("--hosts", "db/a,web/a"), "`a` in --hosts is no name of its own"),
        (("--hosts", "/db1"), "`/db1` in --hosts is no service with its host"),
        (("--hosts", "web1,web1"), "`web1` in --hosts is no name of its own"),
        (("--hosts", "Web 1"), "`Web 1` in --hosts is no name of its own"),
        (("--services", "db,"), "`` in --services is no name of its own"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_and_nothing_is_written(new: Path, arguments: tuple[str, ...], words: str) -> None:
    said = init(new, *arguments)
    assert (said.code, words in said.err) == (64, True)
    assert "next:" in said.err
    assert files_below(new) == {}
