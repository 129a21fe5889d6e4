"""Small whole projects for scenarios: people with keys, scripts that record every execution, two environments."""

from __future__ import annotations

import io
import json
import os
import shutil
import textwrap
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.control.door import Door
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.viewing import RunView, view
from gonogo.engine.driver import Stopped
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.ledger import check_chain
from gonogo.evidence.signers import EngineKey, namespace
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import sign
from gonogo.evidence.verifying import TrustFiles
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id
from gonogo.run.machine import AwaitPeople
from gonogo.run.state import Round, RunState
from gonogo.terms import Person, RunId
from tests.worlds_http import Place

ROLES = {
    "rm1": ("release_manager",),
    "qe1": ("quality_engineer",),
    "po1": ("product_owner",),
    "sec1": ("security_compliance_lead", "security_lead"),
    "sre1": ("sre_lead",),
}
REQUESTER = "dev1"
MOST_ROUNDS = 12


@dataclass(frozen=True)
class Project:
    """A project on disk with the private keys of its people, and where its scripts record what they did."""

    root: Path
    keys: dict[str, Ed25519PrivateKey]
    record: Path
    staging: Place
    production: Place
    environ: Mapping[str, str] = field(default_factory=dict)

    def door(self, **environ: str) -> Door:
        """The project, opened anew."""
        return Door.at(self.root, {**os.environ, "RECORD": str(self.record), **self.environ, **environ})

    def executions(self, *purposes: str) -> list[str]:
        """What the scripts really did, in their own record: `purpose environment release slot`."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [line for line in lines if not purposes or line.split()[0] in purposes]

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the project; the old text has to be there."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file of the project."""
        _write(self.root / path, text)
        (self.root / path).chmod(mode)

    def begin(self, protocol: str, release: str = "v2") -> RunId:
        """Open a run as the requester."""
        return self.door().open(protocol, release, Person(REQUESTER)).run

    def go_on(self, run: RunId) -> Stopped:
        """Drive a run and let everybody sign, until nobody is awaited any more."""
        door = self.door()
        for _ in range(MOST_ROUNDS):
            stopped = door.drive(run, patient=False, listener=lambda state, entry: None)
            if not isinstance(stopped, AwaitPeople):
                return stopped
            assert self.sign_all(run), f"nobody can sign {stopped.round.point}: {stopped.missing}"
        raise AssertionError(f"{run} asks for people again and again")

    def go_until(self, run: RunId, point: str) -> AwaitPeople:
        """Drive a run and let everybody sign, until the decision point `point` is open and nobody answered it."""
        for _ in range(MOST_ROUNDS):
            stopped = self.door().drive(run, patient=False, listener=lambda state, entry: None)
            assert isinstance(stopped, AwaitPeople), f"{run} stopped before `{point}`: {self.view(run).halt}"
            if stopped.round.point == point:
                return stopped
            self.sign_all(run)
        raise AssertionError(f"{run} never asks at {point}")

    def release(self, protocol: str, release: str = "v2") -> RunId:
        """Open a run and take it as far as it goes."""
        run = self.begin(protocol, release)
        self.go_on(run)
        return run

    def lift(self, run: RunId, stage: str = "", handle: str = "rm1") -> None:
        """Lift the halt of a run by a signature."""
        name = self.door().ask_resume(run, stage, Person(handle))
        asked, _, _ = self.door().request(run, name)
        self.sign(run, asked, handle, reason="the cause is repaired", mitigation="repaired and checked")
        self.door().lift(run, name, Person(handle))

    def state(self, run: RunId) -> RunState:
        """The state of a run, folded anew from its ledger."""
        return self.door().load(run).state

    def view(self, run: RunId) -> RunView:
        """What a surface shows of a run."""
        door = self.door()
        return view(door.world, door.load(run))

    def evidence(self, run: RunId, name: str) -> dict[str, Tree]:
        """Current evidence of a run as JSON, from the vault."""
        door = self.door()
        digest = door.load(run).state.evidence[name].digest
        return dict(read_object(door.world.vault.read(digest), name=name, limit=1 << 24))

    def trust(self) -> TrustFiles:
        """What an auditor holds who verifies this project's packages: the listed people, and the key of its engine."""
        world = self.door().world
        return TrustFiles(replace(world.ring(), engines=(EngineKey("local", public_key(world.key.public_line())),)))

    def chain_problems(self, run: RunId) -> tuple[str, ...]:
        """What is wrong with the hash chain of a run; nothing where it is whole."""
        return check_chain(entry.line for entry in self.door().world.journal.entries(run))

    def began(self, run: RunId) -> set[str]:
        """The stages in which a task of the run has begun or ended."""
        return {name.rpartition("#")[0] for name in self.state(run).tasks}

    def sign(self, run: RunId, asked: Round, handle: str, **says: Tree) -> None:
        """Sign an open round as a person, and record it."""
        self._sign(self.door(), run, asked, handle, says)

    def signed(
        self, run: RunId, asked: Round, handle: str, says: Mapping[str, Tree], now: datetime
    ) -> tuple[bytes, bytes]:
        """A statement of a person about an open round as of `now`, and its signature; nothing is recorded."""
        return self._signed(self.door(), run, asked, handle, says, now)

    def _signed(
        self, door: Door, run: RunId, asked: Round, handle: str, says: Mapping[str, Tree], now: datetime
    ) -> tuple[bytes, bytes]:
        _, request, _ = door.request(run, asked.name)
        key = self.keys[handle]
        line = public_line(key)
        roles = sorted(set(ROLES[handle]) & set(door.load(run).plan.decisions[asked.point].roles)) or sorted(
            ROLES[handle]
        )
        signer = Signer(handle, handle, roles[0], public_key(line).fingerprint)
        said = dict(says) or default_says(asked)
        answer = Answer(statement_id(now, os.urandom(10)), now.replace(microsecond=0), "ssh-keygen", said)
        statement = statement_bytes(request, signer, answer)
        environment = door.load(run).plan.environment
        return statement, sign(key, statement, namespace(asked.kind, environment))

    def _sign(self, door: Door, run: RunId, asked: Round, handle: str, says: dict[str, Tree]) -> None:
        statement, signature = self._signed(door, run, asked, handle, says, datetime.now(UTC))
        door.record(run, asked.name, statement, signature, Person(handle))

    def sign_all(self, run: RunId) -> int:
        """Let everybody who is needed sign every open round; how many signatures that took."""
        made, door = 0, self.door()
        for asked in door.requests(run):
            for handle in (name for name in SIGNERS.get(asked.point, ()) if name not in {one.person for one in asked.answers}):
                self._sign(door, run, asked, handle, {})
                made += 1
        return made


UPSTREAM = (
    "QUALITY-AUDIT-PACKAGE.zip",
    "INTEGRATION-EVIDENCE.zip",
    "UAT-CLOSURE-PACKAGE.zip",
    "audit-report.json",
    "test-coverage.json",
    "security-scan-results.json",
)


def write_upstream(root: Path) -> None:
    """What other protocols owe: a zip with checksums for each package, a JSON object for each report."""
    for name in UPSTREAM:
        (root / "upstream").mkdir(parents=True, exist_ok=True)
        (root / "upstream" / name).write_bytes(upstream_bytes(name))


def upstream_bytes(name: str, **files: str) -> bytes:
    """An upstream file that holds: a zip of `files` (default: a note) with their checksums, or a JSON object."""
    if not name.endswith(".zip"):
        return json.dumps({"summary": f"{name} is here"}).encode()
    files = files or {"note.txt": f"{name} is here\n"}
    sums = "".join(f"{sha256(text.encode()).hexdigest()}  {path}\n" for path, text in files.items())
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {**files, "SHA256SUMS": sums}.items():
            archive.writestr(path, text)
    return made.getvalue()


SIGNERS = {
    "audit_recommendation": ("qe1",),
    "scope": ("po1",),
    "staging_clearance": ("sec1",),
    "readiness": ("rm1", "po1"),
    "authorisation": ("po1",),
    "monitoring_coverage": ("sre1",),
    "security_signoff": ("sec1",),
    "scope_confirmation": ("po1",),
    "freeze": ("rm1", "sre1"),
    "production": ("po1", "sre1"),
    "production_probe": ("sre1",),
    "resume": ("rm1",),
}


def default_says(asked: Round) -> dict[str, Tree]:
    """What a person says who agrees."""
    match asked.kind:
        case "freeze-ack":
            return {}
        case "attestation":
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return {"answer": "yes", "observed_at": now, "reason_no_automation": "only a person knows"}
        case _:
            return {"decision": "go", "reason": "it is good"}


def public_line(key: Ed25519PrivateKey) -> str:
    """The public half in OpenSSH form."""
    form = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return form.decode()


def copied(source: Path, target: Path) -> Path:
    """The project in `source` once more, as a real one: of a copy and its original only one may act."""
    shutil.copytree(source, target, symlinks=True)
    (target / STATE_FOLDER / "place").unlink(missing_ok=True)
    return target


def small_project(root: Path, staging: Place, production: Place, *, release: str = "v2") -> Project:
    """Write a whole project below `root` for the two places; everything in it passes."""
    keys = new_keys()
    _write(root / "config/release-approvers.yaml", approvers_file(keys))
    _write(root / "gonogo.yaml", _project_file(staging, production))
    for name in ("staging", "production"):
        _write(root / f"config/{name}.env", f"WORKERS=4\nNAME={name}\nTIMEOUT=30\n")
    _write(root / "docs/runbook.md", "# Runbook\n\nCall somebody.\n")
    write_upstream(root)
    for name, text in SCRIPTS.items():
        _write(root / f"scripts/{name}", text)
        (root / f"scripts/{name}").chmod(0o755)
    project = Project(root, keys, root.parent / f"{root.name}-record.txt", staging, production)
    add_release(root, release)
    return project


def add_release(root: Path, version: str) -> None:
    """A release with its artifact, manifest and parts list."""
    artifact = f"releases/{version}/app.txt"
    _write(root / artifact, f"the program {version}\n")
    digest = sha256((root / artifact).read_bytes()).hexdigest()
    manifest = {
        "release": {"id": f"shop-{version}", "version": version},
        "services": [
            {
                "name": "shop",
                "artifact": artifact,
                "digest": digest,
                "version": version,
                "owner": "rm1",
                "rollback": "scripts/rollback_shop.sh",
                "depends_on": [],
            }
        ],
        "changes": [{"id": "C1", "title": "a change", "security_impact": "no"}],
    }
    _write(root / f"releases/{version}/release-manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    parts = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "components": [
            {"type": "library", "name": "left-pad", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}]}
        ],
    }
    _write(root / f"releases/{version}/sbom.cdx.json", json.dumps(parts))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def new_keys() -> dict[str, Ed25519PrivateKey]:
    """A fresh key for everybody."""
    return {handle: Ed25519PrivateKey.generate() for handle in ROLES}


def approvers_file(keys: dict[str, Ed25519PrivateKey]) -> str:
    """The people of a project, with their public keys and what each decision needs."""
    people = "".join(
        f'  - id: {handle}\n    roles: [{", ".join(ROLES[handle])}]\n    keys: ["{public_line(key)}"]\n'
        for handle, key in keys.items()
    )
    return f"""schema: gonogo/approvers/1
people:
{people}decisions:
  audit_recommendation: {{all_of: [quality_engineer]}}
  scope: {{all_of: [product_owner]}}
  staging_clearance: {{all_of: [security_compliance_lead]}}
  readiness: {{all_of: [release_manager], any_of: [product_owner, quality_engineer], quorum: 2}}
  authorisation: {{any_of: [sponsor, product_owner]}}
  monitoring_coverage: {{all_of: [sre_lead]}}
  security_signoff: {{all_of: [security_lead]}}
  scope_confirmation: {{all_of: [product_owner]}}
  production_probe: {{all_of: [sre_lead]}}
  production: {{any_of: [product_owner, sponsor], all_of: [sre_lead], quorum: 2}}
  resume: {{all_of: [release_manager]}}
freeze_stakeholders: [rm1, sre1]
"""


def _environment(name: str, place: Place) -> str:
    return textwrap.indent(
        f"""{name}:
  url: {place.url("front")}
  slots: {{blue: "{place.url("blue")}", green: "{place.url("green")}"}}
  target:
    kind: commands
    observe: [cat, {place.root}/weights.json]
    traffic: ["{{python}}", scripts/traffic.py, {place.root}/weights.json, "{{weights}}"]
    drain: 0s
  metrics: {{kind: scrape}}
  settings: [config/{name}.env]
""",
        "  ",
    )


def _upstream() -> str:
    return "".join(f"  {name}: {{path: upstream/{name}}}\n" for name in UPSTREAM)


def _project_file(staging: Place, production: Place) -> str:
    return f"""schema: gonogo/project/1
project: shop
manifest: releases/{{release}}/release-manifest.json
environments:
{_environment("staging", staging)}{_environment("production", production)}
commands:
  deploy: {{run: [bash, scripts/deploy_shop.sh, "{{environment}}", "{{release}}"], timeout: 20s, secrets: [RECORD]}}
  rollback: {{run: [bash, scripts/rollback_shop.sh, "{{environment}}", "{{release}}"], timeout: 20s, secrets: [RECORD]}}
  tests: {{run: [bash, scripts/tests.sh], timeout: 20s}}
  scan: {{run: [bash, scripts/scan.sh], timeout: 20s}}
tests:
  - {{name: smoke, command: tests, at_least: 2}}
smoke:
  - {{name: smoke, command: tests, at_least: 2}}
scans:
  - {{name: bandit, command: scan, report: bandit.json, format: bandit}}
licences: {{sbom: "releases/{{release}}/sbom.cdx.json", allowed: [MIT]}}
controls:
  - {{id: CC8.1, standard: SOC 2, evidence: staging-test-results.json}}
limits: {{rto: 30s}}
rollout: {{steps: [5, 50, 100], hold: 600ms, tick: 100ms, patience: 10s}}
health_window:
  length: 1s
  tick: 500ms
  objectives:
    - {{metric: error_rate, at_most: 5%}}
parity:
  - {{path: /configuration/NAME, severity: none, weight: 0, expected: true}}
artifacts:
{_upstream()}operations:
  runbooks: [{{path: docs/runbook.md, service: shop}}]
  on_call: [{{function: shop, primary: sre1, backup: rm1}}]
  escalation: [{{level: 1, contact: "#shop"}}]
"""


SCRIPTS = {
    "deploy_shop.sh": """#!/usr/bin/env bash
set -euo pipefail
echo "deploy $1 $2 $GONOGO_SLOT $GONOGO_FENCE" >> "$RECORD"
root=$(dirname "$(sed -n "s|.*observe: \\[cat, \\(.*\\)/weights.json\\].*|\\1|p" gonogo.yaml | head -n1)")
printf %s "$2" > "$root/$1/slots/$GONOGO_SLOT"
echo "deployed $2 to $1"
""",
    "rollback_shop.sh": """#!/usr/bin/env bash
set -euo pipefail
echo "rollback $1 $2 $GONOGO_SLOT $GONOGO_FENCE" >> "$RECORD"
root=$(dirname "$(sed -n "s|.*observe: \\[cat, \\(.*\\)/weights.json\\].*|\\1|p" gonogo.yaml | head -n1)")
rm -f "$root/$1/slots/$GONOGO_SLOT"
echo "rolled back $2 in $1"
""",
    "tests.sh": """#!/usr/bin/env bash
set -euo pipefail
cat > "$GONOGO_OUT/junit.xml" <<XML
<testsuites><testsuite name="smoke" tests="2" failures="0" errors="0" skipped="0" time="0.1">
<testcase classname="smoke" name="home" time="0.05"/><testcase classname="smoke" name="cart" time="0.05"/>
</testsuite></testsuites>
XML
""",
    "scan.sh": """#!/usr/bin/env bash
set -euo pipefail
cat > "$GONOGO_OUT/bandit.json" <<JSON
{"errors": [], "generated_at": "$(date -u +%Y-%m-%dT%H:%M:%SZ)", "metrics": {"_totals": {"loc": 10}, "app.py": {"loc": 10}}, "results": []}
JSON
""",
    "traffic.py": """import os, sys
path, weights = sys.argv[1], sys.argv[2]
with open(path + ".new", "w") as file:
    file.write('{"weights": ' + weights + "}")
os.replace(path + ".new", path)
print('{"weights": ' + weights + "}")
""",
}
