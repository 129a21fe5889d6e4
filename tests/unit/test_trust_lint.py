"""Each rule of `gonogo trust check` over the approvers file: what it finds, and that a sound file passes it."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from trust_world import START, private_key, ssh_key

from gonogo.evidence.policy import read_policy
from gonogo.evidence.quorum import quorum
from gonogo.evidence.signers import Assurance, Governed, Ring
from gonogo.evidence.trusting import differing, lint, trust_files
from gonogo.evidence.wire import mpint, string
from gonogo.findings import Level
from gonogo.plan.approvers import ApproversReading, read_approvers

ENVIRONMENTS = ("production", "staging")
DIGEST = "a" * 64


def key(name: str) -> str:
    return ssh_key(private_key(name)).line


def device(name: str, application: str = "ssh:gonogo") -> str:
    blob = string(b"sk-ssh-ed25519@openssh.com") + string(private_key(name).public_key().public_bytes_raw())
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob + string(application.encode())).decode()}"


def text(more: str = "", production: str = "all_of: [release_manager]", keys: str = "") -> str:
    return f"""schema: gonogo/approvers/1
people:
  - id: ann1
    roles: [release_manager]
    keys: [{keys or key("ann1")}]
  - id: bob1
    roles: [release_manager, sre_lead]
    keys: [{key("bob1")}]
decisions:
  production: {{{production}}}
{more}"""


def read(source: str) -> ApproversReading:
    return read_approvers(source.encode(), "approvers.yaml")


def found(source: str, level: Level = Level.ERROR, attested: dict[str, Assurance] | None = None) -> dict[str, str]:
    reading = read(source)
    findings = (*reading.findings, *lint(reading.ring, START, attested or {}))
    return {item.code: item.message for item in findings if item.level is level}


def ring(source: str) -> Ring:
    reading = read(source)
    assert not reading.findings, reading.findings
    return reading.ring


def test_a_sound_file_has_no_error() -> None:
    assert found(text()) == {}


STRICT = "strict: true\nadmins: {people: [ann1, bob1], threshold: 2}\n"
AUTHORITY = "cert_authorities: [{{key: {key}, people: [{who}], max_lifetime: {life}}}]\n"
RSA = "ssh-rsa " + base64.b64encode(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2047) + 1)).decode()
DSA = "ssh-dss " + base64.b64encode(string(b"ssh-dss") + mpint(5)).decode()
H0 = "all_of: [release_manager], min_assurance: {production: H0}"


@pytest.mark.parametrize(
    ("code", "source", "words"),
    [
        ("TL04", text(AUTHORITY.format(key=key("ann1"), who="bob1", life="30m")), "also the key of a person"),
        ("TL05", text().replace("ann1", "agent.ann"), "named like a machine"),
        ("TL06", text(keys="{key: " + device("d") + ", assurance: H1}"), "without a verified attestation"),
        ("TL07", text(keys="{key: " + device("d", "web.example") + "}"), "bound to web.example"),
        ("TL08", text().replace("ann1", "bob-l").replace("bob1", "bob-i"), "taken for each other"),
        ("TL09", text(keys=RSA), "2048 bit"),
        ("TL09", text(keys=DSA), "do not count"),
        ("TL10", text(AUTHORITY.format(key=key("ca"), who="ann1", life="2h")), "at most 1h"),
        ("TL10", text(f"cert_authorities: [{{key: {key('ca')}, people: [ann1]}}]\n"), "does not say a `max_lifetime`"),
        ("TL11", text(STRICT), "asks for H1"),
        ("TL11", text(production="all_of: [release_manager], quorum: 3"), "cannot be met"),
        ("TL12", text("freeze_stakeholders: [ghost]\n"), "ghost"),
        ("TL12", text(AUTHORITY.format(key=key("ca"), who="ghost", life="1h")), "ghost, who is not listed"),
        ("TL13", text(STRICT, H0), "accept_low_assurance"),
        ("TL14", text("strict: true\n", H0), "needs people under `admins`"),
        ("TL14", text("admins: {people: [ann1], threshold: 2}\n"), "can never sign"),
        ("TL15", text("expires: 2026-01-01T00:00:00Z\n"), "expired at 2026-01-01"),
    ],
)
@pytest.mark.req("CFG-04")
def test_each_rule_finds_what_it_is_for(code: str, source: str, words: str) -> None:
    errors = found(source)
    assert code in errors, errors
    assert words in errors[code] or code in {"TL12"}


@pytest.mark.parametrize(
    ("code", "source", "words"),
    [
        ("TL13", text(), "plain keys"),
        ("TL13", text(STRICT, f"{H0}, accept_low_assurance: no keys yet"), "accepted: no keys yet"),
        ("TL14", text("admins: {people: [ann1, bob1], threshold: 1}\n"), "one admin alone"),
        ("TL15", text("expires: 2026-03-20T00:00:00Z\n"), "expires at 2026-03-20"),
        ("TL11", text(production="all_of: [sre_lead]"), "bob1 made a change or is away"),
    ],
)
def test_what_only_weakens_is_a_warning(code: str, source: str, words: str) -> None:
    assert words in found(source, Level.WARNING)[code]
    assert code not in found(source)


@pytest.mark.req("CFG-04")
def test_tl06_is_met_by_an_attested_device_and_by_a_passkey_that_the_site_takes() -> None:
    source = text(keys=f"{{key: {device('d')}, assurance: H2, attestation: {DIGEST}}}")
    fingerprint = ring(source).people[0].keys[0].key.fingerprint
    assert "TL06" in found(source)
    assert "TL06" not in found(source, attested={fingerprint: Assurance.H2})
    assert "TL06" in found(source, attested={fingerprint: Assurance.H1}), "the device proves less than is claimed"
    web = "web: {rp_ids: [site.example], origins: ['https://site.example'], synced_passkeys: H1}\n"
    for level, refused in (("H1", False), ("H2", True)):
        source = text(web, keys=f"{{key: {device('d', 'site.example')}, assurance: {level}}}")
        assert ("TL06" in found(source)) is refused


def test_tl10_a_bounded_authority_passes_in_its_own_file_and_in_no_other() -> None:
    generated = trust_files(ring(text(AUTHORITY.format(key=key("ca"), who="ann1", life="1h"))), ENVIRONMENTS)
    assert b"cert-authority" in generated["allowed_signers"]
    assert differing(generated, generated) == ()
    assert {item.code for item in differing({}, generated)} == {"TL10"}


@pytest.mark.req("TL16")
def test_tl16_an_unknown_key_is_an_error_with_its_line() -> None:
    reading = read(text("treshold: 3\n"))
    assert [str(item.primary) for item in reading.findings if "unknown key `treshold`" in item.message] == ["approvers.yaml:11"]


@pytest.mark.parametrize(
    "more",
    ["fido: {roots: [abc]}\n", "fido: {aaguids: [xyz]}\n", "strict: maybe\n", "decisions_default: 1\n"],
)
def test_settings_of_another_form_are_errors(more: str) -> None:
    assert found(text(more))


@pytest.mark.req("CFG-04")
def test_everything_that_the_file_says_goes_through_the_policy_unchanged() -> None:
    source = text(
        STRICT
        + AUTHORITY.format(key=key("ca"), who="ann1", life="45m")
        + f"fido: {{roots: [{DIGEST}], aaguids: [01020304-0506-0708-090a-0b0c0d0e0f10]}}\n",
        f'{H0}, accept_low_assurance: none yet, quorum: 2, fast_path: {{when: "security_impact in [no]", quorum: 1}}',
        keys=f"{{key: {device('d')}, assurance: H2, attestation: {DIGEST}}}",
    )
    before = ring(source)
    assert read_policy(trust_files(before, ENVIRONMENTS)["policy.json"]) == before


def test_governed_files_stand_in_the_policy_by_digest() -> None:
    before = ring(text())
    governed = Ring(**{name: getattr(before, name) for name in Ring.__dataclass_fields__} | {"governed": (Governed("a.yaml", DIGEST),)})
    assert read_policy(trust_files(governed, ENVIRONMENTS)["policy.json"]).governed == (Governed("a.yaml", DIGEST),)


# One entry for all decisions, and fewer people for low risk.


def test_one_entry_holds_for_every_decision_but_waivers() -> None:
    people = ring(text().replace("production: {", "default: {not_requester: false, not_author: false, "))
    for point in ("production", "readiness", "resume", "scope"):
        rule = people.rule(point)
        assert rule is not None
        assert not rule.not_requester
    attesting = people.rule("attest-sre_lead")
    assert attesting is not None
    assert attesting.roles == {"sre_lead"}
    assert not attesting.not_author
    assert people.rule("waiver_intake") is None


def test_strictness_reaches_decisions_that_have_no_entry() -> None:
    people = ring(text(STRICT, H0))
    for point, level in (("production", Assurance.H0), ("resume", Assurance.H1), ("attest-x", Assurance.H1)):
        rule = people.rule(point)
        assert rule is not None
        assert rule.asks_for("production") is level
        assert rule.asks_for("staging") is Assurance.H0


class Go:
    """Somebody's go."""

    decision, in_browser, role = "go", False, "release_manager"

    def __init__(self, person: str) -> None:
        self.person = person


@pytest.mark.parametrize(
    ("facts", "enough"),
    [({"security_impact": "no"}, True), ({"security_impact": "yes"}, False), ({"security_impact": "not_stated"}, False), ({}, False)],
)
def test_the_fast_path_needs_a_release_that_is_stated_to_be_of_low_risk(facts: dict[str, str], enough: bool) -> None:
    people = ring(text(production='all_of: [release_manager], quorum: 2, fast_path: {when: "security_impact in [no]", quorum: 1}'))
    assert quorum(people.decisions["production"], [Go("ann1")], facts, people).met is enough
    assert quorum(people.decisions["production"], [Go("ann1"), Go("bob1")], facts, people).met


@pytest.mark.parametrize("path", ["{quorum: 1}", '{when: "security_impact in [no]", quorum: 3}', '{when: "x", quorum: 1}'])
def test_a_fast_path_without_condition_or_with_more_people_is_an_error(path: str) -> None:
    assert found(text(production=f"all_of: [release_manager], quorum: 2, fast_path: {path}"))


def test_the_date_of_expiry_is_warned_of_for_a_month(tmp_path: Path) -> None:
    for days, warned in ((29, True), (31, False)):
        moment = (START + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert ("TL15" in found(text(f"expires: {moment}\n"), Level.WARNING)) is warned
