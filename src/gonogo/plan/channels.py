"""`announce.channels`: over what people elsewhere are told, on which occasions, and who among them (COM-23, PRG-01).

Addresses that are as good as a password (a chat's webhook) and keys are named by the environment variable that holds
them; they never stand in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.terms import LOUD, Occasion
from gonogo.values import dataclass

SMTP: Final = "smtp"
WEBHOOK: Final = "webhook"
KINDS: Final = ("slack", WEBHOOK, "cloudevents", "cdevents", SMTP, "apprise")
SECURITY: Final = ("starttls", "tls", "none")
_TEN: Final = Decimal(10)
_SERVER: Final = r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\]):[0-9]{1,5}"
_MAILBOX: Final = re.compile(r"[^\s<>@,;\"]{1,64}@[^\s<>@,;\"]{1,253}")


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """One channel; names of variables, server and mailboxes are empty where its kind has no use for them."""

    name: str
    kind: str
    roles: tuple[str, ...]
    occasions: tuple[Occasion, ...]
    timeout: Decimal
    address_from: str
    key_from: str
    server: str
    security: str
    sender: str
    recipients: tuple[str, ...]
    user_from: str
    password_from: str

    def variables(self) -> tuple[str, ...]:
        """The environment variables that must be set for this channel to carry anything."""
        return tuple(name for name in (self.address_from, self.key_from, self.user_from, self.password_from) if name)


def read_channel(section: Section) -> ChannelBinding:
    """One entry of `announce.channels`; what its kind needs and what it has no use for is said with the line."""
    found = ChannelBinding(
        name=section.text("name", pattern=r"[a-z0-9][a-z0-9-]{0,39}", kind="a-z, 0-9 and -"),
        kind=section.choice("kind", KINDS),
        roles=section.texts("roles", ()),
        occasions=read_occasions(section, LOUD),
        timeout=section.seconds("timeout", _TEN),
        address_from=_variable(section, "address_from"),
        key_from=_variable(section, "key_from"),
        server=section.text("server", "", pattern=_SERVER, kind="HOST:PORT"),
        security=section.choice("security", SECURITY, SECURITY[0]),
        sender=section.text("sender", "", pattern=_MAILBOX.pattern, kind="one mailbox, such as gonogo@example.org"),
        recipients=section.texts("recipients", ()),
        user_from=_variable(section, "user_from"),
        password_from=_variable(section, "password_from"),
    )
    for key, message in _wrong(found):
        section.notes.error(WRONG_VALUE, f"`announce.channels` `{found.name}`: {message}", section.origin_of(key))
    section.finish()
    return found


def read_occasions(section: Section, default: tuple[Occasion, ...]) -> tuple[Occasion, ...]:
    """The key `events`: on which occasions a channel speaks."""
    known = {occasion.value: occasion for occasion in Occasion}
    found = section.texts("events", ())
    for word in found:
        if word not in known:
            what = f"`events` says `{word}`; it knows {', '.join(known)}"
            section.notes.error(WRONG_VALUE, what, section.origin_of("events"))
    return tuple(known[word] for word in found if word in known) or default


def _variable(section: Section, key: str) -> str:
    return section.text(key, "", pattern=r"[A-Z_][A-Z0-9_]{0,99}", kind="the name of an environment variable")


def _wrong(found: ChannelBinding) -> Iterator[tuple[str, str]]:
    """What does not go together, each with the key at which it is told."""
    mail = {"server": found.server, "sender": found.sender, "recipients": " ".join(found.recipients)}
    if found.kind == SMTP:
        yield from ((key, f"`{key}` is missing") for key, value in mail.items() if not value)
        bad = [text for text in found.recipients if not _MAILBOX.fullmatch(text)]
        yield from (("recipients", f"`{text}` is no mailbox") for text in bad)
        if bool(found.user_from) != bool(found.password_from):
            yield "user_from", "a login is `user_from` and `password_from`"
        if found.user_from and found.security == "none":
            yield "security", "a password is not sent over a connection in the clear"
        if found.address_from:
            yield "address_from", "a mailing has `server`, no `address_from`"
    else:
        yield from ((key, f"`{key}` belongs to kind `smtp`") for key, value in mail.items() if value)
        if not found.address_from:
            yield "kind", "`address_from` is missing: the variable that holds the address"
    if bool(found.key_from) != (found.kind == WEBHOOK):
        yield "key_from", "`key_from` names the key of a `webhook`, which is always signed, and of nothing else"
