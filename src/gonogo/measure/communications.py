"""Everything that was said: body of `communications.json` (F53, REP-06)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, time_text
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class MessageSent:
    """One message with the digest of the event that caused it; `delivered` is false until a channel accepted it."""

    at: datetime
    run_id: RunId
    sender: str
    channel: str
    recipients: tuple[str, ...]
    prefix: str
    text: str
    event: Digest
    delivered: bool
    attempts: int


def communications_body(messages: tuple[MessageSent, ...]) -> Body:
    """Body of the communications bundle, in the order of the events (F53)."""
    raw: Body = {
        "messages": [
            {
                "at": time_text(message.at),
                "run_id": message.run_id,
                "sender": message.sender,
                "channel": message.channel,
                "recipients": list(message.recipients),
                "prefix": message.prefix,
                "text": message.text,
                "event": message.event,
                "delivered": message.delivered,
                "attempts": message.attempts,
            }
            for message in messages
        ]
    }
    return filled(raw, derived_communications(raw))


def derived_communications(body: Mapping[str, Tree]) -> Derived:
    """How many messages were sent and how many reached nobody (III.2)."""
    messages = Fields(body).rows("messages")
    return {"/sent": len(messages), "/undelivered": sum(not message.flag("delivered") for message in messages)}
