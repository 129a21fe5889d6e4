"""The language server: what the one reader and the rules say, as messages of the Language Server Protocol 3.17.

Nothing is written and nothing of a document is ever started; repairs are offered, and the editor applies them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from gonogo.cli.version import version
from gonogo.document.reading import Reading, read_document
from gonogo.findings import Applicability, Edit, Finding, Level, Origin
from gonogo.plan.linting import document_findings, sidecar_of
from gonogo.protocol.model import Protocol
from gonogo.reports.editor import Symbol, SymbolKind, explained, hover, name_at, symbols, uses

SEVERITIES = {
    Level.ERROR: types.DiagnosticSeverity.Error,
    Level.WARNING: types.DiagnosticSeverity.Warning,
    Level.INFO: types.DiagnosticSeverity.Information,
}
KINDS = {
    SymbolKind.PHASE: types.SymbolKind.Module,
    SymbolKind.STEP: types.SymbolKind.Function,
    SymbolKind.GATE: types.SymbolKind.Key,
}
_LINE_END = re.compile(r"\r\n|\n|\r")
MOST_NEIGHBOURS = 50
"""So many documents of the same folder are read to find who makes or needs an artifact."""


def serve() -> None:
    """Serve until the editor leaves."""
    made_server().start_io()


def made_server() -> LanguageServer:
    """A server with every feature."""
    server = LanguageServer("gonogo", version(), text_document_sync_kind=types.TextDocumentSyncKind.Full)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _opened(params: types.DidOpenTextDocumentParams) -> None:
        _publish(server, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _changed(params: types.DidChangeTextDocumentParams) -> None:
        _publish(server, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def _hovered(params: types.HoverParams) -> types.Hover | None:
        return _hover(server, params)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def _outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        protocol = _reading(server, params.text_document.uri).protocol
        lines = _lines(_text(server, params.text_document.uri))
        return [] if protocol is None else [_symbol(each, lines) for each in symbols(protocol)]

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def _made_where(params: types.DefinitionParams) -> list[types.Location]:
        return list(_places(server, params.text_document.uri, params.position, makes=True))

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def _needed_where(params: types.ReferenceParams) -> list[types.Location]:
        return list(_places(server, params.text_document.uri, params.position, makes=False))

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION)
    def _repairs(params: types.CodeActionParams) -> list[types.CodeAction]:
        return list(_actions(server, params))

    return server


def _text(server: LanguageServer, uri: str) -> str:
    return server.workspace.get_text_document(uri).source


def _lines(text: str) -> list[str]:
    """The lines of a text; it ends lines where the protocol and the reader do, and nowhere else."""
    return _LINE_END.split(text)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _reading(server: LanguageServer, uri: str) -> Reading:
    return read_document(_text(server, uri).encode("utf-8", "surrogatepass"), _path(uri).name)


def _found(server: LanguageServer, uri: str) -> tuple[Finding, ...]:
    beside = _path(uri).with_suffix(".gonogo.yaml")
    data = beside.read_bytes() if beside.is_file() else None
    return document_findings(_reading(server, uri), sidecar_of(data, beside.name))


def _publish(server: LanguageServer, uri: str) -> None:
    if not uri.endswith(".md"):
        return
    lines = _lines(_text(server, uri))
    found = [_diagnostic(each, uri, lines) for each in _found(server, uri)]
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))


def _diagnostic(finding: Finding, uri: str, lines: Sequence[str]) -> types.Diagnostic:
    words = [finding.message, *(f"note: {note}" for note in finding.notes)]
    labels = [
        types.DiagnosticRelatedInformation(types.Location(uri, _range(label.origin, lines)), label.text)
        for label in finding.labels
    ]
    return types.Diagnostic(
        range=_range(finding.primary, lines),
        message="\n".join(words),
        severity=SEVERITIES[finding.level],
        code=finding.code,
        source="gonogo",
        related_information=labels,
    )


def _range(origin: Origin, lines: Sequence[str]) -> types.Range:
    """The range of a place, in UTF-16 units as the protocol counts; to the end of the line where no end is known."""
    row = max(0, origin.line - 1)
    text = lines[row] if row < len(lines) else ""
    start = min(max(0, origin.col - 1), len(text))
    length = len(text[start:].encode()[: origin.byte1 - origin.byte0].decode("utf-8", "ignore"))
    end = start + length if origin.byte1 > origin.byte0 else len(text)
    return types.Range(types.Position(row, _units(text[:start])), types.Position(row, _units(text[:end])))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _column(text: str, units: int) -> int:
    """The 1-based column of a position that counts UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")) + 1


def _hover(server: LanguageServer, params: types.HoverParams) -> types.Hover | None:
    uri, line = params.text_document.uri, params.position.line + 1
    protocol = _reading(server, uri).protocol
    words = [hover(protocol, line)] if protocol is not None else []
    words += [explained(each.code) for each in _found(server, uri) if each.primary.line == line]
    text = "\n\n---\n\n".join(dict.fromkeys(word for word in words if word))
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None


def _symbol(symbol: Symbol, lines: Sequence[str]) -> types.DocumentSymbol:
    place = _range(symbol.origin, lines)
    inside = [_symbol(each, lines) for each in symbol.inside]
    end = max([place.end, *(each.range.end for each in inside)], key=lambda each: (each.line, each.character))
    return types.DocumentSymbol(
        name=symbol.name or symbol.kind.value,
        kind=KINDS[symbol.kind],
        range=types.Range(place.start, end),
        selection_range=place,
        detail=symbol.detail,
        children=inside,
    )


def _places(server: LanguageServer, uri: str, position: types.Position, *, makes: bool) -> Iterator[types.Location]:
    """Where the artifact under the cursor is made, or needed: in this document and in those beside it."""
    lines = _lines(_text(server, uri))
    if position.line >= len(lines):
        return
    artifact = name_at(lines[position.line], _column(lines[position.line], position.character))
    if not artifact:
        return
    for where, protocol, text in _neighbours(server, uri):
        for use in uses(protocol, artifact):
            if use.makes is makes:
                yield types.Location(where, _range(use.origin, text))


def _neighbours(server: LanguageServer, uri: str) -> Iterator[tuple[str, Protocol, list[str]]]:
    own = _reading(server, uri).protocol
    if own is not None:
        yield uri, own, _lines(_text(server, uri))
    here = _path(uri)
    others = sorted(path for path in here.parent.glob("*.md") if path != here and path.is_file())
    for path in others[:MOST_NEIGHBOURS]:
        data = path.read_bytes()
        protocol = read_document(data, path.name).protocol
        if protocol is not None:
            yield path.as_uri(), protocol, _lines(data.decode("utf-8", "replace"))


def _actions(server: LanguageServer, params: types.CodeActionParams) -> Iterator[types.CodeAction]:
    """Repairs of the findings in the range; one for a person to look at says so in its title."""
    uri = params.text_document.uri
    reading = _reading(server, uri)
    text = _text(server, uri)
    if reading.text != text.removeprefix("\ufeff"):
        # The letters are damaged: edits count in the repaired text, and would land elsewhere.
        return
    lines = _lines(text)
    rows = range(params.range.start.line, params.range.end.line + 1)
    for finding in _found(server, uri):
        if finding.primary.line - 1 not in rows:
            continue
        for fix in finding.fixes:
            if fix.edits:
                look = " (look at it first)" if fix.applicability is Applicability.REVIEW else ""
                yield types.CodeAction(
                    title=f"{fix.title}{look}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[_diagnostic(finding, uri, lines)],
                    edit=types.WorkspaceEdit(changes={uri: [_edit(each, text) for each in fix.edits]}),
                    is_preferred=fix.applicability is Applicability.MACHINE,
                )


def _edit(edit: Edit, text: str) -> types.TextEdit:
    starts = [0, *(end.end() for end in _LINE_END.finditer(text))]

    def position(offset: int) -> types.Position:
        row = max(0, bisect_right(starts, offset) - 1)
        return types.Position(row, _units(text[starts[row] : offset]))

    skipped = 1 if text.startswith("\ufeff") else 0
    start, end = position(edit.span.start + skipped), position(edit.span.end + skipped)
    return types.TextEdit(types.Range(start, end), edit.text)
