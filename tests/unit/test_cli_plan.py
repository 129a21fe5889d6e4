"""`gonogo plan` and `gonogo check`: what would be done and what is missing, without touching anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import files_below, gonogo, same_as, sentences, steady
from test_cli_errors import Nowhere, changed

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.plan.model import all_stages
from gonogo.reports.planned import seconds
from tests.projects import small_project

BOTH = ("pre-deployment", "production-deployment", "deployment-automation")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans")
    found = folder / "shop"
    small_project(found, Nowhere(folder / "world/staging"), Nowhere(folder / "world/production"))
    return found


@pytest.mark.req("DRY-01")
@pytest.mark.parametrize("protocol", BOTH)
def test_a_plan_writes_nothing_at_all(root: Path, protocol: str) -> None:
    before = files_below(root)
    assert gonogo("plan", protocol, "--release", "v2", "-C", root).code == 0
    assert gonogo("run", protocol, "--release", "v2", "--dry-run", "-C", root).code == 0
    assert files_below(root) == before
    assert not (root / ".gonogo").exists()
    assert not (root / ".artifacts").exists()


@pytest.mark.parametrize("protocol", BOTH)
def test_a_plan_names_every_act_in_the_order_of_the_run(root: Path, protocol: str) -> None:
    plan = compile_for(open_workspace(root), protocol, "v2").plan
    assert plan is not None
    found = gonogo("plan", protocol, "--release", "v2", "--json", "-C", root).json()
    rollback = [found["rollback"]] if found["rollback"] else []
    shown = [act["id"] for stage in (*found["stages"], *rollback, found["closing"]) for act in stage["acts"]]
    assert shown == [task.id for stage in all_stages(plan) for task in stage.tasks]
    assert found["plan_sha256"] == plan.digest


def test_a_plan_says_what_changes_production_and_who_decides(root: Path) -> None:
    text = gonogo("plan", "production-deployment", "--release", "v2", "-C", root).out
    assert "[changes PRODUCTION]" in text
    assert "$ bash scripts/deploy_shop.sh" in text
    assert "step 1 of 3: move 5 % of the traffic" in text
    assert "`production`: 2 people; one sre_lead (sre1); one of" in text
    assert "not by whoever opened the run" in text
    assert "ROLLBACK, which begins only when" in text


def test_the_first_lines_of_a_plan_carry_role_mission_and_guardrails(root: Path) -> None:
    head = gonogo("plan", "pre-deployment", "--release", "v2", "-C", root).out.splitlines()[:4]
    assert head[1] == "role      Release Engineer"
    assert head[2].startswith("mission   ")
    assert head[3].startswith("guardrail ")


def test_every_clause_of_a_plan_has_its_limit_and_its_line(root: Path) -> None:
    for protocol in BOTH:
        gates = gonogo("plan", protocol, "--release", "v2", "--json", "-C", root).json()["gates"]
        for clause in (clause for gate in gates for clause in gate["clauses"]):
            assert clause["limit"].split()[1]
            assert ":" in clause["origin"]
            assert clause["limit_from"]


def test_a_limit_of_the_project_names_the_project_as_its_source(root: Path) -> None:
    gates = gonogo("plan", "pre-deployment", "--release", "v2", "--json", "-C", root).json()["gates"]
    clause = next(item for gate in gates for item in gate["clauses"] if "recovery time" in item["text"].lower())
    assert clause["limit"] == "≤ 30 s"
    assert clause["limit_from"].startswith("gonogo.yaml:")


@pytest.mark.parametrize(
    ("text", "shown"), [("0.6", "600 ms"), ("30", "30 s"), ("300", "5 min"), ("7200", "2 h"), ("90", "90 s"), ("1.5", "1.5 s")]
)
def test_a_duration_is_shown_without_loss(text: str, shown: str) -> None:
    from decimal import Decimal

    assert seconds(Decimal(text)) == shown


@pytest.mark.req("SHP-01")
def test_the_built_in_protocols_have_no_findings() -> None:
    said = gonogo("check", "--all", "--coverage")
    assert said.code == 0
    assert said.out.startswith("no findings\n")
    assert said.out.count("lines that are not blank") == 3


@pytest.mark.req("DOC-01")
def test_a_document_is_printed_as_its_model(tmp_path: Path) -> None:
    found = gonogo("check", "--all", "--json").json()
    assert found["counts"] == {"error": 0, "info": 0, "warning": 0}
    model = found["documents"]["pre-deployment.md"]["protocol"]
    assert len(model["phases"]) == 4
    assert len(model["gates"]) == 4
    assert model["phases"][0]["origin"].startswith("pre-deployment.md:")


def test_a_sound_project_passes_the_check(root: Path) -> None:
    said = gonogo("check", "-C", root, RECORD="set")
    assert (said.code, said.out) == (0, "no findings\n")
    assert "gonogo check --release VERSION" in said.err
    assert gonogo("check", "-C", root, "--release", "v2", RECORD="set").code == 0


PARTS = '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [%s]}'


@pytest.mark.req("CFG-09", "SEC-02")
@pytest.mark.parametrize(
    ("text", "words", "advice"),
    [
        (PARTS % "", "it lists no component", "let the tool that writes it look at what is shipped"),
        (PARTS % '{"name": "left-pad"}' + "]", "is not JSON", ""),
        ('{"spdxVersion": "SPDX-2.3", "packages": []}', "not CycloneDX JSON", "bind the parts list under its own format"),
    ],
    ids=["empty", "broken", "another form"],
)
def test_a_parts_list_that_would_halt_the_run_is_named_before_it_begins(root: Path, text: str, words: str, advice: str) -> None:
    list_ = root / "releases/v2/sbom.cdx.json"
    before = list_.read_bytes()
    try:
        list_.write_text(text)
        said = gonogo("check", "-C", root, "--release", "v2", "--json", RECORD="set")
        assert gonogo("check", "-C", root, RECORD="set").code == 0, "which list it is, only the release says"
    finally:
        list_.write_bytes(before)
    (found,) = said.json()["findings"]
    assert said.code == 2
    assert found["code"] == "GN1007"
    assert "releases/v2/sbom.cdx.json" in found["message"]
    assert words in found["message"]
    assert advice in str(found)


@pytest.mark.req("CFG-09", "CFG-11")
def test_one_check_names_every_fault_of_every_file(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    small_project(root, Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))
    changed("gonogo.yaml", "  tests: {run: [bash, scripts/tests.sh], timeout: 20s}", "  tests: {run: [bosh, scripts/test.sh], timout: 20s}")(root)
    changed("config/release-approvers.yaml", "freeze_stakeholders: [rm1, sre1]", "freeze_stakeholders: [rm1, sre9]")(root)
    (root / "config/staging.env").unlink()
    (root / "upstream/UAT-CLOSURE-PACKAGE.zip").unlink()
    (root / "docs/runbook.md").unlink()
    (root / "releases/v2/app.txt").write_text("another program\n")
    said = gonogo("check", "-C", root, "--release", "v2", PATH="/usr/bin:/bin", RECORD="set")
    same_as("check-of-a-broken-project", steady(sentences(said.out), root))
    assert said.code == 2


def test_findings_come_in_four_forms(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A shopping list\n\n- milk\n")
    path = tmp_path / "a.md"
    assert "error[GN0101]" in gonogo("check", path).out
    assert gonogo("check", path, "--format", "json").json()["findings"][0]["code"] == "GN0101"
    assert json.loads(gonogo("check", path, "--format", "sarif").out)["runs"][0]["results"][0]["ruleId"] == "GN0101"
    assert gonogo("check", path, "--format", "github").out.startswith("::error file=")


def test_every_code_can_be_explained() -> None:
    from gonogo.protocol.codes_binding import EVERY_CODE

    for code in EVERY_CODE:
        said = gonogo("explain", code)
        assert said.code == 0
        assert said.out.startswith(code)
    assert gonogo("explain", "gn1003", "--json").json()["waivable"] is False
