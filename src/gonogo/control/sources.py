"""Finding the inputs of a plan: the project file, a protocol document with its sidecar, manifest, people, scripts."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from gonogo.adapters.project_files import ProjectFiles
from gonogo.control.stores.project_root import PROJECT_FILE
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput, WrongUsage
from gonogo.plan.bindings import read_project
from gonogo.plan.project import Project
from gonogo.plan.sources import Source
from gonogo.terms import Digest

BUILTIN = "builtin"
BUILTIN_PROTOCOLS = ("pre-deployment", "production-deployment", "deployment-automation")
LIBRARY = "gonogo.library"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def open_workspace(root: Path) -> Workspace:
    """Read the project file; what is wrong in it is in `findings`."""
    files = ProjectFiles(root)
    source = Source(PROJECT_FILE, files.read(PROJECT_FILE))
    reading = read_project(source.data, source.name)
    return Workspace(root, files, reading.project, source, reading.findings, reading.database)


def protocol_sources(workspace: Workspace, name: str) -> tuple[Source, Source]:
    """Document and sidecar of a protocol: a built-in one, or the project's own file with its sidecar beside it."""
    declared = workspace.project.protocols
    if name not in declared and name not in BUILTIN_PROTOCOLS and not protocol_in_folder(workspace, name):
        known = ", ".join(sorted({*declared, *BUILTIN_PROTOCOLS}))
        raise WrongUsage(f"there is no protocol `{name}`", next_step=f"known are {known}")
    where = declared.get(name) or protocol_in_folder(workspace, name) or BUILTIN
    if where == BUILTIN:
        return _builtin(name)
    if not where.endswith(".md"):
        raise BadInput(
            f"`protocols.{name}` is `{where}`",
            where=PROJECT_FILE,
            next_step="write `builtin`, or the path of a .md file",
        )
    sidecar = f"{where.removesuffix('.md')}.gonogo.yaml"
    return Source(where, workspace.files.read(where)), Source(sidecar, workspace.files.read(sidecar))


def protocol_in_folder(workspace: Workspace, name: str) -> str:
    """The document of a protocol in the protocols directory: `NAME.md` or `NUMBER-NAME.md`; empty without one (CFG-07).

    BadInput where several numbers bear the name.
    """
    folder = workspace.project.directories.protocols
    if not NAME.fullmatch(name):
        return ""
    plain = re.compile(rf"(?:\d{{1,3}}[a-z]?-)?{re.escape(name)}\.md")
    here = workspace.root / folder
    found = sorted(path.name for path in here.glob("*.md") if plain.fullmatch(path.name)) if here.is_dir() else []
    if len(found) > 1:
        raise BadInput(f"`{name}` can mean {' or '.join(found)}", where=folder, next_step="name one under `protocols`")
    return f"{folder}/{found[0]}" if found else ""


def _builtin(name: str) -> tuple[Source, Source]:
    if name not in BUILTIN_PROTOCOLS:
        raise BadInput(
            f"`protocols.{name}` is `builtin`, but gonogo ships no such protocol",
            where=PROJECT_FILE,
            next_step=f"built in are {', '.join(BUILTIN_PROTOCOLS)}",
        )
    folder = resources.files(LIBRARY)
    document, sidecar = f"{name}.md", f"{name}.gonogo.yaml"
    return (
        Source(document, folder.joinpath(document).read_bytes()),
        Source(sidecar, folder.joinpath(sidecar).read_bytes()),
    )


def script_digests(workspace: Workspace) -> dict[str, Digest]:
    """Every file of the project that a bound command names, by digest (DOC-21)."""
    found: dict[str, Digest] = {}
    for command in workspace.project.commands.values():
        for argument in command.run:
            if "{" in argument or argument.startswith(("-", "/")):
                continue
            seen = workspace.files.see(argument)
            if seen.digest is not None:
                found[argument] = seen.digest
    return found


def manifest_path(project: Project, release: str) -> str:
    """Where the release manifest of `release` lies."""
    return project.manifest.replace("{release}", release)


def releases_of(workspace: Workspace) -> tuple[str, ...]:
    """The releases that have a manifest, by name; none where the manifest's path names no release."""
    before, found, after = workspace.project.manifest.partition("{release}")
    if not found:
        return ()
    paths = sorted(workspace.root.glob(f"{before}*{after}"))
    return tuple(str(path.relative_to(workspace.root))[len(before) :].removesuffix(after) for path in paths)


def openslo_source(workspace: Workspace) -> Source | None:
    """The file of promises that the project names; None where it names none."""
    path = workspace.project.health.openslo
    return Source(path, workspace.files.read(path)) if path else None
