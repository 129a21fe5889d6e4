"""`gonogo check`: everything that is missing or wrong, with file and line, in a project or in given documents."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from gonogo.cli.documents import Document, builtin_documents, documents, fitting
from gonogo.cli.saying import say, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.cli.version import version
from gonogo.control.checking import Checked, check_project
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.document.reading import Reading
from gonogo.document.rendering import Canvas, render_text
from gonogo.document.rendering_formats import render_github, render_json, render_sarif
from gonogo.errors import WrongUsage
from gonogo.findings import forbids
from gonogo.protocol.codes_binding import EVERY_CODE
from gonogo.reports.model_json import model_json
from gonogo.values import dataclass

FORMATS = ("text", "json", "sarif", "github")


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What `gonogo check` takes."""

    documents: tuple[Path, ...]
    release: str
    builtin: bool
    form: str
    coverage: bool
    folder: Path
    as_json: bool


@click.command()
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
@click.option("--release", default="", help="Also check this release: its manifest, artifacts and parts list.")
@click.option("--all", "builtin", is_flag=True, help="Also check the built-in protocols by themselves.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--coverage", is_flag=True, help="Also say what each line of the documents was read as.")
@project_option
@json_option
@taking(CheckOptions)
def check(options: CheckOptions) -> int:
    """Check the project here, or the given protocol DOCUMENTS. Exit 0 where nothing forbids a run, else 2."""
    if options.documents and options.release:
        raise WrongUsage("--release is about the project, not about documents", next_step="leave out one of the two")
    given = _given(options)
    found = _checked(options, given)
    _print(options, found, given)
    return 2 if forbids(found.findings) else 0


def _given(options: CheckOptions) -> tuple[Document, ...]:
    return (*documents(options.documents), *(builtin_documents() if options.builtin else ()))


def _checked(options: CheckOptions, given: tuple[Document, ...]) -> Checked:
    if given:
        findings = (*(finding for each in given for finding in each.findings), *fitting(given).findings)
        return Checked(findings, {each.name: each.data for each in given})
    workspace = open_workspace(find_root(options.folder.absolute()))
    return check_project(workspace, options.release or None, os.environ)


def _print(options: CheckOptions, found: Checked, given: tuple[Document, ...]) -> None:
    match "json" if options.as_json else options.form:
        case "json":
            body = json.loads(render_json(found.findings))
            if given:
                body["documents"] = {each.name: model_json(each.reading) for each in given}
            click.echo(json.dumps(body, indent=1))
            return
        case "sarif":
            titles = {code: entry.title for code, entry in EVERY_CODE.items()}
            click.echo(render_sarif(found.findings, titles, version()), nl=False)
        case "github":
            click.echo(render_github(found.findings), nl=False)
        case _:
            click.echo(render_text(found.findings, found.sources, Canvas(colour=True)), nl=False)
            _advise(options, found)
    if options.coverage:
        for each in given:
            (say if options.form == "text" else tell)(_coverage(each.name, each.reading))


def _advise(options: CheckOptions, found: Checked) -> None:
    if forbids(found.findings):
        tell("NO-GO: nothing can run before the errors are gone; `gonogo explain CODE` explains each")
    elif not options.documents and not options.builtin:
        release = options.release or "VERSION"
        if not options.release:
            tell("the release itself was not looked at: gonogo check --release VERSION")
        tell(f"next: gonogo plan pre-deployment --release {release}")


def _coverage(name: str, reading: Reading) -> str:
    seen = reading.coverage
    classes = ("structure", "obligation", "note", "decoration", "comment", "ignored")
    counts = ", ".join(f"{getattr(seen, kind)} {kind}" for kind in classes)
    return f"{name}: {reading.kind.phrase}, {seen.lines} lines that are not blank: {counts}"
