"""Attacks on the dashboard over HTTP: each is refused, moves nothing, and stands in the trail. What is signed rightly counts."""

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
from urllib3.exceptions import HTTPError

from gonogo.evidence.signers import namespace
from gonogo.evidence.sshsig import sign
from gonogo.terms import RunId
from gonogo.web.sessions import Rate
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
    root = tmp_path_factory.mktemp("attacked")
    with place(root / "staging") as staging, place(root / "production") as production:
        project = small_project(root / "shop", staging, production)
        list_key(project, "po1", device)
        with served(project, passkeys=True) as site:
            yield site


def list_key(project: Project, handle: str, device: Device) -> None:
    line = public_line(project.keys[handle])
    project.edit(FILE, f'["{line}"]', f'["{line}", "{device.public.line}"]')


@pytest.fixture(autouse=True)
def a_minute_later(here: Served) -> None:
    """No attack is slowed down by those before it."""
    here.site.attempts, here.site.writes = Rate(20, 60), Rate(120, 60)


@pytest.fixture(scope="module")
def run(here: Served) -> RunId:
    found = here.project.begin("pre-deployment")
    here.project.go_until(found, "audit_recommendation")
    return found


@pytest.fixture(scope="module")
def another(here: Served) -> RunId:
    """A run that people sign in; nobody attacks it."""
    return asking(here.project, "v4")


@pytest.fixture(scope="module")
def other(here: Served) -> RunId:
    """The same question about another release; its answer is given without any browser, if at all."""
    return asking(here.project, "v3")


def asking(project: Project, release: str) -> RunId:
    add_release(project.root, release)
    found = project.begin("pre-deployment", release)
    project.go_until(found, "audit_recommendation")
    return found


def is_untouched(project: Project, run: RunId) -> bool:
    state = project.state(run)
    return not state.aborting and state.halted is None and not state.rounds["scope-1"].answers


@pytest.mark.req("t68_web")
def test_a_forged_form_of_another_page_moves_nothing(here: Served, run: RunId) -> None:
    victim = signed_in(here, "rm1")
    token = victim.get(f"/runs/{run}").fields["csrf"]
    path = f"/runs/{run}/abort"
    refused = [
        victim.post(path, {"csrf": token, "reason": "x"}, origin="https://evil.example"),
        victim.post(path, {"csrf": token, "reason": "x"}, origin="null"),
        victim.post(path, {"csrf": token, "reason": "x"}, origin=""),
        victim.post(path, {"csrf": token, "reason": "x"}, origin=here.base.replace("localhost", "localhost.evil.example")),
    ]
    assert [page.status for page in refused] == [403] * 4
    assert here.refusals()[-4:] == ["foreign_origin"] * 4
    for stolen in ("", "x", signed_in(here, "sre1").get(f"/runs/{run}").fields["csrf"]):
        assert victim.post(path, {"csrf": stolen, "reason": "x"}).status == 409
        assert here.refusals()[-1] == "csrf"
    assert is_untouched(here.project, run)


@pytest.mark.req("t68_web")
def test_a_cookie_that_somebody_planted_is_worth_nothing_after_signing_in(here: Served) -> None:
    attacker = signed_in(here, "sre1")
    planted = attacker.cookies["gonogo_session"]
    victim = Client(here, cookies={"gonogo_session": planted})
    assert victim.sign_in("rm1").status == 303
    assert victim.cookies["gonogo_session"] != planted
    attacker.cookies["gonogo_session"] = planted
    assert attacker.get("/").location == "/sign-in", "the planted session ended when somebody else signed in over it"
    assert here.refusals()[-1] == "session_of_another"
    forged = Client(here, cookies={"gonogo_session": "A" * 43})
    assert forged.get("/").location == "/sign-in"


def test_a_cookie_that_somebody_planted_for_a_part_of_the_site_makes_nobody_act_as_another(here: Served) -> None:
    mine, planted = (signed_in(here, who).cookies["gonogo_session"] for who in ("rm1", "sre1"))
    browser = Client(here, headers={"cookie": f"gonogo_session={planted}; gonogo_session={mine}"})
    assert browser.get("/").location == "/sign-in", "which of two is meant nobody can tell"
    assert here.refusals()[-1] == "cookie_twice"
    browser.headers["cookie"] = f"gonogo_session={mine}; gonogo_session={mine}"
    assert browser.get("/").status == 200


def test_whoever_opens_a_pasted_address_comes_to_it_after_signing_in_with_all_that_it_says(here: Served) -> None:
    for address in ("/audit?type=web.refused&page=2", "/search?q=%22queue%20was+full%22"):
        client = Client(here)
        away = client.get(address).location
        page = client.get(away)
        message = html.unescape(re.search(r"echo '(.*?)' \|", html.unescape(page.text))[1])  # type: ignore[index]
        signature = sign(here.project.keys["rm1"], f"{message}\n".encode(), "gonogo/sign-in/v1").decode()
        assert client.send("/sign-in", page, signature=signature).location == address
    assert client.get("/audit/?type=run").location == "/audit?type=run", "a slash too many is no other page"
    assert client.get("//evil.example/").status == 404


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/%0d%0aset-cookie:x", "/ok\r\nx: y", "/\t/evil.example", "/%2f/evil.example", "/ok?x\r\nset-cookie: y"])
def test_nobody_is_sent_to_another_site_after_signing_in(here: Served, wanted: str) -> None:
    client = Client(here)
    page = client.get("/sign-in")
    message = html.unescape(re.search(r"echo '(.*?)' \|", html.unescape(page.text))[1])  # type: ignore[index]
    signature = sign(here.project.keys["rm1"], f"{message}\n".encode(), "gonogo/sign-in/v1").decode()
    assert client.post("/sign-in", {**page.fields, "next": wanted, "signature": signature}).location == "/"
    assert here.refusals()[-1] == "open_redirect"


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "localhost:{port}.evil.example", "127.0.0.1:{port}@evil.example", ""])
def test_a_name_that_is_not_ours_is_not_answered(here: Served, host: str) -> None:
    client = signed_in(here, "rm1")
    page = client.get("/", host=host.format(port=here.port), **{"x-forwarded-host": f"localhost:{here.port}"})
    assert page.status in {400, 421}
    assert "gonogo" not in page.headers.get("location", "")
    if page.status == 421:
        assert "host" in here.refusals()


def test_behind_a_proxy_with_tls_a_link_for_somebody_leads_there_and_everybody_who_is_listed_is_shown(here: Served) -> None:
    before = (here.project.root / FILE).read_text()
    here.project.edit(FILE, "origins: [", "origins: ['https://gonogo.example', ")
    here.project.edit(FILE, "  - id: sec1\n", "  - id: newcomer\n    roles: [product_owner]\n    keys: []\n  - id: sec1\n")
    try:
        admin = Client(here, headers={"host": "gonogo.example"})
        page = admin.get("/sign-in")
        message = html.unescape(re.search(r"echo '(.*?)' \|", html.unescape(page.text))[1])  # type: ignore[index]
        said = {**page.fields, "signature": sign(here.project.keys["rm1"], f"{message}\n".encode(), "gonogo/sign-in/v1").decode()}
        signed = admin.post("/sign-in", said, origin="https://gonogo.example")
        assert (signed.status, "secure" in signed.headers["set-cookie"].lower()) == (303, True)
        page = admin.get("/you")
        assert "newcomer" in page.text[page.text.index("Everybody") : page.text.index("Link for")]
        invited = admin.post("/you/invite", {**page.fields, "person": "newcomer"}, origin="https://gonogo.example")
        assert "https://gonogo.example/welcome/" in html.unescape(invited.text)
    finally:
        (here.project.root / FILE).write_text(before)


@pytest.mark.req("t54_evidence_path")
@pytest.mark.parametrize("name", ["..%2f..%2fgonogo.yaml", "%2e%2e", "0" * 64, "../" * 3 + "journal.db", "A" * 64, "x" * 5000])
def test_evidence_is_named_by_a_digest_that_the_log_of_the_run_names(here: Served, run: RunId, name: str) -> None:
    client = signed_in(here, "rm1")
    for path in (f"/runs/{run}/evidence/{name}", f"/runs/{run}/evidence/{name}/file"):
        page = client.get(path)
        assert page.status in {404, 409}, page.text
        assert "schema: gonogo" not in page.text
    assert here.refusals()[-1] in {"evidence_path", "path_traversal"} or name == "0" * 64


def test_evidence_of_one_run_is_not_taken_through_another_and_is_never_rendered(here: Served, run: RunId) -> None:
    client = signed_in(here, "rm1")
    state = here.project.state(run)
    digest = next(iter(state.evidence.values())).digest
    taken = client.get(f"/runs/{run}/evidence/{digest}/file")
    assert taken.status == 200
    assert taken.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in taken.headers["content-security-policy"]
    assert client.get(f"/runs/no-such-run/evidence/{digest}").status == 404


@pytest.mark.parametrize("declared", [True, False])
def test_what_is_too_large_is_not_read(here: Served, run: RunId, declared: bool) -> None:
    client = signed_in(here, "rm1")
    body = b"csrf=x&reason=" + b"a" * (2 << 20)
    headers = {} if declared else {"transfer-encoding": "chunked"}
    try:
        answer = client.post(f"/runs/{run}/halt", body, **headers).status
    except HTTPError:
        answer = 413  # The server hung up while it was still being sent.
    assert answer == 413
    assert here.refusals()[-1] == "too_large"
    assert is_untouched(here.project, run)


def prepared(client: Client, run: RunId, name: str = "scope-1") -> str:
    page = client.get(f"/runs/{run}/requests/{name}")
    key = re.search(r'<option value="(SHA256:[^"]+)">', page.text)
    assert key, page.text
    return client.send(f"/runs/{run}/requests/{name}", page, decision="go", reason="x", comment="", key=html.unescape(key[1])).location


@pytest.mark.req("t12_replay_release", "t13_replay_attempt")
def test_a_signature_is_for_one_statement_of_one_release_by_one_person_in_one_session(here: Served, run: RunId) -> None:
    client, other = signed_in(here, "po1"), signed_in(here, "qe1")
    one, two = prepared(client, run), prepared(client, run)
    statement = client.get(f"{one}/statement.json").text.encode()
    signature = sign(here.project.keys["po1"], statement, namespace("approval", "staging")).decode()
    assert client.send(two, client.get(two), signature=signature).status == 409, "a signature of another statement"
    assert here.refusals()[-1] == "signature"
    assert other.get(one).status == 409, "another person's statement"
    assert here.refusals()[-1] == "statement_of_another"
    for wrong in ("approval", "dissent"):
        three = prepared(client, run)
        mine = client.get(f"{three}/statement.json").text.encode()
        space = namespace(wrong, "production")
        assert client.send(three, client.get(three), signature=sign(here.project.keys["po1"], mine, space).decode()).status == 409
    assert client.get("/sign/AAAA").status == 409
    assert is_untouched(here.project, run)


def test_a_challenge_opens_one_session_and_one_session_only(here: Served) -> None:
    client = Client(here)
    page = client.get("/sign-in")
    message = re.search(r"echo '(.*?)' \|", html.unescape(page.text))[1]  # type: ignore[index]
    signature = sign(here.project.keys["rm1"], f"{message}\n".encode(), "gonogo/sign-in/v1").decode()
    assert client.send("/sign-in", page, signature=signature).status == 303
    again = Client(here).post("/sign-in", {**page.fields, "signature": signature})
    assert again.status == 403
    assert here.refusals()[-1] == "sign_in"


@pytest.mark.req("APR-03", "t30_backdated")
def test_a_removed_approvers_open_session_ends_at_the_next_request(here: Served, run: RunId) -> None:
    client = signed_in(here, "sec1")
    ready = client.get("/").fields["csrf"]
    file = here.project.root / "config/release-approvers.yaml"
    before = file.read_text()
    try:
        here.project.edit("config/release-approvers.yaml", "  - id: sec1\n", "  - id: sec9\n")
        assert client.post(f"/runs/{run}/abort", {"csrf": ready, "reason": "x"}).status == 401
        assert here.refusals()[-1] == "session_of_removed_person"
    finally:
        file.write_text(before)
    assert client.get("/").location == "/sign-in", "a session that ended does not come back"
    assert is_untouched(here.project, run)


def test_many_attempts_to_sign_in_are_slowed_down_and_do_not_fill_the_log(here: Served) -> None:
    client = Client(here)
    page = client.get("/sign-in")
    codes = [client.send("/sign-in", page, signature="x").status for _ in range(40)]
    assert 429 in codes
    assert here.refusals().count("sign_in") + here.refusals().count("too_many_sign_ins") <= 70


def stated(client: Client, run: RunId, key: str) -> str:
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
def test_an_assertion_of_a_passkey_is_for_one_statement_of_one_release_and_counts_once(here: Served, device: Device, another: RunId, other: RunId) -> None:
    client, key = signed_in(here, "po1"), device.public.fingerprint

    def sent(address: str, assertion: str) -> Page:
        return client.send(address, client.get(address), assertion=assertion)

    mine = stated(client, another, key)
    assertion = asserted(client, device, here, mine)
    assert sent(stated(client, other, key), assertion).status == 409, "an assertion for another release"
    assert here.refusals()[-1] == "signature"
    unseen = Device(maker(), "localhost", "p256", flags=UNVERIFIED)
    unseen.secret = device.secret
    careless = stated(client, another, key)
    assert sent(careless, asserted(client, unseen, here, careless)).status == 409, "nobody looked who touched the device"
    assert client.post(mine, {**client.get(mine).fields, "assertion": assertion}, origin="https://evil.example").status == 403
    assert here.project.state(another).rounds["scope-1"].answers == ()
    form = client.get(mine)
    assert client.send(mine, form, assertion=assertion).location == f"/runs/{another}?done=signed"
    assert client.send(mine, form, assertion=assertion).status == 409, "the same form again"
    assert here.refusals()[-1] == "statement_used_or_old"
    again = stated(client, another, key)
    assert sent(again, assertion).status == 409, "the same assertion under a new statement"
    assert here.refusals()[-1] == "signature"
    assert [item.in_browser for item in here.project.state(another).rounds["scope-1"].answers] == [True]
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
def test_a_passkey_that_came_after_the_run_was_opened_is_told_so_plainly_and_gives_nobody_a_voice(here: Served, another: RunId) -> None:
    late = Device(maker(), application="localhost", curve="p256")
    before = (here.project.root / FILE).read_text()
    try:
        list_key(here.project, "sec1", late)
        client = signed_in(here, "sec1")
        page = client.get(f"/runs/{another}/requests/scope-1")
        assert "Your passkey</strong>" not in page.text
        assert "Your passkey cannot sign here." in page.text
        assert "the new key counts in every run that is opened from now on" in page.text
        assert f'value="{late.public.fingerprint}"' not in page.text
        answer = client.send(f"/runs/{another}/requests/scope-1", page, decision="go", reason="x", key=late.public.fingerprint)
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

    address = stated(client, other, here.project.door().world.ring().person("po1").keys[0].key.fingerprint)  # type: ignore[union-attr]
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


def test_whoever_acts_is_sent_to_a_page_that_knows_of_it_already(here: Served, another: RunId) -> None:
    client = signed_in(here, "sre1")
    for _ in range(3):
        asked = client.send(f"/runs/{another}/ask", client.get(f"/runs/{another}"), kind="dissent")
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
