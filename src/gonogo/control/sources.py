"""Finding the inputs of a plan: the project file, a protocol document with its sidecar, manifest, people, scripts."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gonogo.adapters.project_files import ProjectFiles
from gonogo.errors import BadInput, WrongUsage
from gonogo.findings import Finding, Level
from gonogo.plan.bindings import read_project
from gonogo.plan.compiling import Compilation, Source, Sources, compile_plan
from gonogo.plan.project import Project
from gonogo.plan.reading import UNKNOWN_KEY
from gonogo.terms import Digest

PROJECT_FILE = "gonogo.yaml"
BUILTIN = "builtin"
BUILTIN_PROTOCOLS = ("pre-deployment", "production-deployment", "deployment-automation")
LIBRARY = "gonogo.library"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project on disk: its root, its files, its `gonogo.yaml` as read."""

    root: Path
    files: ProjectFiles
    project: Project
    project_source: Source
    findings: tuple[Finding, ...]


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds a `gonogo.yaml`; BadInput where there is none."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise BadInput(
        f"there is no {PROJECT_FILE} here or above",
        where=str(start),
        next_step="run `gonogo init` in the project's folder",
    )


def open_workspace(root: Path) -> Workspace:
    """Read the project file; what is wrong in it is in `findings`."""
    files = ProjectFiles(root)
    source = Source(PROJECT_FILE, files.read(PROJECT_FILE))
    reading = read_project(source.data, source.name)
    return Workspace(root, files, reading.project, source, reading.findings)


def require_sound(findings: tuple[Finding, ...]) -> None:
    """BadInput naming the first error, where `findings` hold one."""
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        # A misspelt key also makes the right one missing: the misspelling is what has to be repaired.
        first = next((finding for finding in errors if finding.code == UNKNOWN_KEY), errors[0])
        note = first.notes[0] if first.notes else "`gonogo check` shows all of them"
        raise BadInput(f"{first.message}{more}", where=str(first.primary), next_step=note)


def protocol_sources(workspace: Workspace, name: str) -> tuple[Source, Source]:
    """Document and sidecar of a protocol: a built-in one, or the project's own file with its sidecar beside it."""
    declared = workspace.project.protocols
    if name not in declared and name not in BUILTIN_PROTOCOLS:
        known = ", ".join(sorted({*declared, *BUILTIN_PROTOCOLS}))
        raise WrongUsage(f"there is no protocol `{name}`", next_step=f"known are {known}")
    where = declared.get(name, BUILTIN)
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
    manifest = manifest_path(workspace.project, release)
    if not (workspace.root / manifest).exists():
        known = ", ".join(releases_of(workspace)) or "none yet"
        raise BadInput(
            f"there is no manifest of release `{release}`", where=manifest, next_step=f"releases with one: {known}"
        )
    return compile_with(workspace, name, Source(manifest, workspace.files.read(manifest)))


def releases_of(workspace: Workspace) -> tuple[str, ...]:
    """The releases that have a manifest, by name; none where the manifest's path names no release."""
    before, found, after = workspace.project.manifest.partition("{release}")
    if not found:
        return ()
    paths = sorted(workspace.root.glob(f"{before}*{after}"))
    return tuple(str(path.relative_to(workspace.root))[len(before) :].removesuffix(after) for path in paths)


def compile_with(workspace: Workspace, name: str, manifest: Source) -> Compilation:
    """Compile a protocol for the release that `manifest` describes; nothing is written and nothing is run."""
    document, sidecar = protocol_sources(workspace, name)
    sources = Sources(
        document=document,
        sidecar=sidecar,
        project=workspace.project_source,
        manifest=manifest,
        approvers=Source(workspace.project.approvers, workspace.files.read(workspace.project.approvers)),
        scripts=script_digests(workspace),
    )
    return compile_plan(sources)
