"""Every threat has its test or a reason; each defence is needed: with it taken out, the attack succeeds."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from attacks import Evil
from command_line import gonogo
from test_evil_packages import BY_NAME, asked_of_python, built, by_shell, later, library, refused_everywhere
from threats import NOT_HERE, PACKAGES, THREATS
from trust_devices import device_signature
from trust_world import private_key, ssh_key

from gonogo.adapters.vault import FolderVault
from gonogo.errors import GonogoError
from gonogo.evidence import verifying
from gonogo.evidence.canonical import read_object
from gonogo.evidence.envelope import envelope, open_envelope, signing_bytes
from gonogo.evidence.ledger import Entry, read_entry, split_lines
from gonogo.evidence.verifying_anchors import Anchors
from gonogo.library import verify
from gonogo.measure.glob_rules import first_match
from gonogo.terms import digest_of

TESTS = Path(__file__).resolve().parents[1]


def row_of(name: str) -> str:
    return name[:3]


def attacks_of(row: str) -> list[str]:
    return sorted(name for name in BY_NAME if row_of(name) == row_of(row))


def test_every_row_is_shown_somewhere_or_says_why_not() -> None:
    rows = sorted([*THREATS, *NOT_HERE])
    assert [row_of(row) for row in rows] == [f"t{number:02d}" for number in range(1, 71)]
    assert not set(THREATS) & set(NOT_HERE)
    assert all(NOT_HERE.values())
    assert all(attacks_of(row) for row, shown in THREATS.items() if PACKAGES in shown)
    assert {row_of(name) for name in BY_NAME} <= {row_of(row) for row in THREATS}


def test_every_test_that_a_row_names_is_there() -> None:
    wrong = []
    for shown in (place for places in THREATS.values() for place in places if place != PACKAGES):
        path, _, name = shown.partition("::")
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8")) if (TESTS / path).is_file() else None
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} if tree else set()
        wrong += [] if tree and (not name or name in functions) else [shown]
    assert wrong == []


def shown_by_packages(row: str) -> Callable[[str, Path, pytest.CaptureFixture[str]], None]:
    """The test that bears the name of a row: each of its packages is refused by each verifier that can see it."""

    @pytest.mark.parametrize("name", attacks_of(row))
    def shown(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        refused_everywhere(name, tmp_path, lambda: capsys.readouterr().out)

    shown.__name__ = f"test_{row}"
    return shown


for _row, _places in THREATS.items():
    if PACKAGES in _places:
        globals()[f"test_{_row}"] = shown_by_packages(_row)


def test_every_row_has_a_test_of_its_name_or_names_those_that_show_it() -> None:
    named = {name for name in globals() if re.fullmatch(r"test_t\d\d_\w+", name)}
    unnamed = sorted(row for row in THREATS if f"test_{row}" not in named)
    assert [row for row in unnamed if not any("::" in place or "/" in place for place in THREATS[row])] == []
    assert len(named) >= 50


# What a verifier sees with a defence taken out.


@dataclass(frozen=True)
class Lenient:
    """A package as a reader without rules sees it: whatever Python's zip module makes of it."""

    archive: zipfile.ZipFile

    @property
    def members(self) -> Mapping[str, object]:
        return dict.fromkeys(self.archive.namelist())

    def read(self, path: str, *, limit: int = 0) -> bytes:
        return self.archive.read(path)

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self.read(path)])

    def digest(self, path: str) -> str:
        return digest_of(self.read(path))


def lenient_package(file: bytes) -> Lenient:
    return Lenient(zipfile.ZipFile(io.BytesIO(file)))


def believed_seal(package: Lenient, *_: object) -> tuple[object, str]:
    return read_object(package.read("seal.json"), name="seal")["predicate"], "whoever"


def believed_log(package: Lenient, *_: object) -> tuple[Entry, ...]:
    return tuple(map(read_entry, split_lines(package.read("log/log.jsonl"))))


EARLY: dict[str, dict[str, object]] = {
    "zip": {"open_package": lenient_package},
    "files": {"_file_problems": lambda *_: []},
    "seal": {"_sealed": believed_seal},
    "log": {"_logged": believed_log, "CLOCK_SKEW": timedelta(days=99_999)},
    "anchor": {"weighed": lambda *_: Anchors((), 1, "intact")},
}


@contextmanager
def without(checks: set[str]) -> Iterator[None]:
    """The verifier with some of its checks taken out."""
    changes = {name: value for check in checks for name, value in EARLY.get(check, {}).items()}
    changes["_CHECKS"] = tuple(row for row in verifying._CHECKS if row[0] not in checks)
    before = {name: getattr(verifying, name) for name in changes}
    for name, value in changes.items():
        setattr(verifying, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(verifying, name, value)


def defences_of(evil: Evil) -> list[str]:
    """Take out whatever refuses the package, one check after the other, until it passes; gives what it took."""
    taken: list[str] = []
    while len(taken) < 12:
        with without(set(taken)):
            found = verifying.verify_package(evil.package, evil.trust, evil.run.now + later(evil.run))
        if found.exit_code != 2:
            return taken
        failed = next(check.name for check in found.checks if not check.ok)
        assert failed not in taken, found
        taken.append(failed)
    raise AssertionError(taken)


REFUSED = sorted(name for name, attack in BY_NAME.items() if attack.exit_code == 2)
UNREADABLE = {
    "t40_bomb": "the package holds nothing but the bomb",
    "t40_overlapping": "Python's own reader refuses it, too",
    "t41_duplicate_entry": "the list of files is no list any more",
    "t43_comment": "Python's own reader refuses it, too",
    "t43_local_name": "Python's own reader refuses it, too",
}


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in UNREADABLE])
def test_without_its_defences_the_attack_succeeds(name: str) -> None:
    taken = defences_of(built(name))
    assert set(BY_NAME[name].checks.split()) & set(taken), taken


# The rows that no package shows.


@pytest.mark.req("t16_two_key_ids")
def test_t16_two_key_ids() -> None:
    """One key under two names is one key, and a signature by another key is none, whatever name it bears."""
    listed, other = private_key("engine"), private_key("mallory")
    payload = b'{"_type": "x"}\n'
    honest = json.loads(envelope(payload, listed.sign(signing_bytes(payload)), ssh_key(listed)))
    forged = json.loads(envelope(payload, other.sign(signing_bytes(payload)), ssh_key(listed)))
    keys = [listed.public_key().public_bytes_raw()]
    assert open_envelope(json.dumps(honest).encode(), keys, name="x") == payload
    honest["signatures"][0]["keyid"] = "SHA256:somebody-else"
    assert open_envelope(json.dumps(honest).encode(), keys, name="x") == payload
    for signatures in (forged["signatures"], forged["signatures"] * 2):
        with pytest.raises(GonogoError):
            open_envelope(json.dumps({**forged, "signatures": signatures}).encode(), keys, name="x")


@pytest.mark.req("t24_flags_zero")
def test_t24_flags_zero_are_good_for_ssh_keygen(tmp_path: Path) -> None:
    """The defence is ours alone: stock ssh-keygen takes a signature that nobody touched anything for."""
    words = b"a statement\n"
    (tmp_path / "s.sig").write_bytes(device_signature(words, 0, 1))
    argv = ["ssh-keygen", "-Y", "check-novalidate", "-n", "gonogo/approval/v1/production", "-s", str(tmp_path / "s.sig")]
    said = subprocess.run(argv, input=words, capture_output=True, check=False)
    assert said.stdout.startswith(b"Good"), said


@pytest.mark.req("t33_wide_line")
def test_t33_wide_line(tmp_path: Path) -> None:
    """A line for everybody makes every signature good for ssh-keygen; verify.py counts the people of the policy only."""
    evil = built("t21_unlisted_key")
    argv = asked_of_python(evil.package, evil.trust, tmp_path)
    signers = tmp_path / "trust" / "allowed_signers"
    line = ssh_key(private_key("claude")).line
    signers.write_bytes(signers.read_bytes() + f"* {line}\n".encode())
    assert verify.main(argv) == 2


@pytest.mark.req("t44_toctou")
def test_t44_toctou(tmp_path: Path) -> None:
    """A file that changes while it is sealed: the digest is that of the stored bytes, whatever they came to be."""
    out = tmp_path / "out"
    out.mkdir()
    target = out / "report.bin"
    target.write_bytes(b"a" * (9 << 20))
    done = threading.Event()

    def scribble() -> None:
        with target.open("r+b", buffering=0) as file:
            number = 0
            while not done.is_set():
                file.seek((number * 65_537) % (9 << 20))
                file.write(bytes([97 + number % 26]) * 4096)
                number += 1

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        vault = FolderVault(tmp_path / "vault")
        digests = [vault.seal(out)[0].digest for _ in range(6)]
    finally:
        done.set()
        writer.join()
    assert [digest_of(vault.read(digest)) for digest in digests] == digests
    assert len(set(digests)) > 1, "nothing was written meanwhile"


@pytest.mark.req("t53_parse_is_data")
def test_t53_parse_is_data(tmp_path: Path) -> None:
    document = TESTS / "cases" / "documents" / "legacy.md"
    hostile = f"\n```bash\ntouch {tmp_path}/ran\n```\n\n$(touch {tmp_path}/ran) `touch {tmp_path}/ran`\n"
    (tmp_path / "p.md").write_text(document.read_text(encoding="utf-8") + hostile, encoding="utf-8")
    for command in ("lint", "fmt", "compile", "graph", "prove", "analyze"):
        gonogo(command, str(tmp_path / "p.md"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.req("t54_evidence_path")
@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../x.json"])
def test_t54_evidence_path(path: str, tmp_path: Path) -> None:
    """A document that claims a file outside of its folders as evidence is refused before anything is read."""
    text = Path(library("pre-deployment.md")).read_text(encoding="utf-8")
    named = re.search(r"`([^`]*staging-test-results\.json)`", text)
    assert named is not None
    (tmp_path / "p.md").write_text(text.replace(named[1], path), encoding="utf-8")
    said = gonogo("lint", str(tmp_path / "p.md"))
    assert said.code != 0
    assert path in said.out + said.err


@pytest.mark.req("t57_redos")
def test_t57_redos() -> None:
    """No pattern of a project is a regular expression; its globs cost no more than their length."""
    began = time.process_time()
    matching = first_match(["*a" * 60 + "b", "*" * 200 + "c", "keep"])
    assert [matching("a" * 4000), matching("a" * 4000 + "c"), matching("keep")] == [None, 1, 2]
    assert time.process_time() - began < 2


@pytest.mark.req("t69_fake_verifier")
def test_t69_a_verifier_inside_the_package_can_say_anything(tmp_path: Path) -> None:
    """Which is why the page says to take one from elsewhere: the one inside is part of what is to be verified."""
    evil = built("t69_fake_verifier")
    argv = asked_of_python(evil.package, evil.trust, tmp_path)
    (tmp_path / "inside.py").write_bytes(zipfile.ZipFile(io.BytesIO(evil.package)).read("verify.py"))
    said = subprocess.run([sys.executable, "-I", str(tmp_path / "inside.py"), *argv], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout[:8]) == (0, "VERIFIED")
    assert verify.main(argv) == 2
    (tmp_path / "shell").mkdir()
    assert by_shell(evil.package, evil.trust, tmp_path / "shell")[0] == 2
