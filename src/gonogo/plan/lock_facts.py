"""What a lock says, put together from one compilation: what was read, with which bindings, what was proved (DOC-27)."""

from __future__ import annotations

import dataclasses

from gonogo.errors import BadInput
from gonogo.plan.compiling import Compilation
from gonogo.plan.lock import LockFacts
from gonogo.plan.sources import Sources
from gonogo.terms import digest_of


def facts_of(sources: Sources, compiled: Compilation, compiler: str = "") -> LockFacts:
    """The facts of `compiled`; `compiler` is the version of gonogo. BadInput where something forbids a lock."""
    reading, proven = compiled.reading, compiled.proven
    if compiled.plan is None or reading is None or reading.protocol is None or proven is None:
        raise BadInput(
            "a document with errors has no lock",
            where=sources.document.name,
            next_step="`gonogo lint` names the errors",
        )
    bindings = {"project": sources.project, "gate_limits": sources.gate_limits, "openslo": sources.openslo}
    return LockFacts(
        slug=reading.protocol.slug,
        number=reading.protocol.number,
        compiler=compiler,
        encoding=reading.encoding,
        source=reading.source_digest,
        sidecar=digest_of(sources.sidecar.data),
        graph=proven.graph,
        certificate=proven.certificate,
        coverage=dataclasses.asdict(reading.coverage),
        findings=compiled.findings,
        waived=(),
        scripts=compiled.plan.scripts,
        bindings={name: digest_of(source.data) for name, source in bindings.items() if source is not None},
        document=sources.document.data,
    )
