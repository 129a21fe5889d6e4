"""What goes to stdout and stderr: results on stdout, words on stderr; foreign text never reaches the terminal raw."""

from __future__ import annotations

import json

import click

from gonogo.cli.written import printable
from gonogo.errors import GonogoError
from gonogo.terms import Json


def say(text: str = "", colour: str = "", *, bold: bool = False) -> None:
    """Print a line of a result on stdout, for people."""
    click.echo(_styled(printable(text), colour, bold=bold))


def tell(text: str, colour: str = "", *, bold: bool = False) -> None:
    """Print words about what happens on stderr."""
    click.echo(_styled(printable(text), colour, bold=bold), err=True)


def _styled(text: str, colour: str, *, bold: bool) -> str:
    return click.style(text, fg=colour or None, bold=bold or None) if colour or bold else text


def say_json(value: Json) -> None:
    """Print the one JSON document of a command on stdout. ASCII only, so that no locale can break it."""
    click.echo(json_text(value))


def json_text(value: Json) -> str:
    """A JSON document as commands print and write it."""
    return json.dumps(value, indent=1)


def error_text(error: GonogoError) -> str:
    """An error for people; a place that the sentence begins with is not said twice."""
    place = f"{error.where}: " if error.where and not error.what.startswith(error.where) else ""
    advice = f"\n  next: {error.next_step}" if error.next_step else ""
    return f"gonogo: {place}{error.what}{advice}"


def error_body(error: GonogoError) -> dict[str, Json]:
    """An error as the JSON document of a command that failed."""
    return {
        "error": error.what,
        "where": error.where or None,
        "next": error.next_step or None,
        "exit_code": error.exit_code,
    }
