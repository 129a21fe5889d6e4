"""The built-in activities: what `does: NAME` in a sidecar turns into, act by act, in order.

An activity is data about a project, not code that runs: `gonogo plan` prints exactly these acts, and nothing else is
ever done in their name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from gonogo.plan.drafting import STATE_PROBE, Draft, bound, effect_on, hosts_of, named, routed, service_on
from gonogo.plan.host_activities import host_rollback, host_rollout, hosts_back, hosts_installed
from gonogo.plan.model import Decide, Measure, Roll, Route, Seal, Watch
from gonogo.plan.project import Project
from gonogo.plan.shipped_together import services_back, services_installed


def state_probes(project: Project, kind: str) -> tuple[Draft, ...]:
    """The probes of a project, before the prerequisites are told as one list (PRE-11, PRE-21, PRE-23)."""
    return tuple(
        Draft(f"probe-{state}", f"probe the state `{state}`", bound(project, command, kind, STATE_PROBE))
        for state, command in project.probes.items()
    )


def _measured(what: str, title: str) -> Callable[[Project], tuple[Draft, ...]]:
    return lambda project: (Draft("measure", title, Measure(what)),)


def _deploy(project: Project, kind: str, consumes: str = "") -> tuple[Draft, ...]:
    observe = Draft("observe", f"read what {kind} serves now", Measure(f"observe:{kind}"))
    if hosts_of(project, kind):
        return (observe, *hosts_installed(project, kind, "deploy", "install", "answers"))
    if project.services:
        return (observe, *services_installed(project, kind, "deploy", ("install", "answers"), consumes))
    return (
        observe,
        Draft("install", f"run the deploy script in {kind}", bound(project, "deploy", kind, "deploy"), consumes),
        Draft("answers", "ask the new version directly", Measure(f"candidate:{kind}")),
    )


def _switch(project: Project, kind: str, percent: int, name: str) -> tuple[Draft, ...]:
    if not routed(project, kind) or hosts_of(project, kind):
        return ()
    to = "the new version" if percent else "the old version"
    return (Draft(name, f"send {kind} traffic to {to}", Route(named(project, kind), percent, effect_on(kind))),)


def _saved(project: Project, kind: str) -> tuple[Draft, ...]:
    """The project's own snapshot hook, before an environment is touched; none where none is bound (SNP-01)."""
    if project.snapshot is None:
        return ()
    title = f"save the state of {kind}"
    return (Draft("save", title, bound(project, project.snapshot.take, kind, "snapshot")),)


def _brought_back(project: Project) -> tuple[Draft, ...]:
    """The restore of that snapshot, rehearsed in staging only: what it would undo in production, a person decides."""
    if project.snapshot is None:
        return ()
    title = "bring the saved state of staging back"
    return (Draft("restore", title, bound(project, project.snapshot.restore, "staging", "restore")),)


def _rehearse(project: Project) -> tuple[Draft, ...]:
    observe, *rest = _deploy(project, "staging")
    return (
        observe,
        *_saved(project, "staging"),
        *rest,
        *_switch(project, "staging", 100, "switch"),
        Draft("verify", "ask staging for its version through the front", Measure("serves-release:staging")),
        Draft("report", "write the rehearsal report", Measure("rehearsal")),
    )


def _tests(project: Project) -> tuple[Draft, ...]:
    commands = dict.fromkeys(suite.command for suite in project.suites)
    runs = tuple(
        Draft(f"run-{name}", f"run {name} against staging", bound(project, name, "staging", "tests"))
        for name in commands
    )
    return (*runs, Draft("measure", "read the test results", Measure("tests")))


def _rollback_rehearsal(project: Project) -> tuple[Draft, ...]:
    return (
        *_switch(project, "staging", 0, "switch-back"),
        *_rolled_back_in_staging(project),
        *_brought_back(project),
        Draft("restored", "check that the old state is back", Measure("restored:staging")),
        *_deployed_again(project),
        *_switch(project, "staging", 100, "switch-again"),
        Draft("verify-again", "ask staging for its version through the front", Measure("serves-release:staging")),
        Draft("report", "compare the recovery time with the RTO", Measure("rollback-proof")),
    )


def _rolled_back_in_staging(project: Project) -> tuple[Draft, ...]:
    if hosts_of(project, "staging"):
        return hosts_back(project, "staging")
    if project.services:
        return services_back(project, "staging")
    back = bound(project, "rollback", "staging", "rollback")
    return (Draft("roll-back", "run the rollback script in staging", back),)


def _deployed_again(project: Project) -> tuple[Draft, ...]:
    if hosts_of(project, "staging"):
        return hosts_installed(project, "staging", "redeploy", "install-again", "answers-again")
    if project.services:
        return services_installed(project, "staging", "redeploy", ("install-again", "answers-again"))
    return (
        Draft("install-again", "deploy again in staging", bound(project, "deploy", "staging", "redeploy")),
        Draft("answers-again", "ask the new version directly", Measure("candidate:staging")),
    )


def _security(project: Project) -> tuple[Draft, ...]:
    commands = dict.fromkeys(scan.command for scan in project.scans)
    runs = tuple(
        Draft(f"run-{name}", f"run the scan {name}", bound(project, name, "staging", "scan")) for name in commands
    )
    return (*runs, Draft("measure", "read the scan reports", Measure("security")))


def _operations(project: Project) -> tuple[Draft, ...]:
    measure = Draft("measure", "check runbooks, on-call and escalation", Measure("operations"))
    bound = project.operations
    rota = _listed(project, bound.rota or None, "ask who is on call")
    return (*rota, *_listed(project, bound.reach, "try every level of escalation"), measure)


def _listed(project: Project, command: str | None, title: str) -> tuple[Draft, ...]:
    """A command that lists or tries something and changes nothing; none where none is bound."""
    return (Draft(f"list-{command}", title, bound(project, command, "production", "probe")),) if command else ()


def _connectivity(_project: Project) -> tuple[Draft, ...]:
    return (
        Draft("staging", "reach staging", Measure("connectivity-staging")),
        Draft("confirm", "a person confirms that production may be probed", Decide("production_probe", "attestation")),
        Draft("measure", "reach staging and production", Measure("connectivity")),
    )


def _health_checks(project: Project) -> tuple[Draft, ...]:
    measure = Draft("measure", "ask every service for its health", Measure("health-checks"))
    return (*_listed(project, project.alerts, "list open alerts"), measure)


def _refresh(project: Project) -> tuple[Draft, ...]:
    if project.refresh is None:
        return (Draft("measure", "record that no refresh is bound", Measure("refresh")),)
    return (
        Draft("run", "refresh staging data and flags", bound(project, project.refresh, "staging", "refresh")),
        Draft("measure", "record the refresh", Measure("refresh")),
    )


def _freeze(project: Project) -> tuple[Draft, ...]:
    begin: tuple[Draft, ...] = (Draft("begin", "begin the change freeze", Measure("freeze-begin")),)
    if project.freeze.lock:
        begin = (*begin, Draft("lock", "lock the branch", bound(project, project.freeze.lock, "production", "probe")))
    if project.freeze.probe:
        begin = (*begin, Draft("probe", "prove the lock", bound(project, project.freeze.probe, "production", "probe")))
    if project.freeze.queue:
        queue = bound(project, project.freeze.queue, "production", "probe")
        begin = (*begin, Draft("queue", "ask which changes are queued", queue))
    return (
        *begin,
        Draft("acknowledge", "all stakeholders acknowledge the freeze", Decide("freeze", "freeze-ack")),
        Draft("measure", "write the freeze confirmation", Measure("freeze")),
    )


def _dry_run(project: Project) -> tuple[Draft, ...]:
    binding = project.commands.get("deploy")
    if binding is None or binding.dry_run is None:
        return (Draft("measure", "record that the deploy script declares no dry run", Measure("dry-run")),)
    run = bound(project, "deploy", "production", "dry_run", binding.dry_run)
    hosts = hosts_of(project, "production")
    each = tuple(
        Draft(
            f"run-{host}",
            f"dry run of the deploy script on {host}",
            replace(run, host=host, service=service_on(project, "production", host)),
        )
        for host in hosts
    )
    return (
        *(each or (Draft("run", "dry run of the deploy script", run),)),
        Draft("measure", "record the dry run", Measure("dry-run")),
    )


def _rollout(project: Project) -> tuple[Draft, ...]:
    snapshot = Draft("snapshot", "take the rollback snapshot", Measure("snapshot"))
    observe, *install = _deploy(project, "production", "production")
    hosted = bool(hosts_of(project, "production"))
    moves = hosted or routed(project, "production")
    roll = Draft("roll", f"{project.rollout.strategy} rollout", Roll(named(project, "production")))
    return (
        observe,
        *_saved(project, "production"),
        snapshot,
        *(host_rollout(project, "production") if hosted else install),
        *((roll,) if moves else ()),
        Draft("verify", "ask production for its version through the front", Measure("serves-release:production")),
        Draft("report", "write the deployment report", Measure("deployment")),
    )


def _staging_deploy(project: Project) -> tuple[Draft, ...]:
    return (
        *_deploy(project, "staging"),
        *_switch(project, "staging", 100, "switch"),
        Draft("verify", "ask staging for its version through the front", Measure("serves-release:staging")),
        Draft("report", "write the staging deployment record", Measure("staging-deployment")),
    )


def _post_checks(project: Project) -> tuple[Draft, ...]:
    *runs, measure = _smoke("post-deployment")(project)
    return (*runs, *_listed(project, project.incidents, "list open incidents"), measure)


def _smoke(measure: str) -> Callable[[Project], tuple[Draft, ...]]:
    def drafts(project: Project) -> tuple[Draft, ...]:
        commands = dict.fromkeys(suite.command for suite in project.smoke)
        runs = tuple(
            Draft(f"run-{name}", f"run {name} against production", bound(project, name, "production", "tests"))
            for name in commands
        )
        return (*runs, Draft("measure", "read the results and ask every service", Measure(measure)))

    return drafts


def _decided(point: str, title: str, record: str, kind: str = "approval") -> Callable[[Project], tuple[Draft, ...]]:
    return lambda project: (
        Draft("decide", title, Decide(point, kind)),
        Draft("record", "write the record of the decision", Measure(record)),
    )


def _package(project: Project) -> tuple[Draft, ...]:
    return (
        Draft("seal", "seal PRE-DEPLOYMENT-PACKAGE.zip", Seal("readiness")),
        Draft("index", "write the package index", Measure("package-index")),
    )


def _health_window(project: Project) -> tuple[Draft, ...]:
    return (
        Draft("watch", "watch production", Watch(named(project, "production"))),
        Draft("measure", "write the health log", Measure("health")),
    )


ACTIVITIES: Mapping[str, Callable[[Project], tuple[Draft, ...]]] = {
    "intake": _measured("intake", "check artifacts, approvals and system states"),
    "parity": _measured("parity", "compare staging with production"),
    "refresh": _refresh,
    "rehearse": _rehearse,
    "tests": _tests,
    "baseline": _measured("baseline", "record the observability baseline"),
    "rollback_rehearsal": _rollback_rehearsal,
    "security": _security,
    "operations": _operations,
    "package": _package,
    "review": _decided("readiness", "readiness review", "readiness-approval"),
    "checklist": _measured("checklist", "update the deployment checklist"),
    "recheck": _measured("readiness", "verify the readiness package again"),
    "scope": _decided("scope_confirmation", "stakeholders confirm the scope", "confirmations", "attestation"),
    "window": _measured("window", "check the deployment window"),
    "staging_check": _measured("staging-check", "check that staging is still what was rehearsed"),
    "freeze": _freeze,
    "dry_run": _dry_run,
    "approval": _decided("production", "production go/no-go", "production-approval"),
    "rollout": _rollout,
    "post_checks": _post_checks,
    "notices": _measured("notices", "record the notices that were sent"),
    "health_window": _health_window,
    "release_report": _measured("release-report", "write the release report"),
    "retrospective": _measured("retrospective", "collect inputs for the retrospective"),
    "connectivity": _connectivity,
    "health_checks": _health_checks,
    "staging_deploy": _staging_deploy,
    "smoke": _smoke("smoke"),
    "performance": _measured("performance", "record the performance baseline"),
}


def rollback_drafts(project: Project) -> tuple[Draft, ...]:
    """The acts that bring production back, in order; never run but on a recorded trigger (ARB-07)."""
    if hosts_of(project, "production"):
        back = host_rollback(project, "production")
    elif project.services:
        back = (*_switch(project, "production", 0, "switch-back"), *services_back(project, "production"))
    else:
        script = bound(project, "rollback", "production", "rollback")
        switch = _switch(project, "production", 0, "switch-back")
        back = (*switch, Draft("roll-back", "run the rollback script in production", script))
    return (
        *back,
        Draft("restored", "check that the old version serves again", Measure("restored:production")),
    )


def closing_drafts(project: Project, environment: str) -> tuple[Draft, ...]:
    """The acts at the end of a run, whatever its outcome; a branch that was frozen is opened again (FRZ-02)."""
    package = "handoff" if environment == "staging" else "deployment"
    opened: tuple[Draft, ...] = ()
    if environment == "production" and project.freeze.unlock:
        opened = (Draft("unlock", "open the branch", bound(project, project.freeze.unlock, "production", "probe")),)
    return (
        *opened,
        Draft("report", "write the report of the run", Measure("report")),
        Draft("seal", "seal the evidence package", Seal(package)),
    )
