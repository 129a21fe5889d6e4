"""Requests and statements: closed fields for every kind, and a signer cannot answer what is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from trust_world import GO, START, measured_run

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.sayings import (
    ANSWERED,
    ASKED,
    AcceptanceSaying,
    ApprovalSaying,
    AttestationSaying,
    DissentSaying,
    FreezeSaying,
    ResumeSaying,
    SignoffSaying,
    WaiverSaying,
)
from gonogo.evidence.signers import Kind, namespace
from gonogo.evidence.statements import (
    Answer,
    Signer,
    Statement,
    read_request,
    read_statement,
    request_bytes,
    statement_bytes,
    statement_id,
)
from gonogo.terms import Decision

WHO = Signer("rm1", "Rita Müller", "release_manager", "SHA256:" + "A" * 43)
WINDOW: Mapping[str, Tree] = {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T18:00:00Z"}
LOCK: Mapping[str, Tree] = {"repository": "web", "branch": "main", "probe_sha256": "d" * 64}
WAIVER: Mapping[str, Tree] = {
    "waiver_id": "w-1",
    "gate": "intake",
    "clauses": [{"id": "c1", "limit": "1", "measured": "0.97"}],
    "judgement_sha256": "e" * 64,
    "justification": "one document is late",
    "compensating_controls": ["a second reader"],
    "risk_owner": "po1",
    "follow_up": {"id": "T-1", "due": "2026-03-09T00:00:00Z"},
    "max_uses": 1,
}
SEEN: Mapping[str, Tree] = {
    "answer": "yes",
    "observed_at": "2026-03-02T10:00:00Z",
    "reason_no_automation": "nobody can measure it",
    "attachments": [{"name": "photo.png", "sha256": "f" * 64}],
}
KINDS: Mapping[Kind, tuple[Mapping[str, Tree], Mapping[str, Tree], type, Decision | None]] = {
    Kind.APPROVAL: (
        {},
        GO | {"risks_accepted": [{"id": "r1", "text": "a risk", "owner": "po1"}]},
        ApprovalSaying,
        Decision.GO,
    ),
    Kind.WAIVER: (WAIVER, {"decision": "no_go", "reason": "too risky"}, WaiverSaying, Decision.NO_GO),
    Kind.FREEZE_ACK: ({"window": WINDOW, "branch_lock": LOCK}, {"exceptions": ["hotfix"]}, FreezeSaying, Decision.GO),
    Kind.ATTESTATION: ({"about": "criterion", "text": "Is it tidy?"}, SEEN, AttestationSaying, Decision.GO),
    Kind.SIGNOFF: ({"about": "receipt"}, {"decision": "rejected", "reason": "a file"}, SignoffSaying, Decision.NO_GO),
    Kind.ACCEPTANCE: (
        {"about": "weaker_lock", "weaker": ["coverage 0.90 to 0.80"]},
        {"decision": "go", "reason": "for one week"},
        AcceptanceSaying,
        Decision.GO,
    ),
    Kind.RESUME: (
        {"about": "gate failed", "halt_seq": 7},
        {"reason": "repaired", "mitigation": "watched"},
        ResumeSaying,
        Decision.GO,
    ),
    Kind.DISSENT: ({"about": "production"}, {"reason": "too early"}, DissentSaying, None),
}


def request_of(kind: Kind, asked: Mapping[str, Tree]) -> bytes:
    return request_bytes(measured_run().facts("point", kind, asked))


def said(kind: Kind, changes: Mapping[str, Tree] | None = None) -> Statement:
    asked, answered, _, _ = KINDS[kind]
    answer = Answer(statement_id(START, bytes(10)), START, "cli", {**answered, **(changes or {})}, "a comment")
    return read_statement(statement_bytes(request_of(kind, asked), WHO, answer))


@pytest.mark.req("APR-02", "FRZ-04", "WVR-01", "REV-07", "GAT-09")
@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_written_and_read_with_its_own_fields(kind: Kind) -> None:
    found = said(kind)
    assert isinstance(found.saying, KINDS[kind][2])
    assert found.decision is KINDS[kind][3]
    assert found.signer == WHO
    assert found.comment == "a comment"
    assert found.request.namespace == f"gonogo/{kind.value}/v1/production"
    assert "ü".encode() in found.request.data


@pytest.mark.parametrize("kind", list(Kind))
def test_an_unknown_and_a_missing_field_are_refused_for_each_kind(kind: Kind) -> None:
    asked, answered, _, _ = KINDS[kind]
    with pytest.raises(BadInput, match="not a known field"):
        request_of(kind, {**asked, "surprise": 1})
    with pytest.raises(BadInput, match="not a known field"):
        said(kind, {"surprise": 1})
    for name in ASKED[kind][0]:
        with pytest.raises(BadInput, match="is missing"):
            request_of(kind, {key: value for key, value in asked.items() if key != name})
    for name in ANSWERED[kind][0]:
        answer = Answer(statement_id(START, bytes(10)), START, "cli", {k: v for k, v in answered.items() if k != name})
        with pytest.raises(BadInput, match="is missing"):
            statement_bytes(request_of(kind, asked), WHO, answer)


@pytest.mark.req("WVR-01", "WVR-02")
@pytest.mark.parametrize(
    "change",
    [{"max_uses": 2}, {"clauses": []}, {"judgement_sha256": "x"}, {"follow_up": {"id": "T"}}, {"clauses": [1]}],
)
def test_a_waiver_is_used_once_and_names_what_it_waives(change: Mapping[str, Tree]) -> None:
    with pytest.raises(BadInput):
        request_of(Kind.WAIVER, {**WAIVER, **change})


def test_a_freeze_does_not_end_before_it_begins() -> None:
    turned = {"from": WINDOW["to"], "to": WINDOW["from"]}
    with pytest.raises(BadInput, match="ends before"):
        request_of(Kind.FREEZE_ACK, {"window": turned, "branch_lock": LOCK})


def test_a_statement_is_about_one_of_the_known_things() -> None:
    with pytest.raises(BadInput, match="is not one of"):
        request_of(Kind.SIGNOFF, {"about": "everything"})


@pytest.mark.parametrize("answer", ["no", "I think so", ""])
def test_only_a_yes_attests(answer: str) -> None:
    assert said(Kind.ATTESTATION, {"answer": answer}).decision is not Decision.GO


def test_what_is_asked_cannot_be_answered() -> None:
    answer = Answer(statement_id(START, bytes(10)), START, "cli", {**GO, "expires_at": "2036-01-01T00:00:00Z"})
    with pytest.raises(BadInput, match="is asked and cannot be answered"):
        statement_bytes(request_of(Kind.APPROVAL, {}), WHO, answer)


@pytest.mark.parametrize(
    "change",
    [
        {"challenge": "short"},
        {"requested_at": "2026-03-02 10:00"},
        {"params_sha256": "G" * 64},
        {"change_authors": "nobody"},
        {"change_authors": [1]},
        {"scope": {}},
        {"policy": {"version": True, "sha256": "a" * 64}},
        {"policy": {"version": -1, "sha256": "a" * 64}},
        {"expires_at": "2026-02-30T00:00:00Z"},
        {"meaning": "x" * 20_000},
    ],
)
def test_a_request_with_a_wrong_value_is_refused(change: Mapping[str, Tree]) -> None:
    tree = dict(read_object(request_of(Kind.APPROVAL, {}), name="r"))
    predicate = tree["predicate"]
    assert isinstance(predicate, Mapping)
    with pytest.raises(BadInput) as refusal:
        read_request(write_json({**tree, "predicate": {**predicate, **change}}))
    assert refusal.value.where.startswith("request.json")


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "urn:gonogo:predicate:approval:v2"},
        {"subject": []},
        {"subject": [{"name": "a", "digest": {"md5": "x"}}]},
        {"subject": [{"name": "a", "digest": {"sha256": "a" * 64}}] * 2},
        {"more": 1},
        {"predicate": []},
    ],
)
def test_another_envelope_is_no_request(change: Mapping[str, Tree]) -> None:
    tree = read_object(request_of(Kind.APPROVAL, {}), name="r")
    with pytest.raises(BadInput):
        read_request(write_json({**tree, **change}))


def test_a_statement_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    ids = [statement_id(START + timedelta(milliseconds=number), bytes([255] * 10)) for number in range(5)]
    assert ids == sorted(ids)
    assert all(uuid.UUID(text).version == 7 and uuid.UUID(text).variant == uuid.RFC_4122 for text in ids)
    with pytest.raises(BadInput):
        statement_id(START, b"short")


def test_a_time_without_zone_makes_no_request() -> None:
    facts = measured_run().facts("production", Kind.APPROVAL)
    with pytest.raises(BadInput, match="zone"):
        request_bytes(replace(facts, requested_at=datetime(2026, 3, 2)))  # noqa: DTZ001 - the point of the test


def test_namespaces_name_kind_and_environment() -> None:
    assert namespace(Kind.FREEZE_ACK, "production") == "gonogo/freeze-ack/v1/production"
    assert namespace("seal", "staging") == "gonogo/seal/v1/staging"
