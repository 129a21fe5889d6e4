"""Several services in one release: their declared order, their addresses, and their acts one by one (ROL-01, ARB-01).

They are installed in the order of `services`, switched together by one decision, and taken back in reverse.
"""

from __future__ import annotations

from dataclasses import replace

from gonogo.plan.drafting import Draft, bound
from gonogo.plan.model import Execute, Measure
from gonogo.plan.project import Environment, Project
from gonogo.plan.reading import WRONG_VALUE, Findings, Section
from gonogo.plan.release import Release


def read_services(section: Section | None) -> dict[str, dict[str, str]]:
    """The addresses of each service in each slot; empty where an environment declares none."""
    if section is None:
        return {}
    kind = "an http or https address"
    return {
        name: {slot: child.text(slot, pattern=r"https?://\S+", kind=kind) for slot in child.names()}
        for name, child in section.children()
    }


def read_hosts_of(section: Section | None) -> dict[str, tuple[str, ...]]:
    """The hosts of each service; empty where an environment declares none."""
    return {} if section is None else {name: section.texts(name) for name in section.names()}


def check_services(project: Project, notes: Findings) -> None:
    """Each service can be asked in each slot of each environment, and the scripts are told which one they are about.

    A host runs one service, so that a script which is told the host everywhere knows the service, too.
    """
    names = project.services
    by_host = all(each.hosts_of for each in project.environments.values())
    for each in project.environments.values():
        _check_environment(each, names, notes)
    for command in project.commands.values():
        told = any("{service}" in part for part in command.run)
        if told and not names:
            words = f"`commands.{command.name}` uses {{service}}, and the project names no `services`"
            notes.error(WRONG_VALUE, words, command.origin)
        elif names and command.name in {"deploy", "rollback"} and not (told or by_host):
            words = f"`commands.{command.name}` is run once for each service, and {{service}} is missing in it"
            notes.error(WRONG_VALUE, words, command.origin, "the script also finds GONOGO_SERVICE")


def _check_environment(each: Environment, names: tuple[str, ...], notes: Findings) -> None:
    if each.hosts_of or (each.hosts and names):
        _check_hosts_of(each, names, notes)
        return
    wrong = [name for name in names if set(each.services.get(name, {})) != set(each.slots)]
    if wrong or set(each.services) - set(names):
        listed = ", ".join(wrong or sorted(set(each.services) - set(names)))
        words = f"environment `{each.name}`: `services` has to give one address per slot of every service: {listed}"
        notes.error(WRONG_VALUE, words, each.origin, "without it nobody could ask a service which version it runs")


def _check_hosts_of(each: Environment, names: tuple[str, ...], notes: Findings) -> None:
    """Every host runs one of the services, and they stand in the order in which the services are replaced."""
    wanted = tuple(host for name in names for host in each.hosts_of.get(name, ()))
    if set(each.hosts_of) != set(names) or not all(each.hosts_of.values()):
        said = f"`hosts_of` names {', '.join(each.hosts_of) or 'none'}, and `services` {', '.join(names) or 'none'}"
        note = "hosts_of: {db: [db1, db2], web: [web1, web2]}, with the hosts of every service, beside `hosts`"
    elif wanted != each.hosts:
        said = f"`hosts` are {', '.join(each.hosts)}, and the hosts of the services in their order {', '.join(wanted)}"
        note = "write both in the order in which they are replaced; each host runs exactly one service"
    elif each.target.kind != "none":
        said = f"its `target` ({each.target.kind}) shares requests over the hosts of one service, and there are several"
        note = (
            "leave `target` out; `commands.deploy` and `commands.rollback` are told {host} and {service}, and take the "
            "host out of the traffic of its service and let it in again (docs/hosts.md)"
        )
    else:
        return
    notes.error(WRONG_VALUE, f"environment `{each.name}`: {said}", each.origin, note)


def check_released(project: Project, release: Release, notes: Findings) -> None:
    """What is released is what is declared: a service that nobody installs would be approved and never be there."""
    shipped = {service.name for service in release.services}
    if project.services and shipped != set(project.services):
        words = f"the release ships {', '.join(sorted(shipped))}, and `services` names {', '.join(project.services)}"
        notes.error(WRONG_VALUE, words, project.origin)


def _about(project: Project, kind: str, command: str, purpose: str, service: str) -> Execute:
    return replace(bound(project, command, kind, purpose), service=service)


def services_installed(
    project: Project, kind: str, purpose: str, names: tuple[str, str], consumes: str = ""
) -> tuple[Draft, ...]:
    """Install every service in the declared order; each is asked before the next one is begun."""
    found: list[Draft] = []
    for service in project.services:
        act = _about(project, kind, "deploy", purpose, service)
        found.append(Draft(f"{names[0]}-{service}", f"run the deploy script of {service} in {kind}", act, consumes))
        asked = Measure(f"service:{kind}:{service}")
        found.append(Draft(f"{names[1]}-{service}", f"ask the new version of {service} directly", asked))
        consumes = ""
    return tuple(found)


def services_back(project: Project, kind: str) -> tuple[Draft, ...]:
    """Take every service back, the last one first."""
    return tuple(
        Draft(
            f"roll-back-{service}",
            f"run the rollback script of {service} in {kind}",
            _about(project, kind, "rollback", "rollback", service),
        )
        for service in reversed(project.services)
    )
