"""A passkey in a real browser: enrolled with its attestation, and its answer is a signature that ssh-keygen calls Good."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from browser import MISSING, Browser, browser, found

from gonogo.evidence.passkey_wrapping import BrowserAnswer, read_answer, signature_of
from gonogo.evidence.signers import Assurance, Fido, ListedKey, ListedPerson, Ring, Web, allowed_signers
from gonogo.evidence.sshsig import examine, signed_data
from gonogo.evidence.vouching import Pins, attested, certificate_digest, passkey_of, passkey_registration
from gonogo.evidence.cbor import read_map
from gonogo.evidence.wire import BadSignature, strings

pytestmark = pytest.mark.skipif(found() is None, reason=MISSING)
NAMESPACE = "gonogo/approval/v1/production"
MESSAGE = b'{"a": "statement"}\n'
CHALLENGE = bytes(range(32))
SITE = "localhost"

CREATE = """
(async () => {
  const given = Uint8Array.from(atob("%s"), letter => letter.charCodeAt(0));
  const made = await navigator.credentials.create({publicKey: {
    challenge: given, rp: {id: "localhost", name: "gonogo"}, user: {id: new Uint8Array([1]), name: "sre1", displayName: "sre1"},
    pubKeyCredParams: [{type: "public-key", alg: -7}], attestation: "direct",
    authenticatorSelection: {userVerification: "required", residentKey: "discouraged"}}});
  return JSON.stringify({id: made.id, response: {attestationObject: text(made.response.attestationObject),
    clientDataJSON: text(made.response.clientDataJSON)}});
})()
"""
GET = """
(async () => {
  const bytes = value => Uint8Array.from(atob(value), letter => letter.charCodeAt(0));
  const said = await navigator.credentials.get({publicKey: {challenge: bytes("%s"), rpId: "localhost",
    userVerification: "required", allowCredentials: [{type: "public-key", id: bytes("%s")}]}});
  return JSON.stringify({response: {clientDataJSON: text(said.response.clientDataJSON),
    authenticatorData: text(said.response.authenticatorData), signature: text(said.response.signature)}});
})()
"""
PAGE = b"""<!doctype html><title>approval</title><script>
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
</script>"""


class Handler(http.server.BaseHTTPRequestHandler):
    """One page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def page() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Session:
    """What the browser made in one start: a registration, and an answer over a statement."""

    origin: str
    registration: bytes
    answer: BrowserAnswer

    @property
    def web(self) -> Web:
        return Web(frozenset({SITE}), frozenset({self.origin}))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    with page() as origin, browser(tmp_path_factory.mktemp("profile")) as window:
        window.open(origin)
        window.call("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
        window.call("WebAuthn.addVirtualAuthenticator", options={**options, "automaticPresenceSimulation": True})
        made = window.run(CREATE % base64.b64encode(CHALLENGE).decode())
        return Session(origin, passkey_registration(made.encode()), ask(window, json.loads(made)["id"]))


def ask(window: Browser, name: str) -> BrowserAnswer:
    padded = name.replace("-", "+").replace("_", "/") + "=" * (-len(name) % 4)
    challenge = base64.b64encode(signed_data(NAMESPACE, MESSAGE)).decode()
    return read_answer(window.run(GET % (challenge, padded)).encode())


@pytest.mark.req("REV-03", "APR-02")
def test_what_a_browser_signs_is_good_for_stock_ssh_keygen_and_for_us(session: Session, tmp_path: Path) -> None:
    key = passkey_of(session.registration, CHALLENGE, session.web)
    signature = signature_of(session.answer, key, MESSAGE, NAMESPACE, session.web)
    signed = examine(signature, MESSAGE, NAMESPACE)
    assert signed.key == key
    assert signed.touch is not None
    assert (signed.touch.present, signed.touch.verified, signed.touch.origin) == (True, True, session.origin)
    person = ListedPerson("sre1", "Name", frozenset({"sre_lead"}), (ListedKey(key, Assurance.H0),))
    (tmp_path / "allowed").write_bytes(allowed_signers(Ring((person,), {}, web=session.web), ["production"]))
    (tmp_path / "s.sig").write_bytes(signature)
    program = shutil.which("ssh-keygen")
    assert program is not None, "install openssh-client"
    argv = [program, "-Y", "verify", "-f", tmp_path / "allowed", "-I", "sre1", "-n", NAMESPACE, "-s", tmp_path / "s.sig"]
    answer = subprocess.run(argv, input=MESSAGE, capture_output=True, check=False)
    assert b"Good" in answer.stdout, answer
    assert subprocess.run(argv, input=MESSAGE + b" ", capture_output=True, check=False).returncode != 0


@pytest.mark.req("REV-08")
def test_the_attestation_of_the_browsers_device_verifies_against_its_pinned_maker(session: Session) -> None:
    _, attestation, _ = strings(session.registration, 3, "registration")
    body = read_map(attestation)
    statement = body["attStmt"]
    assert body["fmt"] == "packed", "asked for `direct`"
    maker = statement["x5c"][-1]  # type: ignore[index,call-overload]
    digest = certificate_digest(maker)  # type: ignore[arg-type]
    pins = Pins(Fido(frozenset({digest})), {digest: maker}, session.web)  # type: ignore[dict-item]
    found = attested(session.registration, CHALLENGE, None, pins)
    assert found.key == passkey_of(session.registration, CHALLENGE, session.web)
    assert found.level is Assurance.H1
    listed = replace(pins, fido=Fido(frozenset({digest}), frozenset({found.aaguid})))
    assert attested(session.registration, CHALLENGE, None, listed).level is Assurance.H2
    with pytest.raises(BadSignature, match="no pinned root"):
        attested(session.registration, CHALLENGE, None, Pins(Fido(), {}, session.web))


@pytest.mark.req("t25_phished_passkey", "t26_blind_signing")
def test_the_answer_fits_no_other_statement_namespace_site_or_page(session: Session) -> None:
    key = passkey_of(session.registration, CHALLENGE, session.web)
    answer, web = session.answer, session.web
    cases = (
        (answer, MESSAGE + b" ", NAMESPACE, web),
        (answer, MESSAGE, "gonogo/waiver/v1/production", web),
        (answer, MESSAGE, NAMESPACE, Web(frozenset({SITE}), frozenset({"https://other.example"}))),
        (answer, MESSAGE, NAMESPACE, Web(frozenset({"other.example"}), frozenset({session.origin}))),
        (replace(answer, signature=answer.signature + b"\x00"), MESSAGE, NAMESPACE, web),
        (replace(answer, authenticator_data=answer.authenticator_data + b"\x00"), MESSAGE, NAMESPACE, web),
        (replace(answer, authenticator_data=bytes(37)), MESSAGE, NAMESPACE, web),
        (replace(answer, client_data=answer.client_data.replace(b"get", b"create")), MESSAGE, NAMESPACE, web),
    )
    for given, message, namespace, site in cases:
        with pytest.raises(BadSignature):
            signature_of(given, key, message, namespace, site)
