"""What a witness of logs does: it takes a checkpoint only when it follows from the last one (C2SP tlog-witness).

A submission is `old <n>`, the nodes of a consistency proof in base64, an empty line, and the signed checkpoint. The
answer is a cosignature over the checkpoint with the time at which it was seen. A witness never forgets a size: a log
that was shortened or rewritten is refused for ever.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.errors import BadInput, GonogoError, Tampered
from gonogo.evidence.merkle import consistent
from gonogo.evidence.note import Checkpoint, NoteKey, read_note, verify_note
from gonogo.values import dataclass

COSIGNATURE: Final = 4
MOST_PROOF: Final = 63
MOST_BYTES: Final = 64 * 1024
OK, SHRUNK, WRONG_KEY, UNKNOWN, STALE, FORKED = 200, 400, 403, 404, 409, 422

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint as it is handed in: `old` is the size that the sender believes the witness to know."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def data(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(base64.b64encode(node).decode() for node in self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.note


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness says: a status as in HTTP, and the reason; 409 names the size that it knows."""

    status: int
    text: str


def read_submission(data: bytes) -> Submission:
    """The submission in `data`. Raises BadInput for any other form."""
    head, gap, note = data.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    first = _OLD.fullmatch(lines[0])
    if not gap or first is None or len(lines) - 1 > MOST_PROOF or len(data) > MOST_BYTES:
        raise BadInput("this is no submission of a checkpoint", next_step="send it with: gonogo witness add")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
    except (binascii.Error, ValueError) as error:
        raise BadInput("the proof is not base64", next_step="send it with: gonogo witness add") from error
    if any(len(node) != hashlib.sha256().digest_size for node in proof):
        raise BadInput("a node of the proof is no digest", next_step="send it with: gonogo witness add")
    return Submission(int(first[1]), proof, note)


def weigh(sent: Submission, keys: Sequence[NoteKey], known: Checkpoint | None) -> Checkpoint | Answer:
    """The checkpoint, where the witness may take it after `known`; else the answer that says why not."""
    try:
        checkpoint = read_note(sent.note).checkpoint
    except GonogoError as error:
        return Answer(SHRUNK, error.what)
    key = next(
        (key for key in keys if checkpoint.origin == key.name or checkpoint.origin.startswith(f"{key.name}/")), None
    )
    if key is None:
        return Answer(UNKNOWN, f"the log {checkpoint.origin} is not known here")
    try:
        verify_note(sent.note, key)
    except Tampered as error:
        return Answer(WRONG_KEY, error.what)
    if sent.old > checkpoint.size:
        return Answer(SHRUNK, f"the log was shortened from {sent.old} to {checkpoint.size}")
    size = known.size if known is not None else 0
    if sent.old != size:
        return Answer(STALE, str(size))
    if known is None or size == 0:
        return checkpoint
    if not consistent(size, known.root, checkpoint.size, checkpoint.root, sent.proof):
        return Answer(FORKED, f"the log is not the one that had {size} entries")
    return checkpoint


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The public key of a witness under its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that begin its cosignatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([COSIGNATURE]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The text form, as it is handed to those who verify."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([COSIGNATURE]) + self.public).decode()}"


def cosigned_bytes(checkpoint: Checkpoint, seconds: int) -> bytes:
    """What a witness signs: that it saw this checkpoint at this time (Unix seconds)."""
    return f"cosignature/v1\ntime {seconds}\n".encode() + checkpoint.body


def cosignature_line(key: WitnessKey, seconds: int, signature: bytes) -> bytes:
    """The line that goes under the checkpoint."""
    return f"— {key.name} {base64.b64encode(key.id + struct.pack('>Q', seconds) + signature).decode()}\n".encode()


def read_witness_key(text: str) -> WitnessKey:
    """The key in `name+id+base64`. Raises BadInput where the parts do not fit each other."""
    name, _, rest = text.strip().partition("+")
    shown, _, encoded = rest.partition("+")
    try:
        material = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        material = b""
    key = WitnessKey(name, material[1:])
    if not name or material[:1] != bytes([COSIGNATURE]) or len(key.public) != 32 or key.id.hex() != shown:
        raise BadInput(
            "this is no key of a witness", where=name, next_step="copy the line that `gonogo witness` printed"
        )
    return key


def witnessed_at(note: bytes, key: WitnessKey) -> int:
    """When the witness saw the checkpoint in `note`, in Unix seconds. Raises Tampered where it did not cosign it."""
    signed = read_note(note)
    for name, signature in signed.signatures:
        if name == key.name and signature[:4] == key.id and len(signature) == 76:
            (seconds,) = struct.unpack(">Q", signature[4:12])
            try:
                public = ed25519.Ed25519PublicKey.from_public_bytes(key.public)
                public.verify(signature[12:], cosigned_bytes(signed.checkpoint, seconds))
            except InvalidSignature as error:
                raise Tampered(f"the cosignature of {name} is wrong", next_step="do not rely on this anchor") from error
            return int(seconds)
    raise Tampered(f"the checkpoint is not cosigned by {key.name}", next_step="ask the witness for its copy")
