"""What `gonogo init` wrote, filled in as its marks ask, goes through a whole release: nothing is missing in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Said, gonogo

from tests.projects import SCRIPTS
from tests.worlds_http import Place, place

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")

PARTS = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
    {"type": "library", "name": "left-pad", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}]}
]}
NOT_WRITTEN = re.compile(r'^# EDIT-ME: .*\necho "write me.*\nexit 1\n', re.MULTILINE)


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
        told = gonogo("init", "-C", self.root, "--service", "web", HOME=str(home), LOGNAME="ada", USER="ada")
        assert told.code == 0
        line = " ".join((self.keys / "grace.pub").read_text().split()[:2])
        self.edit("config/release-approvers.yaml", r"id: second  # EDIT-ME.*", "id: grace")
        self.edit("config/release-approvers.yaml", r"\[\]  # EDIT-ME: the second.*", f"[{line}]")
        self.edit("config/release-approvers.yaml", r", second\]", ", grace]")

    def _project(self) -> None:
        for kind, port in (("staging", 81), ("production", 82)):
            found = self.places[kind]
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}00  # EDIT-ME.*", found.url("front"))
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}01", found.url("blue"))
            self.edit("gonogo.yaml", rf"http://127.0.0.1:{port}02", found.url("green"))
        self.edit("gonogo.yaml", r"run: \[bandit.*", "run: [bash, scripts/scan.sh]")
        self.edit("gonogo.yaml", r"hold: 2m", "hold: 600ms, tick: 100ms, patience: 10s")
        self.edit("gonogo.yaml", r"length: 30m .*", "length: 500ms\n  tick: 100ms")
        self.edit("gonogo.yaml", r"backup: second", "backup: grace")
        for path in ("gonogo.yaml", "config/staging.env", "config/production.env", "docs/runbook-web.md"):
            self.edit(path, r"EDIT-ME: ", "", least=0)
        for name in ("QUALITY-AUDIT-PACKAGE", "INTEGRATION-EVIDENCE", "UAT-CLOSURE-PACKAGE"):
            (self.root / "upstream").mkdir(exist_ok=True)
            (self.root / f"upstream/{name}.zip").write_text(name)

    def _scripts(self) -> None:
        base = self.places["staging"].root.parent
        written = {
            "deploy": f'printf %s "$release" > {base}/"$environment"/slots/"$slot"\n',
            "rollback": f'rm -f {base}/"$environment"/slots/"$slot"\n',
            "traffic": f'file={base}/"$environment"/weights.json\n'
            'if [ "$what" = set ]; then printf \'{"weights": %s}\' "$weights" > "$file.new"; mv "$file.new" "$file"; fi\n'
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


def test_a_filled_project_has_nothing_left_to_write(filled: Filled) -> None:
    said = filled.say("check", "--release", "v2")
    assert (said.code, said.out) == (0, "no findings\n")


def test_a_filled_project_is_released_by_what_init_wrote(filled: Filled) -> None:
    before = filled.release("pre-deployment")
    assert before["outcome"] == "ready", before["halt"]
    after = filled.release("production-deployment")
    assert after["outcome"] == "released", after["halt"]
    assert filled.places["production"].version(filled.places["production"].front()) == "v2"
