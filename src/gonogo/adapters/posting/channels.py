"""The channels of a project, from what `announce` binds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gonogo.adapters.posting.apprise import AppriseCarrier
from gonogo.adapters.posting.carrying import Carrier, Channel
from gonogo.adapters.posting.command import CommandCarrier
from gonogo.adapters.posting.mail import MailCarrier, MailServer
from gonogo.adapters.posting.web import Form, WebCarrier, cdevents_form, cloudevents_form, slack_form, webhook_form
from gonogo.plan.channels import SMTP, WEBHOOK, ChannelBinding
from gonogo.plan.project import Project
from gonogo.ports import Clock
from gonogo.terms import Secret

FORMS: Mapping[str, Form] = {"slack": slack_form, "cloudevents": cloudevents_form, "cdevents": cdevents_form}


def channels_of(project: Project, root: Path, environ: Mapping[str, str], clock: Clock) -> Iterator[Channel]:
    """Commands first, as they stand; a channel whose secrets are not set carries nothing and says so."""
    for told in project.announce.commands:
        binding = project.commands[told.command]
        known = {"{project}": project.name, "{python}": sys.executable}
        argv = tuple(_filled(part, known) for part in binding.run)
        secrets = {name: Secret(environ[name]) for name in binding.secrets if environ.get(name)}
        lacking = tuple(name for name in binding.secrets if name not in secrets)
        carrier = CommandCarrier(argv, float(binding.timeout), secrets, root, environ)
        yield Channel(told.command, carrier, told.roles, told.occasions, lacking)
    for bound in project.announce.channels:
        lacking = tuple(name for name in bound.variables() if not environ.get(name))
        yield Channel(bound.name, _carrier(bound, environ, clock), bound.roles, bound.occasions, lacking)


def _filled(part: str, known: Mapping[str, str]) -> str:
    for slot, value in known.items():
        part = part.replace(slot, value)
    return part


def _carrier(bound: ChannelBinding, environ: Mapping[str, str], clock: Clock) -> Carrier:
    address = Secret(environ.get(bound.address_from, ""))
    limit = float(bound.timeout)
    if bound.kind == SMTP:
        return _mail(bound, environ, limit)
    if bound.kind == "apprise":
        return AppriseCarrier(address)
    key = Secret(environ.get(bound.key_from, ""))
    form = webhook_form(key, clock) if bound.kind == WEBHOOK else FORMS[bound.kind]
    return WebCarrier(address, form, limit)


def _mail(bound: ChannelBinding, environ: Mapping[str, str], limit: float) -> MailCarrier:
    host, _, port = bound.server.rpartition(":")
    user, password = (
        Secret(environ[name]) if environ.get(name) else None for name in (bound.user_from, bound.password_from)
    )
    server = MailServer(host.strip("[]"), int(port or 0), bound.security, limit, user, password)
    return MailCarrier(server, bound.sender, bound.recipients)
