"""Notices by mail: one message to all recipients of a channel, over SMTP (COM-23).

`Message-ID` is the same for every try, so that a mailbox which got it twice shows it once (RFC 5322, section 3.6.4).
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from gonogo.adapters.durable import clean_line
from gonogo.adapters.posting.announcing import cleaned, message
from gonogo.adapters.posting.carrying import notice_id
from gonogo.ports import Notice
from gonogo.terms import Secret
from gonogo.values import dataclass

MOST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; `security` is `tls`, `starttls` or `none`, and a login goes over the first two only."""

    host: str
    port: int
    security: str
    limit: float
    user: Secret | None = None
    password: Secret | None = None


class MailCarrier:
    """Sends each notice as one mail."""

    def __init__(self, server: MailServer, sender: str, recipients: tuple[str, ...]) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients

    def carry(self, notice: Notice) -> str:
        """Hand the mail in once; a recipient that the server refuses is named."""
        if self._server.user is not None and self._server.security == "none":
            return "a password is not sent over a connection in the clear"
        mail = mail_of(notice, self._sender, self._recipients)
        try:
            with self._connected() as server:
                refused = server.send_message(mail, self._sender, list(self._recipients))
        except smtplib.SMTPException as error:
            return clean_line(self._without_login(str(error)))
        return f"the server refused {', '.join(sorted(refused))}" if refused else ""

    def _connected(self) -> smtplib.SMTP:
        at, trusted = self._server, ssl.create_default_context()
        if at.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(at.host, at.port, timeout=at.limit, context=trusted)
        else:
            server = smtplib.SMTP(at.host, at.port, timeout=at.limit)
        try:
            if at.security == "starttls":
                server.starttls(context=trusted)
            if at.user is not None and at.password is not None:
                server.login(at.user.reveal(), at.password.reveal())
        except BaseException:
            server.close()
            raise
        return server

    def _without_login(self, text: str) -> str:
        for secret in (self._server.user, self._server.password):
            text = text.replace(secret.reveal(), str(secret)) if secret is not None else text
        return text


def mail_of(notice: Notice, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail: plain text, so that nothing in it can be more than text; line ends cannot get into its header."""
    mail = EmailMessage(policy=SMTP)
    about = f"{notice.project} {notice.release}".strip()
    subject = " ".join(part for part in (notice.prefix, about, _first_line(notice.text)) if part)
    mail["Subject"] = cleaned(subject).replace("\n", " ")[:MOST_SUBJECT]
    mail["From"] = Address("gonogo", addr_spec=sender)
    mail["To"] = tuple(Address(addr_spec=one) for one in recipients)
    mail["Date"] = notice.at
    mail["Message-ID"] = f"<{hashlib.sha256(notice_id(notice).encode()).hexdigest()[:32]}@{sender.partition('@')[2]}>"
    # So that no holiday answer comes back (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Gonogo-Delivery"] = notice_id(notice).encode("ascii", "replace").decode()
    lines = [message(notice.prefix, notice.text), "", f"run: {notice.run}", f"environment: {notice.environment or '-'}"]
    lines += [f"told by: {cleaned(notice.sender)}", *([f"page: {notice.link}"] if notice.link else [])]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
