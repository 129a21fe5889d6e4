"""`announce.channels`: what is bound is read, and what does not go together is told with its line."""

from __future__ import annotations

import pytest

from gonogo.plan.bindings import ProjectReading, read_project
from gonogo.terms import LOUD, Occasion

MAIL = "kind: smtp, name: mail, server: 'mail.example.org:587', sender: gonogo@example.org, recipients: [ada@example.org]"
HOOK = "kind: webhook, name: log, address_from: LOG_URL, key_from: LOG_KEY"


def reading(*channels: str) -> ProjectReading:
    text = "announce:\n  channels:\n" + "".join(f"    - {{{channel}}}\n" for channel in channels)
    return read_project(text.encode(), "gonogo.yaml")


def said(found: ProjectReading) -> list[str]:
    own = [finding for finding in found.findings if "announce" in finding.message or "`events`" in finding.message]
    assert all(finding.primary.line >= 2 for finding in own)
    return [finding.message for finding in own]


@pytest.mark.req("COM-23")
def test_a_mail_and_a_signed_webhook_are_bound_without_any_secret_in_the_file() -> None:
    found = reading(MAIL + ", user_from: MAIL_USER, password_from: MAIL_PASSWORD", HOOK + ", events: [halted, half]")
    assert said(found) == []
    mail, hook = found.project.announce.channels
    assert (mail.server, mail.security, mail.recipients) == ("mail.example.org:587", "starttls", ("ada@example.org",))
    assert mail.occasions == LOUD
    assert mail.variables() == ("MAIL_USER", "MAIL_PASSWORD")
    assert hook.occasions == (Occasion.HALTED, Occasion.HALF)
    assert hook.variables() == ("LOG_URL", "LOG_KEY")


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("kind: smtp, name: mail, sender: gonogo@example.org, recipients: [ada@example.org]", "`server` is missing"),
        ("kind: smtp, name: mail, server: 'a:25', sender: gonogo@example.org", "`recipients` is missing"),
        (MAIL.replace("ada@example.org", "ada"), "`ada` is no mailbox"),
        (MAIL + ", user_from: MAIL_USER", "a login is `user_from` and `password_from`"),
        (MAIL + ", user_from: A, password_from: B, security: none", "not sent over a connection in the clear"),
        (MAIL + ", address_from: A", "no `address_from`"),
        ("kind: slack, name: chat", "`address_from` is missing"),
        ("kind: slack, name: chat, address_from: 'https://hooks.example.org/T0/x'", "the name of an environment variable"),
        ("kind: slack, name: chat, address_from: A, recipients: [ada@example.org]", "belongs to kind `smtp`"),
        ("kind: webhook, name: log, address_from: A", "`key_from` names the key"),
        ("kind: slack, name: chat, address_from: A, key_from: B", "and of nothing else"),
        ("kind: pigeon, name: loft", "must be"),
        (HOOK + ", events: [party]", "`party`"),
    ],
)
def test_what_does_not_go_together_is_told(channel: str, words: str) -> None:
    assert any(words in text for text in said(reading(channel))), said(reading(channel))


def test_two_channels_of_one_name_are_refused() -> None:
    assert any("two channels of the name `log`" in text for text in said(reading(HOOK, HOOK)))
