"""lint, fmt, compile, diff, graph, analyze, accept and doctor as a user calls them."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from command_line import gonogo

from gonogo.protocol.profile import Profile, under
from gonogo.protocol.score import score
from tests.document_cases import CASES, read, text_of

LIBRARY = resources.files("gonogo.library")
PLAIN = "d3_plain.md"


def lamp(folder: Path, name: str = PLAIN) -> Path:
    """A copy of a document of the cases."""
    path = folder / "lamp.md"
    path.write_bytes((CASES / name).read_bytes())
    return path


def project(folder: Path, **protocols: str) -> Path:
    """A project that binds the built-in protocols as the example does."""
    own = "\n".join(f"  {name}: {path}" for name, path in protocols.items()) or "  pre-deployment: builtin"
    text = LIBRARY.joinpath("gonogo.example.yaml").read_text()
    text = text.replace("  pre-deployment: protocols/pre-deployment.md", own)
    (folder / "gonogo.yaml").write_text(text)
    (folder / "config").mkdir()
    people = LIBRARY.joinpath("release-approvers.example.yaml").read_text()
    (folder / "config/release-approvers.yaml").write_text(people)
    return folder


def own_protocol(folder: Path) -> Path:
    """A project with a protocol of its own: a copy of the built-in one for production, with its bindings."""
    (folder / "protocols").mkdir()
    for end in ("md", "gonogo.yaml"):
        text = LIBRARY.joinpath(f"production-deployment.{end}").read_text()
        (folder / f"protocols/ship.{end}").write_text(text)
    return folder / "protocols/ship.md"


# lint


@pytest.mark.req("DOC-16", "GEN-15")
def test_lint_says_what_the_reader_and_the_rules_found(tmp_path: Path) -> None:
    path = lamp(tmp_path)
    text = path.read_text().replace("   * **Halt condition:** Stop if any ship has not answered.\n", "")
    path.write_text(text)
    said = gonogo("lint", path)
    assert "GN0301" in said.out
    assert said.code == 2


@pytest.mark.req("DOC-16")
def test_the_draft_profile_eases_what_is_not_written_yet_and_nothing_else(tmp_path: Path) -> None:
    path = lamp(tmp_path)
    path.write_text(path.read_text().replace("   * **Halt condition:** Stop if any ship has not answered.\n", ""))
    strict = gonogo("lint", path, "--json").json()["findings"]
    draft = gonogo("lint", path, "--json", "--profile", "draft").json()["findings"]
    assert [each["code"] for each in strict] == [each["code"] for each in draft]
    eased = {one["code"] for one, other in zip(strict, draft, strict=True) if one["level"] != other["level"]}
    assert eased
    assert all(code.startswith(("GN03", "GN06")) for code in eased)


def test_every_format_is_of_its_kind(tmp_path: Path) -> None:
    path = lamp(tmp_path, "d7_appended.md")
    assert json.loads(gonogo("lint", path, "--format", "sarif").out)["version"] == "2.1.0"
    assert gonogo("lint", path, "--format", "github").out.startswith("::")
    body = gonogo("lint", path, "--format", "json", "--coverage", "--score").json()
    (found,) = body["documents"].values()
    assert found["kind"] == "protocol"
    assert found["coverage"]["lines"] > 10
    assert len(found["score"]["headings"]) == 10


@pytest.mark.req("DOC-23")
@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("negative_*")))
@pytest.mark.parametrize("command", ["lint", "fmt", "analyze", "accept", "graph"])
def test_what_is_no_protocol_is_refused_by_every_command(name: str, command: str, tmp_path: Path) -> None:
    said = gonogo(command, CASES / name)
    assert said.code == 2
    assert "GN0101" in said.out + said.err or "GN0108" in said.out + said.err


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0" * 2000, b"# x\n" * 300_000, b"%PDF-1.7\n"])
def test_bad_input_is_a_finding_and_nothing_is_written(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.md"
    path.write_bytes(data)
    for command in (("lint", "--fix"), ("fmt", "--write"), ("analyze",)):
        said = gonogo(*command, path)
        assert said.code == 2
        assert "GN0" in said.out + said.err
    assert [each.name for each in tmp_path.iterdir()] == ["bad.md"]
    assert path.read_bytes() == data


def test_lint_fix_repairs_what_cannot_change_the_machine_and_keeps_the_mode(tmp_path: Path) -> None:
    path = lamp(tmp_path, "d7_appended.md")
    path.chmod(0o640)
    before = read(path.read_text()).protocol
    first = gonogo("lint", "--fix", path)
    after = read(path.read_text()).protocol
    assert before is not None
    assert after is not None
    assert [gate.thresholds for gate in before.gates] == [gate.thresholds for gate in after.gates]
    assert path.stat().st_mode & 0o777 == 0o640
    text = path.read_text()
    assert gonogo("lint", "--fix", path).out == first.out
    assert path.read_text() == text


def test_a_damaged_text_is_never_written_back_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "lamp.md"
    data = text_of(PLAIN).encode().decode("cp1252", "surrogateescape").encode("utf-8", "surrogateescape")
    path.write_bytes(data)
    assert "GN0001" in gonogo("lint", path).out
    gonogo("lint", "--fix", "--review", path)
    assert gonogo("fmt", "--write", path).code == 2
    assert path.read_bytes() == data
    assert gonogo("fmt", "--write", "--fix-encoding", path).code == 0
    assert "GN0001" not in gonogo("lint", path).out


def test_review_without_fix_is_wrong_usage(tmp_path: Path) -> None:
    assert gonogo("lint", "--review", lamp(tmp_path)).code == 64


# score and profile


def test_text_without_structure_never_raises_the_score() -> None:
    text = text_of(PLAIN)
    salad = text_of("negative_salad.md")
    assert score(read(salad).protocol).share < 0.05
    words = "\n## REFLECTION & LEARNING\n\nGates, evidence, halts, approvals, scripts, handoff, retrospective.\n"
    assert score(read(text + words).protocol).share <= score(read(text).protocol).share


@pytest.mark.parametrize(
    "line",
    [
        "   * **Halt condition:** Stop if the oil is missing.\n",
        "   * **Evidence:** `.artifacts/lamp/oil.json`\n",
    ],
)
def test_another_halt_or_evidence_never_lowers_the_score(line: str) -> None:
    text = text_of(PLAIN)
    for number, before in enumerate(text.splitlines(keepends=True)):
        if before.lstrip().startswith("* **Action"):
            lines = text.splitlines(keepends=True)
            lines.insert(number + 1, line)
            assert score(read("".join(lines)).protocol).share >= score(read(text).protocol).share


def test_strict_changes_no_finding() -> None:
    found = read(text_of("d7_appended.md")).findings
    assert under(Profile.STRICT, found) == found


# fmt


def test_fmt_shows_the_difference_and_writes_it_only_when_asked(tmp_path: Path) -> None:
    path = lamp(tmp_path, "d2_generated.md")
    path.write_text(path.read_text().replace("* **Evidence:**", "+ **Evidence**:"))
    before = path.read_bytes()
    shown = gonogo("fmt", path)
    if shown.code == 2:
        assert shown.out.startswith("---")
        assert path.read_bytes() == before
        assert gonogo("fmt", "--write", path).code == 0
    assert gonogo("fmt", path).code == 0
    assert gonogo("fmt", path).out == ""


def test_fmt_keeps_the_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    path = lamp(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b"* **Action:**", b"* **Action**:"))
    assert gonogo("fmt", "--write", path).code == 0
    assert path.read_bytes().startswith(b"\xef\xbb\xbf#") or path.read_bytes().startswith(b"\xef\xbb\xbf-")
    assert b"\r\n" in path.read_bytes()
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")


# compile and diff


@pytest.mark.req("DOC-27")
def test_compile_writes_the_same_lock_twice_and_runs_are_held_to_it(tmp_path: Path) -> None:
    path = own_protocol(project(tmp_path, ship="protocols/ship.md"))
    said = gonogo("compile", "protocols/ship.md", "-C", tmp_path)
    assert said.code == 0, said.err
    lock = path.with_name("ship.gonogo.lock.json")
    first = lock.read_bytes()
    assert gonogo("compile", "protocols/ship.md", "-C", tmp_path, "--json").code == 0
    assert lock.read_bytes() == first
    body = json.loads(first)
    assert {"source_sha256", "sidecar_sha256", "bindings", "graph_sha256", "proof"} <= body.keys()
    assert "GN0701" not in gonogo("check", "-C", tmp_path).out


@pytest.mark.req("DOC-27")
def test_a_stale_lock_beside_the_document_is_refused_with_what_became_weaker(tmp_path: Path) -> None:
    path = own_protocol(project(tmp_path, ship="protocols/ship.md"))
    assert gonogo("compile", "protocols/ship.md", "-C", tmp_path).code == 0
    text = path.read_text()
    path.write_text(text.replace("Freeze acknowledgements = 100%", "Freeze acknowledgements ≥ 50%"))
    assert path.read_text() != text
    said = gonogo("check", "-C", tmp_path)
    assert said.code == 2
    assert "GN0701" in said.out
    assert "1 rule weaker" in said.out
    assert "50%" in said.out
    path.write_text(text)
    assert "GN0701" not in gonogo("check", "-C", tmp_path).out


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize("file", ["protocols/ship.gonogo.yaml", "gonogo.yaml"])
def test_changed_bindings_make_the_lock_stale_too(file: str, tmp_path: Path) -> None:
    own_protocol(project(tmp_path, ship="protocols/ship.md"))
    assert gonogo("compile", "protocols/ship.md", "-C", tmp_path).code == 0
    with (tmp_path / file).open("a") as changed:
        changed.write("# one more line\n")
    assert "GN0701" in gonogo("check", "-C", tmp_path).out


@pytest.mark.req("DOC-27")
def test_an_edited_or_broken_lock_is_refused(tmp_path: Path) -> None:
    path = own_protocol(project(tmp_path, ship="protocols/ship.md"))
    assert gonogo("compile", "protocols/ship.md", "-C", tmp_path).code == 0
    lock = path.with_name("ship.gonogo.lock.json")
    lock.write_bytes(lock.read_bytes().replace(b'"must": true', b'"must": false', 1))
    assert "GN0701" in gonogo("check", "-C", tmp_path).out
    lock.write_bytes(b"{}")
    assert gonogo("check", "-C", tmp_path).code == 2


def test_a_document_with_errors_gets_no_lock(tmp_path: Path) -> None:
    path = own_protocol(project(tmp_path, ship="protocols/ship.md"))
    path.write_text(path.read_text().replace("Halt condition", "Halt-condtion", 1))
    said = gonogo("compile", "protocols/ship.md", "-C", tmp_path)
    assert said.code == 2
    assert "no lock was written" in said.err
    assert not path.with_name("ship.gonogo.lock.json").exists()


def test_a_lock_needs_a_project(tmp_path: Path) -> None:
    said = gonogo("compile", lamp(tmp_path), "-C", tmp_path)
    assert said.code == 2
    assert "gonogo init" in said.err


@pytest.mark.req("DOC-27")
def test_diff_shows_a_looser_limit_as_weaker_and_fails_on_it(tmp_path: Path) -> None:
    old, new = tmp_path / "old.md", tmp_path / "new.md"
    text = LIBRARY.joinpath("pre-deployment.md").read_text()
    old.write_text(text)
    new.write_text(text.replace("overage ≥ 0.90", "overage ≥ 0.80").replace("overage ≥ 90%", "overage ≥ 80%"))
    assert new.read_text() != text
    said = gonogo("diff", old, new)
    assert "weaker" in said.out
    assert "80" in said.out
    assert said.code == 0
    assert gonogo("diff", old, new, "--fail-on", "weaker").code == 2
    assert gonogo("diff", new, old, "--fail-on", "weaker").code == 0
    assert gonogo("diff", new, old, "--fail-on", "any").code == 2
    body = gonogo("diff", old, new, "--json").json()
    assert body["weaker"] is True
    assert gonogo("diff", old, old).out.startswith("no difference")


def test_a_lock_stands_for_its_document_in_a_diff(tmp_path: Path) -> None:
    path = own_protocol(project(tmp_path, ship="protocols/ship.md"))
    assert gonogo("compile", "protocols/ship.md", "-C", tmp_path).code == 0
    lock = path.with_name("ship.gonogo.lock.json")
    assert gonogo("diff", lock, path).out.startswith("no difference")
    path.write_text(path.read_text().replace("[MUST]` Freeze", "[GUIDELINE]` Freeze"))
    assert gonogo("diff", lock, path, "--fail-on", "weaker").code == 2


@pytest.mark.req("DOC-18")
def test_other_numbers_are_no_difference(tmp_path: Path) -> None:
    old, new = tmp_path / "old.md", tmp_path / "new.md"
    old.write_text(text_of(PLAIN))
    new.write_text(text_of(PLAIN).replace("## 42.", "## 7.").replace("PROTOCOL 42", "PROTOCOL 7"))
    assert gonogo("diff", old, new).out.startswith("no difference")


# graph


@pytest.mark.req("IOP-07", "IOP-08")
def test_the_built_in_protocols_fit_together(tmp_path: Path) -> None:
    said = gonogo("graph", "--all", "-C", tmp_path)
    assert (said.code, said.err) == (0, "")
    assert "PRE-DEPLOYMENT-PACKAGE.zip" in said.out


@pytest.mark.req("IOP-07")
def test_a_renamed_bundle_is_found_over_the_set(tmp_path: Path) -> None:
    names = ("pre-deployment", "production-deployment")
    for name in names:
        text = LIBRARY.joinpath(f"{name}.md").read_text()
        changed = text.replace("PRE-DEPLOYMENT-PACKAGE", "PACKAGE-OF-PRE-DEPLOYMENT") if name == names[0] else text
        (tmp_path / f"{name}.md").write_text(changed)
        (tmp_path / f"{name}.gonogo.yaml").write_text(LIBRARY.joinpath(f"{name}.gonogo.yaml").read_text())
    said = gonogo("graph", *(tmp_path / f"{name}.md" for name in names))
    assert said.code == 2
    assert "PRE-DEPLOYMENT-PACKAGE.zip" in said.err


def test_a_drawing_is_written_as_its_name_says(tmp_path: Path) -> None:
    out = tmp_path / "lamp.svg"
    assert gonogo("graph", lamp(tmp_path), "-o", out).code == 0
    assert ET.fromstring(out.read_text()).tag.endswith("svg")
    assert gonogo("graph", lamp(tmp_path)).out.startswith("flowchart TD")
    assert gonogo("graph", lamp(tmp_path), "--json").json()["drawing"]["boxes"]
    assert gonogo("graph").code == 64


# doctor


@pytest.mark.req("CFG-10")
def test_doctor_names_each_program_and_fails_where_a_needed_one_is_missing(tmp_path: Path) -> None:
    found = {each["what"]: each for each in gonogo("doctor", "-C", tmp_path, "--json").json()["examined"]}
    assert {"Python", "bash", "sh", "ssh-keygen", "git", "disk"} <= found.keys()
    empty = gonogo("doctor", "-C", tmp_path, "--json", PATH=str(tmp_path))
    lacking = {each["what"] for each in empty.json()["examined"] if not each["ok"]}
    assert empty.code == 2
    assert {"bash", "sh", "ssh-keygen", "git"} <= lacking


@pytest.mark.req("CFG-10")
def test_doctor_asks_for_text_tools_only_where_a_bound_script_uses_them(tmp_path: Path) -> None:
    project(tmp_path)

    def names() -> set[str]:
        return {each["what"] for each in gonogo("doctor", "-C", tmp_path, "--json").json()["examined"]}

    assert "sed" not in names()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/deploy_web.sh").write_text("sed s/a/b/ file | awk 1\n")
    assert {"sed", "awk"} <= names()
    assert "journal" in names()


def test_the_environment_is_not_read_by_reading_commands(tmp_path: Path) -> None:
    assert gonogo("lint", lamp(tmp_path), **dict.fromkeys(("PAGER", "EDITOR"), os.devnull)).code in {0, 2}


# check


@pytest.mark.req("IOP-07", "GEN-15")
def test_check_reads_a_document_as_lint_does_and_a_set_as_graph_does(tmp_path: Path) -> None:
    assert gonogo("check", "--all").code == 0
    path = lamp(tmp_path)
    path.write_text(path.read_text().replace("   * **Halt condition:** Stop if any ship has not answered.\n", ""))
    linted, checked = gonogo("lint", path, "--json").json(), gonogo("check", path, "--json").json()
    assert linted["findings"] == checked["findings"]
    lonely = tmp_path / "production-deployment.md"
    text = LIBRARY.joinpath("production-deployment.md").read_text()
    lonely.write_text(text.replace("PRE-DEPLOYMENT-PACKAGE.zip", "OTHER-PACKAGE.zip"))
    assert "OTHER-PACKAGE.zip" in gonogo("check", "--all", lonely).out
