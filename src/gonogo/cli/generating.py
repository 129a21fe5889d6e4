"""`gonogo generate`: a filled form into a protocol document and the skeleton of its bindings (GEN-01 to GEN-14)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gonogo.adapters.given_files import given_bytes
from gonogo.adapters.written_together import write_together
from gonogo.cli.documents import show
from gonogo.cli.graphing import installed
from gonogo.cli.layering import expected_of
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.scripts import scripts_below
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.proving import workspace_at
from gonogo.document import generating
from gonogo.document.form_answers import answered, questions
from gonogo.document.generating import Generated
from gonogo.document.rendering_formats import finding_json
from gonogo.document.section_names import section_names
from gonogo.errors import BadInput
from gonogo.findings import Finding, Level, forbids
from gonogo.plan.bindings import CONTEXT, PROTOCOLS
from gonogo.protocol.acceptance import accept
from gonogo.protocol.artifacts import follow
from gonogo.protocol.layers import analyse, report
from gonogo.protocol.model import Protocol
from gonogo.protocol.profile import Profile, under
from gonogo.terms import Json
from gonogo.values import dataclass

MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """What `gonogo generate` takes."""

    form: Path
    out: Path | None
    interactive: bool
    profile: str
    force: bool
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it is used: its name, its bytes with the answers in them, whether there are any."""

    name: str
    data: bytes
    asked: bool


@click.command()
@click.argument("form", metavar="FORM.yaml", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    help="A folder or a .md file. Default: the protocols directory.",
)
@click.option("--interactive", is_flag=True, help="Ask for what the form leaves out.")
@click.option(
    "--profile", type=click.Choice([each.value for each in Profile]), default=Profile.STRICT.value, help="As of lint."
)
@click.option("--force", is_flag=True, help="Replace files that gonogo did not write.")
@project_option
@json_option
@taking(GenerateOptions)
def generate(options: GenerateOptions) -> int:
    """Turn a filled form into NUMBER-SLUG.md and its bindings. Exit 2, and nothing is written, while it has to ask."""
    form = Filled(str(options.form), given_bytes(options.form), asked=False)
    root = _root(options.folder)
    scripts = frozenset(scripts_below(root))
    if options.interactive:
        form = _ask(form, scripts)
    made = generating.generate(form.data, form.name, scripts)
    findings = under(Profile(options.profile), (*made.findings, *_beside(made, options)))
    if not options.as_json:
        show(findings, {form.name: form.data})
    if made.protocol is None or made.wanted is None or forbids(findings):
        return _refused(options, findings)
    place = _place(options, made.protocol)
    stem = place.name.removesuffix(".md")
    told: dict[Path, bool] = {}
    for folder, files in ((place.parent, _files(made, stem)), (_context(options), _kit(made, stem, form))):
        changed = write_together(folder, files, force=options.force)
        told |= {folder / name: name in changed for name in files}
    _told(options, told, findings)
    _judge(made, scripts, quiet=options.as_json)
    return 0


def _root(folder: Path) -> Path:
    workspace = workspace_at(folder)
    return folder if workspace is None else workspace.root


def _place(options: GenerateOptions, protocol: Protocol) -> Path:
    """Where the document is written: a file as named, else by number and slug in a folder."""
    number = protocol.number.lower()
    name = f"{number.zfill(2)}-{protocol.slug}.md" if number else f"{protocol.slug}.md"
    if options.out is not None:
        return options.out if options.out.suffix == ".md" else options.out / name
    workspace = workspace_at(options.folder)
    if workspace is None:
        return options.folder / PROTOCOLS / name
    return workspace.root / workspace.project.directories.protocols / name


def _beside(made: Generated, options: GenerateOptions) -> tuple[Finding, ...]:
    """What does not fit the protocols that are installed: a number or an artifact that another one has (GEN-14)."""
    protocol = made.protocol
    if protocol is None:
        return ()
    others = [each for each in installed(options.folder) if each.reading.protocol is not None]
    known = [each for one in others if (each := one.reading.protocol) and each.slug != protocol.slug]
    outside = frozenset(name for each in others if each.sidecar for name in each.sidecar.external)
    # What the set lacks without the new protocol is not the form's fault, and it may well be what others bring.
    before = follow(known, outside).findings
    after = follow([*known, protocol], outside).findings
    mine = [each for each in after if each not in before and each.code in {"GN0503", "GN0505"}]
    return (*mine, *_twins(protocol, known, made))


def _twins(protocol: Protocol, known: list[Protocol], made: Generated) -> Iterator[Finding]:
    wanted = made.wanted
    for other in known:
        if wanted and protocol.number and protocol.number.lstrip("0") == other.number.lstrip("0"):
            message = f"form: number {protocol.number} is that of the installed `{other.slug}` too"
            note = "the number is display text; take another one if people should tell the two apart by it"
            yield Finding("GN0503", Level.WARNING, message, wanted.origin, notes=(note,))


def _ask(form: Filled, scripts: frozenset[str]) -> Filled:
    """Ask until nothing is left that one line can answer; an empty answer ends the asking."""
    for _ in range(MOST_ROUNDS):
        open_now = questions(generating.generate(form.data, form.name, scripts).findings)
        if not open_now:
            break
        answers = {}
        for question in open_now:
            text = click.prompt(f"{question.path}: {question.ask}", default="", show_default=False, err=True).strip()
            if not text:
                raise BadInput(
                    f"`{question.path}` is still empty", where=form.name, next_step="answer it, or fill it in the form"
                )
            answers[question.path] = text
        form = Filled(form.name, answered(form.data, form.name, answers), asked=True)
    return form


def _context(options: GenerateOptions) -> Path:
    """Where what is known about the document is kept: beside a document with a place of its own (CFG-06)."""
    if options.out is not None:
        return options.out.parent if options.out.suffix == ".md" else options.out
    workspace = workspace_at(options.folder)
    if workspace is None:
        return options.folder / CONTEXT
    return workspace.root / workspace.project.directories.context


def _files(made: Generated, stem: str) -> dict[str, bytes]:
    return {f"{stem}.md": made.markdown.encode(), f"{stem}.gonogo.yaml": made.sidecar.encode()}


def _kit(made: Generated, stem: str, form: Filled) -> dict[str, bytes]:
    """The analysis of the layers against the form (GEN-13), and the form itself where questions were answered."""
    if made.protocol is None or made.wanted is None:
        return {}
    files = {f"{stem}.layers.md": report(analyse(made.protocol, made.wanted)).encode()}
    return files | ({f"{stem}.form.yaml": form.data} if form.asked else {})


def _refused(options: GenerateOptions, findings: tuple[Finding, ...]) -> int:
    if options.as_json:
        say_json({"written": [], "findings": [finding_json(each) for each in findings]})
    else:
        tell("nothing was written: answer the questions in the form, or with --interactive", "red")
    return 2


def _told(options: GenerateOptions, files: dict[Path, bool], findings: tuple[Finding, ...]) -> None:
    if options.as_json:
        body: list[Json] = [{"path": str(path), "changed": changed} for path, changed in files.items()]
        say_json({"written": body, "findings": [finding_json(each) for each in findings]})
        return
    for path, changed in files.items():
        say(f"{path}: {'written' if changed else 'unchanged'}", "green")


def _judge(made: Generated, scripts: frozenset[str], *, quiet: bool) -> None:
    """The circular check and the acceptance checklist of what was written, as words (GEN-11 to GEN-13)."""
    if quiet or made.protocol is None or made.wanted is None:
        return
    layers = analyse(made.protocol, made.wanted).missing_layers()
    tell(f"layers: {', '.join(layer.value for layer in layers)} not whole" if layers else "layers: all whole")
    items = accept(made.protocol, section_names(made.markdown.encode()), expected_of(made.wanted, scripts))
    tell(f"acceptance: {sum(item.ok for item in items)} of {len(items)} items hold")
    for item in items:
        if not item.ok:
            tell(f"  {item.text}: {item.detail}", "yellow")
    tell("next: fill in the bindings, then gonogo lint, gonogo prove")
