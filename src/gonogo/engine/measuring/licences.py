"""The licences of exactly what is shipped, from the parts list that the project binds (SEC-02, SEC-07)."""

from __future__ import annotations

from gonogo.engine.bench import Bench, Produced
from gonogo.errors import BadInput
from gonogo.evidence.exporting import PARTS_LIST
from gonogo.measure.licences import PARTS_READERS, LicencePolicy, parts_faults
from gonogo.measure.security import LicenceAudit
from gonogo.plan.project import Licences
from gonogo.values import dataclass

CYCLONEDX = "cyclonedx"
KEPT = {CYCLONEDX: PARTS_LIST, "spdx": "sbom.spdx.json", "pip-licenses": "pip-licenses.json"}


@dataclass(frozen=True, slots=True)
class LicencesLooked:
    """The audit, None where there is none; the parts list as it was looked at; why it is no answer."""

    audit: LicenceAudit | None
    files: tuple[Produced, ...] = ()
    faults: tuple[str, ...] = ()


def licences(bench: Bench) -> LicencesLooked:
    """The audit of the release's parts. An absent, foreign or unfitting list is a fault with its file and a remedy."""
    bound = bench.plan.project.licences
    if bound is None:
        return LicencesLooked(None)
    path = bound.sbom.replace("{release}", bench.plan.release.version)
    try:
        data = bench.world.files.read(path)
        read = PARTS_READERS[bound.form](data, path)
    except BadInput as error:
        where = error.where if error.where and path in error.where else path
        return LicencesLooked(None, faults=(f"{where}: {error.what}; {error.next_step}",))
    faults = tuple(f"{path}: {fault}" for fault in parts_faults(read, bench.plan.release.version, bench.now))
    # Handed on as it was looked at, so that other tools can read it.
    kept = (Produced(KEPT[bound.form], data, "external"),)
    audit = None if faults else LicenceAudit(read.components, _policy(bench, bound))
    return LicencesLooked(audit, kept, faults)


def _policy(bench: Bench, bound: Licences) -> LicencePolicy:
    names = {name.strip().lower(): spdx for name, spdx in bound.names.items()}
    return LicencePolicy(frozenset(bound.allowed), frozenset(bound.forbidden), bench.plan.sources["project"], names)
