"""What `gonogo init` wrote, filled in as its marks ask, goes through a whole release: nothing is missing in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import Said, files_below, gonogo

from tests.prepared import typed
from tests.projects import SCRIPTS, upstream_bytes
from tests.worlds_http import Place, place

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")

PARTS = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
    {"type": "library", "name": "left-pad", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}]}
]}
NOT_WRITTEN = re.compile(r'^# EDIT-ME: .*\necho "write me.*\nexit 1\n', re.MULTILINE)


def marks(root: Path) -> list[str]:
    """The files in which init left something to write, once for each place."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and ".git" not in path.parts]
    return [str(path.relative_to(root)) for path in files for line in path.read_bytes().splitlines() if b"EDIT-ME:" in line]


class Filled:
    """A project of `gonogo init` whose marks two people have filled in."""

    def __init__(self, root: Path, staging: Place, production: Place) -> None:
        self.root = root
        self.keys = root.parent / "keys"
        self.places = {"staging": staging, "production": production}
        self._people()
        self._project()
        self._scripts()

    def _people(self) -> None:
        home = self.root.parent / "home"
        (home / ".ssh").mkdir(parents=True)
        self.keys.mkdir()
        for name in ("ada", "grace"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.keys / name)], check=True)
        shutil.copy(self.keys / "ada.pub", home / ".ssh/id_ed25519.pub")
        self.root.mkdir()
        second = ("--second", "grace", "--second-key", self.keys / "grace.pub")
        told = gonogo("init", "-C", self.root, "--service", "web", *second, HOME=str(home), LOGNAME="ada", USER="ada")
        assert told.code == 0
        self.marks = marks(self.root)

    def _project(self) -> None:
        for kind, port in (("staging", 81), ("production", 82)):
            found = self.places[kind]
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}00  # EDIT-ME.*", found.url("front"))
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}01", found.url("blue"))
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}02", found.url("green"))
        self.edit("gonogo.yaml", r"run: \[bandit.*", "run: [bash, scripts/scan.sh]")
        self.edit("gonogo.yaml", r"hold: 2m", "hold: 600ms, tick: 100ms, patience: 10s")
        self.edit("gonogo.yaml", r"length: 30m .*", "length: 1s\n  tick: 500ms")
        for path in ("gonogo.yaml", "config/staging.env", "config/production.env", "docs/runbook-web.md"):
            self.edit(path, r"EDIT-ME: ", "", least=0)
        for name in ("QUALITY-AUDIT-PACKAGE", "INTEGRATION-EVIDENCE", "UAT-CLOSURE-PACKAGE"):
            (self.root / "upstream").mkdir(exist_ok=True)
            (self.root / f"upstream/{name}.zip").write_bytes(upstream_bytes(f"{name}.zip"))

    def _scripts(self) -> None:
        base = self.places["staging"].root.parent
        written = {
            "deploy": f'printf %s "$release" > {base}/"$environment"/slots/"$slot"\n',
            "rollback": f'rm -f {base}/"$environment"/slots/"$slot"\n',
            "traffic": f'file={base}/"$environment"/weights.json\n'
            'if [ "$what" = set ]; then printf \'{"weights": %s, "open": {"blue": 0, "green": 0}}\' "$weights" > "$file.new"; mv "$file.new" "$file"; fi\n'
            'cat "$file"\n',
        }
        for verb, text in written.items():
            path = self.root / f"scripts/{verb}_web.sh"
            path.write_text(NOT_WRITTEN.sub(lambda _, new=text: new, path.read_text()))
        (self.root / "scripts/scan.sh").write_text(SCRIPTS["scan.sh"])
        (self.root / "app.tar").write_text("the program")
        line = ["bash", "scripts/manifest_web.sh", "v2", "app.tar"]
        subprocess.run(line, cwd=self.root, check=True, capture_output=True)
        (self.root / "releases/v2/sbom.cdx.json").write_text(json.dumps(PARTS))

    def edit(self, path: str, old: str, new: str, *, least: int = 1) -> None:
        """Replace every `old` (an expression) in a file, as somebody with an editor would."""
        text, count = re.subn(old, new, (self.root / path).read_text())
        assert count >= least, (path, old)
        (self.root / path).write_text(text)

    def say(self, *arguments: str) -> Said:
        """Type one command line in the project's folder."""
        return gonogo(arguments[0], "-C", self.root, *arguments[1:])

    def release(self, protocol: str) -> dict[str, object]:
        """Drive a protocol to its end; both people sign whatever is asked of them."""
        said = self.say("run", protocol, "--release", "v2", "--as", "pipeline:ci", "--json")
        verbs = {"approval": "approve", "attestation": "attest"}
        for _ in range(12):
            found = said.json()
            if said.code != 3:
                return found
            for asked in found["waiting"]:
                if asked["kind"] == "freeze-ack":
                    for name in ("ada", "grace"):
                        assert self.say("acknowledge", str(found["run"]), "--key", str(self.keys / name), "--yes").code == 0
                else:
                    line = (verbs[asked["kind"]], str(found["run"]), asked["point"], "--key", str(self.keys / "grace"), "--yes")
                    assert self.say(*line).code == 0
            said = self.say("resume", str(found["run"]), "--json")
        raise AssertionError(said)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("filled")
    with place(folder / "world/staging") as staging, place(folder / "world/production") as production:
        yield Filled(folder / "web", staging, production)


def test_a_newcomer_writes_at_most_ten_places_and_the_readme_names_each(filled: Filled) -> None:
    assert len(filled.marks) == 10
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `([^`]+)` \|", readme, re.MULTILINE)
    assert [number for number, _ in rows] == [str(number) for number in range(1, 11)]
    assert sorted(path for _, path in rows) == sorted(filled.marks)
    assert "gonogo init --service web --second grace --second-key grace.pub" in readme


def test_a_filled_project_has_nothing_left_to_write(filled: Filled) -> None:
    said = filled.say("check", "--release", "v2")
    assert (said.code, said.out) == (0, "no findings\n")


@pytest.fixture(scope="module")
def shipped(filled: Filled) -> Filled:
    """The filled project after both protocols, by what was typed alone."""
    assert filled.say("check-scripts").code == 0
    before = filled.release("pre-deployment")
    assert before["outcome"] == "ready", before["halt"]
    after = filled.release("production-deployment")
    assert after["outcome"] == "released", after["halt"]
    return filled


def test_a_filled_project_is_released_by_what_init_wrote(shipped: Filled) -> None:
    assert shipped.places["production"].version(shipped.places["production"].front()) == "v2"


LINES = {
    "python scripts/validate_gate_10_intake.py --drift-threshold low": "Intake Confirmation Gate PASS",
    "python scripts/validate_gate_10_security.py --threshold 0.95": "Rollback & Security Gate PASS",
    "python scripts/run_protocol_11_gates.py": "PASS",
    "python scripts/aggregate_evidence_10.py --output .artifacts/pre-deployment/": "artifacts verified by SHA-256",
    "python3 scripts/validate_protocol_14.py --protocol 14 --artifacts-dir .artifacts/protocol-14/ --quality-gates strict "
    "--report text": "PASS",
}


@pytest.mark.req("CMD-00", "CMD-01", "CMD-10", "CMD-27", "CMD-44", "CMD-57", "CMD-66")
@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_documents_works_as_printed_in_the_released_project(shipped: Filled, line: str) -> None:
    said = typed(shipped.root, line)
    assert (said.code, said.err) == (0, "")
    last = said.out.splitlines()[-1]
    assert last.startswith("[AUTOMATION] ")
    assert last.endswith(LINES[line])


@pytest.mark.req("CFG-03", "CMD-02")
def test_a_weaker_limit_of_a_command_line_judges_by_the_documents_and_says_so(shipped: Filled) -> None:
    weaker = typed(shipped.root, "python scripts/validate_gate_10_rehearsal.py --coverage 0.50")
    assert weaker.code == 0
    assert "--coverage 0.50 is weaker and does not count" in weaker.out
    assert "90%" in weaker.out


@pytest.mark.req("CMD-00")
@pytest.mark.parametrize("arguments", ["--force", "--coverage", "--coverage much", "--coverage 0.9 --coverage 0.9", "intake"])
def test_what_a_script_does_not_take_ends_with_2_and_one_line_that_says_what_it_takes(shipped: Filled, arguments: str) -> None:
    said = typed(shipped.root, f"python scripts/validate_gate_10_rehearsal.py {arguments}")
    assert said.code == 2
    assert "next: python scripts/validate_gate_10_rehearsal.py [--coverage RATIO]" in said.err
    assert "PASS" not in said.out


@pytest.mark.req("GAT-02")
def test_judging_gates_by_script_changes_no_evidence(shipped: Filled) -> None:
    before = files_below(shipped.root / ".artifacts/pre-deployment")
    for name in ("intake", "rehearsal", "security", "readiness"):
        typed(shipped.root, f"python scripts/validate_gate_14_{name}.py")
    assert files_below(shipped.root / ".artifacts/pre-deployment") == before


@pytest.mark.req("CIW-08")
def test_a_ci_job_reports_the_gates_and_records_nothing(shipped: Filled, tmp_path: Path) -> None:
    journal = shipped.root / ".gonogo/journal.db"
    before = journal.read_bytes()
    said = shipped.say("ci", "report", "--protocol", "pre-deployment", "--summary", str(tmp_path / "summary.md"),
                       "--junit", str(tmp_path / "gates.xml"), "--annotate")
    suites = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert said.code == 0
    assert [suite.get("failures") for suite in suites] == ["0"] * 4
    assert sum(len(suite) for suite in suites) >= 20
    assert (tmp_path / "summary.md").read_text().count("| PASS |") == 4
    assert "::error" not in said.out
    assert journal.read_bytes() == before


@pytest.mark.req("CIW-08")
def test_a_ci_job_that_finds_nothing_judged_ends_with_3_and_says_so(shipped: Filled, tmp_path: Path) -> None:
    said = shipped.say("ci", "report", "--protocol", "deployment-automation", "--junit", str(tmp_path / "gates.xml"))
    assert said.code == 3
    assert "no run of deployment-automation" in said.err
    assert ElementTree.parse(tmp_path / "gates.xml").getroot()[0].get("errors") == "1"


@pytest.mark.req("WFS-01", "WFS-02", "WFS-04", "WFS-06", "WFS-07")
def test_the_workflow_files_say_what_the_log_of_the_run_says(shipped: Filled) -> None:
    folder = shipped.root / ".artifacts/protocol-14"
    state, status, metrics = (json.loads((folder / f"workflow-{name}.json").read_text()) for name in ("state", "status", "metrics"))
    assert state["status"] == "completed"
    assert state["open_intents"] == []
    after = [item["after"] for item in state["checkpoints"]]
    assert after[0] == "prerequisites"
    assert after.index("gate/intake-confirmation-gate") < after.index("gate/readiness-approval-gate")
    assert (status["percent"], status["pending"], status["blockers"]) == (100, [], [])
    assert [item["state"] for item in metrics["durations"]] == ["initialise", "execute", "validate and package"]
    assert [item["over"] for item in metrics["durations"]] == [False] * 3
    assert {item["gate"]: (item["passes"], item["failures"]) for item in metrics["gates"]} == {
        gate: (1, 0) for gate in ("intake-confirmation-gate", "deployment-rehearsal-gate", "rollback-security-gate", "readiness-approval-gate")
    }
    assert (folder / "execution.log").read_text().count(" INFO ") > 50
    assert "gate/readiness-approval-gate#judge" in (folder / "validation.log").read_text()
    assert "run.opened" in (folder / "workflow-logs/initialisation.log").read_text()
    assert not (folder / "error.log").exists()


@pytest.mark.req("WFS-03")
@pytest.mark.parametrize("name", ["workflow-state.json", "workflow-status.json", "workflow-metrics.json"])
@pytest.mark.parametrize("edit", ["completed", "garbage"])
def test_an_edited_workflow_file_is_reported_and_changes_nothing(shipped: Filled, name: str, edit: str) -> None:
    path = shipped.root / ".artifacts/protocol-14" / name
    before, run = path.read_bytes(), json.loads(path.read_text())["run_id"]
    assert shipped.say("status", run, "--json").json()["edited"] == []
    path.chmod(0o644)
    path.write_bytes(b"nothing" if edit == "garbage" else before.replace(b'"revision":', b'"revision":1'))
    found = shipped.say("status", run, "--json").json()
    assert found["edited"] == [f"protocol-14/{name} was edited by hand"]
    assert found["outcome"] == "ready"
    shipped.say("resume", run)
    assert path.read_bytes() == before


def test_the_scripts_are_listed_as_they_are_with_their_last_run(shipped: Filled) -> None:
    typed(shipped.root, "python scripts/verify_protocol_14.py")
    found = shipped.say("scripts", "--json").json()
    assert found["drift"] == []
    row = next(item for item in found["scripts"] if item["name"] == "verify_protocol_14")
    assert (row["status"], row["owner"]) == ("ok", "release_manager")
    assert row["last_run"] > "2020"
    assert "0 errors" in row["last_result"]


BUNDLE = ".artifacts/protocol-14/PROTOCOL-14-EVIDENCE.zip"


def open_items(shipped: Filled, run: str) -> dict[str, str]:
    said = shipped.say("handoff", run, "--json").json()
    return {item["name"]: item["why"] for item in said["items"] if not item["held"]}


@pytest.mark.req("HND-01", "HND-02", "HND-03", "HND-05", "HND-06", "HND-07", "HND-08", "HND-09", "HND-10", "HND-11", "CMD-70")
def test_a_protocol_is_handed_over_when_every_item_is_computed_and_two_people_signed(shipped: Filled, tmp_path: Path) -> None:
    run = json.loads((shipped.root / ".artifacts/protocol-14/workflow-state.json").read_text())["run_id"]
    ada, grace = (str(shipped.keys / name) for name in ("ada", "grace"))
    line = "python3 scripts/aggregate_evidence_14.py --protocol 14 --artifacts-dir .artifacts/protocol-14/"
    assert typed(shipped.root, line).code == 0
    learned = {"execution feedback logged", "lessons documented", "knowledge base updated", "adaptation opportunities logged"}
    assert set(open_items(shipped, run)) == {"manifest complete with checksums", "downstream owner notified and ready", *learned}
    for words in (
        ("feedback", run, "--text", "the package was clear"),
        ("lessons", run, "--context", "first", "--insight", "i", "--action", "a", "--outcome", "o", "--applies-to", "all"),
        ("improvements", run, "--what", "none", "--reason", "nothing stood out", "--evidence", "no halt", "--expected", "none"),
        ("knowledge", run, "--update"),
    ):
        assert shipped.say(*words).code == 0
    assert shipped.say("handoff", run, "--continue").code == 2
    assert typed(shipped.root, f"{line} --output-manifest --checksum sha256").code == 0
    assert set(open_items(shipped, run)) == {"downstream owner notified and ready"}
    assert shipped.say("handoff", run, "--key", ada).code == 2
    other = tmp_path / "other.zip"
    other.write_bytes((shipped.root / BUNDLE).read_bytes() + b" ")
    assert shipped.say("receive", str(other), "--key", grace).code == 2
    assert "has signed for the other side" in shipped.say("receive", str(shipped.root / BUNDLE), "--key", ada).err
    asked = shipped.say("receive", str(shipped.root / BUNDLE), "--key", grace, "--question", "which dashboard?")
    assert asked.code == 0
    assert set(open_items(shipped, run)) == {"downstream owner notified and ready"}
    assert shipped.say("receive", str(shipped.root / BUNDLE), "--key", grace, "--json").json()["received_by"] == "grace"
    done = shipped.say("handoff", run, "--json").json()
    assert done["statement"] == "Protocol 14 COMPLETE - Ready for Protocol 15"
    assert done["next"] == "@apply .cursor/ai-driven-workflow/15-production-deployment.md"
    assert done["signed"] == {"owner": "ada", "receiver": "grace"}
    signoff = json.loads((shipped.root / ".artifacts/protocol-14/reviewer-signoff.json").read_text())
    assert (signoff["owner_signoff"]["person"], signoff["downstream_signoff"]["person"]) == ("ada", "grace")
    assert [review["decision"] for review in signoff["reviews"]] == ["approved"]
    receipt = json.loads((shipped.root / ".artifacts/protocol-14/handoff-receipt.json").read_text())
    assert (receipt["ready"], receipt["questions"]) == (True, [])
    with zipfile.ZipFile(shipped.root / BUNDLE) as bundle:
        names = set(bundle.namelist())
    assert {"evidence-manifest.json", "traceability.json"} <= {name.rpartition("/")[2] for name in names}
    assert sum(name.startswith("gates/") for name in names) == 4
    assert any(name.endswith("PRE-DEPLOYMENT-PACKAGE.zip") for name in names)


@pytest.mark.req("CMD-54")
def test_any_unzip_program_opens_the_readiness_package(shipped: Filled, tmp_path: Path) -> None:
    path = shipped.root / ".artifacts/protocol-14/PRE-DEPLOYMENT-PACKAGE.zip"
    assert path.read_bytes() == (shipped.root / ".artifacts/pre-deployment/PRE-DEPLOYMENT-PACKAGE.zip").read_bytes()
    subprocess.run([sys.executable, "-m", "zipfile", "-e", path, tmp_path], check=True)
    assert (tmp_path / "evidence").is_dir()


@pytest.mark.req("CMD-52", "CMD-72")
def test_apply_understands_the_next_protocol_command_and_says_where_a_handoff_is_unresolved(shipped: Filled) -> None:
    unresolved = shipped.say("apply", ".cursor/ai-driven-workflow/12-monitoring-observability.md")
    assert unresolved.code == 2
    assert "the handoff is unresolved" in unresolved.err
    foreign = shipped.say("apply", ".cursor/ai-driven-workflow/99-production-deployment.md")
    assert foreign.code == 2
    nowhere = shipped.say("apply", ".cursor/ai-driven-workflow/6-deployment-automation.md")
    assert "no run has handed over to deployment-automation" in nowhere.err
