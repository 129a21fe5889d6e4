"""Checkpoints of a log as signed notes (C2SP signed-note and tlog-checkpoint; EVS-16).

A checkpoint is three lines (origin, size, root in base64), an empty line, and one line for each signature. Extension
lines are not used. A signature line is `— name base64(key id ‖ signature)`; the name is that of the site, so that one
key line serves an auditor for all runs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.errors import BadInput, Tampered
from gonogo.values import dataclass

ED25519: Final = 1
MOST_SIGNATURES: Final = 16

_ORIGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,200}")
_RESERVED: Final = ("SSHSIG", "DSSEv1", "cosignature")
_SIGNATURE: Final = re.compile(r"— (\S{1,200}) ([A-Za-z0-9+/]{1,8000}={0,2})")
_LOOK: Final = "compare it with another copy; do not trust this one"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log looked like: `size` entries with Merkle root `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> bytes:
        """The three lines that are signed, each with LF."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


@dataclass(frozen=True, slots=True)
class NoteKey:
    """An Ed25519 key under a name. `vkey` is its text form `name+id+base64`."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that begin every signature by this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The text form, as it is handed to auditors."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([ED25519]) + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint with its signature lines `(name, key id and signature)`, not yet verified."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes], ...]


def check_origin(origin: str) -> str:
    """`origin` itself. Raises BadInput where it could be taken for the head of another signed form."""
    if not _ORIGIN.fullmatch(origin) or origin.startswith(_RESERVED):
        raise BadInput(f"{origin!r} cannot name a log", next_step="use letters, digits and . _ : / -, e.g. acme/eu1")
    return origin


def read_vkey(text: str) -> NoteKey:
    """The key in `name+id+base64`. Raises BadInput where the parts do not fit each other."""
    name, _, rest = text.strip().partition("+")
    shown, _, encoded = rest.partition("+")
    try:
        material = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("the log key is not base64", where=name, next_step="copy the vkey line again") from error
    if len(material) != 33 or material[0] != ED25519 or NoteKey(name, material[1:]).id.hex() != shown:
        raise BadInput("the log key is not an Ed25519 vkey", where=name, next_step="copy the vkey line again")
    return NoteKey(check_origin(name), material[1:])


def with_signature(checkpoint: Checkpoint, key: NoteKey, signature: bytes) -> bytes:
    """The signed note from a signature over `checkpoint.body` that was made elsewhere."""
    check_origin(key.name)
    return checkpoint.body + f"\n— {key.name} {base64.b64encode(key.id + signature).decode()}\n".encode()


def read_note(data: bytes) -> SignedNote:
    """The checkpoint in `data`, signatures unverified. Raises Tampered for any other form."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Tampered("the checkpoint is not UTF-8", next_step=_LOOK) from error
    body, gap, tail = text.partition("\n\n")
    lines = body.split("\n")
    signatures = [_SIGNATURE.fullmatch(line) for line in tail.removesuffix("\n").split("\n")]
    if not gap or len(lines) != 3 or not tail.endswith("\n") or len(signatures) > MOST_SIGNATURES:
        raise Tampered("this is not a checkpoint of three lines with signatures", next_step=_LOOK)
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]) or not _ORIGIN.fullmatch(lines[0]):
        raise Tampered("the checkpoint names no log or no size", next_step=_LOOK)
    checkpoint = Checkpoint(lines[0], int(lines[1]), _decoded(lines[2]))
    if checkpoint.body != (body + "\n").encode() or len(checkpoint.root) != 32:
        raise Tampered("the root of the checkpoint is not base64 of 32 bytes", next_step=_LOOK)
    found = tuple((match[1], _decoded(match[2])) for match in signatures if match is not None)
    if len(found) != len(signatures):
        raise Tampered("a signature line of the checkpoint cannot be read", next_step=_LOOK)
    return SignedNote(checkpoint, found)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Tampered("the checkpoint holds broken base64", next_step=_LOOK) from error


def verify_note(data: bytes, key: NoteKey) -> Checkpoint:
    """The checkpoint in `data`, signed by `key`. Raises Tampered where that signature is missing or wrong."""
    note = read_note(data)
    for name, signature in note.signatures:
        if name == key.name and signature[:4] == key.id:
            try:
                ed25519.Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], note.checkpoint.body)
            except InvalidSignature as error:
                raise Tampered(f"the signature of {name} on the checkpoint is wrong", next_step=_LOOK) from error
            return note.checkpoint
    raise Tampered(f"the checkpoint is not signed by {key.name}", next_step=_LOOK)
