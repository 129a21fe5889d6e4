"""Documents that somebody names on the command line: read by the one reader, and written back whole or not at all."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.adapters.given_files import given_bytes
from gonogo.control.sources import BUILTIN_PROTOCOLS, LIBRARY
from gonogo.document.reading import Reading, read_document
from gonogo.document.rendering import Canvas, render_text
from gonogo.findings import Finding, forbids
from gonogo.plan.linting import document_findings, sidecar_of
from gonogo.plan.sidecar import Sidecar
from gonogo.protocol.artifacts import Flow, follow
from gonogo.protocol.model import Protocol
from gonogo.terms import Digest
from gonogo.values import dataclass

UTF8 = "utf-8"
_MARK = b"\xef\xbb\xbf"

file_argument = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
files_argument = click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was given: its name for messages, its bytes, what the reader says."""

    name: str
    data: bytes
    reading: Reading
    sidecar: Sidecar | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong with it, given the bindings beside it."""
        return document_findings(self.reading, self.sidecar)

    @property
    def damaged(self) -> bool:
        """Whether the text was repaired for reading, so that writing it would change every such letter."""
        return self.reading.encoding != UTF8


def document(path: Path) -> Document:
    """Read one document; BadInput where the file itself cannot be read."""
    return as_document(str(path), given_bytes(path))


def as_document(name: str, data: bytes) -> Document:
    """The document in `data` with the sidecar beside `name`, or with that of the library for a built-in one."""
    beside = f"{name.removesuffix('.md')}.gonogo.yaml"
    stored = resources.files(LIBRARY).joinpath(beside) if "/" not in beside else None
    bindings: bytes | None = None
    if beside != name and Path(beside).is_file():
        bindings = given_bytes(Path(beside))
    elif stored is not None and stored.is_file() and not Path(name).is_file():
        bindings = stored.read_bytes()
    return Document(name, data, read_document(data, name), sidecar_of(bindings, beside))


def builtin_documents() -> tuple[Document, ...]:
    """The built-in protocols."""
    folder = resources.files(LIBRARY)
    names = tuple(f"{name}.md" for name in BUILTIN_PROTOCOLS)
    return tuple(as_document(name, folder.joinpath(name).read_bytes()) for name in names)


def fitting(given: Sequence[Document]) -> Flow:
    """How the artifacts of a set of documents flow; nothing is due of one document alone (IOP-07)."""
    protocols = [each.reading.protocol for each in given if each.reading.protocol is not None]
    external = frozenset(name for each in given if each.sidecar for name in each.sidecar.external)
    return follow(protocols, external) if len(protocols) > 1 else Flow((), ())


def documents(paths: Iterable[Path]) -> tuple[Document, ...]:
    """Read several documents, each once."""
    return tuple(document(path) for path in dict.fromkeys(paths))


def modelled(given: Document) -> Protocol | None:
    """The protocol in a document; where there is none, its findings are told and the command answers 2."""
    if given.reading.protocol is None:
        show(given.reading.findings, {given.name: given.data})
    return given.reading.protocol


def show(findings: tuple[Finding, ...], sources: Mapping[str, bytes]) -> None:
    """Findings as words on stderr, with their lines; nothing where there are none."""
    if findings:
        click.echo(render_text(findings, sources, Canvas(colour=True)), nl=False, err=True)


def write_back(given: Document, text: str) -> None:
    """Put `text` in place of the document, in one step; its mode and byte order mark stay."""
    path = Path(given.name).resolve()
    mode = stat.S_IMODE(path.stat().st_mode)
    mark = _MARK if given.data.startswith(_MARK) else b""
    write_file(path, mark + text.encode(), mode)


def exit_code(findings: tuple[Finding, ...]) -> int:
    """2 where an error forbids, else 0."""
    return 2 if forbids(findings) else 0


def short(digest: Digest) -> str:
    """A digest as people compare it."""
    return f"{digest[:16]}…"
