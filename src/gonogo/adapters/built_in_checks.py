"""Checks that come with gonogo, written against the interface of every provider (group `gonogo.checks`)."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

from gonogo.adapters.http_calls import call
from gonogo.errors import BadInput, Broken
from gonogo.measure.providers import Check, CheckAnswer, CheckQuestion

SECONDS = 5.0


def check_http(question: CheckQuestion) -> CheckAnswer:
    """Asks an address: options `url` (else the environment's), `path`, `status`, and `holds`, a text in the answer."""
    wanted = question.options.get("status", "200")
    if not re.fullmatch(r"[1-5][0-9][0-9]", wanted):
        raise BadInput("`status` is no HTTP status", where=question.name, next_step="write it as 200")
    if not {"url", "path"} & question.options.keys():
        raise BadInput("neither `url` nor `path` is given", where=question.name, next_step="say what is asked")
    url = question.options.get("url", question.url).rstrip("/") + question.options.get("path", "")
    answer = call("GET", url, seconds=SECONDS)
    if str(answer.status) != wanted:
        return CheckAnswer("fail", f"{url} answered {answer.words(120)}; {wanted} was expected")
    text = question.options.get("holds", "")
    if text.encode() not in answer.body:
        return CheckAnswer("fail", f"{url} answered without `{text}`")
    return CheckAnswer("pass", f"{url} answered {wanted}")


def check_tcp(question: CheckQuestion) -> CheckAnswer:
    """Opens a connection and closes it: options `host` and `port`."""
    host, port = question.options.get("host", ""), question.options.get("port", "")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port):
        raise BadInput("`host` and `port` are needed", where=question.name, next_step="say what is reached")
    try:
        with socket.create_connection((host, int(port)), SECONDS):
            return CheckAnswer("pass", f"{host}:{port} accepts connections")
    except OSError as error:
        return CheckAnswer("fail", f"{host}:{port} does not accept a connection: {error}")


BUILT_IN_CHECKS: Mapping[str, Check] = {"http": check_http, "tcp": check_tcp}
"""The built-in checks; each is registered in group `gonogo.checks`, too."""


def asked_here(check: Check, question: CheckQuestion) -> CheckAnswer:
    """What a built-in check answers; where it does not, that is inconclusive, with the reason."""
    try:
        return check(question)
    except (BadInput, Broken) as error:
        return CheckAnswer("inconclusive", f"{error.where}: {error.what}" if error.where else error.what)
