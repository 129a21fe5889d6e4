"""Commits of git that carry a checkpoint, signed by the engine's key, without asking git for the signature (EVS-16).

A commit is `tree`, `parent`, `author`, `committer`, `gpgsig` and a message. What is signed are its bytes without the
`gpgsig` field, as SSHSIG in the namespace `git`; so `git verify-commit` and we come to the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gonogo.errors import Tampered
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import BadSignature, signature_from, signed_data, verify
from gonogo.values import dataclass

NAMESPACE: Final = "git"
AUTHOR: Final = "gonogo <gonogo@localhost>"

_SIGNED: Final = re.compile(rb"gpgsig (?P<first>[^\n]*\n)(?P<rest>(?: [^\n]*\n)*)")
_FIELD: Final = re.compile(rb"(?P<name>tree|parent) (?P<id>[0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
_LOOK: Final = "ask whoever keeps the branch for its history; do not rely on this copy"


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says: its tree, the commits before it, and who signed it."""

    tree: str
    parents: tuple[str, ...]
    key: PublicKey


def signed_commit(
    tree: str, parents: tuple[str, ...], message: str, at: datetime, key: PublicKey, sign: Callable[[bytes], bytes]
) -> bytes:
    """The bytes of a commit over `tree`, signed: `sign` gives 64 bytes of Ed25519 by `key`."""
    seconds = f"{int(at.timestamp())} +0000"
    head = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    head += [f"author {AUTHOR} {seconds}", f"committer {AUTHOR} {seconds}"]
    fields, body = "".join(f"{line}\n" for line in head).encode(), f"\n{message}\n".encode()
    armoured = signature_from(key, NAMESPACE, sign(signed_data(NAMESPACE, fields + body)))
    signature = b"gpgsig " + armoured.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n"
    return fields + signature + body


def read_commit(data: bytes, *, name: str) -> Commit:
    """The commit in `data` with the key that signed it. Raises Tampered where it is not signed, or wrongly."""
    head, gap, body = data.partition(b"\n\n")
    fields = head + b"\n"
    found = _SIGNED.search(fields)
    if not gap or found is None or len(_SIGNED.findall(fields)) != 1:
        raise Tampered("is a commit without a signature", where=name, next_step=_LOOK)
    armoured = found["first"] + found["rest"].replace(b"\n ", b"\n").removeprefix(b" ")
    unsigned = fields[: found.start()] + fields[found.end() :] + b"\n" + body
    try:
        key = verify(armoured, unsigned, NAMESPACE)
    except BadSignature as error:
        raise Tampered(f"is signed wrongly: {error.what}", where=name, next_step=_LOOK) from error
    ids = [(match["name"], match["id"].decode()) for match in _FIELD.finditer(fields[: found.start()])]
    trees = [value for field, value in ids if field == b"tree"]
    if len(trees) != 1:
        raise Tampered("names no tree", where=name, next_step=_LOOK)
    return Commit(trees[0], tuple(value for field, value in ids if field == b"parent"), key)
