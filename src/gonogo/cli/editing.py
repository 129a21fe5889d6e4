"""`gonogo lsp`: the language server for editors, over standard input and output; needs the extra `lsp`."""

from __future__ import annotations

import importlib
import importlib.util

import click

from gonogo.cli.saying import say_json
from gonogo.errors import BadInput

OFFERED = ("diagnostics", "hover", "documentSymbol", "definition", "references", "codeAction")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only say what is offered, as JSON.")
def lsp(as_json: bool) -> int:
    """Serve an editor: findings, hovers, outline, the way from an artifact to its maker, repairs."""
    if as_json:
        say_json({"server": "gonogo", "offered": list(OFFERED), "installed": installed()})
        return 0
    if not installed():
        raise BadInput("the language server is not installed", next_step="pip install 'gonogo[lsp]'")
    serve = importlib.import_module("gonogo.cli.editor_server").serve
    serve()
    return 0


def installed() -> bool:
    """Whether the extra `lsp` is there."""
    return importlib.util.find_spec("pygls") is not None
