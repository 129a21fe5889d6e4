"""`gonogo init`: gonogo.yaml and the files around it, for slots, hosts or several services."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import click

from gonogo.adapters.given_files import given_bytes
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, login, project_option
from gonogo.cli.taking import taking
from gonogo.control.beginning import (
    Beginning,
    FirstFile,
    Written,
    begin,
    differences,
    engine_line,
    first_files,
    found_keys,
    settings_of,
    shape_of,
)
from gonogo.control.beginning_shapes import Shape
from gonogo.control.sources import LIBRARY
from gonogo.errors import BadInput, WrongUsage
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.plan.bindings import NAME
from gonogo.plan.hosts import HOST
from gonogo.terms import Json
from gonogo.values import dataclass

COLOURS = {"written": "green", "replaced": "green", "completed": "green", "kept": "yellow"}
NEXT = (
    "gonogo check                                names every line that is yours to write",
    "bash scripts/manifest_{service}.sh VERSION ARTIFACT   writes the release manifest",
    "gonogo check --release VERSION",
    "gonogo plan pre-deployment --release VERSION",
    "gonogo run pre-deployment --release VERSION",
)


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What `gonogo init` takes."""

    service: str
    hosts: str
    services: str
    dry_run: bool
    force: bool
    upgrade: bool
    example: bool
    example_people: bool
    strict: bool
    second: str
    second_key: Path | None
    folder: Path
    as_json: bool


@click.command()
@click.option("--service", default="", help="Name of the service. Default: the folder's name.")
@click.option(
    "--hosts",
    default="",
    help="Production is these hosts, replaced in batches: web1,web2,web3; or, of several services, db/db1,web/web1 "
    "(docs/hosts.md).",
)
@click.option("--services", default="", help="Several services in one release, in this order: db,api,web.")
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing.")
@click.option("--force", is_flag=True, help="Also renew files that an earlier init wrote and nobody edited since.")
@click.option("--upgrade", is_flag=True, help="Show how the files here differ from what this version writes.")
@click.option("--example", is_flag=True, help="Only print the annotated example of gonogo.yaml, with every key.")
@click.option("--example-people", is_flag=True, help="Only print the annotated example of the approvers file.")
@click.option("--strict", is_flag=True, help="Production asks for the proof of a touch, and admins sign the rules.")
@click.option("--second", default="", help="Handle of the second person: whoever opens a run cannot approve it.")
@click.option("--second-key", type=click.Path(path_type=Path), help="Their public key, a .pub file.")
@project_option
@json_option
@taking(InitOptions)
def init(options: InitOptions) -> int:
    """Write gonogo.yaml, people, protocols, limits, scripts, a smoke test; a file that is there stays as it is."""
    if options.example or options.example_people:
        return _example("gonogo.example.yaml" if options.example else "release-approvers.example.yaml", options)
    root = options.folder.absolute()
    if not root.is_dir():
        raise BadInput("there is no such folder", where=str(root), next_step=f"mkdir -p {root}")
    service = _service(options.service, root)
    person = login()
    if not HANDLE.fullmatch(person):
        raise BadInput(f"`{person}` is no handle", next_step="start this as a user with a plain name")
    shape = shape_of(root, _shape(options, service))
    engine = engine_line(root, dry_run=options.dry_run or options.upgrade)
    keys, second = found_keys(Path.home() / ".ssh"), _second(options, person)
    about = Beginning(shape, person, keys, engine, *settings_of(root), options.strict, second)
    if options.upgrade:
        return _upgrade(root, first_files(about), options)
    done = begin(root, first_files(about), force=options.force, dry_run=options.dry_run)
    _print(done, shape, options)
    return 0


def _shape(options: InitOptions, service: str) -> Shape:
    services = _names(options.services, "--services", re.compile(NAME))
    if options.hosts and services:
        raise WrongUsage(
            "--hosts and --services: with several services, --hosts says which of them each host runs, and that is all",
            next_step="--hosts db/db1,db/db2,web/web1,web/web2 in the order in which the services are installed",
        )
    if "/" in options.hosts:
        return _several_on_hosts(options.hosts, service)
    return Shape(service, _names(options.hosts, "--hosts", HOST), services)


def _several_on_hosts(text: str, service: str) -> Shape:
    """The shape of `db/db1,web/web1`: services in the order in which they are first named, each with its hosts."""
    pairs = [part.strip().partition("/") for part in text.split(",")]
    for name, _, host in pairs:
        if not re.fullmatch(NAME, name) or not host:
            raise WrongUsage(
                f"`{name}/{host}` in --hosts is no service with its host" if host else f"`{name}` is of no service",
                next_step="every host with its service: --hosts db/db1,web/web1,web/web2",
            )
    _names(",".join(host for _, _, host in pairs), "--hosts", HOST)
    runs = {name: tuple(host for other, _, host in pairs if other == name) for name, _, _ in pairs}
    return Shape(service, tuple(host for hosts in runs.values() for host in hosts), tuple(runs), runs)


def _names(text: str, option: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",")) if text else ()
    wrong = [name for name in found if not pattern.fullmatch(name)] or [name for name in found if found.count(name) > 1]
    if wrong:
        raise WrongUsage(
            f"`{wrong[0]}` in {option} is no name of its own",
            next_step=f"names that differ, with commas between them: {option} web1,web2",
        )
    return found


def _second(options: InitOptions, person: str) -> tuple[str, PublicKey] | None:
    if not options.second and options.second_key is None:
        return None
    if not options.second or options.second_key is None:
        raise WrongUsage("a second person is a handle and a key", next_step="--second HANDLE --second-key FILE.pub")
    if not HANDLE.fullmatch(options.second) or options.second == person:
        raise WrongUsage(
            f"`{options.second}` is no other person's handle", next_step="name somebody else than yourself"
        )
    return options.second, public_key(given_bytes(options.second_key).decode("utf-8", "replace").strip())


def _upgrade(root: Path, files: tuple[FirstFile, ...], options: InitOptions) -> int:
    """Show what a newer version writes otherwise; nothing is changed."""
    found = tuple(differences(root, files))
    if options.as_json:
        rows: list[Json] = [{"path": path, "edited": edited, "diff": text} for path, edited, text in found]
        say_json({"files": rows})
        return 0
    for path, edited, text in found:
        say(f"{path}: {'edited here, and stays as it is' if edited else 'as it was written'}", "yellow")
        say(text.rstrip("\n"))
    tell("nothing was written; `gonogo init --force` renews what nobody edited" if found else "nothing differs")
    return 0


def _service(given: str, root: Path) -> str:
    name = given or re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:32].rstrip("-")
    if not re.fullmatch(NAME, name):
        raise WrongUsage(
            f"`{name}` is no name of a service", next_step="1 to 32 lower-case letters, digits, hyphens: --service NAME"
        )
    return name


def _example(name: str, options: InitOptions) -> int:
    text = resources.files(LIBRARY).joinpath(name).read_text(encoding="utf-8")
    if options.as_json:
        say_json({"name": name, "text": text})
    else:
        say(text.rstrip("\n"))
    return 0


def _print(done: tuple[Written, ...], shape: Shape, options: InitOptions) -> None:
    service = shape.service
    artifact = " ".join(f"{name}=ARTIFACT" for name in shape.services) or "ARTIFACT"
    following = [line.replace("{service}", service).replace("ARTIFACT", artifact, 1) for line in NEXT]
    if options.as_json:
        files = [{"path": item.path, "state": item.word} for item in done]
        say_json({"service": service, "dry_run": options.dry_run, "files": [*files], "next": [*following]})
        return
    for item in done:
        say(f"{item.word:<11}{item.path}", COLOURS.get(item.word, ""))
    if options.dry_run:
        tell("nothing was written (--dry-run)")
    tell("next:")
    for line in following:
        tell(f"  {line}")
