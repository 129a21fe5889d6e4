"""Everything that is missing or wrong in a project, before anything runs (CFG-09, CFG-10, CFG-11, PRE-01).

Only looks: nothing is started, and nothing is written.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from gonogo.adapters.plugins import PluginProviders
from gonogo.control.compiled import compile_for, compile_with
from gonogo.control.numbering import claimed_twice
from gonogo.control.sources import BUILTIN_PROTOCOLS, LIBRARY, manifest_path, protocol_sources
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput, WrongUsage
from gonogo.findings import Finding, Level, Origin
from gonogo.measure.licences import PARTS_READERS, parts_faults
from gonogo.plan.providers_named import named_providers
from gonogo.plan.release import UNKNOWN_RELEASE, read_release
from gonogo.plan.sources import Source
from gonogo.values import dataclass

MARK: Final = "EDIT-ME"
_MARKED: Final = re.compile(rf"{MARK}:[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, with the bytes of the files that findings point into."""

    findings: tuple[Finding, ...]
    sources: Mapping[str, bytes]


def check_project(workspace: Workspace, release: str | None, environ: Mapping[str, str]) -> Checked:
    """Check a project; without `release` everything but the release itself."""
    found = [
        *workspace.findings,
        *_unfilled(workspace),
        *_protocols(workspace, release),
        *_numbers(workspace),
        *_hooks(workspace),
        *_scripts(workspace),
        *_files(workspace, release or ""),
        *(_release(workspace, release) if release else ()),
        *(_parts(workspace, release) if release else ()),
        *_machine(workspace, environ),
    ]
    unique = tuple(dict.fromkeys(found))
    return Checked(unique, _sources(workspace, unique))


def _sources(workspace: Workspace, findings: tuple[Finding, ...]) -> dict[str, bytes]:
    folder = resources.files(LIBRARY)
    found = {}
    for name in {finding.primary.file for finding in findings}:
        builtin = folder.joinpath(name) if "/" not in name else None
        seen = workspace.files.see(name)
        if seen.digest is not None:
            found[name] = workspace.files.read(name)
        elif builtin is not None and builtin.is_file():
            found[name] = builtin.read_bytes()
    return found


def _protocols(workspace: Workspace, release: str | None) -> Iterator[Finding]:
    for name in tuple(workspace.project.protocols) or BUILTIN_PROTOCOLS[:2]:
        try:
            if release is None:
                compiled = compile_with(workspace, name, Source("release-manifest.json", UNKNOWN_RELEASE))
            else:
                compiled = compile_for(workspace, name, release)
            yield from compiled.findings
        except (BadInput, WrongUsage) as error:
            yield _unreadable(error)


def _numbers(workspace: Workspace) -> Iterator[Finding]:
    """Numbers that mean two protocols: runs go by name, the documented command lines by number, and those refuse."""
    for number, names in claimed_twice(workspace):
        message = f"protocol number {number} is claimed by {' and '.join(names)}"
        where = protocol_sources(workspace, names[-1])[0].name
        note = f"`--protocol {number}` is refused: take the number out of one of the two, file name included"
        yield Finding("GN0503", Level.WARNING, message, Origin(where, 1, 1), notes=(note,))


def _hooks(workspace: Workspace) -> Iterator[Finding]:
    """Hooks at a protocol that the project does not have: nothing else would ever speak of them."""
    known = {*workspace.project.protocols, *BUILTIN_PROTOCOLS}
    for hook in workspace.project.hooks:
        if hook.protocol not in known:
            note = f"the protocols here: {', '.join(sorted(known))}"
            message = f"a hook names no protocol `{hook.protocol}` of this project"
            yield Finding("GN0702", Level.ERROR, message, hook.origin, notes=(note,))


def _unreadable(error: BadInput | WrongUsage) -> Finding:
    path, _, line = error.where.partition(":")
    number = line.partition(":")[0]
    origin = Origin(path or "gonogo.yaml", int(number) if number.isdigit() else 1)
    return Finding("GN1005", Level.ERROR, error.what, origin, notes=_notes(error.next_step))


def _notes(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _unfilled(workspace: Workspace) -> Iterator[Finding]:
    project = workspace.project
    scripts = (path for _, argv, _ in _programs(workspace) for path in _named_files(argv))
    settings = (path for environment in project.environments.values() for path in environment.settings)
    runbooks = (runbook.path for runbook in project.operations.runbooks)
    for path in dict.fromkeys((workspace.project_source.name, project.approvers, *settings, *scripts, *runbooks)):
        if workspace.files.see(path).digest is not None:
            text = workspace.files.read(path).decode("utf-8", "replace")
            yield from _marks(path, text)


def _marks(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _MARKED.search(line)
        if found:
            what = found[1].strip(" \"'`") or "write what belongs here"
            message = f"still the template's: {what}"
            note = f"write it, and take the word {MARK} away"
            yield Finding("GN1006", Level.ERROR, message, Origin(path, number, found.start() + 1), notes=(note,))


def _programs(workspace: Workspace) -> Iterator[tuple[str, tuple[str, ...], Origin]]:
    for command in workspace.project.commands.values():
        yield f"commands.{command.name}", command.run, command.origin
    for environment in workspace.project.environments.values():
        for key, argv in environment.target.lists.items():
            yield f"environments.{environment.name}.target.{key}", argv, environment.origin
        if environment.metrics is not None and environment.metrics.run:
            yield f"environments.{environment.name}.metrics.run", environment.metrics.run, environment.origin


def _named_files(argv: tuple[str, ...]) -> Iterator[str]:
    for argument in argv:
        if "/" in argument and "{" not in argument and not argument.startswith(("-", "/", "http")):
            yield argument


def _scripts(workspace: Workspace) -> Iterator[Finding]:
    for name, argv, origin in _programs(workspace):
        for argument in _named_files(argv):
            seen = workspace.files.see(argument)
            path = workspace.root / argument
            if seen.digest is None and not path.is_dir():
                message = f"`{name}` names {argument}, which {_absent(seen.why, argument)}"
                note = f"write the script, or correct `{name}`"
                yield Finding("GN0602", Level.ERROR, message, origin, notes=(note,))
            elif argv[0] == argument and not path.stat().st_mode & 0o111:
                message = f"`{name}` starts {argument}, which is not executable"
                yield Finding("GN0602", Level.ERROR, message, origin, notes=(f"chmod +x {argument}",))


def _absent(why: str, path: str) -> str:
    return why.removeprefix(f"{path} ") or "cannot be read"


def _files(workspace: Workspace, release: str) -> Iterator[Finding]:
    project = workspace.project
    wanted: dict[str, tuple[str, Origin]] = {}
    for environment in project.environments.values():
        wanted |= {
            path: ("settings file", _named_at(workspace, path, environment.origin)) for path in environment.settings
        }
    for artifact in project.artifacts.values():
        if artifact.optional is None:
            wanted[artifact.path] = (f"artifact {artifact.name}", artifact.origin)
    for runbook in project.operations.runbooks:
        wanted[runbook.path] = (f"runbook of {runbook.service}", _named_at(workspace, runbook.path, project.origin))
    if project.licences is not None and (release or "{release}" not in project.licences.sbom):
        sbom = project.licences.sbom.replace("{release}", release)
        wanted[sbom] = ("parts list", project.licences.origin)
    for path, (what, origin) in wanted.items():
        seen = workspace.files.see(path)
        if seen.digest is None:
            message = f"{path} ({what}) {_absent(seen.why, path)}"
            yield Finding("GN1007", Level.ERROR, message, origin, notes=("put it there, or correct the path",))


def _named_at(workspace: Workspace, path: str, otherwise: Origin) -> Origin:
    """Where the project file names `path`."""
    source = workspace.project_source
    for number, line in enumerate(source.data.decode("utf-8", "replace").splitlines(), 1):
        if path in line.partition(" #")[0]:
            return Origin(source.name, number, line.index(path) + 1)
    return otherwise


def _release(workspace: Workspace, release: str) -> Iterator[Finding]:
    path = manifest_path(workspace.project, release)
    origin = Origin(path, 1)
    try:
        manifest = read_release(workspace.files.read(path), path)
    except BadInput:
        # Compiling has reported it already.
        return
    if manifest.version != release:
        message = f"the manifest is about version `{manifest.version}`, not `{release}`"
        yield Finding("GN1007", Level.ERROR, message, origin, notes=("correct the manifest or --release",))
    for item in manifest.services:
        seen = workspace.files.see(item.artifact)
        if seen.digest is None:
            message = f"the artifact of {item.name}, {item.artifact}, {_absent(seen.why, item.artifact)}"
            yield Finding("GN1007", Level.ERROR, message, origin, notes=("build it, or correct the manifest",))
        elif seen.digest != item.digest:
            message = f"{item.artifact} has the digest {seen.digest[:16]}…, the manifest says {item.digest[:16]}…"
            yield Finding("GN1007", Level.ERROR, message, origin, notes=("build it again, or correct the manifest",))


def _parts(workspace: Workspace, release: str) -> Iterator[Finding]:
    """A parts list at which the audit of licences would halt the run: read as it is read there (SEC-02)."""
    bound = workspace.project.licences
    path = bound.sbom.replace("{release}", release) if bound else ""
    if bound is None or workspace.files.see(path).digest is None:
        return
    try:
        read = PARTS_READERS[bound.form](workspace.files.read(path), path)
    except BadInput as error:
        yield Finding("GN1007", Level.ERROR, f"{path}: {error.what}", bound.origin, notes=(error.next_step,))
        return
    for fault in parts_faults(read, release, datetime.now(UTC)):
        what, _, advice = fault.partition(": ")
        yield Finding("GN1007", Level.ERROR, f"{path} (parts list): {what}", bound.origin, notes=(advice,))


def _providers(workspace: Workspace) -> Iterator[Finding]:
    """Providers that the project names and nobody installed; they are looked up and never loaded here."""
    providers = PluginProviders(workspace.root)
    for group, word in named_providers(workspace.project):
        try:
            providers.require(group, word)
        except BadInput as error:
            origin = _named_at(workspace, word, workspace.project.origin)
            yield Finding("GN1008", Level.WARNING, error.what, origin, notes=(error.next_step,))


def _machine(workspace: Workspace, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from _providers(workspace)
    for name, argv, origin in _programs(workspace):
        program = next(iter(argv), "")
        if (
            program
            and "/" not in program
            and "{" not in program
            and not shutil.which(program, path=environ.get("PATH"))
        ):
            message = f"`{name}` needs {program}, which is not installed here"
            yield Finding("GN1008", Level.WARNING, message, origin)
    for command in workspace.project.commands.values():
        for name in command.secrets:
            if not environ.get(name):
                message = f"`commands.{command.name}` needs the secret {name}, which is not set here"
                note = f"export {name} in the environment of `gonogo run`"
                yield Finding("GN1008", Level.WARNING, message, command.origin, notes=(note,))
