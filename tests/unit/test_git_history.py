"""Who made the changes of a release, read from real repositories that try to mislead."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gonogo.adapters.git_history import GitHistory
from gonogo.errors import BadInput
from gonogo.evidence.authors import change_authors
from gonogo.evidence.signers import ListedPerson, Ring
from gonogo.plan.revisions import Revisions, read_revisions
from gonogo.terms import Digest, digest_of


def git(folder: Path, *arguments: str, **environ: str) -> str:
    settings = ("-c", "user.name=Anna", "-c", "user.email=Anna@acme.example", "-c", "commit.gpgsign=false")
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **environ}
    return subprocess.run(
        ["git", *settings, "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=clean
    ).stdout.strip()


def commit(folder: Path, text: str, author: str = "Anna <Anna@acme.example>", more: str = "") -> str:
    (folder / "file").write_text(text)
    git(folder, "add", "file")
    message = text + (f"\n\n{more}" if more else "")
    git(folder, "commit", "-q", "-m", message, f"--author={author}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.mark.req("REV-08", "A16")
def test_authors_and_co_authors_between_two_revisions_are_found(repository: Path) -> None:
    first = commit(repository, "one", "Old <old@acme.example>")
    commit(repository, "two", "Bert <BERT@acme.example>", "Co-authored-by: Cara <cara@acme.example>")
    last = commit(repository, "three")
    history = GitHistory(repository)
    assert history.authors(last, first) == ("anna@acme.example", "bert@acme.example", "cara@acme.example")
    assert "old@acme.example" in history.authors(last, "")


def test_a_subfolder_of_a_repository_has_the_history_of_the_repository(repository: Path) -> None:
    last = commit(repository, "one")
    (repository / "inside").mkdir()
    assert GitHistory(repository / "inside").authors(last, "") == ("anna@acme.example",)


def test_no_variable_setting_hook_or_replacement_changes_the_history(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one", "Eve <eve@acme.example>")
    last = commit(repository, "two")
    other = git(repository, "commit-tree", f"{last}^{{tree}}", "-m", "two")
    git(repository, "replace", last, other)
    trap = tmp_path / "trap"
    for name in ("core.pager", "core.fsmonitor", "gpg.program"):
        git(repository, "config", name, f"touch {trap}")
    git(repository, "config", "log.showSignature", "true")
    steering = {"GIT_DIR": "/nonexistent", "GIT_EXTERNAL_DIFF": f"touch {trap}", "PATH": os.environ["PATH"]}
    assert GitHistory(repository, steering).authors(last, "") == ("anna@acme.example", "eve@acme.example")
    assert not trap.exists()


def test_a_shallow_copy_is_refused_because_authors_are_missing_in_it(repository: Path, tmp_path: Path) -> None:
    commit(repository, "one", "Eve <eve@acme.example>")
    last = commit(repository, "two")
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(copy))
    with pytest.raises(BadInput, match="shallow copy") as caught:
        GitHistory(copy).authors(last, "")
    assert "--unshallow" in caught.value.next_step


@pytest.mark.parametrize("absent", ["f" * 40, "e" * 64])
def test_a_commit_that_is_not_there_is_named(repository: Path, absent: str) -> None:
    last = commit(repository, "one")
    with pytest.raises(BadInput, match=f"{absent[:12]}… is not in this repository"):
        GitHistory(repository).authors(last, absent)


def test_a_folder_outside_any_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        GitHistory(tmp_path).authors("a" * 40, "")


def test_listed_people_stand_for_their_addresses_and_everybody_else_for_a_salted_mark() -> None:
    anna = ListedPerson("anna", "", frozenset(), (), (digest_of(b"anna@acme.example"),))
    ring = Ring((anna,), {})
    one, other = Digest("1" * 64), Digest("2" * 64)
    found = change_authors(["Anna@acme.example ", "eve@acme.example", "EVE@acme.example"], ring, one)
    assert found[0] == "anna"
    assert len(found) == 2
    assert found[1].startswith("unmapped:")
    assert "eve" not in found[1]
    assert change_authors(["eve@acme.example"], ring, other) != found[1:]


@pytest.mark.req("F24")
def test_only_whole_commit_ids_name_the_revisions_of_a_release() -> None:
    assert read_revisions(b'{"release": {"id": "x"}}', "m.json") is None
    whole = "ab" * 20
    data = f'{{"release": {{"revision": "{whole}", "previous_revision": "{whole}"}}}}'.encode()
    assert read_revisions(data, "m.json") == Revisions(whole, whole)
    for wrong in ('"main"', '"--output=x"', '"abc123"', "7", f'"{whole.upper()}"'):
        with pytest.raises(BadInput, match="no whole commit id"):
            read_revisions(f'{{"release": {{"revision": {wrong}}}}}'.encode(), "m.json")
    with pytest.raises(BadInput, match="without `release.revision`"):
        read_revisions(f'{{"release": {{"previous_revision": "{whole}"}}}}'.encode(), "m.json")
