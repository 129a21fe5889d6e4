"""Reads `operations` of `gonogo.yaml`: runbooks, who is on call, escalation (OPS-01..OPS-03)."""

from __future__ import annotations

from decimal import Decimal

from gonogo.plan.project import Calendar, EscalationLevel, OnCall, Operations, Runbook
from gonogo.plan.reading import WRONG_VALUE, Section, moment_of

_MOMENT = "2027-01-31T22:00:00Z"
_MAX_AGE = Decimal(90 * 86400)


def read_operations(section: Section) -> Operations:
    """The whole section; a rota may come from a list, from calendars, or from a command."""
    rota = section.optional("rota")
    found = Operations(
        runbooks=tuple(_runbook(item) for item in section.sections("runbooks", required=True)),
        on_call=tuple(_on_call(item) for item in section.sections("on_call", required=rota is None)),
        escalation=tuple(_level(item) for item in section.sections("escalation", required=True)),
        reach=section.text("reach", "") or None,
        rota=rota.text("command", "") if rota else "",
        calendars=tuple(_calendar(item) for item in rota.sections("calendars")) if rota else (),
    )
    if rota is not None:
        rota.finish()
        if bool(found.rota) == bool(found.calendars):
            rota.notes.error(WRONG_VALUE, f"`{rota.path}` needs either `command` or `calendars`", rota.origin)
    section.finish()
    return found


def _runbook(section: Section) -> Runbook:
    found = Runbook(
        section.text("path"),
        section.text("service"),
        section.seconds("max_age", _MAX_AGE),
        section.texts("sections", ()),
    )
    section.finish()
    return found


def _calendar(section: Section) -> Calendar:
    found = Calendar(
        section.text("path"), section.text("function"), section.choice("place", ("primary", "backup"), "primary")
    )
    section.finish()
    return found


def _level(section: Section) -> EscalationLevel:
    found = EscalationLevel(section.integer("level", least=1), section.text("contact", ""))
    section.finish()
    return found


def _on_call(section: Section) -> OnCall:
    begins, ends = (section.text(key, "") or None for key in ("from", "until"))
    for key, moment in (("from", begins), ("until", ends)):
        if moment is not None and moment_of(moment) is None:
            what = f"`{section.path}.{key}` is `{moment}`; it must be a moment with its zone, such as {_MOMENT}"
            section.notes.error(WRONG_VALUE, what, section.origin_of(key))
    found = OnCall(section.text("function"), section.text("primary"), section.text("backup", ""), begins, ends)
    section.finish()
    return found
