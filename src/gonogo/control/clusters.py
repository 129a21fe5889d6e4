"""Targets in a Kubernetes cluster, from the options of an environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gonogo.adapters.roles import RoleProber
from gonogo.adapters.targets.argo_rollout import ArgoTarget
from gonogo.adapters.targets.kubernetes import KubernetesTarget
from gonogo.adapters.targets.kubernetes_api import KubernetesApi
from gonogo.adapters.targets.kubernetes_login import KubernetesLogin, expanded, login_in_pod, login_of
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.errors import BadInput
from gonogo.plan.project import Environment
from gonogo.ports import Prober

ROLES = ("stable", "canary")


def kubernetes_target(root: Path, environment: Environment) -> KubernetesTarget:
    """Options: `service`, `namespace`, `deployments` (with `{slot}`), `label`, `replicas`, `kubeconfig`, `context`."""
    option = environment.target.options
    service = _needed(environment, "service")
    pattern = option.get("deployments", f"{service}-{{slot}}")
    replicas = option.get("replicas", "0")
    if "{slot}" not in pattern or not replicas.isdecimal():
        raise BadInput(
            f"`deployments` is `{pattern}`, `replicas` is `{replicas}`",
            where=str(environment.origin),
            next_step="write a name with {slot} in it, and a whole number",
        )
    slots = {slot: pattern.replace("{slot}", slot) for slot in environment.slots}
    return KubernetesTarget(_api(root, environment), service, slots, option.get("label", "slot"), int(replicas))


def argo_target(root: Path, environment: Environment) -> ArgoTarget:
    """Options: `rollout`, `namespace`, `kubeconfig`, `context`."""
    return ArgoTarget(_api(root, environment), _needed(environment, "rollout"), environment.slots)


def argo_prober(root: Path, environment: Environment) -> Prober:
    """The first address under `slots` is the stable Service's, the second one the canary Service's."""
    version = environment.version
    roles = dict(zip(ROLES, environment.slots.values(), strict=False))
    asked = HttpProber(roles, environment.url, version.path, version.header, version.digest_header)
    return RoleProber(asked, argo_target(root, environment))


def _api(root: Path, environment: Environment) -> KubernetesApi:
    return KubernetesApi(_login(root, environment), environment.target.options.get("namespace", "default"))


def _login(root: Path, environment: Environment) -> Callable[[], KubernetesLogin]:
    """Looked up when it is used: whoever only approves needs no access to the cluster."""
    option = environment.target.options

    def login() -> KubernetesLogin:
        if "kubeconfig" not in option:
            return login_in_pod(os.environ)
        return login_of(expanded(option["kubeconfig"], root), option.get("context", ""))

    return login


def _needed(environment: Environment, key: str) -> str:
    if not environment.target.options.get(key):
        raise BadInput(
            f"`environments.{environment.name}.target.{key}` is missing",
            where=str(environment.origin),
            next_step=f"a target of kind {environment.target.kind} needs `{key}`",
        )
    return environment.target.options[key]
