"""Proofs that an entry stands in the log of the site (C2SP tlog-proof; P9, EVS-16).

A proof is text: its first line names the form, `extra` holds the line of the log in base64, `index` its number, then
the nodes of the inclusion proof from leaf to root, an empty line, and the signed checkpoint of the log. To verify it
the key of the engine is enough. The extra line is believed only because its own leaf is what is proven.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from gonogo.errors import Tampered
from gonogo.evidence.ledger import Entry, read_entry
from gonogo.evidence.merkle import included, inclusion_proof, leaf_digest
from gonogo.evidence.note import Checkpoint, NoteKey, read_note, verify_note
from gonogo.values import dataclass

FORM: Final = "c2sp.org/tlog-proof@v1"
MOST_NODES: Final = 64

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_LOOK: Final = "ask for the package again; do not rely on this one"


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry whose place in a signed log was shown."""

    entry: Entry
    checkpoint: Checkpoint


def write_proof(log: Sequence[Entry], index: int, note: bytes) -> bytes:
    """The proof that `log[index]` stands under the checkpoint `note`, which is one over all of `log`."""
    nodes = inclusion_proof([leaf_digest(entry.line) for entry in log], index)
    line = log[index].line.removesuffix(b"\n")
    head = [FORM, f"extra {_text(line)}", f"index {index}", *map(_text, nodes), ""]
    return "".join(f"{line}\n" for line in head).encode("ascii") + note


def read_proof(data: bytes, keys: Sequence[NoteKey], *, name: str) -> Proven:
    """The entry that `data` proves by a checkpoint that one of `keys` signed. Raises Tampered where it does not."""
    head, gap, note = data.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    found = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
    if not gap or lines[0] != FORM or not lines[1].startswith("extra ") or found is None or len(lines) > MOST_NODES + 3:
        raise Tampered("is not a proof of an entry of a log", where=name, next_step=_LOOK)
    line = _bytes(lines[1].removeprefix("extra "), name) + b"\n"
    nodes = [_bytes(text, name) for text in lines[3:]]
    checkpoint = _signed(note, keys, name)
    index = int(found[1])
    entry = read_entry(line)
    if entry.seq != index or not included(leaf_digest(line), index, checkpoint.size, nodes, checkpoint.root):
        raise Tampered(f"does not show that entry {index} stands in the log", where=name, next_step=_LOOK)
    return Proven(entry, checkpoint)


def _signed(note: bytes, keys: Sequence[NoteKey], name: str) -> Checkpoint:
    read_note(note)
    for key in keys:
        try:
            return verify_note(note, key)
        except Tampered:
            continue
    raise Tampered("holds a checkpoint that no engine signed", where=name, next_step=_LOOK)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Tampered("holds broken base64", where=name, next_step=_LOOK) from error
