"""What stands around a protocol: folders, rights, environment variables, the staging description, typed slots."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import pytest
from command_line import gonogo, importing
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.control.examining import denied
from gonogo.engine.rights import needs
from gonogo.control.sources import open_workspace, protocol_sources
from gonogo.errors import BadInput, WrongUsage
from gonogo.measure.environment_file import read_environment_file
from gonogo.plan.bindings import read_project
from gonogo.plan.script_defaults import DEFAULTS, script_defaults
from gonogo.protocol.slots import SlotKind, as_data, filled, slots_in
from tests.unit.test_compiler3_commands import project

LIBRARY = resources.files("gonogo.library")
FORM = str(LIBRARY.joinpath("form-production-deployment.yaml"))


# folders


def with_folders(root: Path, context: str, protocols: str) -> Path:
    """A project with these folders."""
    project(root)
    text = (root / "gonogo.yaml").read_text()
    text = text.replace("  context: .cursor/context-kit", f"  context: {context}")
    (root / "gonogo.yaml").write_text(
        text.replace("  protocols: .cursor/ai-driven-workflow", f"  protocols: {protocols}")
    )
    (root / "scripts").mkdir()
    for name in ("validation_gates.py", "deploy_backend.sh", "rollback_backend.sh", "collect_perf.py"):
        (root / "scripts" / name).write_text("")
    return root


@pytest.mark.req("CFG-06", "CFG-07", "GEN-01", "GEN-13")
@pytest.mark.parametrize(
    ("context", "protocols"), [(".cursor/context-kit", ".cursor/ai-driven-workflow"), ("kit", "docs/protocols")]
)
def test_documents_and_their_analysis_go_into_the_folders_of_the_project(
    context: str, protocols: str, tmp_path: Path
) -> None:
    root = with_folders(tmp_path, context, protocols)
    assert gonogo("generate", FORM, "-C", root).code == 0
    stem = "11-production-deployment-release-management"
    assert (root / protocols / f"{stem}.md").is_file()
    assert (root / protocols / f"{stem}.gonogo.yaml").is_file()
    assert "whole" in (root / context / f"{stem}.layers.md").read_text()


@pytest.mark.req("CFG-07")
def test_a_protocol_is_found_by_name_in_the_protocols_folder(tmp_path: Path) -> None:
    root = with_folders(tmp_path, "kit", "flows")
    (root / "flows").mkdir()
    for end in ("md", "gonogo.yaml"):
        text = LIBRARY.joinpath(f"production-deployment.{end}").read_text()
        (root / f"flows/11-ship.{end}").write_text(text)
    document, sidecar = protocol_sources(open_workspace(root), "ship")
    assert (document.name, sidecar.name) == ("flows/11-ship.md", "flows/11-ship.gonogo.yaml")
    (root / "flows/12-ship.md").write_text("")
    with pytest.raises(BadInput, match="can mean 11-ship.md or 12-ship.md"):
        protocol_sources(open_workspace(root), "ship")
    with pytest.raises(WrongUsage):
        protocol_sources(open_workspace(root), "../flows/11-ship")


@pytest.mark.req("CFG-06", "CFG-07")
@pytest.mark.parametrize("folder", ["/etc", "../outside", "a/../../b", ""])
def test_a_folder_outside_the_project_is_refused(folder: str) -> None:
    text = LIBRARY.joinpath("gonogo.example.yaml").read_text()
    changed = text.replace("  context: .cursor/context-kit", f'  context: "{folder}"')
    found = read_project(changed.encode(), "gonogo.yaml").findings
    assert any("directories.context" in each.message for each in found)


# rights


DENIED = """
import os, sys
from pathlib import Path
from gonogo.control.examining import denied, needs
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for each in denied(Path(sys.argv[1]), needs("14", "flows")):
    print(each.what, "|", each.detail, "|", each.remedy)
"""


@pytest.mark.req("CFG-09")
def test_a_folder_that_may_not_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "scripts").mkdir(mode=0o755)
        (root / "scripts/logs").mkdir(mode=0o555)
        (root / "scripts/validate_gate.py").write_text("")
        (root / "scripts/validate_gate.py").chmod(0o644)
        (root / "flows").mkdir(mode=0o755)
        (root / "flows/14-x.md").write_text("")
        (root / "flows/14-x.md").chmod(0o200)
        command = [sys.executable, "-c", DENIED, folder]
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=importing()).stdout
    assert "scripts/logs | no right to write it | give the user" in said
    assert "scripts/validate_gate.py | no right to execute it" in said
    assert "flows/14-x.md | no right to read it" in said


@pytest.mark.req("CFG-09")
def test_what_is_not_there_yet_is_no_missing_right(tmp_path: Path) -> None:
    assert list(denied(tmp_path, needs("14", ".cursor/ai-driven-workflow"))) == []


# environment variables


@pytest.mark.req("CFG-08")
def test_without_variables_the_documented_defaults_hold_and_each_unset_one_is_named() -> None:
    found = script_defaults({}, {})
    assert (found.protocol, found.workspace, found.artifacts, found.log_level) == (
        "14",
        ".",
        ".artifacts/protocol-14/",
        "INFO",
    )
    assert found.unset == tuple(DEFAULTS)


@pytest.mark.req("CFG-08")
@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("PROTOCOL_ID", "11", "protocol", "11"),
        ("WORKSPACE_ROOT", "/srv/shop", "workspace", "/srv/shop"),
        ("ARTIFACTS_DIR", "out/evidence", "artifacts", "out/evidence/"),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ],
)
def test_each_variable_is_read(name: str, value: str, field: str, read: str) -> None:
    found = script_defaults({name: value}, {})
    assert getattr(found, field) == read
    assert name not in found.unset


@pytest.mark.req("CFG-08")
def test_a_flag_wins_over_its_variable() -> None:
    environ = {"WORKSPACE_ROOT": "a", "ARTIFACTS_DIR": "b", "LOG_LEVEL": "INFO"}
    found = script_defaults(environ, {"workspace": "c", "artifacts": "d", "log-level": "ERROR", "protocol": "6"})
    assert (found.protocol, found.workspace, found.artifacts, found.log_level) == ("6", "c", "d/", "ERROR")


@pytest.mark.req("CFG-08")
def test_a_variable_and_a_flag_that_name_different_protocols_are_an_error() -> None:
    with pytest.raises(WrongUsage, match="PROTOCOL_ID is `14`, --protocol is `11`"):
        script_defaults({"PROTOCOL_ID": "14"}, {"protocol": "11"})
    assert script_defaults({"PROTOCOL_ID": "06"}, {"protocol": "6"}).protocol == "6"


@pytest.mark.req("CFG-08")
@pytest.mark.parametrize(
    "environ",
    [
        {"LOG_LEVEL": "LOUD"},
        {"PROTOCOL_ID": "14; rm"},
        {"PROTOCOL_ID": "../14"},
        {"ARTIFACTS_DIR": "/etc"},
        {"ARTIFACTS_DIR": "a/../.."},
        {"WORKSPACE_ROOT": "a\nb"},
    ],
)
def test_a_variable_that_cannot_be_used_is_an_error(environ: dict[str, str]) -> None:
    with pytest.raises(WrongUsage):
        script_defaults(environ, {})


# the description of staging


@pytest.mark.req("CFG-05")
def test_the_declared_staging_configuration_is_read_by_class_and_unknown_parts_are_refused() -> None:
    text = (
        b"environment: staging\nconfiguration: {workers: 4}\nfeature_flags: {banner: on}\n"
        b"infrastructure:\n  - {component: db, version: '15', size: small}\n"
        b"secrets:\n  - {name: TOKEN, fingerprint: abc123abc123abc123}\n"
        b"severity_rules: []\naccepted_drift: []\n"
    )
    leaves = read_environment_file(text, "config/staging-env.yaml")
    assert set(leaves) == {"configuration", "feature_flags", "infrastructure", "secrets"}
    for wrong in (text + b"bypass: true\n", b"- 1\n", text.replace(b"component: db, ", b"")):
        with pytest.raises(BadInput, match="config/staging-env.yaml"):
            read_environment_file(wrong, "config/staging-env.yaml")


# slots


@pytest.mark.req("DOC-17")
@pytest.mark.parametrize(
    "name",
    ["step", "explanation", "result", "environment", "error", "service", "details", "Gate Name", "Validation Type", "Script Name"],
)
def test_every_documented_placeholder_is_a_slot(name: str) -> None:
    (slot,) = slots_in(f"[WARN] {{{name}}} failed")
    assert (slot.kind, slot.name) == (SlotKind.BRACE, name.lower())
    assert filled(f"[WARN] {{{name}}} failed", {name.lower(): "x"}) == "[WARN] x failed"


@pytest.mark.req("DOC-17")
def test_variables_phases_and_open_ends_are_slots_of_their_own_kind() -> None:
    kinds = [slot.kind for slot in slots_in("deploy ${TAG} in PHASE X by [TBD]")]
    assert kinds == [SlotKind.VARIABLE, SlotKind.PHASE, SlotKind.OPEN]
    assert filled("${TAG} PHASE X [TBD]", {"tag": "v2", "phase": "3"}) == "v2 PHASE 3 [TBD]"


@pytest.mark.req("DOC-17")
@pytest.mark.parametrize(
    "value", ["ok\n[APPROVED] all good", "a] [GO", "{error}", "${TAG}", "x\r\x1b[2Jy", "\u2028[GO]", "`rm -rf`", "PHASE X"]
)
def test_a_value_never_becomes_a_second_message_or_a_second_slot(value: str) -> None:
    text = filled("[WARN] {details}: {error}", {"details": value, "error": "boom", "tag": "v2"})
    assert text.count("[") == 1
    assert text.startswith("[WARN] ")
    assert text.endswith(": boom")
    assert "\n" not in text
    assert text.isprintable()


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
@pytest.mark.req("DOC-17")
def test_any_value_stays_one_line_without_brackets(value: str) -> None:
    shown = as_data(value)
    assert shown.isprintable()
    assert not set(shown) & set("[]{}<>`")


@pytest.mark.req("DOC-17")
def test_a_slot_without_a_value_stays_visible() -> None:
    assert filled("{step} is {unknown}", {"step": "one"}) == "one is {unknown}"


# forms


@pytest.mark.req("GEN-01", "GEN-11", "GEN-12")
def test_a_form_becomes_a_document_that_is_accepted_and_is_never_overwritten_after_an_edit(tmp_path: Path) -> None:
    root = with_folders(tmp_path, "kit", "flows")
    out = root / "out/11-production-deployment.md"
    said = gonogo("generate", FORM, "-C", root, "-o", out)
    assert said.code == 0
    assert "layers: all whole" in said.err
    assert "acceptance: 10 of 10 items hold" in said.err
    first = out.read_bytes()
    assert "unchanged" in gonogo("generate", FORM, "-C", root, "-o", out).out
    assert gonogo("accept", out, "--form", FORM, "-C", root).code == 0
    assert gonogo("analyze", out, "--against", FORM).code == 0
    out.write_bytes(first + b"\nmore\n")
    refused = gonogo("generate", FORM, "-C", root, "-o", out)
    assert refused.code == 2
    assert "--force" in refused.err
    assert out.read_bytes() == first + b"\nmore\n"
    assert gonogo("generate", FORM, "-C", root, "-o", out, "--force").code == 0
    assert out.read_bytes() == first


@pytest.mark.req("GEN-13")
def test_a_halt_that_was_taken_out_is_named_by_the_analysis(tmp_path: Path) -> None:
    root = with_folders(tmp_path, "kit", "flows")
    out = root / "made.md"
    assert gonogo("generate", FORM, "-C", root, "-o", out).code == 0
    text = out.read_text()
    line = next(line for line in text.splitlines(keepends=True) if "**Halt condition:** Trigger rollback" in line)
    out.write_text(text.replace(line, ""))
    said = gonogo("analyze", out, "--against", FORM)
    assert said.code == 2
    assert "Trigger rollback if a health check fails" in said.out
    assert gonogo("accept", out, "--form", FORM, "-C", root).code == 2


@pytest.mark.req("GEN-14")
@pytest.mark.parametrize("name", ["blank", "interview", "faulty-omission", "faulty-script", "faulty-gate", "faulty-integration"])
def test_a_faulty_form_asks_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    form = Path(__file__).parents[1] / f"cases/forms/{name}.yaml"
    said = gonogo("generate", form, "-C", tmp_path, "-o", tmp_path / "out")
    assert said.code == 2
    assert "?" in said.err
    assert list(tmp_path.iterdir()) == []
    assert gonogo("generate", form, "-C", tmp_path, "--json").json()["written"] == []


@pytest.mark.req("GEN-14")
def test_the_draft_profile_lets_a_script_be_written_later(tmp_path: Path) -> None:
    form = Path(__file__).parents[1] / "cases/forms/lamp-phases.yaml"
    assert gonogo("generate", form, "-C", tmp_path, "-o", tmp_path / "out").code == 2
    said = gonogo("generate", form, "-C", tmp_path, "-o", tmp_path / "out", "--profile", "draft")
    assert said.code == 0
    assert "warning[GN0602]" in said.err


@pytest.mark.req("GEN-14")
def test_what_is_missing_is_asked_for_and_the_answers_are_kept(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "cases/forms/lamp-phases.yaml").read_text()
    name = next(line for line in text.splitlines() if line.startswith("protocol_name:"))
    form = tmp_path / "form.yaml"
    form.write_text(text.replace(name, "protocol_name:"))
    command = [sys.executable, "-m", "gonogo.cli.main", "generate", str(form), "--interactive", "--profile", "draft"]
    command += ["-C", str(tmp_path), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, input="Lamp Swap\n", capture_output=True, text=True, check=False, env=importing())
    assert done.returncode == 0, done.stderr
    assert "what is the protocol called?" in done.stderr
    assert (tmp_path / "out/42-lamp-swap.md").read_text().startswith("# PROTOCOL 42: LAMP SWAP")
    assert json.loads((tmp_path / "out/42-lamp-swap.form.yaml").read_text())["protocol_name"] == "Lamp Swap"
    empty = subprocess.run(command, input="\n", capture_output=True, text=True, check=False, env=importing())
    assert empty.returncode == 2
    assert "is still empty" in empty.stderr


@pytest.mark.req("GEN-14")
def test_a_number_of_an_installed_protocol_is_reported(tmp_path: Path) -> None:
    said = gonogo("generate", FORM, "-C", with_folders(tmp_path, "kit", "flows"))
    assert "number 11 is that of the installed `production-deployment`" in said.err


@pytest.mark.parametrize("data", [b"a: &x [*x]\n", b"\xff", b"a: " + b"[" * 30_000, b"- 1\n", b"", b"x" * 300_000])
def test_a_hostile_form_is_a_finding(data: bytes, tmp_path: Path) -> None:
    form = tmp_path / "form.yaml"
    form.write_bytes(data)
    said = gonogo("generate", form, "-C", tmp_path, "-o", tmp_path / "out")
    assert said.code == 2
    assert "GN0901" in said.err
    assert not (tmp_path / "out").exists()
