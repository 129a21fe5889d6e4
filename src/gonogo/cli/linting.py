"""`gonogo lint`: everything that is wrong in protocol documents, in four formats, and what can be repaired (DOC-16)."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gonogo.cli.documents import Document, document, documents, exit_code, files_argument, write_back
from gonogo.cli.saying import say, tell
from gonogo.cli.taking import taking
from gonogo.cli.version import version
from gonogo.document.claims import LineClass
from gonogo.document.fixing import fix_document
from gonogo.document.rendering import Canvas, render_text
from gonogo.document.rendering_formats import render_github, render_json, render_sarif
from gonogo.errors import WrongUsage
from gonogo.findings import Finding
from gonogo.protocol.codes_binding import EVERY_CODE
from gonogo.protocol.profile import Profile, under
from gonogo.protocol.score import Score, score
from gonogo.reports.model_json import model_json
from gonogo.terms import Json
from gonogo.values import dataclass

FORMATS = ("text", "json", "sarif", "github")


@dataclass(frozen=True, slots=True)
class LintOptions:
    """What `gonogo lint` takes."""

    paths: tuple[Path, ...]
    fix: bool
    review: bool
    profile: str
    form: str
    as_json: bool
    coverage: bool
    score: bool


@click.command()
@files_argument
@click.option("--fix", is_flag=True, help="Apply the repairs that cannot change what is enforced.")
@click.option("--review", is_flag=True, help="With --fix: also those that a person has to look at.")
@click.option(
    "--profile",
    type=click.Choice([profile.value for profile in Profile]),
    default=Profile.STRICT.value,
    show_default=True,
    help="draft: what is not written yet is a warning.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--coverage", is_flag=True, help="Also say what each line was read as.")
@click.option("--score", is_flag=True, help="Also count ten familiar headings; this decides nothing.")
@taking(LintOptions)
def lint(options: LintOptions) -> int:
    """Say everything that is wrong in protocol documents. Exit 0 where nothing forbids, else 2."""
    if options.review and not options.fix:
        raise WrongUsage("--review belongs to --fix", next_step="gonogo lint --fix --review FILE")
    given = documents(options.paths)
    if options.fix:
        given = tuple(_fixed(each, review=options.review) for each in given)
    found = under(Profile(options.profile), (finding for each in given for finding in each.findings))
    _print(options, found, given)
    return exit_code(found)


def _fixed(given: Document, *, review: bool) -> Document:
    if given.reading.protocol is None:
        return given
    if given.damaged:
        tell(f"{given.name}: not repaired, its letters are damaged; first: gonogo fmt --fix-encoding --write FILE")
        return given
    fixed = fix_document(given.data, given.name, review=review)
    for title in fixed.applied:
        tell(f"{given.name}: {title}")
    for title in fixed.refused:
        tell(f"{given.name}: left as it is, it would change what is enforced: {title}", "yellow")
    if not fixed.applied:
        return given
    write_back(given, fixed.text)
    return document(Path(given.name))


def _print(options: LintOptions, found: tuple[Finding, ...], given: tuple[Document, ...]) -> None:
    match "json" if options.as_json else options.form:
        case "json":
            body = json.loads(render_json(found))
            body["documents"] = {each.name: _document_json(each, options) for each in given}
            click.echo(json.dumps(body, indent=1))
            return
        case "sarif":
            titles = {code: entry.title for code, entry in EVERY_CODE.items()}
            click.echo(render_sarif(found, titles, version()), nl=False)
            return
        case "github":
            click.echo(render_github(found), nl=False)
            return
        case _:
            sources = {each.name: each.data for each in given}
            click.echo(render_text(found, sources, Canvas(colour=True)), nl=False)
    for each in given:
        if options.coverage:
            say(f"{each.name}: {_coverage(each)}")
        if options.score:
            _say_score(each.name, score(each.reading.protocol))


def _document_json(given: Document, options: LintOptions) -> Json:
    reading = given.reading
    body: dict[str, Json] = {
        "kind": reading.kind.value,
        "sha256": reading.source_digest,
        "encoding": reading.encoding,
        "protocol": model_json(reading.protocol),
    }
    if options.coverage:
        body["coverage"] = model_json(reading.coverage)
    if options.score:
        body["score"] = model_json(score(reading.protocol))
    return body


def _coverage(given: Document) -> str:
    seen = given.reading.coverage
    counts = {kind.value: getattr(seen, kind.name.lower()) for kind in LineClass}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{given.reading.kind.value}, {seen.lines} lines that are not blank: {words or 'none was read'}"


def _say_score(name: str, counted: Score) -> None:
    say(f"{name}: {counted.share:.0%} of the facts that a protocol of this family has", bold=True)
    for heading in counted.headings:
        lacking = f"   lacks {'; '.join(heading.lacking)}" if heading.lacking else ""
        say(f"  {heading.name:<14} {heading.met}/{heading.due}{lacking}")
