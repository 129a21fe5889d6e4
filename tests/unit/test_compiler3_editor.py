"""The language server, driven over its pipes as an editor drives it, and what it is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from command_line import gonogo, importing

from gonogo.reports.editor import hover, name_at, symbols, uses
from tests.document_cases import protocol_of, text_of

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

LAMP = text_of("d3_plain.md")


class Editor:
    """A client of the server: requests, notifications, and what the server says by itself."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gonogo.cli.main", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=importing(),
        )
        self.number = 0
        self.heard: list[dict[str, Any]] = []
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}})
        self.tell("initialized", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.process.communicate(timeout=20)

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        assert length, "the server is gone"
        found: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return found

    def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (found := self.receive()).get("id") != self.number:
            self.heard.append(found)
        assert "error" not in found, found
        return found["result"]

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """The newest findings of a document; an answered request shows that they were sent before it."""
        self.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
        sent = [m["params"] for m in self.heard if m.get("method") == "textDocument/publishDiagnostics"]
        found: list[dict[str, Any]] = [each for each in sent if each["uri"] == uri][-1]["diagnostics"]
        return found


def opened(editor: Editor, path: Path, text: str) -> str:
    """Write a document, open it, and give its address."""
    path.write_text(text, encoding="utf-8")
    uri = path.as_uri()
    editor.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "markdown", "version": 1, "text": text}})
    return uri


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Editor, Path]]:
    root = tmp_path_factory.mktemp("editor")
    with Editor(root) as found:
        yield found, root


def line_of(text: str, words: str) -> int:
    """The 0-based line that holds `words`."""
    return next(number for number, line in enumerate(text.split("\n")) if words in line)


def test_an_opened_document_gets_its_findings_and_a_change_takes_them_away(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    wrong = LAMP.replace("* **Halt condition:** ", "* **Halt condtion:** ", 1)
    uri = opened(client, root / "lamp.md", wrong)
    found = [each for each in client.diagnostics(uri) if each["code"] == "GN0114"]
    assert [each["range"]["start"]["line"] for each in found] == [line_of(wrong, "condtion")]
    assert found[0]["source"] == "gonogo"
    client.tell(
        "textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": LAMP}]}
    )
    assert "GN0114" not in {each["code"] for each in client.diagnostics(uri)}


def test_a_repair_of_the_machine_kind_can_be_applied_and_ends_the_finding(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    wrong = LAMP.replace("* **Halt condition:** ", "* **Halt condtion:** ", 1)
    uri = opened(client, root / "repair.md", wrong)
    row = line_of(wrong, "condtion")
    asked = {
        "textDocument": {"uri": uri},
        "range": {"start": {"line": row, "character": 0}, "end": {"line": row, "character": 80}},
        "context": {"diagnostics": []},
    }
    actions = client.ask("textDocument/codeAction", asked)
    action = next(each for each in actions if each["diagnostics"][0]["code"] == "GN0114")
    (edit,) = action["edit"]["changes"][uri]
    lines = wrong.split("\n")
    start, end = edit["range"]["start"], edit["range"]["end"]
    assert start["line"] == end["line"] == row
    lines[row] = lines[row][: start["character"]] + edit["newText"] + lines[row][end["character"] :]
    assert "\n".join(lines) == LAMP
    assert action["isPreferred"] is True


def test_hover_outline_definition_and_references(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    uri = opened(client, root / "whole.md", LAMP)
    where = {"textDocument": {"uri": uri}}
    outline = client.ask("textDocument/documentSymbol", where)
    assert [each["name"] for each in outline if each["kind"] == 2]
    step = line_of(LAMP, "`[MUST]`")
    said = client.ask("textDocument/hover", {**where, "position": {"line": step, "character": 5}})
    assert "**MUST**" in said["contents"]["value"]
    gate = line_of(LAMP, "- **Evidence**:")
    text = LAMP.split("\n")[gate]
    name = text.split("`")[1]
    at = {**where, "position": {"line": gate, "character": text.index(name) + 2}}
    made = client.ask("textDocument/definition", at)
    assert {LAMP.split("\n")[each["range"]["start"]["line"]].count(name.rsplit("/", 1)[-1]) for each in made} == {1}
    needed = client.ask("textDocument/references", {**at, "context": {"includeDeclaration": False}})
    assert gate in {each["range"]["start"]["line"] for each in needed}


def test_the_maker_of_an_artifact_is_found_in_the_document_beside(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    folder = root / "set"
    folder.mkdir()
    maker = LAMP.replace("LAMP CHANGE", "LAMP STOCK").replace("ships-warned.json", "stock-list.json")
    (folder / "stock.md").write_text(maker, encoding="utf-8")
    user = LAMP.replace("LAMP-AUDIT.zip", "stock-list.json")
    uri = opened(client, folder / "lamp.md", user)
    row = line_of(user, "`stock-list.json` from")
    column = user.split("\n")[row].index("stock-list") + 1
    found = client.ask("textDocument/definition", {"textDocument": {"uri": uri}, "position": {"line": row, "character": column}})
    assert (folder / "stock.md").as_uri() in {each["uri"] for each in found}


def test_a_document_that_is_none_gets_a_finding_and_no_outline(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    uri = opened(client, root / "prose.md", "# Notes\n\nNothing to do.\n")
    assert [each["code"] for each in client.diagnostics(uri)] == ["GN0101"]
    assert client.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}}) == []
    assert client.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 2, "character": 1}}) is None


def test_columns_count_as_editors_count_them(editor: tuple[Editor, Path]) -> None:
    client, root = editor
    text = LAMP.replace("* **Halt condition:** ", "* 🚢 **Halt condtion:** ", 1)
    uri = opened(client, root / "wide.md", text)
    row = line_of(text, "condtion")
    for each in client.diagnostics(uri):
        if each["range"]["start"]["line"] == row:
            assert each["range"]["end"]["character"] <= len(text.split("\n")[row].encode("utf-16-le")) // 2


def test_what_is_offered_is_said_without_serving() -> None:
    body = gonogo("lsp", "--json").json()
    assert body["installed"] is True
    assert "diagnostics" in body["offered"]


def test_the_name_under_the_cursor_is_the_file_name() -> None:
    line = "   * **Evidence:** `.artifacts/lamp/ships-warned.json` with call signs."
    assert name_at(line, line.index("ships") + 1) == "ships-warned.json"
    assert name_at("", 1) == ""


def test_hover_says_what_the_engine_reads_in_a_line() -> None:
    protocol = protocol_of(LAMP)
    halt = line_of(LAMP, "**Halt condition:**") + 1
    assert "halt: **" in hover(protocol, halt)
    assert hover(protocol, 1) == ""
    assert symbols(protocol)[0].inside
    assert {use.makes for use in uses(protocol, "ships-warned.json")} == {True, False}
