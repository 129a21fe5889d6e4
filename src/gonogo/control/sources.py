"""Finding the inputs of a plan: the project file, a protocol document with its sidecar, manifest, people, scripts."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

from gonogo.adapters.project_files import ProjectFiles
from gonogo.control.policy_files import signed_policy
from gonogo.control.project_root import PROJECT_FILE
from gonogo.control.workspaces import Workspace
from gonogo.document.reading import read_document
from gonogo.errors import BadInput, WrongUsage
from gonogo.plan.bindings import read_project
from gonogo.plan.compiling import Compilation, Source, Sources, compile_plan
from gonogo.plan.gate_limits import FOLDER, file_names
from gonogo.plan.lock import MOST_BYTES, lock_path, stale
from gonogo.plan.lock_facts import facts_of
from gonogo.plan.project import Project
from gonogo.plan.sidecar import read_sidecar
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


def compile_for(workspace: Workspace, name: str, release: str) -> Compilation:
    """Compile a protocol for a release; nothing is written and nothing is run."""
    protocol = protocol_sources(workspace, name)
    manifest = manifest_path(workspace.project, release)
    if not (workspace.root / manifest).exists():
        known = ", ".join(releases_of(workspace)) or "none yet"
        raise BadInput(
            f"there is no manifest of release `{release}`", where=manifest, next_step=f"releases with one: {known}"
        )
    return _compiled(workspace, protocol, Source(manifest, workspace.files.read(manifest)))


def releases_of(workspace: Workspace) -> tuple[str, ...]:
    """The releases that have a manifest, by name; none where the manifest's path names no release."""
    before, found, after = workspace.project.manifest.partition("{release}")
    if not found:
        return ()
    paths = sorted(workspace.root.glob(f"{before}*{after}"))
    return tuple(str(path.relative_to(workspace.root))[len(before) :].removesuffix(after) for path in paths)


def compile_with(workspace: Workspace, name: str, manifest: Source) -> Compilation:
    """Compile a protocol for the release that `manifest` describes; nothing is written and nothing is run."""
    return _compiled(workspace, protocol_sources(workspace, name), manifest)


def _compiled(workspace: Workspace, protocol: tuple[Source, Source], manifest: Source) -> Compilation:
    sources = sources_for(workspace, protocol, manifest)
    return locked(workspace, sources, compile_plan(sources))


def sources_for(workspace: Workspace, pair: tuple[Source, Source], manifest: Source) -> Sources:
    """Everything that a document and its sidecar are compiled with in this project."""
    document, sidecar = pair
    return Sources(
        document=document,
        sidecar=sidecar,
        project=workspace.project_source,
        manifest=manifest,
        approvers=Source(workspace.project.approvers, workspace.files.read(workspace.project.approvers)),
        scripts=script_digests(workspace),
        gate_limits=gate_limits_source(workspace, document, sidecar),
        policy=signed_policy(workspace),
        openslo=openslo_source(workspace),
    )


def openslo_source(workspace: Workspace) -> Source | None:
    """The file of promises that the project names; None where it names none."""
    path = workspace.project.health.openslo
    return Source(path, workspace.files.read(path)) if path else None


def gate_limits_source(workspace: Workspace, document: Source, sidecar: Source) -> Source | None:
    """The file of gate limits of a protocol, by its slug, its short name or one of its numbers; None without one.

    BadInput where several files are about the same protocol: nobody could say which of them governs (CFG-01).
    """
    present = {path: path for path in _limit_files(document, sidecar) if (workspace.root / path).exists()}
    if len(present) > 1:
        what = f"{' and '.join(present)} hold limits of the same protocol"
        raise BadInput(what, where=FOLDER, next_step="keep one of them")
    return next((Source(path, workspace.files.read(path)) for path in present), None)


def _limit_files(document: Source, sidecar: Source) -> tuple[str, ...]:
    read = read_document(document.data, document.name).protocol
    try:
        bound = read_sidecar(sidecar.data, sidecar.name).sidecar
    except BadInput:
        # Compiling reports it with its line.
        return ()
    slug, number = (read.slug, read.number) if read else ("", "")
    return file_names(slug, bound.name, (number, *bound.aliases))


def locked(workspace: Workspace, sources: Sources, compiled: Compilation) -> Compilation:
    """`compiled`, without its plan where a lock stands beside the document and is not the lock of this (GN0701)."""
    path = lock_path(sources.document.name)
    if compiled.plan is None or not (workspace.root / path).exists():
        return compiled
    found = stale(workspace.files.read(path, limit=MOST_BYTES), path, facts_of(sources, compiled))
    return replace(compiled, plan=None if found else compiled.plan, findings=(*compiled.findings, *found))
