"""Makes a package of a real release, to be kept: every later version has to verify it (tests/unit/test_golden_packages.py).

    python -m tests.golden_packages FOLDER     writes p.zip, trust/, and the answer that is expected

A kept package is never made again. A release that changes what packages look like adds another one beside it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from gonogo.control.trust.trusting import build
from gonogo.evidence.package_reading import open_package
from gonogo.evidence.packing import CHECKPOINT
from gonogo.terms import Person
from tests.projects import small_project
from tests.worlds_http import place

TRUST = ("policy.json", "allowed_signers", "revoked_keys", "log_keys")


def make(folder: Path) -> None:
    """Release a small project for real, with compact packages, and keep what its auditor would get."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        with place(root / "world/staging") as staging, place(root / "world/production") as production:
            project = small_project(root / "project", staging, production)
            line = project.door().world.key.public_line()
            project.edit(
                "config/release-approvers.yaml",
                "freeze_stakeholders:",
                f'engines:\n  - {{name: local, key: "{line}"}}\nfreeze_stakeholders:',
            )
            with (project.root / "gonogo.yaml").open("a", encoding="utf-8") as settings:
                settings.write("packages: compact\n")
            build(project.door(), Person("rm1"))
            project.release("pre-deployment")
            run = project.release("production-deployment")
            door = project.door()
            package = door.world.vault.read(door.load(run).state.packages["deployment"].sha256, limit=1 << 30)
        (folder / "trust" / "anchors").mkdir(parents=True)
        for name in TRUST:
            (folder / "trust" / name).write_bytes((project.root / "config/trust" / name).read_bytes())
        (folder / "trust" / "anchors" / "1").write_bytes(open_package(package).read(CHECKPOINT))
        (folder / "p.zip").write_bytes(package)


def vkey(folder: Path) -> str:
    """The line of the log's key, as verify.sh wants it."""
    return (folder / "trust" / "log_keys").read_text().splitlines()[0]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
