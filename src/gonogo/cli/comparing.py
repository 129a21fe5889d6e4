"""`gonogo diff`: what became stronger or weaker from one revision of a protocol to another (DOC-27)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from gonogo.adapters.given_files import given_bytes
from gonogo.cli.documents import Document, document, modelled
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option
from gonogo.cli.taking import taking
from gonogo.document.reading import read_document
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.plan.comparing_rules import compare_rules
from gonogo.plan.lock import MOST_BYTES, lock_path, locked_document
from gonogo.plan.parity_binding import is_rule_file, read_rule_file
from gonogo.protocol.change import Change, Direction, any_weaker
from gonogo.protocol.comparing import compare
from gonogo.reports.model_json import model_json
from gonogo.values import dataclass

YAML = {".yaml", ".yml"}
COLOURS = {Direction.WEAKER: "red", Direction.STRONGER: "green", Direction.OTHER: ""}


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What `gonogo diff` takes."""

    old: Path
    new: Path
    fail_on: str
    as_json: bool


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--fail-on", type=click.Choice(["weaker", "any"]), default=None, help="Exit 2 where there is such a one.")
@json_option
@taking(DiffOptions)
def diff(options: DiffOptions) -> int:
    """Show each gate, halt and other rule that changed from OLD to NEW: stronger, weaker, or text that binds nothing.

    Each may be a document or a lock; a lock stands for the document that it was made from. Both may be files of parity
    rules instead.
    """
    rules = _rule_files(options)
    if rules is not None:
        return _answer(options, str(options.old), str(options.new), rules)
    old, new = revision(options.old), revision(options.new)
    before, after = modelled(old), modelled(new)
    if before is None or after is None:
        return 2
    return _answer(options, old.name, new.name, compare(before, after))


def _rule_files(options: DiffOptions) -> tuple[Change, ...] | None:
    """The changes of two files of parity rules; None where neither is one, BadInput where one is."""
    if not (options.old.suffix in YAML and options.new.suffix in YAML):
        return None
    old, new = given_bytes(options.old, limit=MOST_BYTES), given_bytes(options.new, limit=MOST_BYTES)
    kinds = {is_rule_file(old), is_rule_file(new)}
    if kinds == {False}:
        return None
    if kinds != {True}:
        odd = options.old if is_rule_file(new) else options.new
        raise BadInput(
            "is no file of parity rules, and the other one is", where=str(odd), next_step="name two rule files"
        )
    return compare_rules(read_rule_file(old, str(options.old)), read_rule_file(new, str(options.new)))


def _answer(options: DiffOptions, old: str, new: str, changes: tuple[Change, ...]) -> int:
    if options.as_json:
        say_json({"old": old, "new": new, "weaker": any_weaker(changes), "changes": model_json(changes)})
    else:
        _say(changes)
    failing = {"weaker": any_weaker(changes), "any": bool(changes)}.get(options.fail_on or "", False)
    return 2 if failing else 0


def revision(path: Path) -> Document:
    """A document, or the one that a lock holds; BadInput where the lock holds none."""
    if not path.name.endswith(lock_path("")):
        return document(path)
    data = locked_document(read_object(given_bytes(path, limit=MOST_BYTES), name=str(path), limit=MOST_BYTES))
    if data is None:
        raise BadInput("does not hold the document it names", where=str(path), next_step="compile it again")
    return Document(str(path), data, read_document(data, str(path)))


def _say(changes: Sequence[Change]) -> None:
    for change in changes:
        places = " → ".join(str(place) for place in (change.old, change.new) if place is not None)
        say(f"{change}   ({places})" if places else str(change), COLOURS[change.direction])
    counted = Counter(change.direction for change in changes)
    words = ", ".join(f"{counted[direction]} {direction.value}" for direction in Direction if counted[direction])
    say(words or "no difference in anything that is enforced or said", bold=True)
