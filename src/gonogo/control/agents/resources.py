"""What an agent may read by address: a protocol's document, the report of a run, a sealed file. Data of others, capped.

    gonogo://protocols/{slug}
    gonogo://runs/{run_id}/report
    gonogo://runs/{run_id}/evidence/{name}
    gonogo://knowledge/{words}

An address is matched as a whole against these forms; no part of it is ever a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_plus

from gonogo.control.agents.asking import Call, Declined
from gonogo.control.agents.reading import fresh
from gonogo.control.audit.searching import found_in
from gonogo.control.numbering import installed
from gonogo.control.run_reports import report_of
from gonogo.control.sources import protocol_sources
from gonogo.errors import GonogoError
from gonogo.plan.sidecar import read_sidecar
from gonogo.reports.agent_addresses import Resource
from gonogo.reports.agent_answers import Answer
from gonogo.reports.agent_tools import NAME, RUN, SLUG
from gonogo.reports.searching import hit_lines
from gonogo.reports.untrusted import cleaned
from gonogo.run.agents import Scope

MOST: Final = 256 << 10
_FORMS: Final = (
    (re.compile(rf"gonogo://protocols/(?P<slug>{SLUG.pattern})"), "protocol"),
    (re.compile(rf"gonogo://runs/(?P<run_id>{RUN.pattern})/report"), "report"),
    (re.compile(rf"gonogo://runs/(?P<run_id>{RUN.pattern})/evidence/(?P<name>{NAME.pattern})"), "evidence"),
    (re.compile(r"gonogo://knowledge/(?P<words>[A-Za-z0-9._%+ -]{1,120})"), "knowledge"),
)


def resource_at(call: Call, address: str) -> Resource:
    """What stands at `address` for this token. Raises Declined for every other address, and for what it cannot see."""
    needed = Scope.KNOWLEDGE if address.startswith("gonogo://knowledge/") else Scope.READ
    if needed not in call.token.scopes:
        raise Declined(Answer("FORBIDDEN"))
    for form, kind in _FORMS:
        found = form.fullmatch(address)
        if found is not None:
            media, text = _READERS[kind](call, found.groupdict())
            return Resource(media, cleaned(text, MOST), len(text) > MOST)
    raise Declined(Answer("NOT_FOUND"))


def _protocol(call: Call, parts: Mapping[str, str]) -> tuple[str, str]:
    workspace, slug = fresh(call), parts["slug"]
    if slug not in installed(workspace):
        raise Declined(Answer("NOT_FOUND"))
    document, sidecar = protocol_sources(workspace, slug)
    if not call.token.reaches(slug, read_sidecar(sidecar.data, sidecar.name).sidecar.environment):
        raise Declined(Answer("NOT_FOUND"))
    return "text/markdown", document.data.decode("utf-8", "replace")


def _report(call: Call, parts: Mapping[str, str]) -> tuple[str, str]:
    return "text/markdown", report_of(call.site.door, call.named(parts["run_id"])).text


def _evidence(call: Call, parts: Mapping[str, str]) -> tuple[str, str]:
    item = call.named(parts["run_id"]).state.evidence.get(parts["name"])
    if item is None:
        raise Declined(Answer("NOT_FOUND"))
    try:
        data = call.site.door.world.vault.read(item.digest)
    except GonogoError as error:
        raise Declined(Answer("TOO_LARGE")) from error
    return "text/plain", data[: 2 * MOST].decode("utf-8", "replace")


def _knowledge(call: Call, parts: Mapping[str, str]) -> tuple[str, str]:
    words = tuple(unquote_plus(parts["words"]).split())
    return "text/markdown", "\n".join(hit_lines(found_in(call.site.door, words)))


_READERS: Final[Mapping[str, Callable[[Call, Mapping[str, str]], tuple[str, str]]]] = {
    "protocol": _protocol,
    "report": _report,
    "evidence": _evidence,
    "knowledge": _knowledge,
}
