"""Hosts of an environment and the batches in which they are replaced: reading and checking (ROL-01)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate, chain, pairwise

from gonogo.plan.drafting import environment_of
from gonogo.plan.project import CommandBinding, Environment, Project, RolloutBinding
from gonogo.plan.reading import WRONG_VALUE, Findings, Section

AMOUNT = r"[1-9]\d{0,3}|[1-9]\d?%|100%"
HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MOST_HOSTS = 200
WHOLE = 100


def read_hosts(section: Section | None) -> dict[str, str]:
    """Names and addresses of hosts in their order; empty where an environment declares none."""
    if section is None:
        return {}
    found = {
        name: section.text(name, pattern=r"https?://\S+", kind="an http or https address") for name in section.names()
    }
    wrong = [name for name in found if not HOST.fullmatch(name)]
    if wrong or not found or len(found) > MOST_HOSTS:
        what = f"`{wrong[0]}` is no name of a host" if wrong else f"`{section.path}` names {len(found)} hosts"
        note = f"1 to {MOST_HOSTS} hosts, each a name of lower-case letters, digits and hyphens with its address"
        section.notes.error(WRONG_VALUE, what, section.origin, note)
    return found


def amount(text: str, of: int) -> int:
    """`2`, or `25%` of `of` rounded down, but at least 1."""
    if text.endswith("%"):
        return max(1, of * int(text[:-1]) // WHOLE)
    return max(1, int(text))


def batch_sizes(rollout: RolloutBinding, count: int) -> tuple[int, ...]:
    """Sizes of the batches of `count` hosts; the last takes what is left."""
    size = min(amount(rollout.batch, count), max(count, 1))
    full, rest = divmod(count, size)
    return (size,) * full + ((rest,) if rest else ())


def groups(project: Project, kind: str = "production") -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The batches of each service in the declared order, its hosts in each; one group where there is one service."""
    found = environment_of(project, kind)
    if found is None or not found.hosts:
        return ()
    shipped = tuple(found.hosts_of.get(name, ()) for name in project.services) if found.hosts_of else (found.hosts,)
    return tuple(_in_batches(project.rollout, names) for names in shipped if names)


def _in_batches(rollout: RolloutBinding, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    ends = tuple(accumulate(batch_sizes(rollout, len(names))))
    return tuple(names[first:end] for first, end in pairwise((0, *ends)))


def batches(project: Project, kind: str = "production") -> tuple[tuple[str, ...], ...]:
    """The hosts of each batch, in order; none where the environment is not rolled out over hosts."""
    return tuple(chain.from_iterable(groups(project, kind)))


def check_hosts(project: Project, notes: Findings) -> None:
    """What has to hold between hosts, strategy and scripts."""
    rolling = project.rollout.strategy == "rolling"
    hosted = {each.kind: each for each in project.environments.values() if each.hosts}
    for each in project.environments.values():
        _check_environment(each, hosted, notes, rolling=rolling)
    for command in project.commands.values():
        if not hosted and any("{host}" in part for part in command.run):
            words = f"`commands.{command.name}` uses {{host}}, and no environment has `hosts`"
            notes.error(WRONG_VALUE, words, command.origin)
    for name in ("deploy", "rollback"):
        _check_script(project.commands.get(name), notes, hosted=bool(hosted))
    if rolling and "production" in hosted:
        _check_promotions(project, hosted["production"], notes)
        for service, names in (hosted["production"].hosts_of or {"": hosted["production"].hosts}).items():
            _check_sizes(project, hosted["production"], (len(names), service), notes)


def _check_environment(each: Environment, hosted: Mapping[str, Environment], notes: Findings, *, rolling: bool) -> None:
    if hosted and not each.hosts:
        words = f"environment `{each.name}` has no `hosts`, and another one has: the same scripts could not run in both"
        notes.error(WRONG_VALUE, words, each.origin, "name at least one host in each environment")
    if each.kind != "production" or rolling == bool(each.hosts):
        return
    if rolling:
        words, note = f"`rollout.strategy: rolling` needs `hosts` in environment `{each.name}`", "name them there"
    else:
        words = f"environment `{each.name}` has `hosts`, which only `rollout.strategy: rolling` replaces"
        note = "write `strategy: rolling`, or `slots` instead of `hosts`"
    notes.error(WRONG_VALUE, words, each.origin, note)


def _check_script(command: CommandBinding | None, notes: Findings, *, hosted: bool) -> None:
    if hosted and command is not None and not any("{host}" in part for part in command.run):
        words = f"`commands.{command.name}` is run once for each host and is not told which: {{host}} is missing"
        notes.error(WRONG_VALUE, words, command.origin, 'add "{host}" to `run`; the script also finds GONOGO_HOST')


def _check_promotions(project: Project, production: Environment, notes: Findings) -> None:
    left = len(batches(project)) - 1
    promotions = project.rollout.promotions
    if promotions and (len(promotions) != left or set(promotions) - {"auto", "manual"}):
        words = f"`rollout.promotions` must say auto or manual for each batch that is left: {left} here"
        notes.error(WRONG_VALUE, words, production.origin)


def _check_sizes(project: Project, production: Environment, about: tuple[int, str], notes: Findings) -> None:
    """Batches of so many hosts, of the only service or of the one that is named."""
    count, service = about
    if not count:
        return
    of = f" of {service}" if service else ""
    size, most = max(batch_sizes(project.rollout, count)), amount(project.rollout.max_unavailable, count)
    if size > most:
        words = f"`rollout.batch` makes batches of {size} hosts{of}, and `rollout.max_unavailable` allows {most}"
        notes.error(WRONG_VALUE, words, production.origin)
    elif most >= count > 1:
        words = f"`rollout.max_unavailable` allows {most} of {count} hosts{of}: nothing would be left to answer"
        notes.error(WRONG_VALUE, words, production.origin)
