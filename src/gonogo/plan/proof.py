"""Proof that no way leads to production round a guard (compiler section 17; RGD-02 to RGD-04).

For each production effect and each guard that stands before it: take the guard away and search from the start. If the
effect is still reached, that way is the counterexample (GN0801). The certificate lists what was shown; a second
function that shares no search with the first checks it again (by dominators).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gonogo.evidence.canonical import write_json
from gonogo.findings import Finding, Label, Level, Origin
from gonogo.plan.graph import EdgeKind, Graph, State, StateKind, targets
from gonogo.plan.model import Effect
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

_GUARDS = frozenset({StateKind.STEP, StateKind.GATE, StateKind.APPROVAL, StateKind.ROLLOUT, StateKind.SOAK})
_BOUNDED = frozenset({EdgeKind.RETRY, EdgeKind.RESUME})
"""Ways that cannot go round for ever: attempts are counted, and only a person lifts a halt."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One part of a guardrail sentence and the state that is said to guard it; `state` is empty where none is named."""

    text: str
    state: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Cut:
    """Shown: without `guard` there is no way to `effect`."""

    effect: str
    guard: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """Everything that was shown for one graph, in a fixed order, with its digest."""

    cuts: tuple[Cut, ...]
    digest: Digest


@dataclass(frozen=True, slots=True)
class Proof:
    """The certificate, and what could not be shown. Without an error finding, every guard holds."""

    certificate: Certificate
    findings: tuple[Finding, ...]


def prove(graph: Graph, claims: Iterable[Claim] = ()) -> Proof:
    """Show for every production effect that every guard before it is on every way to it."""
    following = targets(graph)
    findings: list[Finding] = []
    cuts: list[Cut] = []
    for effect, guards in _due(graph).items():
        if not any(guard.kind is StateKind.APPROVAL for guard in guards):
            findings.append(_unguarded(effect, _way(following, graph.start, effect.id, "")))
        for guard in guards:
            way = _way(following, graph.start, effect.id, guard.id)
            if way is None:
                cuts.append(Cut(effect.id, guard.id))
            else:
                findings.append(_bypass(graph, effect, guard, way))
    findings += _unclaimed(graph, following, claims, cuts)
    findings += _stuck(graph, following)
    return Proof(certificate_of(cuts), tuple(findings))


def certificate_of(cuts: Iterable[Cut]) -> Certificate:
    """The certificate of `cuts`; the same cuts give the same bytes in any order."""
    ordered = tuple(sorted(set(cuts), key=lambda cut: (cut.effect, cut.guard)))
    body = write_json([{"effect": cut.effect, "guard": cut.guard, "shown": "cut"} for cut in ordered])
    return Certificate(ordered, digest_of(body))


def _due(graph: Graph) -> dict[State, tuple[State, ...]]:
    """Each production effect with the binding states that stand before it in the document.

    A rollback is a production effect too: its guards are those of the first deployment, and that deployment itself,
    since nothing may be rolled back that was never deployed.
    """
    effects = [state for state in graph.states if state.effect is Effect.PRODUCTION]
    forward = [state for state in effects if state.kind is not StateKind.ROLLBACK]
    order = {state.id: number for number, state in enumerate(graph.states)}
    guards = [state for state in graph.states if state.must and state.kind in _GUARDS]
    out: dict[State, tuple[State, ...]] = {}
    for effect in effects:
        until = effect
        also: tuple[State, ...] = ()
        if effect.kind is StateKind.ROLLBACK:
            if not forward:
                continue
            until, also = forward[0], (forward[0],)
        out[effect] = (*(guard for guard in guards if order[guard.id] < order[until.id]), *also)
    return out


def _way(following: Mapping[str, Sequence[str]], start: str, goal: str, without: str) -> tuple[str, ...] | None:
    """A shortest way from `start` to `goal` that avoids `without`, or None."""
    came: dict[str, str] = {start: ""}
    queue = deque([start] if start != without else [])
    while queue:
        here = queue.popleft()
        if here == goal:
            break
        for there in following.get(here, ()):
            if there != without and there not in came:
                came[there] = here
                queue.append(there)
    if goal not in came:
        return None
    way = [goal]
    while came[way[-1]]:
        way.append(came[way[-1]])
    return tuple(reversed(way))


def _bypass(graph: Graph, effect: State, guard: State, way: Sequence[str]) -> Finding:
    by_id = {state.id: state for state in graph.states}
    labels = tuple(Label(by_id[name].origin, f"{number}. {name}") for number, name in enumerate(way, start=1))
    message = f"path reaches production without `{guard.id}`: {' → '.join(way)}"
    hint = f"make `{guard.id}` stand on every way to `{effect.id}`"
    return Finding("GN0801", Level.ERROR, message, guard.origin, labels, (hint,))


def _shortest(way: Sequence[str] | None) -> tuple[str, ...]:
    """A way as a note; none where there is none."""
    return (f"shortest way: {' → '.join(way)}",) if way else ()


def _unguarded(effect: State, way: Sequence[str] | None) -> Finding:
    message = f"`{effect.id}` changes production and no approval stands before it"
    hint = "bind a step before it to a decision that people sign"
    return Finding("GN0801", Level.ERROR, message, effect.origin, notes=(*_shortest(way), hint))


def _unclaimed(
    graph: Graph, following: Mapping[str, Sequence[str]], claims: Iterable[Claim], cuts: Sequence[Cut]
) -> Iterator[Finding]:
    """Every part of a guardrail is bound to a state that guards every production effect of the way forward."""
    effects = {s.id for s in graph.states if s.effect is Effect.PRODUCTION and s.kind is not StateKind.ROLLBACK}
    for claim in claims:
        guarded = {cut.effect for cut in cuts if cut.guard == claim.state}
        missing = sorted(effects - guarded)
        way: Sequence[str] | None = None
        if not claim.state:
            message = f'guardrail part "{claim.text}" is guarded by nothing'
        elif missing:
            message = f'guardrail part "{claim.text}": `{claim.state}` does not guard `{missing[0]}`'
            way = _way(following, graph.start, missing[0], claim.state)
        else:
            continue
        hint = "name the gate, approval or step that guards it in the sidecar"
        yield Finding("GN0802", Level.ERROR, message, claim.origin, notes=(*_shortest(way), hint))


def _stuck(graph: Graph, following: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """States that no run reaches, states from which no run ends, and ways that go round without bound or person."""
    reached = _closure(following, graph.start)
    backward: dict[str, list[str]] = {}
    for source, following_it in following.items():
        for target in following_it:
            backward.setdefault(target, []).append(source)
    ending = _closure(backward, graph.end)
    for state in graph.states:
        if state.id not in reached:
            yield Finding("GN0803", Level.ERROR, f"state `{state.id}` cannot be reached", state.origin)
        elif state.id not in ending:
            yield Finding("GN0803", Level.ERROR, f"state `{state.id}` never ends", state.origin)
    by_id = {state.id: state for state in graph.states}
    for name in _endless(graph):
        message = f"state `{name}` can go round for ever: no bound and no person stops it"
        yield Finding("GN0803", Level.ERROR, message, by_id[name].origin)


def _closure(following: Mapping[str, Sequence[str]], start: str) -> frozenset[str]:
    seen = {start}
    queue = [start]
    while queue:
        for there in following.get(queue.pop(), ()):
            if there not in seen:
                seen.add(there)
                queue.append(there)
    return frozenset(seen)


def _endless(graph: Graph) -> tuple[str, ...]:
    """States on a cycle of unbounded edges: what is left when states without predecessor are taken away in turn."""
    edges = [edge for edge in graph.edges if edge.kind not in _BOUNDED]
    for direction in ("source", "target"):
        waiting: dict[str, int] = {}
        following: dict[str, list[str]] = {}
        for edge in edges:
            source, target = (edge.source, edge.target) if direction == "source" else (edge.target, edge.source)
            waiting[target] = waiting.get(target, 0) + 1
            following.setdefault(source, []).append(target)
        free = [name for name in following if name not in waiting]
        gone = set(free)
        while free:
            for target in following.get(free.pop(), ()):
                waiting[target] -= 1
                if waiting[target] == 0:
                    gone.add(target)
                    free.append(target)
        edges = [edge for edge in edges if edge.source not in gone and edge.target not in gone]
    left = {edge.source for edge in edges}
    return tuple(state.id for state in graph.states if state.id in left)
