"""Changing sealed packages as an attacker would: with their files, with their log, with the key of the engine."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace


from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.evidence.envelope import envelope, signing_bytes
from gonogo.evidence.ledger import Entry, next_entry, read_log
from gonogo.evidence.manifest import write_sums
from gonogo.evidence.merkle import leaf_digest, root_of
from gonogo.evidence.note import Checkpoint, NoteKey, with_signature
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package
from gonogo.evidence.packing import SEAL_FILES
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import sign
from gonogo.terms import digest_of

LOG = "log/log.jsonl"


def files_of(package: bytes) -> dict[str, bytes]:
    """All files of a package by path."""
    opened = open_package(package)
    return {path: opened.read(path) for path in opened.members}


def packed(files: Mapping[str, bytes]) -> bytes:
    """A package of the right form with these files; nothing is sealed anew."""
    out = io.BytesIO()
    write_package(files, out)
    return out.getvalue()


def changed(package: bytes, path: str, old: bytes, new: bytes) -> bytes:
    """The package with a text of one of its files replaced; the old text has to be there."""
    files = files_of(package)
    assert old in files[path], f"{path} does not hold {old!r}"
    return packed({**files, path: files[path].replace(old, new)})


def rechained(package: bytes, edit: Callable[[Entry], Entry]) -> bytes:
    """The package with entries of its log edited and the whole chain made anew, as whoever owns the engine could."""
    files = files_of(package)
    previous: Entry | None = None
    lines = []
    for entry in map(edit, read_log(files[LOG])):
        previous = next_entry(previous, ts=entry.ts, type=entry.type, actor=entry.actor, data=entry.data)
        lines.append(previous.line)
    return packed({**files, LOG: b"".join(lines)})


def with_data(entry: Entry, **fields: object) -> Entry:
    """An entry that says something else."""
    return replace(entry, data={**entry.data, **json.loads(json.dumps(fields))})


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey, name: str) -> bytes:
    """The checkpoint with the signature of `key` under `name`, the site of the engine."""
    return with_signature(checkpoint, NoteKey(name, key.public_key().public_bytes_raw()), key.sign(checkpoint.body))


def resealed(files: Mapping[str, bytes], key: Ed25519PrivateKey, site: str = "local") -> bytes:
    """The files with lists, checkpoint and seal made anew by whoever has the key; statements stay what they are."""
    found = {path: data for path, data in files.items() if path not in SEAL_FILES}
    log = found[LOG].splitlines(keepends=True)
    seal = json.loads(files["seal.json"])
    said = seal["predicate"]["log"]
    checkpoint = Checkpoint(said["origin"], len(log), root_of([leaf_digest(line) for line in log]))
    found["log/checkpoint"] = sign_checkpoint(checkpoint, key, site)
    evidence = {path: digest_of(data) for path, data in found.items() if path.startswith("evidence/")}
    found["EVIDENCE.SHA256SUMS"] = write_sums(evidence)
    found["SHA256SUMS"] = write_sums({path: digest_of(data) for path, data in found.items() if path != "SHA256SUMS"})
    said |= {"size": len(log), "root": base64.b64encode(checkpoint.root).decode(), "head": digest_of(log[-1])}
    seal["subject"][0]["digest"]["sha256"] = digest_of(found["SHA256SUMS"])
    payload = (json.dumps(seal, indent=1, sort_keys=True) + "\n").encode()
    found["seal.json"] = payload
    found["seal.json.sig"] = sign(key, payload, f"gonogo/seal/v1/{seal['predicate']['environment']}")
    form = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    found["seal.dsse.json"] = envelope(payload, key.sign(signing_bytes(payload)), public_key(form.decode()))
    return packed(found)
