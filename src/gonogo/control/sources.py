"""Finding the inputs of a plan: the project file, a protocol document with its sidecar, manifest, people, scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gonogo.adapters.project_files import ProjectFiles
from gonogo.errors import BadInput, WrongUsage
from gonogo.findings import Finding, Level, Origin, forbids
from gonogo.plan.bindings import read_project
from gonogo.plan.compiling import Compilation, Source, Sources, compile_plan
from gonogo.plan.project import Project
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
        first = errors[0]
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
    document, sidecar = protocol_sources(workspace, name)
    manifest = manifest_path(workspace.project, release)
    sources = Sources(
        document=document,
        sidecar=sidecar,
        project=workspace.project_source,
        manifest=Source(manifest, workspace.files.read(manifest)),
        approvers=Source(workspace.project.approvers, workspace.files.read(workspace.project.approvers)),
        scripts=script_digests(workspace),
    )
    return compile_plan(sources)


def check_workspace(workspace: Workspace, release: str | None) -> tuple[Finding, ...]:
    """Everything that is missing or wrong before a run: configuration, documents, scripts, files (CFG-09, CFG-11)."""
    found: list[Finding] = [*_scripts(workspace), *_files(workspace)]
    names = tuple(workspace.project.protocols) or BUILTIN_PROTOCOLS[:2]
    for name in names:
        if release is None:
            break
        try:
            found.extend(compile_for(workspace, name, release).findings)
        except (BadInput, WrongUsage) as error:
            found.append(Finding("GN1005", Level.ERROR, error.what, _origin(error.where), notes=_note(error.next_step)))
    if release is None:
        found.extend(workspace.findings)
    return tuple(dict.fromkeys(found))


def _note(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _origin(where: str) -> Origin:
    path, _, line = where.partition(":")
    return Origin(path or PROJECT_FILE, int(line.partition(":")[0]) if line[:1].isdigit() else 1)


def _scripts(workspace: Workspace) -> list[Finding]:
    found = []
    for command in workspace.project.commands.values():
        for argument in command.run:
            looks_like_file = "/" in argument and "{" not in argument and not argument.startswith(("-", "/", "http"))
            if not looks_like_file:
                continue
            seen = workspace.files.see(argument)
            if seen.digest is None:
                message = f"`commands.{command.name}` names {argument}, which {_absent(seen.why, argument)}"
                note = f"write the script, or correct `commands.{command.name}.run`"
                found.append(Finding("GN0602", Level.ERROR, message, command.origin, notes=(note,)))
            elif command.run[0] == argument and not (workspace.root / argument).stat().st_mode & 0o111:
                message = f"`commands.{command.name}` starts {argument}, which is not executable"
                found.append(Finding("GN0602", Level.ERROR, message, command.origin, notes=(f"chmod +x {argument}",)))
    return found


def _absent(why: str, path: str) -> str:
    return why.removeprefix(f"{path} ") or "cannot be read"


def _files(workspace: Workspace) -> list[Finding]:
    wanted: Mapping[str, Origin] = {
        path: environment.origin
        for environment in workspace.project.environments.values()
        for path in environment.settings
    }
    found = []
    for path, origin in wanted.items():
        seen = workspace.files.see(path)
        if seen.digest is None:
            found.append(Finding("GN1005", Level.ERROR, f"settings file {seen.why or path}", origin))
    return found


def sound(findings: tuple[Finding, ...]) -> bool:
    """Whether a run could begin."""
    return not forbids(findings)
