"""Protocols compiled to be proved or locked: in a project with its bindings, elsewhere with the example's (DOC-27).

Nothing is started. Which release is meant changes nothing of the machine, so that none has to be named.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from gonogo.adapters.durable import write_file
from gonogo.adapters.given_files import given_bytes
from gonogo.control.compiled import sources_for
from gonogo.control.sources import BUILTIN_PROTOCOLS, LIBRARY, manifest_path, open_workspace, protocol_sources
from gonogo.control.stores.project_root import PROJECT_FILE, find_root
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput, WrongUsage
from gonogo.findings import Finding, Level, Origin
from gonogo.plan.compiling import Compilation, compile_plan
from gonogo.plan.lock import LockFacts, lock_bytes, lock_path
from gonogo.plan.lock_facts import facts_of
from gonogo.plan.sources import Source, Sources
from gonogo.values import dataclass

EXAMPLE = "gonogo.example.yaml"
PEOPLE = "release-approvers.example.yaml"
ANY_RELEASE = (
    b'{"release":{"id":"any","version":"any"},"services":[{"artifact":"any","digest":"'
    + b"0" * 64
    + b'","name":"any","version":"any"}]}'
)
"""Stands for a release where a protocol is looked at without one."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A protocol with everything it was compiled from, and what came of it. `project` is empty outside a project."""

    name: str
    sources: Sources
    compilation: Compilation
    project: str

    @property
    def texts(self) -> dict[str, bytes]:
        """The files that findings point into, by name."""
        sources = self.sources
        people = (sources.approvers,) if isinstance(sources.approvers, Source) else ()
        found = (sources.document, sources.sidecar, sources.project, sources.manifest, *people)
        return {source.name: source.data for source in found}


def workspace_at(folder: Path) -> Workspace | None:
    """The project that `folder` lies in, or None."""
    try:
        return open_workspace(find_root(folder.absolute()))
    except BadInput as error:
        if error.what.startswith(f"there is no {PROJECT_FILE}"):
            return None
        raise


def compiled(target: str, folder: Path, release: str = "") -> Compiled:
    """A protocol by name, or a document by path, compiled; what is wrong with it is in its findings."""
    workspace = workspace_at(folder)
    if workspace is None:
        sources = _example_sources(*_pair(target, folder))
        return Compiled(target, sources, compile_plan(sources), "")
    manifest = _manifest(workspace, release)
    sources = sources_for(workspace, _pair_in(workspace, target, folder), manifest)
    compilation = compile_plan(sources)
    if workspace.findings:
        findings = (*workspace.findings, *(each for each in compilation.findings if each not in workspace.findings))
        compilation = Compilation(compilation.plan, findings, compilation.ring, compilation.reading, compilation.proven)
    return Compiled(target, sources, compilation, workspace.project.name)


def _manifest(workspace: Workspace, release: str) -> Source:
    if not release:
        return Source("release-manifest.json", ANY_RELEASE)
    path = manifest_path(workspace.project, release)
    return Source(path, workspace.files.read(path))


def _pair_in(workspace: Workspace, target: str, folder: Path) -> tuple[Source, Source]:
    path = folder / target
    if not (target.endswith(".md") or path.is_file()):
        return protocol_sources(workspace, target)
    return _pair(target, folder, workspace.root.resolve())


def _pair(target: str, folder: Path, root: Path | None = None) -> tuple[Source, Source]:
    """A document and the sidecar beside it, or a built-in protocol; names are relative to `root` where it has them."""
    path = folder / target
    if target in BUILTIN_PROTOCOLS and not path.is_file():
        names = (f"{target}.md", f"{target}.gonogo.yaml")
        document, sidecar = (Source(name, resources.files(LIBRARY).joinpath(name).read_bytes()) for name in names)
        return document, sidecar
    if not target.endswith(".md"):
        if path.is_file():
            raise BadInput("is no document", where=target, next_step="name a .md file")
        known = ", ".join(BUILTIN_PROTOCOLS)
        raise WrongUsage(f"there is no protocol `{target}`", next_step=f"name a .md file, or one of {known}")
    beside = path.with_name(f"{path.name.removesuffix('.md')}.gonogo.yaml")
    document = Source(_named(path, root, target), given_bytes(path))
    if not beside.is_file():
        # Without bindings nothing is known of what its steps do: each is unbound, and so are its gates.
        return document, Source(_named(beside, root, str(beside)), b"")
    return document, Source(_named(beside, root, str(beside)), given_bytes(beside))


def _named(path: Path, root: Path | None, plain: str) -> str:
    found = path.resolve()
    return str(found.relative_to(root)) if root is not None and found.is_relative_to(root) else plain


def _example_sources(document: Source, sidecar: Source) -> Sources:
    folder = resources.files(LIBRARY)
    return Sources(
        document=document,
        sidecar=sidecar,
        project=Source(EXAMPLE, folder.joinpath(EXAMPLE).read_bytes()),
        manifest=Source("release-manifest.json", ANY_RELEASE),
        approvers=Source(PEOPLE, folder.joinpath(PEOPLE).read_bytes()),
        scripts={},
    )


def unbound(found: Compiled) -> tuple[Finding, ...]:
    """One finding where a document has no sidecar at all, instead of one for each thing that it would bind."""
    sidecar = found.sources.sidecar
    if sidecar.data:
        return ()
    what = f"there is no {os.path.basename(sidecar.name)} beside it: nothing says what its steps do"  # noqa: PTH119
    note = "`gonogo generate` writes a skeleton; docs/protocols.md shows a whole one"
    return (Finding("GN1005", Level.ERROR, what, Origin(found.sources.document.name, 1), notes=(note,)),)


def write_lock(found: Compiled, folder: Path, compiler: str) -> tuple[Path, LockFacts]:
    """Write the lock beside the document, for a built-in one into the root of the project that `folder` lies in.

    BadInput where an error forbids it.
    """
    facts = facts_of(found.sources, found.compilation, compiler)
    target = folder / found.name
    path = target if target.is_file() else find_root(folder.absolute()) / found.sources.document.name
    place = path.with_name(lock_path(path.name))
    write_file(place, lock_bytes(facts), 0o644)
    return place, facts
