"""Views of stored evidence: the same bytes under every name, edits found, never outside the root (C2)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.adapters.vault import FolderVault
from gonogo.adapters.views import Views
from gonogo.errors import BadInput, Broken, Refused, Tampered
from gonogo.evidence.copies import Difference
from gonogo.ports import Vault
from gonogo.terms import Digest, digest_of
from worlds import MemoryVault


@pytest.fixture(params=["memory", "disk"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    return MemoryVault() if request.param == "memory" else FolderVault(tmp_path / "vault")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".artifacts"


@pytest.mark.req("EVS-06")
def test_one_stored_artifact_has_the_same_bytes_in_every_place(vault: Vault, root: Path) -> None:
    digest = vault.put(b"{}\n" * 700_000)
    places = {f"{folder}/intake.json": digest for folder in ("pre-deployment", "protocol-14/a/b")}
    assert Views(root, vault).write(places) == tuple(sorted(places))
    assert {digest_of((root / place).read_bytes()) for place in places} == {digest}
    assert Views(root, vault).differences(places) == ()


@pytest.mark.req("EVS-08")
def test_views_are_read_only_and_nothing_else_is_left_beside_them(vault: Vault, root: Path) -> None:
    Views(root, vault).write({"a/x.json": vault.put(b"1")})
    assert stat.S_IMODE((root / "a" / "x.json").stat().st_mode) == 0o444
    assert [path.name for path in root.rglob("*")] == ["a", "x.json"]


def test_a_view_that_is_right_is_not_written_again(vault: Vault, root: Path) -> None:
    views = Views(root, vault)
    wanted = {"x": vault.put(b"1"), "y": vault.put(b"2")}
    views.write(wanted)
    before = (root / "x").stat().st_ino
    (root / "y").unlink()
    assert views.write(wanted) == ("y",)
    assert (root / "x").stat().st_ino == before


def edited(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"PASS")


def emptied(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def linked(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")


@pytest.mark.req("WFS-03", "EVS-16")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (edited, "changed"),
        (emptied, "changed"),
        (Path.unlink, "missing"),
        (linked, "foreign"),
        (folder, "foreign"),
        (pipe, "foreign"),
        (linked_folder, "foreign"),
    ],
)
def test_a_view_that_somebody_changed_is_found(
    vault: Vault, root: Path, change: Callable[[Path], None], kind: str
) -> None:
    views, wanted = Views(root, vault), {"a/other": vault.put(b"2"), "a/x": vault.put(b"FAIL")}
    views.write(wanted)
    change(root / "a" / "x")
    found = views.differences(wanted)
    assert Difference("a/x", kind) in found
    assert all(str(difference).startswith("a/") for difference in found)


@pytest.mark.req("WFS-03")
def test_an_edited_view_is_written_again_from_the_store(vault: Vault, root: Path) -> None:
    views, wanted = Views(root, vault), {"x": vault.put(b"FAIL")}
    views.write(wanted)
    edited(root / "x")
    assert views.write(wanted) == ("x",)
    assert (root / "x").read_bytes() == b"FAIL"


@pytest.mark.parametrize("change", [linked, folder, linked_folder])
def test_a_link_or_folder_in_the_way_is_refused_and_stays(
    vault: Vault, root: Path, change: Callable[[Path], None]
) -> None:
    views, wanted = Views(root, vault), {"a/x": vault.put(b"1")}
    views.write(wanted)
    change(root / "a" / "x")
    if change is linked_folder:
        (root / "moved" / "x").unlink()
    with pytest.raises(Refused, match="stands in the way"):
        views.write(wanted)
    with pytest.raises(Refused, match="stands in the way"):
        views.write_bytes("a/x", b"1")


def test_a_root_that_is_a_link_is_refused(vault: Vault, root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root.symlink_to("elsewhere")
    with pytest.raises(Refused, match="stands in the way"):
        Views(root, vault).write({"x": vault.put(b"1")})


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\\..\\x", "a\0b", ".", ".."])
def test_a_path_that_leaves_the_root_is_a_bad_input(vault: Vault, root: Path, path: str) -> None:
    for act in (Views(root, vault).write, Views(root, vault).differences):
        with pytest.raises(BadInput, match="does not name a file"):
            act({path: vault.put(b"1")})


def test_evidence_that_was_changed_in_the_store_makes_no_view(tmp_path: Path, root: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    digest = vault.put(b"FAIL")
    vault.path(digest).chmod(0o600)
    vault.path(digest).write_bytes(b"PASS")
    with pytest.raises(Tampered, match=digest):
        Views(root, vault).write({"x": digest})
    assert list(root.iterdir()) == []


def test_evidence_that_is_gone_makes_no_view(vault: Vault, root: Path) -> None:
    with pytest.raises(BadInput, match="not in the vault"):
        Views(root, vault).write({"x": Digest("0" * 64)})
    assert list(root.iterdir()) == []


@pytest.mark.req("WFS-05")
def test_state_files_are_replaced_whole(vault: Vault, root: Path) -> None:
    views = Views(root, vault)
    for data in (b"one", b"two"):
        views.write_bytes("protocol-14/workflow-status.json", data)
        assert (root / "protocol-14" / "workflow-status.json").read_bytes() == data


def test_a_root_that_cannot_be_made_is_broken_with_its_path(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Broken) as broken:
        Views(tmp_path / "file" / "root", vault).write_bytes("x", b"")
    assert str(tmp_path) in broken.value.where
