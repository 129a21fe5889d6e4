"""How artifacts flow through a set of protocols: who makes what, who needs it, and what does not fit (IOP-07)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gonogo.findings import Finding, Label, Level, Origin
from gonogo.protocol.model import ArtifactRequired, EvidenceRef, Protocol, all_steps
from gonogo.protocol.references import Ambiguous, Named, Outside, resolve
from gonogo.values import dataclass

_FILE = re.compile(r"[\w.{}$*-]+\.[A-Za-z][A-Za-z0-9]{0,7}\Z")


@dataclass(frozen=True, slots=True)
class Transfer:
    """An artifact that one protocol makes and another needs. `hard`: the other cannot start without it."""

    source: str
    target: str
    artifact: str
    hard: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Flow:
    """All transfers between the protocols of a set, and what does not fit."""

    transfers: tuple[Transfer, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Need:
    consumer: str
    source: str
    artifact: str
    hard: bool
    origin: Origin


def follow(protocols: Sequence[Protocol], external: frozenset[str] = frozenset()) -> Flow:
    """Follow every artifact over `protocols`; `external` names the artifacts that come from outside the set.

    GN0503: a source that could be two protocols; GN0504: nobody makes what somebody needs; GN0505: prerequisites go
    round; GN0306: an output is declared for a protocol that does not list it. Identity is the slug, never the number.
    """
    makers = _makers(protocols)
    transfers: list[Transfer] = []
    findings: list[Finding] = []
    for need in (need for protocol in protocols for need in _needs(protocol)):
        found = _met(need, protocols, makers)
        if isinstance(found, Transfer):
            transfers.append(found)
        elif need.artifact not in external:
            findings.append(found)
    findings += _unlisted(protocols, makers)
    findings += _cycles(transfers)
    return Flow(tuple(transfers), tuple(findings))


def is_file(artifact: str) -> bool:
    """Whether an artifact entry is a file name, not prose such as `readiness recommendation`."""
    return _FILE.match(artifact) is not None


def base_name(path: str) -> str:
    """The name an artifact is known by: its path without directories and ticks."""
    return path.strip().strip("`").rstrip("/").rsplit("/", 1)[-1]


def _makers(protocols: Iterable[Protocol]) -> dict[str, tuple[str, ...]]:
    """By base name, the slugs of the protocols that make an artifact: as output or as evidence of their own."""
    out: dict[str, tuple[str, ...]] = {}
    for protocol in protocols:
        names = {base_name(name) for exchange in protocol.outputs for name in exchange.artifacts}
        names |= {base_name(reference.name or reference.path) for reference in _written(protocol)}
        for name in sorted(names):
            out[name] = (*out.get(name, ()), protocol.slug)
    return out


def _written(protocol: Protocol) -> Iterator[EvidenceRef]:
    for step in all_steps(protocol):
        yield from step.evidence
    for phase in protocol.phases:
        yield from phase.evidence
    yield from protocol.evidence_table


def _needs(protocol: Protocol) -> Iterator[_Need]:
    """What a protocol needs, each artifact once; prose names nothing that could be followed."""
    seen: set[str] = set()
    for item in protocol.prerequisites:
        if isinstance(item, ArtifactRequired) and is_file(base_name(item.name)) and base_name(item.name) not in seen:
            seen.add(base_name(item.name))
            yield _Need(protocol.slug, item.source, base_name(item.name), not item.optional, item.origin)
    for exchange in protocol.inputs:
        for artifact in map(base_name, exchange.artifacts):
            if is_file(artifact) and artifact not in seen:
                seen.add(artifact)
                yield _Need(protocol.slug, exchange.protocol, artifact, hard=False, origin=exchange.origin)


def _met(need: _Need, protocols: Sequence[Protocol], makers: Mapping[str, tuple[str, ...]]) -> Transfer | Finding:
    made_by = tuple(slug for slug in makers.get(need.artifact, ()) if slug != need.consumer)
    match resolve(need.source, (need.artifact,), protocols, makers):
        case Named(slug) if slug in made_by:
            return Transfer(slug, need.consumer, need.artifact, need.hard, need.origin)
        case Named(slug):
            return _nobody(need, protocols, makers, f"`{slug}` does not produce `{need.artifact}`")
        case Outside() if len(made_by) == 1:
            return Transfer(made_by[0], need.consumer, need.artifact, need.hard, need.origin)
        case Ambiguous(candidates) if made_by:
            could = " or ".join(f"`{slug}`" for slug in (candidates or made_by))
            return Finding(
                "GN0503",
                Level.ERROR,
                f"`{need.source or need.artifact}` can mean {could}; name it",
                need.origin,
                notes=("a number is display text; write the protocol's title or slug beside it",),
            )
        case _:
            return _nobody(need, protocols, makers, f"nobody produces `{need.artifact}`")


def _nobody(need: _Need, protocols: Sequence[Protocol], makers: Mapping[str, tuple[str, ...]], message: str) -> Finding:
    alike = difflib.get_close_matches(need.artifact, sorted(makers), n=1, cutoff=0.75)
    labels = [
        Label(exchange.origin, f"`{protocol.slug}` gives `{name}`")
        for protocol in protocols
        for exchange in protocol.outputs
        for name in map(base_name, exchange.artifacts)
        if name in alike and name != need.artifact
    ]
    hint = "declare it under `external:` if it comes from outside, or name the protocol that writes it"
    return Finding("GN0504", Level.ERROR, message, need.origin, tuple(labels), (hint,))


def _unlisted(protocols: Sequence[Protocol], makers: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Outputs for a protocol of the set that does not list them: written and never used."""
    listed = {protocol.slug: {need.artifact for need in _needs(protocol)} for protocol in protocols}
    for protocol in protocols:
        for exchange in protocol.outputs:
            target = resolve(exchange.protocol, (), protocols, makers)
            if not isinstance(target, Named):
                continue
            for artifact in map(base_name, exchange.artifacts):
                if is_file(artifact) and artifact not in listed[target.slug]:
                    message = f"`{artifact}` is given to `{target.slug}`, which does not list it"
                    yield Finding("GN0306", Level.WARNING, message, exchange.origin)


def _cycles(transfers: Iterable[Transfer]) -> Iterator[Finding]:
    """One finding for each way in which hard prerequisites go round."""
    hard: dict[str, list[Transfer]] = {}
    for transfer in transfers:
        if transfer.hard:
            hard.setdefault(transfer.target, []).append(transfer)
    done: set[str] = set()
    for start in hard:
        yield from _rounds(start, hard, done)


def _rounds(start: str, hard: Mapping[str, Sequence[Transfer]], done: set[str]) -> Iterator[Finding]:
    """Depth first from `start` over what each protocol waits for; a way back to the current path is a cycle."""
    path: list[str] = []
    stack: list[tuple[str, int, Transfer | None]] = [(start, 0, None)]
    while stack:
        slug, depth, by = stack.pop()
        del path[depth:]
        if slug in path:
            around = [*path[path.index(slug) :], slug]
            words = " → ".join(around)
            if by is not None:
                yield Finding("GN0505", Level.ERROR, f"prerequisites go round: {words}", by.origin)
            continue
        if slug in done:
            continue
        done.add(slug)
        path.append(slug)
        stack.extend((transfer.source, depth + 1, transfer) for transfer in reversed(hard.get(slug, ())))
