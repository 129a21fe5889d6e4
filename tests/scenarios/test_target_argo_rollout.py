"""Driving an Argo Rollout: its custom resource on a real API server (or the tape of one), its controller by our emulation.

Argo's own controller cannot be had here. What stands in its place works through the steps of a Rollout as Argo's documents
say: it sets weights, pauses, goes on when the pause was cleared, and takes everything back when `status.abort` is set. What is
shown is what gonogo sends and how it reads the status back, not that Argo does what it documents.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from kube_world import PROGRAMS, Cluster, Server, cluster, real_server

from gonogo.adapters.targets import argo_rollout
from gonogo.adapters.targets.kubernetes_api import Conflicting, KubernetesApi
from gonogo.adapters.targets.kubernetes_login import KubernetesLogin
from gonogo.adapters.targets.argo_rollout import ArgoTarget
from gonogo.errors import Broken, Refused

MERGE = "application/merge-patch+json"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"kind": "Rollout", "plural": "rollouts", "singular": "rollout"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
STEPS = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
OLD, NEW = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | None]:
    if not PROGRAMS:
        yield None
        return
    with real_server(tmp_path_factory.mktemp("argo")) as found:
        assert found.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)[0] == 201
        ending = threading.Event()
        thread = threading.Thread(target=control, args=(found, ending), daemon=True)
        thread.start()
        yield found
        ending.set()
        thread.join(5)


def control(server: Server, ending: threading.Event) -> None:
    while not ending.wait(0.1):
        with suppress(OSError, ValueError, KeyError):
            for rollout in json.loads(server.ask("GET", "/apis/argoproj.io/v1alpha1/rollouts")[1])["items"]:
                if "uncontrolled" not in rollout["metadata"].get("labels", {}):
                    reconcile(server, rollout)


def reconcile(server: Server, rollout: dict) -> None:
    """One look of a controller at a Rollout, as its documents describe it."""
    about, status = rollout["metadata"], rollout.get("status", {})
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    current = rollout["spec"]["template"]["version"]
    after = {**status, "observedGeneration": str(about["generation"]), "currentPodHash": current}
    stable = after.setdefault("stableRS", current)
    if current != status.get("currentPodHash"):
        after |= {"currentStepIndex": 0, "abort": None, "pauseConditions": None, "controllerPause": None}
    if stable == current or after.get("abort"):
        after |= {"canary": {"weights": {"canary": {"weight": 0}, "stable": {"weight": 100}}}, "pauseConditions": None}
    elif not after.get("pauseConditions"):
        index = after.get("currentStepIndex", 0) + (1 if after.get("controllerPause") else 0)
        after |= {"controllerPause": None, "currentStepIndex": index}
        if index >= len(steps):
            after |= {"stableRS": current}
        elif "setWeight" in steps[index]:
            weight = steps[index]["setWeight"]
            after |= {"canary": {"weights": {"canary": {"weight": weight}, "stable": {"weight": 100 - weight}}}}
            after |= {"currentStepIndex": index + 1}
        else:
            after |= {"pauseConditions": [{"reason": "CanaryPauseStep"}], "controllerPause": True}
    if after != status:
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{about['namespace']}/rollouts/{about['name']}/status"
        body = {"metadata": {"resourceVersion": about["resourceVersion"]}, "status": after}
        server.ask("PATCH", path, body, MERGE)


@contextmanager
def rollout(name: str, server: Server | None, steps: list = STEPS, **labels: str) -> Iterator[tuple[Cluster, ArgoTarget, str]]:
    """A Rollout whose version v1 serves, and v2 is deployed and stands at its first pause."""
    with cluster(f"argo-{name}", server) as found:
        found.ask("POST", "/api/v1/namespaces", {"metadata": {"name": f"argo-{name}"}})
        path = f"/apis/argoproj.io/v1alpha1/namespaces/argo-{name}/rollouts"
        spec = {"strategy": {"canary": {"steps": steps}}, "template": {"version": "v1"}}
        about = {"name": "web", "labels": labels}
        made = found.ask("POST", path, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": about, "spec": spec})
        assert made[0] == 201, made
        driven = ArgoTarget(KubernetesApi(lambda: KubernetesLogin(found.url, None), f"argo-{name}"), "web", {"blue": "", "green": ""}, 10.0)
        if not labels:
            found.until(f"{path}/web", lambda seen: seen.get("status", {}).get("stableRS") == "v1")
            assert driven.traffic().weights == OLD
            deploy(found, f"{path}/web", "v2")
        yield found, driven, f"{path}/web"


def deploy(found: Cluster, path: str, version: str) -> None:
    assert found.ask("PATCH", path, {"spec": {"template": {"version": version}}}, MERGE)[0] == 200
    found.until(path, lambda seen: seen["status"].get("currentPodHash") == version and seen["status"].get("pauseConditions"))


@pytest.fixture(autouse=True)
def at_once(server: Server | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tape needs no waiting."""
    if server is None:
        monkeypatch.setattr(argo_rollout, "PAUSE", 0.001)


@pytest.mark.req("ROL-01")
def test_each_move_promotes_to_the_share_that_was_asked_for_and_reads_it_back(server: Server | None) -> None:
    with rollout("promote", server) as (found, driven, path):
        assert driven.traffic().weights == {"blue": 80, "green": 20}
        assert driven.move({"blue": 80, "green": 20}, 1).weights == {"blue": 80, "green": 20}
        assert driven.move({"blue": 50, "green": 50}, 1).weights == {"blue": 50, "green": 50}
        assert driven.move(NEW, 1).weights == NEW
        assert driven.roles() == {"stable": "green", "canary": "blue"}
        deploy(found, path, "v3")
        assert driven.traffic().weights == {"green": 80, "blue": 20}, "with the next release the slots change their roles"


@pytest.mark.req("ARB-01")
def test_a_move_back_aborts_and_the_old_version_serves_alone(server: Server | None) -> None:
    with rollout("abort", server) as (found, driven, path):
        driven.move({"blue": 50, "green": 50}, 3)
        assert driven.move(OLD, 4).weights == OLD
        assert found.ask("GET", path)[1]["status"]["abort"] is True
        with pytest.raises(Broken, match="the Rollout is aborted"):
            driven.move({"blue": 50, "green": 50}, 4)


@pytest.mark.req("K8-02")
def test_an_older_fence_and_an_old_reading_drive_nothing(server: Server | None) -> None:
    with rollout("fence", server) as (found, driven, path):
        driven.move({"blue": 50, "green": 50}, 9)
        with pytest.raises(Refused, match="fence 8 is older than 9"):
            driven.move(OLD, 8)
        old = found.ask("GET", path)[1]["metadata"]["resourceVersion"]
        assert found.ask("PATCH", path, {"metadata": {"labels": {"touched": "yes"}}}, MERGE)[0] == 200
        with pytest.raises(Conflicting):
            driven.api.merge(f"{path}/status", {"metadata": {"resourceVersion": old}, "status": {"abort": True}})
        assert driven.traffic().weights == {"blue": 50, "green": 50}


def test_a_share_that_the_steps_do_not_have_is_not_taken_for_another(server: Server | None) -> None:
    with rollout("steps", server) as (_, driven, _), pytest.raises(Broken, match="asked for blue 70 %, green 30 %, the target now does blue 50 %"):
        ArgoTarget(driven.api, "web", driven.slots, 0.5 if PROGRAMS else 0.05).move({"blue": 70, "green": 30}, 1)


@pytest.mark.req("SOK-05")
def test_without_its_controller_nothing_is_read_and_nothing_is_done(server: Server | None) -> None:
    with rollout("alone", server, uncontrolled="yes") as (_, driven, _):
        assert driven.traffic().readable is False
        assert "has no stable version yet" in driven.traffic().detail
