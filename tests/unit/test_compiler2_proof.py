"""The proof that production is reached only through every guard, against brute force and against removed guards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from gonogo.findings import Origin
from gonogo.plan.graph import Edge, EdgeKind, Graph, State, StateKind, targets
from gonogo.plan.model import Effect
from gonogo.plan.proof import Certificate, Claim, Cut, certificate_of, prove
from gonogo.plan.proof_check import recheck

HERE = Origin("p.md", 1)


def state(name: str, kind: StateKind = StateKind.STEP, *, production: bool = False, must: bool = True) -> State:
    """One state."""
    return State(name, name, kind, Effect.PRODUCTION if production else Effect.NONE, must, HERE)


def chain(*states: State) -> Graph:
    """The states in a row, each with its retry, from start to end."""
    names = ["s", *(one.id for one in states), "e"]
    edges = [Edge(one, other, EdgeKind.NEXT) for one, other in pairwise(names)]
    edges += [Edge(one.id, one.id, EdgeKind.RETRY) for one in states]
    outer = [state(name, StateKind.EDGE, must=False) for name in ("s", "e")]
    return Graph((outer[0], *states, outer[1]), tuple(edges), "s", "e")


TESTS, GATE, SIGN = state("tests"), state("gate", StateKind.GATE), state("sign", StateKind.APPROVAL)
DEPLOY = state("deploy", production=True)
LINE = chain(TESTS, GATE, SIGN, DEPLOY)


def codes(graph: Graph) -> list[str]:
    """The codes of what could not be shown."""
    return [finding.code for finding in prove(graph).findings]


@pytest.mark.req("RGD-03", "RGD-04")
def test_a_straight_way_is_proved_and_its_certificate_holds() -> None:
    proof = prove(LINE)
    assert proof.findings == ()
    assert [cut.guard for cut in proof.certificate.cuts] == ["gate", "sign", "tests"]
    assert recheck(LINE, proof.certificate) == ()


@pytest.mark.req("RGD-03", "RGD-04")
@pytest.mark.parametrize("guard", ["tests", "gate", "sign"])
@pytest.mark.parametrize("kind", list(EdgeKind))
def test_any_way_round_a_guard_is_found_with_its_path(guard: str, kind: EdgeKind) -> None:
    names = ["s", "tests", "gate", "sign", "deploy"]
    before, after = names[names.index(guard) - 1], names[names.index(guard) + 1]
    open_graph = replace(LINE, edges=(*LINE.edges, Edge(before, after, kind)))
    found = [finding for finding in prove(open_graph).findings if finding.code == "GN0801"]
    assert [finding.message for finding in found if f"without `{guard}`" in finding.message]
    assert f"{before} → {after}" in found[0].message
    assert recheck(open_graph, prove(LINE).certificate) == (f"`{guard}` is not on every way to `deploy`",)


def test_production_without_any_approval_before_it_is_refused() -> None:
    assert codes(chain(TESTS, GATE, DEPLOY)) == ["GN0801"]


def test_a_guideline_guards_nothing() -> None:
    line = chain(replace(SIGN, must=False), DEPLOY)
    assert codes(line) == ["GN0801"]


def test_a_rollback_is_guarded_by_the_deployment_that_it_takes_back() -> None:
    back = state("back", StateKind.ROLLBACK, production=True, must=False)
    line = chain(GATE, SIGN, DEPLOY)
    good = replace(
        line,
        states=(*line.states, back),
        edges=(*line.edges, Edge("deploy", "back", EdgeKind.ROLLBACK), Edge("back", "e", EdgeKind.NEXT)),
    )
    assert codes(good) == []
    assert Cut("back", "deploy") in prove(good).certificate.cuts
    early = replace(good, edges=(*good.edges, Edge("gate", "back", EdgeKind.ROLLBACK)))
    assert "GN0801" in codes(early)


@pytest.mark.req("RGD-03")
def test_every_part_of_a_guardrail_needs_a_guard() -> None:
    claims = [
        Claim("tests passed", "tests", HERE),
        Claim("keepers signed", "", HERE),
        Claim("calm sea", "nobody", HERE),
    ]
    found = [finding for finding in prove(LINE, claims).findings if finding.code == "GN0802"]
    assert ["keepers signed" in found[0].message, "calm sea" in found[1].message] == [True, True]
    assert len(found) == 2


def test_unreachable_endless_and_circling_states_are_found() -> None:
    lost = replace(LINE, states=(*LINE.states, state("lost", must=False)))
    assert codes(lost) == ["GN0803"]
    trap = replace(
        LINE, states=(*LINE.states, state("trap")), edges=(*LINE.edges, Edge("tests", "trap", EdgeKind.FAIL))
    )
    assert codes(trap) == ["GN0803"]
    loop = replace(LINE, edges=(*LINE.edges, Edge("gate", "tests", EdgeKind.NEXT)))
    assert codes(loop) == ["GN0803", "GN0803"]
    bounded = replace(LINE, edges=(*LINE.edges, Edge("gate", "tests", EdgeKind.RETRY)))
    assert codes(bounded) == []


def test_a_certificate_that_says_too_little_too_much_or_was_changed_is_refused() -> None:
    cuts = prove(LINE).certificate.cuts
    assert recheck(LINE, certificate_of(cuts[1:])) == ("no cut of `deploy` by `gate` was shown",)
    assert "does not exist" in recheck(LINE, certificate_of((*cuts, Cut("deploy", "ghost"))))[0]
    forged = Certificate(cuts, certificate_of(cuts[1:]).digest)
    assert recheck(LINE, forged) == ("the digest is not that of the cuts",)


def test_the_same_cuts_in_any_order_give_the_same_certificate() -> None:
    cuts = prove(LINE).certificate.cuts
    assert certificate_of(reversed(cuts)) == certificate_of(cuts)


def ways(graph: Graph, here: str, goal: str, seen: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Brute force: every way from `here` to `goal` that visits no state twice."""
    if here == goal:
        yield (*seen, here)
        return
    for there in targets(graph)[here]:
        if there not in seen and there != here:
            yield from ways(graph, there, goal, (*seen, here))


def random_graph(seed: int) -> Graph:
    """A row of states with random further edges of every kind."""
    chance = random.Random(seed)  # noqa: S311  test data
    kinds = [StateKind.STEP, StateKind.GATE, StateKind.APPROVAL]
    states = [
        state(f"n{i}", chance.choice(kinds), production=chance.random() < 0.2, must=chance.random() < 0.7)
        for i in range(chance.randint(3, 7))
    ]
    line = chain(*states)
    names = [one.id for one in line.states]
    extra = [
        Edge(chance.choice(names[:-1]), chance.choice(names[1:]), chance.choice(list(EdgeKind)))
        for _ in range(chance.randint(0, 5))
    ]
    kept = [edge for edge in line.edges if edge.kind is not EdgeKind.NEXT or chance.random() < 0.95]
    return replace(line, edges=(*kept, *extra))


@pytest.mark.parametrize("seed", range(200))
def test_the_proof_agrees_with_brute_force_over_all_ways(seed: int) -> None:
    graph = random_graph(seed)
    proof = prove(graph)
    order = [one.id for one in graph.states]
    expected = set()
    for effect in (one for one in graph.states if one.effect is Effect.PRODUCTION):
        all_ways = list(ways(graph, graph.start, effect.id, ()))
        for guard in graph.states[: order.index(effect.id)]:
            if guard.must and all(guard.id in way for way in all_ways):
                expected.add(Cut(effect.id, guard.id))
    assert set(proof.certificate.cuts) == expected
    bypassed = [finding for finding in proof.findings if "path reaches production" in finding.message]
    assert (recheck(graph, proof.certificate) == ()) == (not bypassed)


def test_five_thousand_states_are_proved_in_seconds() -> None:
    row = [state(f"n{i}", must=i % 25 == 0) for i in range(5000)]
    proof = prove(chain(SIGN, *row, DEPLOY))
    assert len(proof.certificate.cuts) == 201
