"""Checkpoints that somebody else keeps: taken in order only, and what then comes to light."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.adapters.anchors.witness_folder import FolderWitness
from gonogo.adapters.anchors.witness_http import witness_server
from gonogo.control.trust.anchoring import anchor, log_key, standings
from gonogo.errors import BadInput, Tampered
from gonogo.evidence.ledger import Entry, next_entry
from gonogo.evidence.merkle import consistency_proof, leaf_digest, root_of
from gonogo.evidence.note import Checkpoint, NoteKey, read_note
from gonogo.evidence.policy import read_policy
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.evidence.witnessing import (
    FORKED,
    OK,
    SHRUNK,
    STALE,
    UNKNOWN,
    WRONG_KEY,
    Submission,
    read_submission,
    read_witness_key,
    witnessed_at,
)
from gonogo.terms import Engine, Person, RunId
from tests.command_line import gonogo
from tests.packages import files_of, sign_checkpoint
from tests.prepared import Rehearsed
from tests.projects import Project
from tests.worlds import MORNING

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = "acme.example/eu1"
WHO = Person("rm1")


def entries(count: int, word: str = "a") -> list[Entry]:
    found: list[Entry] = []
    for number in range(count):
        last = found[-1] if found else None
        found.append(next_entry(last, ts=MORNING, type="run.x", actor=Engine("e"), data={word: number}))
    return found


def leaves(log: list[Entry]) -> list[bytes]:
    return [leaf_digest(entry.line) for entry in log]


def note(log: list[Entry], key: Ed25519PrivateKey = KEY, origin: str = f"{NAME}/run-1") -> bytes:
    return sign_checkpoint(Checkpoint(origin, len(log), root_of(leaves(log))), key, NAME)


@pytest.fixture
def keeper(tmp_path: Path) -> FolderWitness:
    found = FolderWitness(tmp_path / "witness", "w1")
    found.know(NoteKey(NAME, KEY.public_key().public_bytes_raw()).vkey)
    return found


def sent(keeper: FolderWitness, log: list[Entry], old: int = 0) -> tuple[int, str]:
    answer = keeper.add(Submission(old, consistency_proof(leaves(log), old), note(log)).data)
    return answer.status, answer.text.strip()


def test_a_log_that_grows_is_cosigned_with_the_time(keeper: FolderWitness) -> None:
    log = entries(9)
    for size, old in ((3, 0), (3, 3), (8, 3), (9, 8)):
        status, line = sent(keeper, log[:size], old)
        assert status == OK
        seen = witnessed_at(note(log[:size]) + line.encode() + b"\n", keeper.key)
        assert abs(seen - datetime.now(UTC).timestamp()) < 60
    assert read_witness_key(keeper.key.vkey) == keeper.key


@pytest.mark.req("t05_rewrite_log", "t07_cut_after_approval", "t08_split_view")
def test_a_log_that_was_shortened_rewritten_or_split_is_refused(keeper: FolderWitness) -> None:
    log, other = entries(8), entries(9, "b")
    assert sent(keeper, log)[0] == OK
    assert sent(keeper, log[:5]) == (STALE, "8")
    assert sent(keeper, log[:5], 8)[0] == SHRUNK
    assert sent(keeper, other, 8)[0] == FORKED
    assert sent(keeper, other[:8], 8)[0] == FORKED
    assert keeper.add(Submission(8, (), note(other)).data).status == FORKED


def test_a_log_that_is_not_known_and_one_of_another_key_are_refused(keeper: FolderWitness) -> None:
    log = entries(3)
    assert keeper.add(Submission(0, (), note(log, origin="other/run-1")).data).status == UNKNOWN
    assert keeper.add(Submission(0, (), note(log, origin=f"{NAME}x/run-1")).data).status == UNKNOWN
    assert keeper.add(Submission(0, (), note(log, Ed25519PrivateKey.generate())).data).status == WRONG_KEY


@pytest.mark.parametrize(
    "data", [b"", b"old 1\n", b"old -1\n\nx", b"old 01\n\nx", b"old 1\nAAAA\n\nx", b"old 1\n?\n\nx"]
)
def test_what_is_no_submission_is_refused(keeper: FolderWitness, data: bytes) -> None:
    assert keeper.add(data).status == SHRUNK
    with pytest.raises(BadInput):
        read_submission(data)


def test_a_cosignature_of_another_witness_is_none(keeper: FolderWitness, tmp_path: Path) -> None:
    log = entries(3)
    line = sent(keeper, log)[1].encode() + b"\n"
    other = FolderWitness(tmp_path / "other", "w1")
    with pytest.raises(Tampered, match="not cosigned"):
        witnessed_at(note(log) + line, other.key)
    with pytest.raises(Tampered, match="not cosigned"):
        witnessed_at(note(log), keeper.key)


def test_two_logs_never_share_a_place(keeper: FolderWitness) -> None:
    for origin in (f"{NAME}/a", f"{NAME}/a/b", f"{NAME}/a_b", f"{NAME}/=2f"):
        log = entries(4, "x")
        assert keeper.add(Submission(0, (), note(log, origin=origin.replace("=", "-"))).data).status == OK


@dataclass(frozen=True)
class Anchored:
    project: Project
    run: RunId
    address: str
    store: Path


@pytest.fixture
def anchored(rehearsal: Rehearsed, tmp_path: Path) -> Iterator[Anchored]:
    project, store = rehearsal.copy(tmp_path / "project"), tmp_path / "store"
    keeper = FolderWitness(store, "w1")
    keeper.know(log_key(project.door()))
    server = witness_server(keeper, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield Anchored(project, rehearsal.run, f"http://127.0.0.1:{server.server_port}", store)
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.req("EVS-16")
def test_doctor_says_unanchored_until_the_checkpoints_are_kept_elsewhere(anchored: Anchored) -> None:
    project, here = anchored.project, ("-C", anchored.project.root)
    assert not standings(project.door())[0].anchored
    said = gonogo("doctor", "--trust", *here)
    assert "unanchored" in said.out
    assert f"gonogo witness add {anchored.run} --to" in said.out
    (row,) = [row for row in json.loads(gonogo("doctor", "--json", *here).out)["examined"] if row["what"] == "anchors"]
    assert (row["ok"], row["needed"], row["remedy"]) == (False, False, f"gonogo witness add {anchored.run} --to PLACE")
    assert f"{anchored.run} is unanchored at entry" in row["detail"]
    assert gonogo("witness", "status", *here).code == 3
    said = gonogo("witness", "add", anchored.run, "--to", anchored.address, "--as", "rm1", *here)
    assert said.code == 0, said.err
    assert gonogo("witness", "status", *here).code == 0
    after = gonogo("doctor", "--trust", *here).out
    assert "unanchored" not in after and "✓ anchors: 1 sealed ledgers are kept elsewhere" in after
    again = gonogo("witness", "add", anchored.run, "--to", anchored.address, "--as", "rm1", "--json", *here)
    assert {item["origin"] for item in json.loads(again.out)["anchors"]} == {f"local/{anchored.run}", "local"}


@pytest.mark.req("EVS-16", "ARC-07")
def test_a_package_is_intact_by_the_checkpoint_that_the_witness_keeps(anchored: Anchored, tmp_path: Path) -> None:
    project = anchored.project
    made = anchor(project.door(), anchored.run, anchored.address, WHO)
    door = project.door()
    kept = sorted((anchored.store / "checkpoints" / f"local=2f{anchored.run}").iterdir())
    assert len(kept) == 2
    assert {read_note(path.read_bytes()).checkpoint.size for path in kept} <= {item.checkpoint.size for item in made}
    for kind in ("readiness", "handoff"):
        data = door.world.vault.read(door.load(anchored.run).state.packages[kind].sha256, limit=1 << 30)
        (tmp_path / f"{kind}.zip").write_bytes(data)
        (tmp_path / "policy.json").write_bytes(files_of(data)["trust/policy.json"])
        arguments = [part for path in kept for part in ("--anchor", path)]
        said = gonogo("verify", tmp_path / f"{kind}.zip", "--trust", tmp_path / "policy.json", *arguments)
        assert said.code == 0, said.out
        assert "intact, anchored up to entry" in said.out
        assert gonogo("verify", tmp_path / f"{kind}.zip", "--trust", tmp_path / "policy.json").code == 3


@pytest.mark.req("t07_cut_after_approval")
def test_an_anchor_beyond_the_end_of_a_log_shows_that_its_end_was_cut(anchored: Anchored) -> None:
    door = anchored.project.door()
    opened = door.load(anchored.run)
    data = door.world.vault.read(opened.state.packages["readiness"].sha256, limit=1 << 30)
    log = list(opened.entries)
    longer = sign_checkpoint(Checkpoint(f"local/{anchored.run}", len(log), root_of(leaves(log))), KEY, "local")
    ring = read_policy(files_of(data)["trust/policy.json"])
    found = verify_package(io.BytesIO(data), TrustFiles(ring, (longer,)), datetime.now(UTC))
    assert found.exit_code == 2
    assert "its end was cut" in found.verdict


def test_a_folder_of_another_owner_is_a_witness_too(anchored: Anchored, tmp_path: Path) -> None:
    folder = tmp_path / "share"
    FolderWitness(folder, "folder").know(log_key(anchored.project.door()))
    made = anchor(anchored.project.door(), anchored.run, str(folder), WHO)
    assert len(made) == 3
    unknown = tmp_path / "unknown"
    with pytest.raises(Tampered, match="is not known here"):
        anchor(anchored.project.door(), anchored.run, str(unknown), WHO)
