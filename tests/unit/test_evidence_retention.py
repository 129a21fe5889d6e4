"""What is kept and what a clean-up may delete."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from trust_world import people, private_key

from gonogo.errors import GonogoError, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.retention import (
    Held,
    Holding,
    Override,
    cleanup_entry,
    cleanup_log,
    end_of,
    inventory,
    override_bytes,
    read_override,
)
from gonogo.evidence.sshsig import sign
from gonogo.terms import digest_of

DEPLOYED = datetime(2026, 3, 2, tzinfo=UTC)
DIGEST = digest_of(b"x")
ACTIVE = Held("evidence/a.json", DIGEST, 3, DEPLOYED, Holding.ACTIVE, DEPLOYED, None)
ARCHIVED = Held("PRE-DEPLOYMENT-PACKAGE.zip", DIGEST, 3, DEPLOYED, Holding.ARCHIVED, DEPLOYED, DEPLOYED)


def wish(*, action: str = "extend", days: int = 400, at: datetime = DEPLOYED) -> Override:
    return Override(frozenset({DIGEST}), action, DEPLOYED + timedelta(days), "rm1", "a lawsuit", at, b"sig")


def action(held: Held, now: datetime, *overrides: Override) -> str:
    return inventory([held], overrides, now)[0].action


@pytest.mark.req("ARC-02")
def test_active_files_stay_ninety_days_and_not_one_less() -> None:
    assert action(ACTIVE, DEPLOYED + timedelta(days=90, seconds=-1)) == "kept"
    assert action(ACTIVE, DEPLOYED + timedelta(days=90)) == "deleted"
    assert action(ACTIVE, DEPLOYED + timedelta(days=91)) == "deleted"


@pytest.mark.req("ARC-02")
def test_archives_stay_three_years_from_the_closure_of_the_project() -> None:
    assert end_of(ARCHIVED) == datetime(2029, 3, 2, tzinfo=UTC)
    assert action(ARCHIVED, datetime(2029, 3, 1, tzinfo=UTC)) == "kept"
    assert action(ARCHIVED, datetime(2029, 3, 2, tzinfo=UTC)) == "deleted"
    leap = replace(ARCHIVED, closed_at=datetime(2028, 2, 29, tzinfo=UTC))
    assert end_of(leap) == datetime(2031, 3, 1, tzinfo=UTC)


@pytest.mark.req("ARC-02")
def test_an_unknown_start_means_keep() -> None:
    forever = DEPLOYED + timedelta(days=9999)
    assert action(replace(ACTIVE, deployed_at=None), forever) == "kept"
    assert action(replace(ARCHIVED, closed_at=None), forever) == "kept"


@pytest.mark.req("ARC-05")
def test_an_override_keeps_longer_and_never_shorter() -> None:
    assert action(ACTIVE, DEPLOYED + timedelta(days=399), wish()) == "kept"
    assert action(ACTIVE, DEPLOYED + timedelta(days=400), wish()) == "deleted"
    assert action(ACTIVE, DEPLOYED + timedelta(days=10), wish(days=5)) == "kept"
    assert action(ACTIVE, DEPLOYED + timedelta(days=10), wish(action="release", days=5)) == "kept"
    released = wish(action="release", at=DEPLOYED + timedelta(days=1))
    assert action(ACTIVE, DEPLOYED + timedelta(days=100), wish(), released) == "deleted"
    assert action(ACTIVE, DEPLOYED + timedelta(days=100), released, replace(wish(), at=released.at)) in {
        "kept",
        "deleted",
    }


@pytest.mark.req("t64_retention")
def test_an_erasure_is_the_only_way_to_go_early_and_a_later_wish_can_take_it_back() -> None:
    soon = DEPLOYED + timedelta(days=1)
    row = inventory([ACTIVE], [wish(action="erase", days=0)], soon)[0]
    assert (row.action, "erasure ordered by rm1" in row.why) == ("erased", True)
    back = wish(at=DEPLOYED + timedelta(hours=1))
    assert action(ACTIVE, soon, wish(action="erase", days=0), back) == "kept"


@pytest.mark.req("ARC-04", "ARC-06")
def test_the_inventory_says_what_happens_to_every_file_and_why() -> None:
    now = DEPLOYED + timedelta(days=100)
    rows = inventory([ACTIVE, ARCHIVED], [wish()], now)
    log = cleanup_log([cleanup_entry(rows, [wish()], "engine:eu1", now)])
    read_again = json.loads(log)["cleanups"][0]
    assert [row["action"] for row in read_again["inventory"]] == ["kept", "kept"]
    assert "a lawsuit" in log.decode()
    assert read_again["policy"] == {"active_days": 90, "archive_years": 3}


def statement(**changes: Tree) -> bytes:
    fields: dict[str, Tree] = {
        "objects": [DIGEST],
        "action": "extend",
        "until": "2027-01-01T00:00:00Z",
        "justification": "a lawsuit",
        "signer": {"person": "rm1", "role": "release_manager"},
        "signed_at": "2026-03-02T00:00:00Z",
    }
    return override_bytes(fields | changes)


def read(data: bytes, handle: str, namespace: str = "gonogo/retention/v1") -> Override:
    return read_override(data, sign(private_key(handle), data, namespace), people(), DEPLOYED)


@pytest.mark.req("ARC-05", "ARC-06")
def test_a_release_manager_signs_an_override_with_reason_and_time() -> None:
    found = read(statement(), "rm1")
    assert (found.approver, found.reason, found.until) == ("rm1", "a lawsuit", datetime(2027, 1, 1, tzinfo=UTC))
    assert found.objects == {DIGEST}


@pytest.mark.req("ARC-05", "ARC-06")
def test_an_unsigned_foreign_or_reasonless_override_is_refused() -> None:
    other = {"signer": {"person": "sre1", "role": "sre_lead"}}
    for data, handle, namespace in [
        (statement(), "sre1", "gonogo/retention/v1"),
        (statement(**other), "sre1", "gonogo/retention/v1"),
        (statement(), "rm1", "gonogo/approval/v1/production"),
        (statement(justification=" "), "rm1", "gonogo/retention/v1"),
        (statement(objects=[]), "rm1", "gonogo/retention/v1"),
        (statement(objects=["all"]), "rm1", "gonogo/retention/v1"),
        (statement(action="shorten"), "rm1", "gonogo/retention/v1"),
        (statement(signed_at="2026-04-02T00:00:00Z"), "rm1", "gonogo/retention/v1"),
    ]:
        with pytest.raises(GonogoError):
            read(data, handle, namespace)
    with pytest.raises(Refused):
        read_override(statement(), b"", people(), DEPLOYED)
    with pytest.raises(GonogoError):
        statement(extra=1)
