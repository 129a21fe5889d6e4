"""Compiling a protocol of this project. A run that goes on follows the plan that was kept: it needs none of this."""

from __future__ import annotations

from dataclasses import replace

from gonogo.control.policy_files import signed_policy
from gonogo.control.sources import manifest_path, openslo_source, protocol_sources, releases_of, script_digests
from gonogo.control.workspaces import Workspace
from gonogo.document.reading import read_document
from gonogo.errors import BadInput
from gonogo.plan.compiling import Compilation, compile_plan
from gonogo.plan.gate_limits import FOLDER, file_names
from gonogo.plan.lock import MOST_BYTES, lock_path, stale
from gonogo.plan.lock_facts import facts_of
from gonogo.plan.sidecar import read_sidecar
from gonogo.plan.sources import Source, Sources


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
