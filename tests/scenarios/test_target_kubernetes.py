"""The Kubernetes target against a real API server, or against the tape of one (K8-01 to K8-04)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kube_world import PROGRAMS, Cluster, Server, cluster, kubeconfig, real_server

from gonogo.adapters.targets import kubernetes
from gonogo.adapters.targets.kubernetes_api import Conflicting, KubernetesApi
from gonogo.adapters.targets.kubernetes_login import KubernetesLogin, login_of
from gonogo.adapters.targets.kubernetes import KubernetesTarget
from gonogo.errors import BadInput, Broken, Refused

BLUE, GREEN = {"blue": 100, "green": 0}, {"blue": 0, "green": 100}
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
SLOTS = {"blue": "web-blue", "green": "web-green"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | None]:
    """A real API server where its programs are at hand, else None: the tapes are played."""
    if not PROGRAMS:
        yield None
        return
    with real_server(tmp_path_factory.mktemp("k8s")) as found:
        yield found


def deployment(slot: str, replicas: int = 2, image: str = "web:1") -> dict:
    labels = {"app": "web", "slot": slot}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"web-{slot}"},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
        },
    }


def service(**selector: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": [{"port": 80, "protocol": "TCP"}], "selector": {"app": "web", **selector}},
    }


@contextmanager
def shop(name: str, server: Server | None, owner: str = "gonogo", **counts: int) -> Iterator[tuple[Cluster, str]]:
    """A namespace with a Service whose selector `owner` owns, and two Deployments whose pods are ready."""
    with cluster(name, server) as found:
        found.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        pinned = {} if counts else {"slot": "blue"}
        path = f"/api/v1/namespaces/{name}/services/web"
        made = service(**pinned)
        handed = {**made, "spec": {"selector": made["spec"].pop("selector")}} if owner == "gonogo" and not counts else {}
        made["spec"] |= {} if handed else {"selector": {"app": "web", **pinned}}
        assert found.ask("PATCH", f"{path}?fieldManager=kubectl", made, APPLY)[0] == 201
        if handed:
            assert found.ask("PATCH", f"{path}?fieldManager=gonogo", handed, APPLY)[0] == 200
        for slot in SLOTS:
            found.ask("POST", f"/apis/apps/v1/namespaces/{name}/deployments", deployment(slot, counts.get(slot, 2)))
        for slot in SLOTS:
            wanted = counts.get(slot, 2)
            path = f"/apis/apps/v1/namespaces/{name}/deployments/web-{slot}"
            found.until(path, lambda seen, wanted=wanted: seen["status"].get("readyReplicas", 0) == wanted)
        yield found, name


def target(found: Cluster, namespace: str, replicas: int = 0, patience: float = 20.0) -> KubernetesTarget:
    api = KubernetesApi(lambda: KubernetesLogin(found.url, None), namespace)
    return KubernetesTarget(api, "web", SLOTS, replicas=replicas, patience=patience)


@pytest.fixture(autouse=True)
def at_once(server: Server | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tape needs no waiting."""
    if server is None:
        monkeypatch.setattr(kubernetes, "PAUSE", 0.001)


@pytest.mark.req("K8-03", "ROL-01")
def test_a_switch_is_done_when_the_endpoints_are_the_pods_of_the_wanted_slot(server: Server | None) -> None:
    with shop("switch", server) as (found, name):
        moving = target(found, name)
        found.until(f"/api/v1/namespaces/{name}/endpoints/web", lambda seen: len(addresses(seen)) == 2)
        assert moving.traffic().weights == BLUE
        seen = moving.move(GREEN, 1)
        assert (seen.weights, seen.readable) == (GREEN, True)
        assert seen.detail.endswith("fence 1")
        served = found.ask("GET", f"/api/v1/namespaces/{name}/endpoints/web")[1]
        assert all(one["targetRef"]["name"].startswith("web-green-") for one in addresses(served))
        assert moving.move(BLUE, 2).weights == BLUE


def addresses(endpoints: dict) -> list[dict]:
    return [one for subset in endpoints.get("subsets") or [] for one in subset.get("addresses") or []]


@pytest.mark.req("K8-04")
def test_the_server_refuses_a_stale_writer_at_all(server: Server | None) -> None:
    """Of a server that takes a stale replacement no fencing can be shown."""
    with shop("stale", server) as (found, name):
        path = f"/apis/apps/v1/namespaces/{name}/deployments/web-blue"
        read = found.ask("GET", path)[1]
        assert found.ask("PATCH", path, {"metadata": {"labels": {"touched": "yes"}}}, MERGE)[0] == 200
        stale = {**deployment("blue", 5), "metadata": {"name": "web-blue", "resourceVersion": read["metadata"]["resourceVersion"]}}
        status, answer = found.ask("PUT", path, stale)
        assert (status, answer["reason"]) == (409, "Conflict")


@pytest.mark.req("K8-02")
def test_what_somebody_else_owns_is_refused_in_the_servers_words_and_never_forced(server: Server | None) -> None:
    with shop("owned", server, owner="kubectl") as (found, name):
        with pytest.raises(Conflicting, match=r"conflict with \"kubectl\".*spec.selector") as caught:
            target(found, name).move(GREEN, 1)
        assert "nothing was forced" in caught.value.next_step
        found.until(f"/api/v1/namespaces/{name}/endpoints/web", lambda seen: len(addresses(seen)) == 2)
        assert target(found, name).traffic().weights == BLUE


@pytest.mark.req("K8-02")
def test_a_change_behind_our_back_is_seen_and_a_write_upon_an_old_reading_is_refused(server: Server | None) -> None:
    with shop("behind", server) as (found, name):
        moving = target(found, name)
        path = f"/api/v1/namespaces/{name}/services/web"
        old = found.ask("GET", path)[1]
        forced = found.ask("PATCH", f"{path}?fieldManager=somebody&force=true", service(slot="green"), APPLY)
        assert forced[0] == 200
        found.until(f"/api/v1/namespaces/{name}/endpoints/web", lambda seen: addresses(seen) != [] and addresses(seen)[0]["targetRef"]["name"].startswith("web-green"))
        assert moving.traffic().weights == GREEN
        with pytest.raises(Conflicting):
            moving.api.apply(path, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "resourceVersion": old["metadata"]["resourceVersion"]}})


@pytest.mark.req("K8-02")
def test_an_engine_with_an_older_fence_moves_nothing(server: Server | None) -> None:
    with shop("fence", server) as (found, name):
        moving = target(found, name)
        assert moving.move(GREEN, 7).weights == GREEN
        with pytest.raises(Refused, match="fence 6 is older than 7"):
            moving.move(BLUE, 6)
        assert moving.traffic().weights == GREEN


@pytest.mark.req("K8-01")
def test_a_deployment_that_does_not_get_ready_is_told_by_its_own_condition_and_the_old_pods_serve_on(server: Server | None) -> None:
    with shop("failing", server) as (found, name):
        path = f"/apis/apps/v1/namespaces/{name}/deployments/web-green"
        broken = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:crash"}]}}}}
        assert found.ask("PATCH", path, broken, "application/strategic-merge-patch+json")[0] == 200
        found.until(path, lambda seen: any(one.get("reason") == "ProgressDeadlineExceeded" for one in seen["status"]["conditions"]))
        with pytest.raises(Broken, match=r"web-green should get all traffic, but 2 of 2 pods .*has timed out progressing.*nothing was moved"):
            target(found, name).move(GREEN, 1)
        assert target(found, name).traffic().weights == BLUE


@pytest.mark.req("ROL-01", "K8-03")
def test_shares_are_shares_of_ready_pods_raised_before_lowered(server: Server | None) -> None:
    with shop("shares", server, blue=10, green=0) as (found, name):
        moving = target(found, name, replicas=10)
        found.until(f"/api/v1/namespaces/{name}/endpoints/web", lambda seen: len(addresses(seen)) == 10)
        assert moving.traffic().weights == BLUE
        assert moving.move({"blue": 90, "green": 10}, 1).weights == {"blue": 90, "green": 10}
        assert moving.move(GREEN, 1).weights == GREEN
        with pytest.raises(BadInput, match="blue 95 %, green 5 % cannot be had with 10 pods"):
            moving.move({"blue": 95, "green": 5}, 1)
        with pytest.raises(Refused, match="fence 0 is older than 1"):
            moving.move(BLUE, 0)


@pytest.mark.req("K8-01")
def test_pods_that_never_get_ready_leave_the_old_ones_where_they_are(server: Server | None) -> None:
    with shop("never", server, blue=4, green=0) as (found, name):
        path = f"/apis/apps/v1/namespaces/{name}/deployments/web-green"
        broken = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:crash"}]}}}}
        assert found.ask("PATCH", path, broken, "application/strategic-merge-patch+json")[0] == 200
        with pytest.raises(Broken, match=r"web-green did not get 2 ready pods: 0 of 2 .*the other pods go on serving"):
            target(found, name, replicas=4, patience=2.0 if found.live else 0.05).move({"blue": 50, "green": 50}, 1)
        assert found.ask("GET", f"/apis/apps/v1/namespaces/{name}/deployments/web-blue")[1]["spec"]["replicas"] == 4


@pytest.mark.req("SOK-05")
def test_a_service_without_ready_pods_or_without_being_there_is_not_read_as_a_share(server: Server | None) -> None:
    with shop("empty", server, blue=0, green=0) as (found, name):
        seen = target(found, name, replicas=10).traffic()
        assert (seen.readable, seen.detail) == (False, "the Service leads to no ready pod")
        other = KubernetesTarget(target(found, name).api, "nowhere", SLOTS)
        with pytest.raises(Broken, match='Kubernetes answered 404: services "nowhere" not found'):
            other.traffic()


def test_a_selector_moves_all_traffic_or_none(server: Server | None) -> None:
    with cluster("switch", None) as found, pytest.raises(BadInput, match="cannot be had with a selector, which moves all traffic or none"):
        target(found, "switch").move({"blue": 95, "green": 5}, 1)


if PROGRAMS:

    def test_the_certificate_and_the_token_of_a_kubeconfig_are_used(server: Server, tmp_path: Path) -> None:
        login = login_of(server.folder / "kubeconfig")
        assert KubernetesApi(lambda: login, "default").read("/api/v1/namespaces/default")["kind"] == "Namespace"
        stranger = tmp_path / "kubeconfig"
        stranger.write_text(kubeconfig(server).replace(server.token, "wrong"))
        with pytest.raises(Broken, match="Kubernetes answered 401: Unauthorized"):
            KubernetesApi(lambda: login_of(stranger), "default").read("/api/v1/namespaces/default")
