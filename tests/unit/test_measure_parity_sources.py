"""Readers of parity sources: types, places of errors, and that no secret leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.evidence.canonical import write_json
from gonogo.measure.environment_file import read_environment_file
from gonogo.measure.glob_rules import ParityRules
from gonogo.measure.header import RawFile
from gonogo.measure.parity import ParitySeen, SideRead, parity_body
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Leaf
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.parity_sources import read_env
from gonogo.terms import Digest, Secret

CONFIGURATION = SourceOptions("configuration", Secret("salt"))
PLANTED = "hunter2-Zq8mJ4"


def leaves_of(data: bytes, form: str, options: SourceOptions = CONFIGURATION) -> Mapping[str, Leaf]:
    return flattened(SETTINGS_READERS[form](data, "x"), "x", options)


@pytest.mark.req("PA-01")
def test_env_values_are_compared_as_written_without_replacing_names() -> None:
    assert read_env(b"A=1\nB=${A}/x\nexport C='${A}'\n", "x.env") == {"A": "1", "B": "${A}/x", "C": "${A}"}


def test_env_quotes_and_comments_are_removed_and_everything_stays_text() -> None:
    text = b"# note\n\nA=\"one # two\" # three\nB = plain # note\nC='x'\nD=\nE=a#b\r\n"
    assert read_env(text, "x.env") == {"A": "one # two", "B": "plain", "C": "x", "D": "", "E": "a#b"}


@pytest.mark.parametrize(
    ("text", "place"),
    [(b"A=1\nnonsense\n", "x.env:2"), (b"A=1\nA=2\n", "x.env:2"), (b'A="open\n', "x.env:1"), (b"A=\xff\n", "x.env:1")],
)
def test_an_env_file_that_is_not_understood_is_refused_with_its_line(text: bytes, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_env(text, "x.env")
    assert caught.value.where == place


@pytest.mark.req("PAR-01")
@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", b'{"db": {"pool": 5, "ratio": 0.50, "on": true, "name": "5", "none": null, "hosts": ["a", "b"]}}'),
        ("yaml", b'db:\n  pool: 5\n  ratio: 0.50\n  on: true\n  name: "5"\n  none: null\n  hosts: [a, b]\n'),
    ],
)
def test_json_and_yaml_of_one_content_have_the_same_typed_leaves(form: str, text: bytes) -> None:
    leaves = leaves_of(text, form)
    assert leaves == {
        "/configuration/db/pool": 5,
        "/configuration/db/ratio": Decimal("0.50"),
        "/configuration/db/on": True,
        "/configuration/db/name": "5",
        "/configuration/db/none": None,
        "/configuration/db/hosts/0": "a",
        "/configuration/db/hosts/1": "b",
    }
    assert str(leaves["/configuration/db/ratio"]) == "0.50"


def test_toml_keeps_its_types() -> None:
    leaves = leaves_of(b"[db]\npool = 5\nratio = 0.50\nday = 2026-01-02\non = true\n", "toml")
    assert leaves["/configuration/db/day"] == "2026-01-02"
    assert leaves["/configuration/db/on"] is True
    assert str(leaves["/configuration/db/ratio"]) == "0.50"


def test_yaml_words_that_other_readers_turn_into_booleans_stay_text() -> None:
    leaves = leaves_of(b"country: no\nversion: 1.10.2\nmode: 0755\n", "yaml")
    assert sorted(leaves.items()) == [
        ("/configuration/country", "no"),
        ("/configuration/mode", "0755"),
        ("/configuration/version", "1.10.2"),
    ]


@pytest.mark.req("PA-02")
def test_keys_that_a_reader_left_in_quotes_are_the_same_keys() -> None:
    quoted = flattened({'"aws_s3_bucket"': {'"logs"': "eu"}}, "main.tf", CONFIGURATION)
    plain = flattened({"aws_s3_bucket": {"logs": "eu"}}, "main.tf.json", CONFIGURATION)
    assert quoted == plain
    with pytest.raises(BadInput, match="twice"):
        flattened({'"a"': 1, "a": 2}, "main.tf", CONFIGURATION)


@pytest.mark.req("PA-03")
def test_of_an_encrypted_file_keys_and_recipients_count_and_ciphertext_says_nothing() -> None:
    def file(cipher: str, recipient: str) -> bytes:
        return (
            f'{{"db": "ENC[AES256_GCM,data:{cipher}]", "sops": {{"age": [{{"recipient": "{recipient}",'
            f' "enc": "{cipher}"}}],'
            f' "lastmodified": "2026-01-0{len(cipher)}", "mac": "ENC[{cipher}]", "version": "3.9"}}}}'
        ).encode()

    one = leaves_of(file("a", "age1x"), "json")
    other = leaves_of(file("bb", "age1x"), "json")
    assert one["/configuration/db"] == Encrypted("ENC[AES256_GCM,data:a]")
    assert {path: leaf for path, leaf in one.items() if "sops" in path} == {
        path: leaf for path, leaf in other.items() if "sops" in path
    }
    moved = leaves_of(file("a", "age1y"), "json")
    assert moved["/configuration/sops/age/0/recipient"] == "age1y"


@pytest.mark.req("PAR-02", "NB-05")
@pytest.mark.parametrize(
    "text",
    [
        f'{{"database": {{"password": "{PLANTED}"}}}}',
        f'{{"DB_PASSWD": "{PLANTED}"}}',
        f'{{"api-key": "{PLANTED}"}}',
        f'{{"url": "postgres://app:{PLANTED}@db/app"}}',
        f'{{"secret": {{"inner": ["{PLANTED}"]}}}}',
        f'{{"listed": "{PLANTED}"}}',
    ],
)
def test_a_planted_secret_reaches_no_report_and_is_still_compared(text: str) -> None:
    options = SourceOptions("configuration", Secret("salt"), frozenset({"/configuration/listed"}))
    left = leaves_of(text.encode(), "json", options)
    right = leaves_of(text.replace(PLANTED, f"{PLANTED}-other").encode(), "json", options)
    assert all(isinstance(leaf, Fingerprint) for leaf in left.values())
    file = RawFile("x", Digest("aa" * 32))
    body = parity_body(
        ParitySeen(SideRead(file, left), SideRead(file, right), ParityRules(), file),
        datetime(2026, 11, 21, tzinfo=UTC),
    )
    written = write_json(body)
    assert PLANTED.encode() not in written
    assert b'"differing": 1' in written


@pytest.mark.req("PAR-02")
def test_fingerprints_depend_on_the_salt() -> None:
    one = leaves_of(b"TOKEN=x", "env", SourceOptions("secrets", Secret("one")))
    other = leaves_of(b"TOKEN=x", "env", SourceOptions("secrets", Secret("two")))
    assert one != other


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", b'{"a": 1, "a": 2}'),
        ("json", b"[1]"),
        ("json", b'{"a": NaN}'),
        ("json", b""),
        ("yaml", b"a: &x 1\nb: *x\n"),
        ("toml", b"a = \n"),
        ("toml", b"\xff"),
    ],
)
def test_a_source_that_two_readers_could_read_differently_is_refused(form: str, text: bytes) -> None:
    with pytest.raises(BadInput):
        leaves_of(text, form)


ENVIRONMENT = b"""environment: staging
configuration:
  db: {pool: 5}
feature_flags:
  new_cart: true
infrastructure:
  - {component: postgres, version: "15.4", size: 2}
secrets:
  - {name: api/token, fingerprint: abcdabcdabcdabcd, rotated_at: 2026-01-02}
  - {name: smtp}
accepted_drift: []
"""


@pytest.mark.req("PAR-01", "PAR-10", "F42")
def test_an_environment_file_gives_leaves_of_all_four_classes() -> None:
    settings = read_environment_file(ENVIRONMENT, "staging-env.yaml")
    assert flattened(settings, "staging-env.yaml", SourceOptions("", Secret("salt"))) == {
        "/configuration/db/pool": 5,
        "/feature_flags/new_cart": True,
        "/infrastructure/postgres/version": "15.4",
        "/infrastructure/postgres/size": 2,
        "/secrets/api~1token": Fingerprint("abcdabcdabcdabcd", "2026-01-02"),
        "/secrets/smtp": Fingerprint(None, None),
    }


@pytest.mark.req("PAR-02", "F42")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"secrets:\n  - {name: a, value: hunter2}\n", 2),
        (b"secrets:\n  - {name: a}\n  - {name: a}\n", 3),
        (b"secrets:\n  - {fingerprint: a}\n", 2),
        (b"secrets:\n  - {name: a, fingerprint: hunter2}\n", 2),
        (b"secrets: {a: b}\n", 1),
        (b"infrastructure:\n  - {version: 1}\n", 2),
        (b"infrastructure:\n  - {component: a}\n  - {component: a}\n", 3),
        (b"configuration: 3\n", 1),
        (b"configurations: {a: 1}\n", 1),
        (b"- a\n", 1),
    ],
)
def test_an_environment_file_with_values_of_secrets_or_unknown_parts_is_refused(text: bytes, line: int) -> None:
    with pytest.raises(BadInput) as caught:
        read_environment_file(text, "staging-env.yaml")
    assert caught.value.where == f"staging-env.yaml:{line}"
    assert "hunter2" not in str(caught.value)
