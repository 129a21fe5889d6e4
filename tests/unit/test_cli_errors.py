"""Bad input on the command line: one clear error that says what, where and what to do next, and nothing else happens."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Said, files_below, gonogo, same_as, steady

from tests.projects import REQUESTER, small_project
from tests.worlds_http import Place

Damage = Callable[[Path], None]


class Nowhere(Place):
    """An environment whose addresses nobody answers at."""

    def url(self, name: str) -> str:
        """A fixed address of each name."""
        return f"http://127.0.0.1:{ {'front': 1, 'blue': 2, 'green': 3}[name] }"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "shop"
    small_project(found, Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))
    return found


def changed(path: str, old: str, new: str) -> Damage:
    def change(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new, 1))

    return change


def removed(path: str) -> Damage:
    return lambda root: (root / path).unlink()


def holding(path: str, data: bytes) -> Damage:
    def write(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).write_bytes(data)

    return write


def nothing(root: Path) -> None:
    assert root.is_dir()


def pipe(path: str) -> Damage:
    def make(root: Path) -> None:
        os.mkfifo(root / path)

    return make


PLAN = ("plan", "pre-deployment", "--release", "v2")
RUN = ("run", "pre-deployment", "--release", "v2", "--as", REQUESTER)

CASES: dict[str, tuple[Damage, tuple[str, ...], int]] = {
    "unknown-command": (nothing, ("aprove",), 64),
    "unknown-option": (nothing, ("plan", "pre-deployment", "--relase", "v2"), 64),
    "missing-option": (nothing, ("plan", "pre-deployment"), 64),
    "missing-argument": (nothing, ("approve",), 64),
    "unknown-protocol": (nothing, ("plan", "pre-deploy", "--release", "v2"), 64),
    "unknown-release": (nothing, ("plan", "pre-deployment", "--release", "v9"), 2),
    "no-run-yet": (nothing, ("status", "pre-deployment-v2"), 2),
    "nobody-by-that-name": (nothing, ("run", "pre-deployment", "--release", "v2", "--as", "A B"), 64),
    "unknown-kind-of-actor": (nothing, ("run", "pre-deployment", "--release", "v2", "--as", "robot:x"), 64),
    "no-project": (removed("gonogo.yaml"), PLAN, 2),
    "project-not-yaml": (holding("gonogo.yaml", b"schema: gonogo/project/1\nproject: [shop\n"), PLAN, 2),
    "project-not-text": (holding("gonogo.yaml", b"\xff\xfe\x00"), PLAN, 2),
    "project-empty": (holding("gonogo.yaml", b""), PLAN, 2),
    "unknown-key": (changed("gonogo.yaml", "health_window:", "healthwindow:"), PLAN, 2),
    "no-unit": (changed("gonogo.yaml", "hold: 600ms", "hold: 600"), PLAN, 2),
    "unknown-placeholder": (changed("gonogo.yaml", '"{environment}"', '"{enviroment}"'), PLAN, 2),
    "no-approvers": (removed("config/release-approvers.yaml"), PLAN, 2),
    "nobody-for-a-role": (changed("config/release-approvers.yaml", "sre_lead", "sre_leed"), PLAN, 2),
    "manifest-half": (holding("releases/v2/release-manifest.json", b'{"release": {"id": "x"'), PLAN, 2),
    "manifest-empty": (holding("releases/v2/release-manifest.json", b""), PLAN, 2),
    "protocol-is-no-protocol": (
        lambda root: (
            changed("gonogo.yaml", "project: shop", "project: shop\nprotocols: {mine: docs/runbook.md}")(root),
            holding("docs/runbook.gonogo.yaml", b"schema: gonogo/sidecar/1\n")(root),
        )[0],
        ("plan", "mine", "--release", "v2"),
        2,
    ),
    "document-missing": (nothing, ("check", "ROOT/nix.md"), 2),
    "document-is-a-folder": (nothing, ("check", "ROOT/docs"), 2),
    "document-is-a-pipe": (pipe("pipe.md"), ("check", "ROOT/pipe.md"), 2),
    "release-of-documents": (nothing, ("check", "ROOT/docs/runbook.md", "--release", "v2"), 64),
    "package-missing": (nothing, ("verify", "ROOT/nix.zip"), 2),
    "trust-folder-empty": (nothing, ("verify", "ROOT/docs/runbook.md", "--trust", "ROOT/docs"), 2),
    "unknown-code": (nothing, ("explain", "GN4711"), 64),
    "no-reason": (nothing, ("approve", "x", "--no-go", "--key", "ROOT/key"), 64),
    "watched-as-json": (nothing, ("status", "--watch", "--json"), 64),
    "evidence-of-a-run-by-place": (nothing, ("evidence", "show", "intake-report.json", "pre-deployment-v2"), 64),
    "evidence-listed-by-place": (nothing, ("evidence", "list", "pre-deployment-v2"), 64),
    "unknown-schema": (nothing, ("schema", "moon"), 2),
    "unknown-shell": (nothing, ("completion", "tcsh"), 64),
    "unknown-script": (nothing, ("script", "validate_gate_99_intake"), 64),
    "apply-to-nowhere": (nothing, ("apply", "moon.md"), 2),
    "handoff-without-a-run": (nothing, ("handoff",), 2),
    "bundle-missing": (nothing, ("receive", "ROOT/nix.zip"), 2),
    "report-of-nothing": (nothing, ("ci", "report"), 64),
    "scripts-outside": (removed("gonogo.yaml"), ("scripts",), 2),
    "trial-outside": (removed("gonogo.yaml"), ("check-scripts",), 2),
    "decide-without-a-run": (nothing, ("decide", "x"), 2),
    "feedback-without-a-run": (nothing, ("feedback", "x", "--text", "fine"), 2),
    "tell-outside": (removed("gonogo.yaml"), ("tell",), 2),
    "worker-without-a-database": (nothing, ("worker",), 2),
    "password-in-the-project-file": (
        changed("gonogo.yaml", "project: shop", "project: shop\ndatabase: postgresql://me:hunter2@db/shop"),
        PLAN,
        2,
    ),
    "no-release-to-run": (removed("releases/v2/release-manifest.json"), RUN, 2),
}
IN_PROJECT = frozenset(
    {
        "plan", "run", "status", "approve", "apply", "handoff", "receive", "ci", "scripts", "check-scripts", "decide", "feedback",
        "tell", "worker",
    }
)


def call(root: Path, arguments: tuple[str, ...], *more: str) -> Said:
    filled = [argument.replace("ROOT", str(root)) for argument in arguments]
    place = ("-C", str(root)) if arguments[0] in IN_PROJECT else ()
    return gonogo(*filled, *place, *more)


@pytest.mark.parametrize("name", sorted(CASES))
def test_bad_input_gives_one_clear_error_in_the_words_that_were_agreed(root: Path, name: str) -> None:
    damage, arguments, code = CASES[name]
    damage(root)
    said = call(root, arguments)
    same_as(f"errors/{name}", steady(said.err, root))
    assert said.code == code
    assert said.out == "" or "--json" in arguments
    assert said.err.count("gonogo: ") == 1
    assert "\n  next: " in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", sorted(CASES))
def test_bad_input_is_one_json_document_where_json_was_asked_for(root: Path, name: str) -> None:
    damage, arguments, code = CASES[name]
    damage(root)
    found = call(root, arguments, *(() if "--json" in arguments else ("--json",))).json()
    assert set(found) == {"error", "where", "next", "exit_code"}
    assert found["exit_code"] == code
    assert found["error"]
    assert found["next"]


@pytest.mark.parametrize("name", sorted(CASES))
def test_bad_input_leaves_nothing_on_disk(root: Path, name: str) -> None:
    damage, arguments, _ = CASES[name]
    damage(root)
    (root / "pipe.md").unlink(missing_ok=True)
    before = files_below(root)
    call(root, arguments)
    assert files_below(root) == before


def test_a_letter_that_steers_the_terminal_is_never_printed(root: Path) -> None:
    said = gonogo("plan", "x\x1b[31m\r", "--release", "v2", "-C", root)
    assert "\x1b" not in said.err
    assert "\r" not in said.err


def test_an_error_about_a_broken_configuration_names_file_and_line(root: Path) -> None:
    changed("gonogo.yaml", "hold: 600ms", "hold: 600")(root)
    said = call(root, PLAN)
    line = next(number for number, text in enumerate((root / "gonogo.yaml").read_text().splitlines(), 1) if "hold: 600" in text)
    assert said.err.startswith(f"gonogo: gonogo.yaml:{line}: ")


def test_json_of_an_error_holds_what_the_text_says(root: Path) -> None:
    said = gonogo("plan", "nope", "--release", "v2", "-C", root, "--json")
    found = json.loads(said.out)
    assert f"gonogo: {found['error']}\n  next: {found['next']}\n" == said.err
