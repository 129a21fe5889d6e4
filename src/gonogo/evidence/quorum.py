"""Whether enough people have signed, and who has yet to (A17; REV-04, REV-05, APR-05, FRZ-04, WVR-02).

People are counted, never keys or statements. One no-go outweighs any number of go. A go with open conditions counts for
nothing until it is signed again without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Protocol

from gonogo.evidence.signers import DecisionRule, Ring
from gonogo.values import dataclass


class Standing(Protocol):
    """A statement that stands, as far as counting goes: who, as what, what they decided, and on which client."""

    @property
    def person(self) -> str:
        """Who signed."""
        ...

    @property
    def role(self) -> str:
        """As what they signed."""
        ...

    @property
    def decision(self) -> str:
        """`go`, `no_go`, `withheld` or `stated`."""
        ...

    @property
    def in_browser(self) -> bool:
        """Whether the signature was made in a browser."""
        ...


@dataclass(frozen=True, slots=True)
class Quorum:
    """The state of a round. `missing` says in words what is still needed, and who can give it."""

    met: bool
    missing: tuple[str, ...]
    no_go: tuple[str, ...]
    withheld: tuple[str, ...]
    people: tuple[str, ...]

    def __str__(self) -> str:
        if self.no_go:
            return f"no-go by {', '.join(self.no_go)}"
        return f"signed by {', '.join(self.people)}" if self.met else "waiting for " + "; ".join(self.missing)


def quorum(
    rule: DecisionRule,
    accepted: Sequence[Standing],
    facts: Mapping[str, str],
    ring: Ring,
    barred: Mapping[str, str] = MappingProxyType({}),
) -> Quorum:
    """Judge the accepted statements of one round by `rule`. `facts` decide which conditional roles are needed.

    `barred` are those who cannot sign, with the reason (`independence.barred`): nobody is asked for who cannot.
    """
    objecting = tuple(sorted({item.person for item in accepted if item.decision == "no_go"}))
    holding_back = tuple(sorted({item.person for item in accepted if item.decision == "withheld"} - set(objecting)))
    signed = [item for item in accepted if item.decision == "go" and item.role in rule.roles]
    counted = [item for item in signed if item.person not in {*objecting, *holding_back}]
    needed = tuple(required.role for required in rule.all_of if required.when is None or required.when.holds(facts))
    missing = [
        *(places := _missing_roles(needed, rule, counted, _Who(ring, barred))),
        *_missing_people(rule, counted, _Who(ring, barred), len(places), rule.people_needed(facts)),
        *_missing_clients(rule, counted),
        *(f"the conditions of {person} to be met and signed again" for person in holding_back),
    ]
    met = bool(counted) and not missing and not objecting
    people = tuple(sorted({item.person for item in counted}))
    return Quorum(met, tuple(missing), objecting, holding_back, people)


def freeze_quorum(ring: Ring, accepted: Sequence[Standing]) -> Quorum:
    """Whether every listed stakeholder acknowledged the change freeze (FRZ-04). Nobody listed is not everybody."""
    people = {item.person for item in accepted}
    missing = tuple(handle for handle in ring.freeze_stakeholders if handle not in people)
    asked = ring.freeze_stakeholders or ()
    words = tuple(f"the acknowledgement of {handle}" for handle in missing) or (
        () if asked else ("freeze stakeholders in the approvers file",)
    )
    return Quorum(bool(asked) and not missing, words, (), (), tuple(sorted(people)))


@dataclass(frozen=True, slots=True)
class _Who:
    """The listed people, and those of them who cannot sign this."""

    ring: Ring
    barred: Mapping[str, str]

    def named(self, roles: Iterable[str], done: AbstractSet[str], nobody: str) -> str:
        """Who can still sign in one of `roles`; where nobody can, why that is so, and what to do."""
        holding = {person.handle for role in roles for person in self.ring.holding(role)} - done
        able = sorted(holding - set(self.barred))
        if able or not holding:
            return ", ".join(able) or nobody
        why = "; ".join(f"{handle} {self.barred[handle]}" for handle in sorted(holding))
        return f"nobody can: {why}; abort, and list another person or let another one open the run"


def _missing_roles(needed: Sequence[str], rule: DecisionRule, counted: Sequence[Standing], who: _Who) -> list[str]:
    places: list[tuple[str, ...]] = [(role,) for role in needed]
    if rule.any_of:
        places.append(rule.any_of)
    seated = _seated(places, counted, distinct=rule.distinct_people)
    return [_wanted(place, rule, who, counted) for number, place in enumerate(places) if number not in seated]


def _seated(places: Sequence[tuple[str, ...]], counted: Sequence[Standing], *, distinct: bool) -> Mapping[int, str]:
    """Which places are filled, by whom: as many as possible, nobody twice where people have to be distinct."""
    taken: dict[str, int] = {}
    filled: dict[int, str] = {}

    def seat(number: int, tried: set[str]) -> bool:
        able = sorted({item.person for item in counted if item.role in places[number]} - tried)
        for person in able:
            tried.add(person)
            if person not in taken or seat(taken[person], tried):
                taken[person], filled[number] = number, person
                return True
        return False

    for number, place in enumerate(places):
        if distinct:
            seat(number, set())
        elif able := [item.person for item in counted if item.role in place]:
            filled[number] = able[0]
    return filled


def _wanted(place: tuple[str, ...], rule: DecisionRule, who: _Who, counted: Sequence[Standing]) -> str:
    done = {item.person for item in counted} if rule.distinct_people else set()
    return f"{' or '.join(place)} ({who.named(place, done, 'nobody else has this role')})"


def _missing_people(rule: DecisionRule, counted: Sequence[Standing], who: _Who, places: int, needed: int) -> list[str]:
    people = {item.person for item in counted}
    lacking = needed - len(people)
    if lacking <= places:
        # Whoever takes the places that are named already makes up the number, too.
        return []
    noun = "person" if lacking == 1 else "people"
    return [f"{lacking} more {noun} ({who.named(rule.roles, people, 'nobody is listed')}) for a quorum of {needed}"]


def _missing_clients(rule: DecisionRule, counted: Sequence[Standing]) -> list[str]:
    made = len({item.person for item in counted if not item.in_browser})
    lacking = rule.cli_at_least - made
    return [f"{lacking} signature(s) made on a command line, not in a browser"] if lacking > 0 else []
