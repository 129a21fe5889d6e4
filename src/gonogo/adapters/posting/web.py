"""Notices by HTTP: Slack-compatible chats, signed webhooks, CloudEvents and CDEvents (COM-23).

A webhook is signed as GitHub's and Slack's are: HMAC-SHA-256 over `TIMESTAMP.BODY`, so that whoever knows the key can
tell that it is ours, and by the time in it that it is no old one sent again. Standards: CloudEvents 1.0 (structured
mode), CDEvents 0.4.1.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from gonogo.adapters.http_calls import call
from gonogo.adapters.posting.announcing import message
from gonogo.adapters.posting.carrying import notice_body, notice_id
from gonogo.errors import Broken
from gonogo.evidence.ledger import time_text
from gonogo.ports import Clock, Notice
from gonogo.terms import Json, Occasion, Secret
from gonogo.values import dataclass

SIGNATURE: Final = "X-Gonogo-Signature"
TIMESTAMP: Final = "X-Gonogo-Timestamp"
DELIVERY: Final = "X-Gonogo-Delivery"
CDEVENTS: Final = "0.4.1"
MOST_ANSWER: Final = 1 << 16
_ESCAPED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Post:
    """One POST: its body and what is special in its header."""

    body: bytes
    fields: Mapping[str, str]


Form = Callable[[Notice], Iterator[Post]]
"""The posts that tell a notice; none where a standard has no word for it."""


class WebCarrier:
    """Posts each notice to an address that is kept secret; an answer other than 2xx is a failure."""

    def __init__(self, address: Secret, form: Form, limit: float) -> None:
        self._address = address
        self._form = form
        self._limit = limit

    def carry(self, notice: Notice) -> str:
        """Post once; redirects are not followed, for they could lead anywhere."""
        url = self._address.reveal()
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return "its address is no http or https URL"
        for post in self._form(notice):
            try:
                answer = call("POST", url, body=post.body, fields=post.fields, seconds=self._limit, most=MOST_ANSWER)
            except Broken as error:
                return self._without_address(error.what)
            if not 200 <= answer.status < 300:
                return self._without_address(f"it answered {answer.words(200)}")
        return ""

    def _without_address(self, text: str) -> str:
        parts = urlsplit(self._address.reveal())
        for secret in (self._address.reveal(), f"{parts.path}?{parts.query}", parts.path):
            text = text.replace(secret, "‹secret›") if len(secret) > 1 else text
        return text


def slack_form(notice: Notice) -> Iterator[Post]:
    """What Slack, Mattermost, Rocket.Chat and Discord's /slack take. Nothing in it can mention or link anything."""
    lines = [message(notice.prefix, notice.text), f"{notice.project} {notice.release} · {notice.run}".strip()]
    lines += [notice.link] if notice.link else []
    text = "\n".join(lines).translate(_ESCAPED)
    yield Post(_json({"text": text, "mrkdwn": False}), {"Content-Type": "application/json"})


def webhook_form(key: Secret, clock: Clock) -> Form:
    """The notice as JSON, with its id, the time of this try and a signature over both."""

    def form(notice: Notice) -> Iterator[Post]:
        body = _json(notice_body(notice))
        sent = str(int(clock.now().timestamp()))
        signature = signed(key, sent, body)
        yield Post(
            body,
            {
                "Content-Type": "application/json",
                DELIVERY: notice_id(notice),
                TIMESTAMP: sent,
                SIGNATURE: signature,
            },
        )

    return form


def signed(key: Secret, sent: str, body: bytes) -> str:
    """`sha256=` and the HMAC of `SENT.BODY` in hex."""
    return "sha256=" + hmac.new(key.reveal().encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()


def cloudevents_form(notice: Notice) -> Iterator[Post]:
    """The notice as the data of one CloudEvent."""
    yield _event(notice, f"dev.gonogo.{notice.occasion.value}.1", notice_id(notice), notice_body(notice))


def cdevents_form(notice: Notice) -> Iterator[Post]:
    """The CDEvents that a notice stands for: pipelines that begin and end, services deployed and rolled back."""
    subject: dict[str, Json] = {"id": notice.run, "source": _source(notice), "type": "pipelineRun"}
    pipeline: dict[str, Json] = {"pipelineName": notice.project, "url": notice.link or _source(notice)}
    service: dict[str, Json] = {
        "environment": {"id": notice.environment, "source": _source(notice)},
        "artifactId": f"pkg:generic/{quote(notice.project, safe='')}@{quote(notice.release, safe='')}",
    }
    served: dict[str, Json] = {
        "id": f"service/{notice.project}",
        "source": _source(notice),
        "type": "service",
        "content": service,
    }
    match notice.occasion:
        case Occasion.STARTED:
            yield _cd(notice, "pipelinerun.started", 1, {**subject, "content": pipeline})
        case Occasion.ROLLED_BACK:
            yield _cd(notice, "service.rolledback", 1, served)
        case Occasion.COMPLETED:
            yield _cd(notice, "pipelinerun.finished", 1, {**subject, "content": {**pipeline, "outcome": "success"}})
            if notice.environment == "production":
                yield _cd(notice, "service.deployed", 2, served)
        case Occasion.ENDED:
            ended: dict[str, Json] = {"outcome": "failure", "errors": message("", notice.text)}
            yield _cd(notice, "pipelinerun.finished", 1, {**subject, "content": {**pipeline, **ended}})
        case _:
            return


def _cd(notice: Notice, kind: str, number: int, subject: dict[str, Json]) -> Post:
    kind, name = f"dev.cdevents.{kind}.0.2.0", f"{notice_id(notice)}/{number}"
    context: dict[str, Json] = {
        "version": CDEVENTS,
        "id": name,
        "source": _source(notice),
        "type": kind,
        "timestamp": time_text(notice.at),
    }
    return _event(notice, kind, name, {"context": context, "subject": subject})


def _event(notice: Notice, kind: str, name: str, data: dict[str, Json]) -> Post:
    """CloudEvents 1.0, structured content mode."""
    body: dict[str, Json] = {
        "specversion": "1.0",
        "id": name,
        "source": _source(notice),
        "type": kind,
        "subject": notice.run,
        "time": time_text(notice.at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Post(_json(body), {"Content-Type": "application/cloudevents+json; charset=utf-8"})


def _source(notice: Notice) -> str:
    return f"/gonogo/{quote(notice.project, safe='')}"


def _json(tree: Mapping[str, Json]) -> bytes:
    return json.dumps(tree, sort_keys=True, ensure_ascii=False).encode()
