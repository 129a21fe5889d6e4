"""Which kubeconfig files are used, and which are refused: never without certificates, never by running a program."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import yaml

from gonogo.adapters.http_calls import HttpAnswer
from gonogo.adapters.targets.kubernetes_api import KubernetesApi, words_of
from gonogo.adapters.targets.kubernetes_login import expanded, login_in_pod, login_of
from gonogo.adapters.targets.argo_rollout import ArgoTarget
from gonogo.adapters.targets.kubernetes import KubernetesTarget
from gonogo.control.clusters import argo_target, kubernetes_target
from gonogo.errors import BadInput
from gonogo.findings import Origin
from gonogo.plan.project import Environment, TargetBinding, VersionProbe

AUTHORITY = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


def config(tmp_path: Path, cluster: dict[str, object], user: dict[str, object], **more: object) -> Path:
    file = tmp_path / "kubeconfig"
    found = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}, {"name": "y", "context": {"cluster": "c", "user": "z"}}],
        "current-context": "x",
        **more,
    }
    file.write_text(yaml.safe_dump(found))
    return file


def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    login = login_of(config(tmp_path, {}, {"token": "s3cret-token"}))
    assert login.fields() == {"Authorization": "Bearer s3cret-token"}
    assert "s3cret" not in repr(login)
    assert login.trust is not None
    assert login.trust.verify_mode is ssl.CERT_REQUIRED


def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    login = login_of(config(tmp_path, {}, {"tokenFile": "token"}))
    (tmp_path / "token").write_text("first\n")
    assert login.fields() == {"Authorization": "Bearer first"}
    (tmp_path / "token").write_text("second\n")
    assert login.fields() == {"Authorization": "Bearer second"}


@pytest.mark.req("SEC-05")
@pytest.mark.parametrize(
    ("cluster", "user", "more", "why"),
    [
        ({"insecure-skip-tls-verify": True}, {"token": "t"}, {}, "turns the verification of certificates off"),
        ({"server": "http://10.0.0.1:8080"}, {"token": "t"}, {}, "is not reached by https"),
        ({"server": ""}, {"token": "t"}, {}, "is not reached by https"),
        ({}, {"exec": {"command": "aws"}}, {}, "gets its token by `exec`"),
        ({}, {"auth-provider": {"name": "gcp"}}, {}, "gets its token by `auth-provider`"),
        ({}, {}, {"current-context": "nowhere"}, "there is no context `nowhere`"),
        ({}, {}, {"current-context": "y"}, "there is no user `z`"),
        ({}, {}, {"clusters": "all"}, "there is no cluster `c`"),
        ({"certificate-authority": "absent.crt"}, {}, {}, "a certificate in it cannot be used"),
        ({"certificate-authority-data": "!!"}, {}, {}, "a certificate in it cannot be used"),
        ({}, {"client-certificate-data": "eA==", "client-key-data": "eA=="}, {}, "a certificate in it cannot be used"),
    ],
)
def test_a_login_that_nobody_can_answer_for_is_refused(
    tmp_path: Path, cluster: dict[str, object], user: dict[str, object], more: dict[str, object], why: str
) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        login_of(config(tmp_path, cluster, user, **more))
    assert caught.value.where.endswith("kubeconfig")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", "a: &b [*b]"])
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(BadInput, match="the kubeconfig is of no use"):
        login_of(tmp_path / "kubeconfig")
    with pytest.raises(BadInput, match="it cannot be read"):
        login_of(tmp_path / "absent")


def test_an_authority_may_stand_in_the_file_itself(tmp_path: Path) -> None:
    data = Path(AUTHORITY).read_bytes().split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"
    login = login_of(config(tmp_path, {"certificate-authority-data": base64.b64encode(data).decode()}, {"token": "t"}))
    assert login.trust is not None
    assert len(login.trust.get_ca_certs()) == 1


def test_in_a_pod_its_own_account_is_used_and_outside_of_one_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this is no pod of Kubernetes"):
        login_in_pod({}, tmp_path)
    (tmp_path / "token").write_text("mine")
    (tmp_path / "ca.crt").write_bytes(Path(AUTHORITY).read_bytes())
    login = login_in_pod({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (login.server, login.fields()) == ("https://[fd00::1]:6443", {"Authorization": "Bearer mine"})


def test_a_path_is_below_the_project_or_below_the_home_folder() -> None:
    assert expanded("k/config", Path("/p")) == Path("/p/k/config")
    assert expanded("~/.kube/config", Path("/p"), {"HOME": "/home/x"}) == Path("/home/x/.kube/config")
    assert expanded("/etc/kube", Path("/p")) == Path("/etc/kube")


@pytest.mark.parametrize("name", ["", "Shop", "a/b", "..", "a b", "-a", "a?x=1", "a" * 300])
def test_what_is_no_name_never_becomes_part_of_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no name of a Kubernetes object"):
        KubernetesApi(lambda: login_of(tmp_path), name)
    api = KubernetesApi(lambda: login_of(tmp_path), "shop")
    with pytest.raises(BadInput, match="is no name of a Kubernetes object"):
        KubernetesTarget(api, name, {"blue": "web-blue", "green": "web-green"})
    with pytest.raises(BadInput, match="is no name of a Kubernetes object"):
        ArgoTarget(api, name, {"blue": "", "green": ""})


def environment(kind: str, **options: str) -> Environment:
    slots = {"blue": "http://web-blue", "green": "http://web-green"}
    probe = VersionProbe("/healthz", "x-version", None)
    return Environment("production", "production", "http://web", slots, probe, TargetBinding(kind, options, {}), None, None, {}, Origin("gonogo.yaml", 9))


def test_options_of_the_targets_are_named_where_they_are_missing(tmp_path: Path) -> None:
    found = kubernetes_target(tmp_path, environment("kubernetes", service="web", namespace="shop", replicas="20"))
    assert (dict(found.slots), found.replicas, found.label) == ({"blue": "web-blue", "green": "web-green"}, 20, "slot")
    with pytest.raises(BadInput, match=r"`environments.production.target.service` is missing"):
        kubernetes_target(tmp_path, environment("kubernetes"))
    with pytest.raises(BadInput, match=r"`environments.production.target.rollout` is missing"):
        argo_target(tmp_path, environment("argo_rollout"))
    with pytest.raises(BadInput, match="`deployments` is `web`"):
        kubernetes_target(tmp_path, environment("kubernetes", service="web", deployments="web"))
    with pytest.raises(BadInput, match="this is no pod of Kubernetes"):
        found.traffic()


def test_a_refusal_that_is_no_status_object_is_quoted_as_it_came() -> None:
    assert words_of(HttpAnswer(502, {}, b"<html>bad gateway</html>")) == "502 <html>bad gateway</html>"
