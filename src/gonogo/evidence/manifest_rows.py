"""Reading an evidence manifest row by row, so that one of many files costs no more memory than one of few (EVS-10).

gonogo writes each row of a manifest as a block of lines (`write_json`). These blocks are read one at a time, strictly;
what is left of the file is read as a whole, and so is a manifest in any other spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.manifest import EVIDENCE_MANIFEST
from gonogo.values import dataclass

ROWS: Final = "artifacts"
MOST_REST: Final = 64 << 20

_OPENING: Final = f' "{ROWS}": [\n'.encode()
_ROW: Final = b"  {\n"
_ROW_END: Final = b"\n  }"
_AHEAD: Final = 16


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """What a row says of one sealed file: its entry in the log, where it lies, and whether it is required."""

    sealed_seq: Tree
    paths: Tree
    sha256: Tree
    status: Tree
    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class ManifestRead:
    """A manifest: its rows in order, and everything else that it says."""

    rows: tuple[ArtifactRow, ...]
    rest: Mapping[str, Tree]


def read_manifest(chunks: Iterable[bytes]) -> ManifestRead:
    """Read the bytes of `evidence-manifest.json` strictly; BadInput for anything that can be read in two ways."""
    source = iter(chunks)
    rows: list[ArtifactRow] = []
    text = b""
    for chunk in source:
        text += chunk
        before, opening, after = text.partition(_OPENING)
        if opening:
            text = before + opening + _after_rows(after, source, rows)
    whole = read_object(text, name=EVIDENCE_MANIFEST, limit=MOST_REST)
    found = whole.get(ROWS)
    rows += [_row(item) for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
    return ManifestRead(tuple(rows), whole)


def _after_rows(text: bytes, source: Iterator[bytes], rows: list[ArtifactRow]) -> bytes:
    """Read the rows at the beginning of `text` and what follows it; gives everything behind the last row."""
    at, more = 0, True
    while True:
        end = text.find(_ROW_END, at)
        # Behind the brace stand a comma or none, a line feed, and the line that says whether another row begins.
        if end < 0 or end + _AHEAD > len(text):
            chunk = next(source, b"")
            if chunk:
                text, at = text[at:] + chunk, 0
                continue
        if end < 0 or not text.startswith(_ROW, at):
            break
        if not more:
            raise BadInput("lacks a comma between two rows", where=EVIDENCE_MANIFEST, next_step=_AGAIN)
        end += len(_ROW_END)
        rows.append(_row(read_object(text[at:end], name=EVIDENCE_MANIFEST)))
        more = text.startswith(b",", end)
        at = end + more + 1
        if text[at - 1 : at] != b"\n":
            raise BadInput("has a row that does not end its line", where=EVIDENCE_MANIFEST, next_step=_AGAIN)
    if rows and (more or not text.startswith(b" ]", at)):
        raise BadInput("does not end its rows as a list", where=EVIDENCE_MANIFEST, next_step=_AGAIN)
    return text[at:] + b"".join(source)


_AGAIN: Final = "let gonogo write the package again"


def _row(row: Mapping[str, Tree]) -> ArtifactRow:
    return ArtifactRow(
        row.get("sealed_seq"),
        row.get("paths"),
        row.get("sha256"),
        row.get("status"),
        str(row.get("name")),
        row.get("required") is True,
    )
