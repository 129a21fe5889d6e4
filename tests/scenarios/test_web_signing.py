"""Signatures through the pages: a passkey's assertion counts once and for one statement; stock ssh-keygen by copy and paste."""

from __future__ import annotations

import base64
import html
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from authenticator import Device, maker
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gonogo.terms import RunId
from tests.projects import Project, add_release, public_line, small_project
from tests.worlds_http import place
from web_world import Client, Page, Served, served, signed_in

FILE = "config/release-approvers.yaml"
UNVERIFIED = 0x01
"""The flags of a device that was touched, and did not look who touched it."""


@pytest.fixture(scope="module")
def device() -> Device:
    """The passkey of po1 for this very server."""
    return Device(maker(), application="localhost", curve="p256")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, device: Device) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("signing")
    with place(root / "staging") as staging, place(root / "production") as production:
        project = small_project(root / "shop", staging, production)
        list_key(project, "po1", device)
        with served(project, passkeys=True) as site:
            yield site


def list_key(project: Project, handle: str, device: Device) -> None:
    line = public_line(project.keys[handle])
    project.edit(FILE, f'["{line}"]', f'["{line}", "{device.public.line}"]')


@pytest.fixture(scope="module")
def run(here: Served) -> RunId:
    """A run that asks po1 for its scope."""
    return asking(here.project, "v2")


@pytest.fixture(scope="module")
def other(here: Served) -> RunId:
    """The same question about another release; its answer is given without any browser, if at all."""
    return asking(here.project, "v3")


def asking(project: Project, release: str) -> RunId:
    add_release(project.root, release)
    found = project.begin("pre-deployment", release)
    project.go_until(found, "audit_recommendation")
    return found


def prepared(client: Client, run: RunId, key: str) -> str:
    """The address of a statement of po1 about the scope, to be signed with `key`."""
    path = f"/runs/{run}/requests/scope-1"
    page = client.get(path)
    return client.send(path, page, decision="go", reason="as planned", comment="", key=key).location


def asserted(client: Client, device: Device, here: Served, address: str) -> str:
    """What the device says about the statement at an address."""
    found = re.search(r'data-challenge="([^"]+)"', client.get(address).text)
    assert found
    challenge = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
    return device.answer(challenge, here.base).decode()


@pytest.mark.req("t12_replay_release", "t13_replay_attempt", "APR-02")
def test_an_assertion_of_a_passkey_is_for_one_statement_of_one_release_and_counts_once(here: Served, device: Device, run: RunId, other: RunId) -> None:
    client, key = signed_in(here, "po1"), device.public.fingerprint

    def sent(address: str, assertion: str) -> Page:
        return client.send(address, client.get(address), assertion=assertion)

    mine = prepared(client, run, key)
    assertion = asserted(client, device, here, mine)
    assert sent(prepared(client, other, key), assertion).status == 409, "an assertion for another release"
    assert here.refusals()[-1] == "signature"
    unseen = Device(maker(), "localhost", "p256", flags=UNVERIFIED)
    unseen.secret = device.secret
    careless = prepared(client, run, key)
    assert sent(careless, asserted(client, unseen, here, careless)).status == 409, "nobody looked who touched the device"
    assert client.post(mine, {**client.get(mine).fields, "assertion": assertion}, origin="https://evil.example").status == 403
    assert here.project.state(run).rounds["scope-1"].answers == ()
    form = client.get(mine)
    assert client.send(mine, form, assertion=assertion).location == f"/runs/{run}?done=signed"
    assert client.send(mine, form, assertion=assertion).status == 409, "the same form again"
    assert here.refusals()[-1] == "statement_used_or_old"
    again = prepared(client, run, key)
    assert sent(again, assertion).status == 409, "the same assertion under a new statement"
    assert here.refusals()[-1] == "signature"
    assert [item.in_browser for item in here.project.state(run).rounds["scope-1"].answers] == [True]
    assert not any(item.in_browser for item in here.project.state(other).rounds["scope-1"].answers)


def test_a_passkey_opens_one_session_for_each_challenge_and_none_from_another_site(here: Served, device: Device) -> None:
    def tried(origin: str) -> tuple[Page, Page]:
        client = Client(here)
        page = client.get("/sign-in")
        found = re.search(r'data-challenge="([^"]+)"', page.text)
        assert found
        challenge = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
        said = {**page.fields, "assertion": device.answer(challenge, origin).decode()}
        return client.post("/sign-in", said), Client(here).post("/sign-in", said)

    assert [page.status for page in tried(here.base)] == [303, 403]
    assert [page.status for page in tried("https://evil.example")] == [403, 403]
    assert here.refusals()[-3:] == ["sign_in"] * 3


@pytest.mark.req("REV-03", "APR-03")
def test_a_passkey_that_came_after_the_run_was_opened_is_told_so_plainly_and_gives_nobody_a_voice(here: Served, run: RunId) -> None:
    late = Device(maker(), application="localhost", curve="p256")
    before = (here.project.root / FILE).read_text()
    try:
        list_key(here.project, "sec1", late)
        client = signed_in(here, "sec1")
        page = client.get(f"/runs/{run}/requests/scope-1")
        assert "Your passkey</strong>" not in page.text
        assert "Your passkey cannot sign here." in page.text
        assert "the new key counts in every run that is opened from now on" in page.text
        assert f'value="{late.public.fingerprint}"' not in page.text
        answer = client.send(f"/runs/{run}/requests/scope-1", page, decision="go", reason="x", key=late.public.fingerprint)
        assert answer.status == 409
        assert "was fixed when it was opened" in answer.text
        assert here.refusals()[-1] == "key_does_not_count"
    finally:
        (here.project.root / FILE).write_text(before)


@pytest.mark.req("REV-03", "REV-08")
def test_who_has_only_ssh_keygen_signs_in_and_approves_by_copy_and_paste(here: Served, other: RunId, tmp_path: Path) -> None:
    key = tmp_path / "id"
    key.write_bytes(here.project.keys["po1"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    key.chmod(0o600)
    client = Client(here)
    page = client.get("/sign-in")
    words, tool = copied(page, "echo ").split(" | ")
    message = shlex.split(words)[1] + "\n"
    signed = subprocess.run(argv(tool, key), input=message.encode(), capture_output=True, check=True, cwd=tmp_path)
    assert client.send("/sign-in", page, signature=signed.stdout.decode()).status == 303

    address = prepared(client, other, here.project.door().world.ring().person("po1").keys[0].key.fingerprint)  # type: ignore[union-attr]
    page = client.get(address)
    shown = re.search(r'<pre class="bytes tall" tabindex="0" id="statement">(.*?)</pre>', page.text, re.DOTALL)
    body = client.get(f"{address}/statement.json")
    assert body.headers["content-disposition"] == 'attachment; filename="statement.json"'
    assert shown
    assert html.unescape(shown[1]) == body.text, "what is shown is what is signed"
    (tmp_path / "statement.json").write_bytes(body.text.encode())
    subprocess.run(argv(copied(page, "ssh-keygen "), key), capture_output=True, check=True, cwd=tmp_path)
    signature = (tmp_path / "statement.json.sig").read_text().replace("\n", "\r\n")
    assert client.send(address, page, signature=signature).location == f"/runs/{other}?done=signed"
    (answer,) = here.project.state(other).rounds["scope-1"].answers
    assert (answer.person, answer.decision, answer.in_browser) == ("po1", "go", False)


def test_whoever_acts_is_sent_to_a_page_that_knows_of_it_already(here: Served, run: RunId) -> None:
    client = signed_in(here, "sre1")
    for _ in range(3):
        asked = client.send(f"/runs/{run}/ask", client.get(f"/runs/{run}"), kind="dissent")
        assert client.get(asked.location).status == 200


def copied(page: Page, beginning: str) -> str:
    """The command that a page shows, as a person copies it."""
    shown = (html.unescape(text) for text in re.findall(r"<(?:pre|code)[^>]*>(.*?)</(?:pre|code)>", page.text, re.DOTALL))
    return next(text for text in shown if text.startswith(beginning))


def argv(command: str, key: Path) -> list[str]:
    """A copied command, with the person's own key in place of the usual one."""
    found = shlex.split(command)
    assert found[0] == "ssh-keygen"
    return [str(key) if word.endswith(".ssh/id_ed25519") else word for word in found]
