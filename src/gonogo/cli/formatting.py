"""`gonogo fmt`: the layout of a protocol document, and nothing else of it (compiler section 15)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.documents import Document, document, file_argument, modelled, write_back
from gonogo.cli.saying import say_json, tell
from gonogo.cli.shared_options import json_option
from gonogo.cli.taking import taking
from gonogo.cli.written import printable
from gonogo.document.formatting import Formatted, format_document
from gonogo.errors import Refused
from gonogo.values import dataclass

ENCODING = "gonogo fmt --fix-encoding --write FILE"


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """What `gonogo fmt` takes."""

    path: Path
    write: bool
    fix_encoding: bool
    as_json: bool


@click.command()
@file_argument
@click.option("--write", is_flag=True, help="Write the canonical layout. Default: only show the difference.")
@click.option("--fix-encoding", is_flag=True, help="Also write letters that were misread as they were meant.")
@json_option
@taking(FormatOptions)
def fmt(options: FormatOptions) -> int:
    """Show how the layout of FILE differs from the canonical one. Exit 0 where it does not, else 2."""
    given = document(options.path)
    if modelled(given) is None:
        return 2
    repaired = given.damaged and options.fix_encoding
    formatted = _formatted(given, repair_only=repaired)
    changed = bool(formatted.diff) or repaired
    if given.damaged and options.write and not options.fix_encoding:
        raise Refused(
            "its letters are damaged; writing the layout would change them too", where=given.name, next_step=ENCODING
        )
    if changed and options.write:
        write_back(given, formatted.text)
    if options.as_json:
        say_json({"file": given.name, "changed": changed, "written": changed and options.write, "diff": formatted.diff})
    elif options.write:
        tell(f"{given.name}: {'written' if changed else 'unchanged'}")
    else:
        click.echo(printable(formatted.diff.replace("\r\n", "\n").expandtabs(4)), nl=False)
        if repaired:
            tell(f"{given.name}: {given.reading.encoding}; --write puts the letters back as they were meant")
    return 2 if changed and not options.write else 0


def _formatted(given: Document, *, repair_only: bool) -> Formatted:
    """The canonical layout; damaged letters can be repaired also where findings forbid any other change."""
    try:
        return format_document(given.data, given.name)
    except Refused:
        if not repair_only:
            raise
        return Formatted(given.reading.text, "")
