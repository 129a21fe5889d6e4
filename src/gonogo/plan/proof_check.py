"""Checks a certificate again, by another way: what lies on every way to a state are its dominators.

Independent of the search in the proof on purpose; only the graph and the certificate are shared. The engine does this
at the start of a run, before anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.plan.graph import Graph, State, StateKind, targets
from gonogo.plan.model import Effect
from gonogo.plan.proof import Certificate, certificate_of


def recheck(graph: Graph, certificate: Certificate) -> tuple[str, ...]:
    """What is wrong with `certificate` for `graph`; nothing at all means that it holds.

    Every cut has to be true, none that is due may be missing, and the digest has to be that of the cuts.
    """
    problems: list[str] = []
    if certificate_of(certificate.cuts).digest != certificate.digest:
        problems.append("the digest is not that of the cuts")
    number = {state.id: index for index, state in enumerate(graph.states)}
    dominators = _dominators(graph, number)
    shown = {(cut.effect, cut.guard) for cut in certificate.cuts}
    for effect, guard in sorted(shown):
        if effect not in number or guard not in number:
            problems.append(f"the cut of `{effect}` by `{guard}` names a state that does not exist")
        elif not dominators[number[effect]] >> number[guard] & 1:
            problems.append(f"`{guard}` is not on every way to `{effect}`")
    problems += [
        f"no cut of `{effect}` by `{guard}` was shown"
        for effect, guard in _pairs_due(graph)
        if (effect, guard) not in shown
    ]
    return tuple(problems)


def _dominators(graph: Graph, number: Mapping[str, int]) -> list[int]:
    """For each state, as a set of bits, the states on every way to it; all of them where no way leads."""
    everything = (1 << len(graph.states)) - 1
    before: list[list[int]] = [[] for _ in graph.states]
    for source, following in targets(graph).items():
        for target in following:
            before[number[target]].append(number[source])
    start = number[graph.start]
    found = [everything] * len(graph.states)
    found[start] = 1 << start
    changed = True
    while changed:
        changed = False
        for here in range(len(graph.states)):
            if here == start:
                continue
            common = everything
            for there in before[here]:
                common &= found[there]
            common |= 1 << here
            if common != found[here]:
                found[here], changed = common, True
    return found


def _pairs_due(graph: Graph) -> list[tuple[str, str]]:
    """Which cuts a whole certificate has, read off the states once more."""
    pairs: list[tuple[str, str]] = []
    bound: list[str] = []
    first: list[str] = []
    for state in graph.states:
        if state.effect is Effect.PRODUCTION:
            # Nothing may be rolled back that was not deployed: the guards of the first deployment, and itself.
            guards = first if state.kind is StateKind.ROLLBACK else bound
            pairs += [(state.id, guard) for guard in guards]
            if not first and state.kind is not StateKind.ROLLBACK:
                first = [*bound, state.id]
        if _binds(state):
            bound = [*bound, state.id]
    return pairs


def _binds(state: State) -> bool:
    return state.must and state.kind not in {
        StateKind.EDGE,
        StateKind.HALT,
        StateKind.ROLLBACK,
        StateKind.CLOSING,
    }
