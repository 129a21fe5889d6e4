"""Where sealed files lie in a package, and which of them a decision is about; both follow from the log alone (EVS-12).

A file keeps the name `evidence/<state>/<name>` (claims: `claims/...`). A later file that would take the same name is
filed under `at-<entry>/`, so nothing of an earlier attempt is ever overwritten (C29).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gonogo.errors import Tampered
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import sound_path, write_sums
from gonogo.terms import Digest
from gonogo.values import dataclass

SEALED: Final = "evidence.sealed"
CLAIMED: Final = "claimed"
MOST_STATE_PARTS: Final = 3
MOST_NAME_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Filed:
    """A sealed file as the log knows it. `superseded` is the entry that took its place, if one did."""

    entry: Entry
    path: str
    name: str
    digest: Digest
    state: str
    attempt: int
    status: str
    size: int
    superseded: int | None

    @property
    def counts(self) -> bool:
        """Whether the file is evidence that decisions are about: no claim, and not superseded."""
        return self.status != CLAIMED and self.superseded is None


def text_in(entry: Entry, name: str) -> str:
    """The text field `name` of the data of `entry`. Raises Tampered where there is none."""
    value = entry.data.get(name)
    if not isinstance(value, str):
        raise Tampered(f"entry {entry.seq} ({entry.type}) has no text {name!r}", next_step=_LOOK)
    return value


def number_in(entry: Entry, name: str) -> int:
    """The integer field `name` of the data of `entry`. Raises Tampered where there is none."""
    value = entry.data.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Tampered(f"entry {entry.seq} ({entry.type}) has no number {name!r}", next_step=_LOOK)
    return value


_LOOK: Final = "compare the log with another copy; do not go on with this one"


def filed(entries: Iterable[Entry]) -> tuple[Filed, ...]:
    """Every sealed file of the log, in order, with its path in a package."""
    sealings = [entry for entry in entries if entry.type == SEALED]
    last: dict[str, int] = {}
    for entry in sealings:
        if text_in(entry, "status") != CLAIMED:
            last[text_in(entry, "name")] = entry.seq
    taken: set[str] = set()
    found = []
    for entry in sealings:
        name, status, state = text_in(entry, "name"), text_in(entry, "status"), text_in(entry, "stage")
        folder = "/".join(["claims" if status == CLAIMED else "evidence", *_parts(state)[:MOST_STATE_PARTS]])
        file = "/".join(_parts(name)[-MOST_NAME_PARTS:])
        path = f"{folder}/{file}"
        if path.casefold() in taken:
            path = f"{folder}/at-{entry.seq}/{file}"
        taken.add(path.casefold())
        newer = last.get(name, entry.seq)
        superseded = newer if status != CLAIMED and newer != entry.seq else None
        digest, size, attempt = Digest(text_in(entry, "sha256")), number_in(entry, "size"), number_in(entry, "attempt")
        found.append(Filed(entry, path, name, digest, state, attempt, status, size, superseded))
    return tuple(found)


def _parts(text: str) -> list[str]:
    return sound_path(text).split("/")


def evidence_list(entries: Iterable[Entry]) -> bytes:
    """`EVIDENCE.SHA256SUMS` of a round: all that counts now. Nothing sealed gives no line."""
    return write_sums({item.path: item.digest for item in filed(entries) if item.counts})


def judgement_paths(entries: Sequence[Entry]) -> Mapping[int, str]:
    """Where the judgement of each `gate.judged` entry lies, by sequence number."""
    taken: set[str] = set()
    found: dict[int, str] = {}
    for entry in entries:
        if entry.type == "gate.judged":
            stem = sound_path(f"gates/{text_in(entry, 'gate')}-{number_in(entry, 'attempt')}")
            path = f"{stem}.json" if stem.casefold() not in taken else f"{stem}-at-{entry.seq}.json"
            taken.add(stem.casefold())
            found[entry.seq] = path
    return found


def statement_paths(entries: Sequence[Entry]) -> Mapping[int, str]:
    """Where the statement of each `approval.recorded` entry lies; its signature has `.sig` behind the same path."""
    taken: dict[str, int] = {}
    found: dict[int, str] = {}
    for entry in entries:
        if entry.type == "approval.recorded":
            mark = short_mark(text_in(entry, "fingerprint"))
            folder = sound_path(f"approvals/{text_in(entry, 'round')}")
            stem = f"{folder}/{sound_path(text_in(entry, 'role'))}-{mark}"
            taken[stem] = taken.get(stem, 0) + 1
            found[entry.seq] = f"{stem}.json" if taken[stem] == 1 else f"{stem}.{taken[stem]}.json"
    return found


def short_mark(fingerprint: str) -> str:
    """The first eight hex digits of a key's digest, from its `SHA256:` fingerprint. Raises Tampered otherwise."""
    try:
        digest = base64.b64decode(fingerprint.removeprefix("SHA256:") + "=", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Tampered(f"{fingerprint!r} is no fingerprint", next_step=_LOOK) from error
    return digest.hex()[:8]


def round_files(entry: Entry) -> Mapping[str, Digest]:
    """The files of a round that an `approval.requested` entry names, by path."""
    folder = sound_path(f"approvals/{text_in(entry, 'round')}")
    return {
        f"{folder}/request.json": Digest(text_in(entry, "request_sha256")),
        f"{folder}/shown.txt": Digest(text_in(entry, "shown_sha256")),
        f"{folder}/EVIDENCE.SHA256SUMS": Digest(text_in(entry, "evidence_sha256")),
    }


def expected_files(entries: Sequence[Entry], files: Iterable[Filed] | None = None) -> Mapping[str, Digest]:
    """Every file that the log names, by path: evidence, claims, judgements, rounds, statements and signatures.

    `files` is what `filed` says of the same entries, where that is known already.
    """
    found: dict[str, Digest] = {item.path: item.digest for item in (filed(entries) if files is None else files)}
    judgements, statements = judgement_paths(entries), statement_paths(entries)
    for entry in entries:
        if entry.seq in judgements:
            found[judgements[entry.seq]] = Digest(text_in(entry, "judgement_sha256"))
        if entry.seq in statements:
            found[statements[entry.seq]] = Digest(text_in(entry, "statement_sha256"))
            found[f"{statements[entry.seq]}.sig"] = Digest(text_in(entry, "signature_sha256"))
        if entry.type == "approval.requested":
            found.update(round_files(entry))
    return found
