"""Telling people over mail, chats, signed webhooks and CloudEvents: real servers, and what really arrives there."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gonogo.adapters.posting.carrying import Carrier, Channel, ChannelPost
from gonogo.adapters.posting.apprise import AppriseCarrier
from gonogo.adapters.posting.mail import MailCarrier, MailServer, mail_of
from gonogo.adapters.posting.web import WebCarrier, cdevents_form, cloudevents_form, slack_form, webhook_form
from gonogo.engine.announcing import dashboard
from gonogo.ports import Delivery, Notice
from gonogo.terms import Occasion, RunId, Secret
from tests.worlds import MORNING, SimulatedClock

RUN = RunId("production-deployment-v2-1")
NOTICE = Notice(
    RUN, 7, MORNING, "engine:local", "shop", "v2", 1, "", ("Release Manager",), "[ROLLBACK COMPLETE]", "the old version serves again"
)  # fmt: skip
BACK = replace(NOTICE, occasion=Occasion.ROLLED_BACK, environment="production")
LONG = 20.0


@dataclass
class Sink:
    """What a real HTTP server got: header and body of each request; it answers with the next of `statuses`, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def sink() -> Iterator[Sink]:
    seen = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server asks for
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(seen.statuses.pop(0) if seen.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/hunter2"
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


def told(carrier: Carrier, notice: Notice = BACK) -> Delivery:
    """What became of one notice that is carried by this carrier."""
    post = ChannelPost((Channel("it", carrier),), SimulatedClock())
    post.hand("it", notice)
    return post.finished(RUN, LONG)[0]


def web(sink: Sink, form: object = slack_form) -> WebCarrier:
    return WebCarrier(Secret(sink.url), form, 5.0)  # type: ignore[arg-type]


@pytest.mark.req("COM-24")
def test_a_sink_that_answers_503_twice_gets_the_same_delivery_three_times_and_it_counts_once(sink: Sink) -> None:
    sink.statuses = [503, 503]
    outcome = told(web(sink, webhook_form(Secret("k"), SimulatedClock())))
    assert outcome == Delivery(RUN, 7, "it", 3, "")
    assert {fields["x-gonogo-delivery"] for fields, _ in sink.got} == {f"{RUN}/7"}
    assert len(sink.got) == 3


@pytest.mark.req("COM-24")
def test_a_sink_that_never_takes_it_is_a_failure_without_the_secret_address(sink: Sink) -> None:
    sink.statuses = [500, 404, 301]
    outcome = told(web(sink))
    assert (outcome.attempts, outcome.reason) == (3, "it answered 301")
    gone = told(WebCarrier(Secret("http://127.0.0.1:1/services/T0/B0/hunter2"), slack_form, 2.0))
    assert gone.reason
    assert "hunter2" not in gone.reason
    assert (
        told(WebCarrier(Secret("file:///etc/passwd"), slack_form, 2.0)).reason == "its address is no http or https URL"
    )


@pytest.mark.req("COM-23")
def test_a_webhook_is_signed_over_its_time_and_its_body(sink: Sink) -> None:
    assert told(web(sink, webhook_form(Secret("key"), SimulatedClock()))).reason == ""
    fields, body = sink.got[0]
    expected = hmac.new(b"key", fields["x-gonogo-timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert fields["x-gonogo-signature"] == f"sha256={expected}"
    said = json.loads(body)
    assert (said["schema"], said["id"], said["occasion"]) == ("gonogo/notice/1", f"{RUN}/7", "rolled_back")


@pytest.mark.req("COM-23")
def test_text_of_others_cannot_mention_or_link_anything_in_a_chat(sink: Sink) -> None:
    told(web(sink), replace(BACK, text="failed: <!channel> <https://evil.example|log in> & \x1b[31m"))
    text = json.loads(sink.got[0][1])["text"]
    assert "<" not in text
    assert "\x1b" not in text
    assert text.startswith("[ROLLBACK COMPLETE] - failed: &lt;!channel&gt;")
    assert text.endswith(f"shop v2 · {RUN}")


@pytest.mark.req("COM-23")
def test_a_message_leads_to_its_page_where_the_dashboard_has_an_address_for_others(sink: Sink) -> None:
    page = dashboard({"http://localhost:8477", "http://gonogo.example:8477", "https://gonogo.example"})
    assert page == "https://gonogo.example"
    assert dashboard({"http://localhost:8477", "http://127.0.0.1:1"}) == "", "an address of this machine leads nobody else anywhere"
    linked = replace(BACK, link=f"{page}/runs/{RUN}")
    for form in (slack_form, webhook_form(Secret("key"), SimulatedClock()), cloudevents_form):
        assert told(web(sink, form), linked).reason == ""
    chat, hook, event = (json.loads(body) for _, body in sink.got)
    assert chat["text"].endswith(f"\n{linked.link}")
    assert (hook["link"], event["data"]["link"]) == (linked.link, linked.link)
    assert told(web(sink, cdevents_form), replace(linked, occasion=Occasion.STARTED)).reason == ""
    assert json.loads(sink.got[-1][1])["data"]["subject"]["content"]["url"] == linked.link
    assert f"page: {linked.link}" in mail_of(linked, "gonogo@example.org", ("ada@example.org",)).get_content()


def test_a_cloudevent_bears_all_that_its_standard_demands(sink: Sink) -> None:
    told(web(sink, cloudevents_form))
    fields, body = sink.got[0]
    event = json.loads(body)
    assert fields["content-type"].startswith("application/cloudevents+json")
    assert {key: event[key] for key in ("specversion", "id", "source", "type", "subject", "time")} == {
        "specversion": "1.0",
        "id": f"{RUN}/7",
        "source": "/gonogo/shop",
        "type": "dev.gonogo.rolled_back.1",
        "subject": RUN,
        "time": "2026-11-21T10:00:00.000Z",
    }
    assert event["data"]["text"] == "the old version serves again"


@pytest.mark.parametrize(
    ("occasion", "kinds"),
    [
        (Occasion.STARTED, ["dev.cdevents.pipelinerun.started.0.2.0"]),
        (Occasion.ROLLED_BACK, ["dev.cdevents.service.rolledback.0.2.0"]),
        (Occasion.COMPLETED, ["dev.cdevents.pipelinerun.finished.0.2.0", "dev.cdevents.service.deployed.0.2.0"]),
        (Occasion.ENDED, ["dev.cdevents.pipelinerun.finished.0.2.0"]),
        (Occasion.HALF, []),
    ],
)
def test_cdevents_tell_what_their_vocabulary_has_a_word_for(sink: Sink, occasion: Occasion, kinds: list[str]) -> None:
    assert told(web(sink, cdevents_form), replace(BACK, occasion=occasion)).reason == ""
    events = [json.loads(body) for _, body in sink.got]
    assert [event["type"] for event in events] == kinds
    assert all(event["data"]["context"]["type"] == event["type"] for event in events)
    assert all(event["data"]["context"]["id"] == event["id"] for event in events)
    assert len({event["id"] for event in events}) == len(events)


@dataclass
class Mailbox:
    """What a real mail server took in."""

    mails: list[Message] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[attr-defined]
        return "250 taken"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: object, address: str, _options: object
    ) -> str:
        if address.startswith("gone@"):
            return "550 nobody here"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 known"


class Anywhere(Controller):
    """A mail server on a free port: its own self-test has to be told which one that is."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def server(controller: Controller, security: str = "none", **login: Secret) -> MailServer:
    return MailServer("127.0.0.1", controller.port, security, 5.0, **login)


@pytest.fixture
def mailbox() -> Iterator[tuple[Controller, Mailbox]]:
    box = Mailbox()
    controller = Anywhere(box, hostname="127.0.0.1", port=0)
    controller.start()
    yield controller, box
    controller.stop()


@pytest.mark.req("COM-23")
def test_a_mail_arrives_with_a_message_id_that_every_try_has(mailbox: tuple[Controller, Mailbox]) -> None:
    controller, box = mailbox
    carrier = MailCarrier(server(controller), "gonogo@example.org", ("ada@example.org", "bob@example.org"))
    assert told(carrier).reason == ""
    assert told(carrier).reason == ""
    first, second = box.mails
    assert first["Subject"] == "[ROLLBACK COMPLETE] shop v2 the old version serves again"
    assert first["To"] == "ada@example.org, bob@example.org"
    assert first["Message-ID"] == second["Message-ID"]
    assert f"run: {RUN}" in first.get_payload()


@pytest.mark.req("COM-24")
def test_a_recipient_that_the_server_refuses_is_named(mailbox: tuple[Controller, Mailbox]) -> None:
    controller, box = mailbox
    carrier = MailCarrier(server(controller), "gonogo@example.org", ("ada@example.org", "gone@example.org"))
    outcome = told(carrier)
    assert "gone@example.org" in outcome.reason
    assert box.mails, "the others got it"


def test_a_password_never_goes_over_a_connection_in_the_clear(mailbox: tuple[Controller, Mailbox]) -> None:
    controller, box = mailbox
    login = {"user": Secret("ada"), "password": Secret("hunter2")}
    carrier = MailCarrier(server(controller, **login), "gonogo@example.org", ("ada@example.org",))
    assert told(carrier).reason == "a password is not sent over a connection in the clear"
    assert box.mails == []


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *secret))
    return paths


def test_mail_goes_encrypted_to_a_server_that_is_trusted_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    box = Mailbox()
    controller = Anywhere(box, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True)
    controller.start()
    try:
        carrier = MailCarrier(server(controller, "starttls"), "gonogo@example.org", ("ada@example.org",))
        assert "certificate" in told(carrier).reason.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        assert told(carrier).reason == ""
        assert len(box.mails) == 1
    finally:
        controller.stop()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_of_others_gets_into_the_header_of_a_mail(prefix: str, text: str, project: str) -> None:
    notice = replace(BACK, prefix=prefix, text=text, project=project)
    sent = mail_of(notice, "gonogo@example.org", ("ada@example.org",)).as_bytes()
    header = message_from_bytes(sent, policy=default)
    assert sorted(set(header.keys())) == sorted(
        ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Gonogo-Delivery", "Content-Type",
         "Content-Transfer-Encoding", "MIME-Version"]
    )  # fmt: skip
    assert header["To"] == "ada@example.org"


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_apprise_that_is_not_there_or_knows_no_such_address_is_an_outcome(
    monkeypatch: pytest.MonkeyPatch, sink: Sink
) -> None:
    address = sink.url.replace("http://", "json://")
    assert told(AppriseCarrier(Secret(address))).reason == ""
    assert json.loads(sink.got[0][1])["message"].startswith("[ROLLBACK COMPLETE]")
    assert "does not know" in told(AppriseCarrier(Secret("nothing:"))).reason
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    assert "pip install" in told(AppriseCarrier(Secret(address))).reason


@pytest.mark.req("COM-24")
def test_whatever_a_carrier_raises_is_an_outcome_and_the_next_notice_is_carried() -> None:
    class Foreign:
        def carry(self, notice: Notice) -> str:
            if notice.number == 7:
                raise RuntimeError("no idea\x1b[31m")
            return ""

    post = ChannelPost((Channel("it", Foreign()),), SimulatedClock())
    post.hand("it", BACK)
    post.hand("it", replace(BACK, number=8))
    found = [*post.finished(RUN, LONG), *post.finished(RUN, LONG)]
    assert [(item.number, item.reason) for item in found] == [(7, "no idea?[31m"), (8, "")]
