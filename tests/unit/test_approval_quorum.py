"""Who has yet to sign: people are counted, and the answer says who can help."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from trust_world import people

from gonogo.evidence.independence import Asker, barred
from gonogo.evidence.quorum import Quorum, freeze_quorum, quorum
from gonogo.evidence.signers import DecisionRule, RequiredRole, Ring, When
from gonogo.run.events import DecisionRequested, RunOpened
from gonogo.run.turns import asker_of
from gonogo.terms import Digest, Person

QUIET = {"security_impact": "no"}


@dataclass(frozen=True)
class Said:
    """A recorded statement, as it is read back from the log."""

    person: str
    role: str
    decision: str = "go"
    in_browser: bool = False


def counted(*said: Said, facts: dict[str, str] | None = None, rule: DecisionRule | None = None) -> Quorum:
    ring = people()
    return quorum(rule or ring.decisions["production"], said, QUIET if facts is None else facts, ring)


@pytest.mark.req("REV-05", "APR-02")
def test_all_roles_and_enough_people_meet_the_rule() -> None:
    found = counted(Said("sre1", "sre_lead"), Said("po1", "product_owner"))
    assert (found.met, found.missing, found.people) == (True, (), ("po1", "sre1"))
    assert str(found) == "signed by po1, sre1"


@pytest.mark.req("REV-04")
def test_nobody_signed_is_not_met_and_says_who_can() -> None:
    found = counted()
    assert not found.met
    assert "sre_lead (sre1, sre2)" in found.missing
    assert "sponsor or product_owner (po1)" in found.missing
    assert not any("more people" in words for words in found.missing), "two places already need two people"


def test_people_beyond_the_roles_are_asked_for_by_number() -> None:
    rule = replace(people().decisions["production"], quorum=4)
    assert counted(rule=rule).missing[-1] == "4 more people (po1, sec1, sre1, sre2) for a quorum of 4"


@pytest.mark.req("REV-08", "APR-02")
def test_nobody_is_asked_who_asked_or_made_the_change_and_where_nobody_is_left_that_is_said() -> None:
    ring = people()
    rule = replace(ring.decisions["production"], not_author=True, not_requester=True, quorum=4)
    why = barred(rule, ring, Asker(frozenset({"po1"}), "", ("sre1",)))
    assert why == {"po1": "asked for this and cannot also approve it", "sre1": "made changes in this release"}
    missing = quorum(rule, (), QUIET, ring, why).missing
    assert "sre_lead (sre2)" in missing
    assert (
        "sponsor or product_owner (nobody can: po1 asked for this and cannot also approve it; "
        "abort, and list another person or let another one open the run)"
    ) in missing
    assert missing[-1] == "4 more people (sec1, sre2) for a quorum of 4"
    alone = barred(rule, ring, Asker(frozenset(), "po1", ("unmapped:1",)))
    assert set(alone) == {person.handle for person in ring.people}
    assert set(alone.values()) == {"is not known to be independent: a commit author belongs to no listed person"}
    lenient = replace(rule, not_author=False, not_requester=False, allow_owner=True)
    assert barred(lenient, ring, Asker(frozenset({"po1"}), "po1", ("sre1", "unmapped:1"))) == {}


@pytest.mark.req("REV-08", "WVR-06")
def test_a_waiver_is_asked_for_by_whoever_wished_it_and_by_whoever_opened_the_run() -> None:
    def asked(kind: str) -> frozenset[str]:
        none = Digest("")
        event = DecisionRequested("r-1", "t", 1, "p", kind, none, none, none, "c", "2026-11-22T00:00:00.000Z")
        return asker_of(event, Person("sre1"), RunOpened("p", "v2", "v2", none, "production", "po1", "here")).asked_by

    assert asked("waiver") == {"sre1", "po1"}
    assert asked("approval") == {"po1"}
    assert asked("of another version") == {"po1"}, "what a log says of its kind keeps nobody from reading it"


@pytest.mark.req("APR-05")
def test_three_go_and_one_no_go_is_a_no_go() -> None:
    found = counted(
        Said("sre1", "sre_lead"),
        Said("po1", "product_owner"),
        Said("sec1", "security_lead"),
        Said("sre2", "sre_lead", "no_go"),
    )
    assert not found.met
    assert found.no_go == ("sre2",)
    assert str(found) == "no-go by sre2"


@pytest.mark.req("APR-05")
def test_a_no_go_outweighs_an_earlier_and_a_later_go_of_the_same_person() -> None:
    for order in ([("no_go"), ("go")], [("go"), ("no_go")]):
        said = [Said("sre1", "sre_lead", decision) for decision in order]
        assert counted(*said, Said("po1", "product_owner")).no_go == ("sre1",)


@pytest.mark.req("REV-04")
def test_a_go_with_conditions_counts_for_nothing_yet() -> None:
    found = counted(Said("sre1", "sre_lead", "withheld"), Said("po1", "product_owner"))
    assert not found.met
    assert found.withheld == ("sre1",)
    assert any("conditions of sre1" in words for words in found.missing)


@pytest.mark.req("PRE-20")
@pytest.mark.parametrize("facts", [{"security_impact": "yes"}, {"security_impact": "not_stated"}, {}])
def test_a_conditional_role_is_needed_unless_it_is_known_not_to_be(facts: dict[str, str]) -> None:
    found = counted(Said("sre1", "sre_lead"), Said("po1", "product_owner"), facts=facts)
    assert found.missing == ("security_lead (sec1)",)
    assert counted(
        Said("sre1", "sre_lead"), Said("po1", "product_owner"), Said("sec1", "security_lead"), facts=facts
    ).met


def test_one_person_with_two_roles_is_one_person() -> None:
    rule = DecisionRule(all_of=(RequiredRole("sre_lead"), RequiredRole("release_manager")), quorum=2)
    both = (Said("sre2", "sre_lead"), Said("sre2", "release_manager"))
    found = counted(*both, rule=rule)
    assert not found.met
    assert found.missing
    assert not counted(*both, rule=replace(rule, quorum=1)).met
    assert counted(*both, rule=replace(rule, quorum=1, distinct_people=False)).met
    assert counted(*both, Said("sre1", "sre_lead"), rule=rule).met


def test_two_statements_of_one_person_are_one_person() -> None:
    rule = DecisionRule(any_of=("sre_lead",), quorum=2)
    assert not counted(Said("sre1", "sre_lead"), Said("sre1", "sre_lead"), rule=rule).met


def test_a_role_that_the_rule_does_not_name_counts_for_nothing() -> None:
    assert not counted(Said("rm1", "release_manager"), Said("sre1", "sre_lead")).met


def test_a_rule_can_ask_for_signatures_made_outside_a_browser() -> None:
    rule = replace(people().decisions["production"], cli_at_least=1)
    in_browser = (Said("sre1", "sre_lead", in_browser=True), Said("po1", "product_owner", in_browser=True))
    assert counted(*in_browser, rule=rule).missing == ("1 signature(s) made on a command line, not in a browser",)
    assert counted(in_browser[0], Said("po1", "product_owner"), rule=rule).met


@pytest.mark.req("FRZ-04")
def test_a_freeze_needs_every_stakeholder() -> None:
    ring = people()
    found = freeze_quorum(ring, [Said("rm1", "release_manager")])
    assert (found.met, found.missing) == (False, ("the acknowledgement of po1",))
    assert freeze_quorum(ring, [Said("rm1", "release_manager"), Said("po1", "product_owner")]).met


@pytest.mark.req("FRZ-04")
def test_nine_of_ten_acknowledgements_are_not_ten() -> None:
    handles = tuple(f"person{number}" for number in range(10))
    ring = replace(people(), freeze_stakeholders=handles)
    said = [Said(handle, "stakeholder") for handle in handles]
    assert not freeze_quorum(ring, said[:9]).met
    assert freeze_quorum(ring, said).met


def test_a_freeze_without_stakeholders_is_never_confirmed() -> None:
    ring: Ring = replace(people(), freeze_stakeholders=())
    assert not freeze_quorum(ring, [Said("rm1", "release_manager")]).met


def test_a_condition_holds_for_its_values_and_for_ignorance() -> None:
    when = When("security_impact", frozenset({"yes"}))
    assert [when.holds(facts) for facts in ({"security_impact": "yes"}, {"security_impact": "no"}, {})] == [
        True,
        False,
        True,
    ]
    assert str(when) == "security_impact in [yes]"
