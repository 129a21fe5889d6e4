"""Each form of parity source: what it becomes, what is secret in it, what makes no difference, what is refused (PAR-01)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.measure.parity_diff import Empty, Encrypted, Fingerprint, Leaf, Unknown
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.measure.parity_leaves import SourceOptions, fingerprint_of, flattened
from gonogo.measure.parity_sources import MOST_BYTES
from gonogo.measure.parity_yaml import MOST_BYTES as MOST_YAML
from gonogo.terms import Secret

SALT = Secret("salt")
PLANTED = "hunter2-Zq8mJ4"


def leaves(form: str, source: object, below: str = "infrastructure") -> Mapping[str, Leaf]:
    data = source if isinstance(source, bytes) else source.encode() if isinstance(source, str) else json.dumps(source).encode()
    return flattened(SETTINGS_READERS[form](data, "source"), "source", SourceOptions(below, SALT))


def fingerprint(text: str) -> Fingerprint:
    return Fingerprint(fingerprint_of(f"str:{text}", SALT))


MANIFESTS = f"""
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  namespace: web
  uid: 123
  resourceVersion: "9"
  annotations: {{deployment.kubernetes.io/revision: "3", team: blue}}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: shop@sha256:{"a" * 64}
          env:
            - {{name: WORKERS, value: "4"}}
            - {{name: DB_PASSWORD, value: {PLANTED}}}
status: {{readyReplicas: 2}}
---
apiVersion: v1
kind: Secret
metadata: {{name: keys, namespace: web}}
data: {{token: {base64.b64encode(PLANTED.encode()).decode()}}}
stringData: {{other: {PLANTED}}}
---
"""


@pytest.mark.req("PAR-01", "PAR-02")
def test_manifests_are_compared_by_kind_namespace_and_name_without_what_the_server_writes() -> None:
    base = "/infrastructure/Deployment/web/shop"
    found = leaves("kubernetes", MANIFESTS)
    assert found[f"{base}/spec/replicas"] == 2
    assert found[f"{base}/spec/template/spec/containers/app/env/WORKERS/value"] == "4"
    assert found[f"{base}/spec/template/spec/containers/app/env/DB_PASSWORD/value"] == fingerprint(PLANTED)
    assert found[f"{base}/metadata/annotations/team"] == "blue"
    secret = "/infrastructure/Secret/web/keys/data"
    assert found[f"{secret}/token"] == found[f"{secret}/other"] == fingerprint(PLANTED)
    assert not [path for path in found if "uid" in path or "status" in path or "revision" in path]
    assert PLANTED not in str(found)


def test_the_order_of_documents_containers_and_variables_is_no_difference() -> None:
    documents = [document for document in yaml.safe_load_all(MANIFESTS) if document]
    containers = documents[0]["spec"]["template"]["spec"]["containers"]
    containers[0]["env"].reverse()
    listed = {"apiVersion": "v1", "kind": "List", "items": list(reversed(documents))}
    assert leaves("kubernetes", listed) == leaves("kubernetes", MANIFESTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\n", "no Kubernetes object"),
        ("---\n---\n", "no document"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "document 1: no Kubernetes object"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "stands twice"),
        (f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{k: '%{PLANTED}'}}\n", "not base64"),
        ("a: &x [1]\nb: *x\n", "an anchor"),
        ("a: !!python/object:os.system x\n", "a tag"),
        ("<<: {a: 1}\n", "a merge key"),
        ("a: 1\na: 2\n", "stands twice"),
        ("%YAML 1.1\n---\na: 1\n", "a directive"),
        (f"a: [{PLANTED}\n", "not valid YAML"),
        ("? {a: b}\n: 1\n", "plain text"),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused_with_its_place_and_without_its_values(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        leaves("kubernetes", text)
    assert caught.value.where.startswith("source")
    assert caught.value.next_step
    assert PLANTED not in str(caught.value)


def test_yaml_bombs_and_depths_are_refused_at_once() -> None:
    bomb = "a: &a [x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(9))
    for text, words in ((bomb, "an anchor"), ("[" * 5000, "nested deeper"), ("{a: " * 100 + "1" + "}" * 100, "nested deeper")):
        with pytest.raises(BadInput, match=words):
            leaves("yaml", text)
    with pytest.raises(BadInput, match="the limit is"):
        leaves("yaml", b"a: 1\n" + b"#" * MOST_YAML)


@pytest.mark.parametrize("form", sorted(SETTINGS_READERS))
def test_a_source_of_two_hundred_megabytes_is_refused_by_its_size(form: str) -> None:
    with pytest.raises(BadInput, match="the limit is"):
        SETTINGS_READERS[form](bytes(MOST_BYTES + 1), "source")


@pytest.mark.req("FP-23")
@pytest.mark.parametrize("form", sorted(SETTINGS_READERS))
@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\xff\xfe", b"\x00" * 9, b"null", b"[]", b"3", b"PK\x03\x04\x00"])
def test_nothing_empty_or_foreign_is_taken_for_a_source(form: str, data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        assert leaves(form, data) == {}, "taken for a source"
        raise BadInput("holds nothing, which a run refuses as a side without a key")
    assert caught.value.what


def test_helm_values_are_one_document() -> None:
    assert leaves("helm-values", "image: {tag: '1.10'}\nreplicas: 2\n", "configuration") == {
        "/configuration/image/tag": "1.10",
        "/configuration/replicas": 2,
    }
    with pytest.raises(BadInput, match="one document"):
        leaves("helm-values", "a: 1\n---\nb: 1\n")


STATE = {
    "version": 4,
    "terraform_version": "1.9.0",
    "serial": 7,
    "lineage": "x",
    "outputs": {"url": {"value": "http://a", "type": "string"}, "pin": {"value": PLANTED, "type": "string", "sensitive": True}},
    "resources": [
        {
            "mode": "managed",
            "type": "aws_db_instance",
            "name": "main",
            "instances": [
                {
                    "index_key": "blue",
                    "attributes": {"engine": "postgres", "version": "15.4", "login": {"first": PLANTED, "user": "app"}},
                    "sensitive_attributes": [[{"type": "get_attr", "value": "login"}, {"type": "get_attr", "value": "first"}]],
                }
            ],
        }
    ],
}


@pytest.mark.req("PAR-01", "PAR-02")
def test_a_state_file_gives_resources_by_address_and_hides_what_is_sensitive() -> None:
    base = '/infrastructure/resources/aws_db_instance.main["blue"]'
    assert leaves("terraform-state", STATE) == {
        f"{base}/engine": "postgres",
        f"{base}/version": "15.4",
        f"{base}/login/first": fingerprint(PLANTED),
        f"{base}/login/user": "app",
        "/infrastructure/outputs/url": "http://a",
        "/infrastructure/outputs/pin": fingerprint(PLANTED),
    }


SHOWN = {
    "format_version": "1.0",
    "values": {
        "root_module": {
            "resources": [
                {"address": "a.b", "values": {"size": 2, "auth": PLANTED}, "sensitive_values": {"auth": True}},
            ],
            "child_modules": [{"resources": [{"address": "module.m.c.d", "values": {"on": True}}]}],
        }
    },
}
PLAN = {
    "format_version": "1.2",
    "planned_values": SHOWN["values"],
    "resource_changes": [
        {"address": "a.b", "change": {"actions": ["create"], "after_unknown": {"id": True}, "after_sensitive": {"auth": True}}}
    ],
}


@pytest.mark.req("PAR-01", "PAR-09")
def test_a_shown_state_and_a_plan_give_the_same_resources_and_a_plan_says_what_it_does_not_know() -> None:
    state, plan = leaves("terraform-state", SHOWN), leaves("terraform-plan", PLAN)
    assert state == {
        "/infrastructure/resources/a.b/size": 2,
        "/infrastructure/resources/a.b/auth": fingerprint(PLANTED),
        "/infrastructure/resources/module.m.c.d/on": True,
    }
    later = plan["/infrastructure/resources/a.b/id"]
    assert isinstance(later, Unknown)
    assert {path: leaf for path, leaf in plan.items() if leaf != later} == state


@pytest.mark.parametrize(
    ("form", "tree", "words"),
    [
        ("terraform-state", {**STATE, "version": 3}, "no Terraform state of version 4"),
        ("terraform-state", {**STATE, "version": 5}, "no Terraform state of version 4"),
        ("terraform-state", PLAN, "this is a plan"),
        ("terraform-state", {"format_version": "1.0"}, "the state is empty"),
        ("terraform-state", {**SHOWN, "format_version": "2.0"}, "is 2.0; 1.x is understood"),
        ("terraform-plan", SHOWN, "this is no plan"),
        ("terraform-plan", {"planned_values": {}}, "is unknown; 1.x"),
        ("terraform-state", {"version": 4, "resources": "none"}, "list of resources"),
    ],
)
def test_terraform_of_another_kind_or_version_is_refused(form: str, tree: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        leaves(form, tree)


FLAGD = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "cart": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "on",
            "targeting": {"if": [{"==": [{"var": "beta"}, True]}, "on", "off"]},
        }
    },
}
UNLEASH = {
    "version": 2,
    "features": [{"name": "cart", "enabled": True, "type": "release", "strategies": [{"name": "default", "id": 7}], "createdAt": "x"}],
}
EXPORT = {
    "features": [{"name": "cart", "type": "release", "project": "default", "createdAt": "x"}],
    "featureStrategies": [{"featureName": "cart", "name": "flexibleRollout", "id": "u", "parameters": {"rollout": "50"}, "constraints": []}],
    "featureEnvironments": [{"featureName": "cart", "environment": "staging", "enabled": True}],
}
LISTED = {
    "items": [
        {
            "key": "cart",
            "kind": "boolean",
            "_version": 3,
            "creationDate": 1,
            "variations": [{"value": True, "_id": "x"}, {"value": {"version": 2}}],
            "environments": {
                "staging": {"on": True, "salt": "s", "lastModified": 9, "fallthrough": {"variation": 1}, "offVariation": 0, "rules": []}
            },
        }
    ]
}


@pytest.mark.req("PAR-01")
@pytest.mark.parametrize(
    ("form", "tree", "path", "value"),
    [
        ("flagd", FLAGD, "/cart/on", True),
        ("flagd", FLAGD, "/cart/default", True),
        ("flagd", FLAGD, "/cart/targeting/if/1", "on"),
        ("openfeature", {"flags": {"cart": {"flagType": "boolean", "defaultValue": False, "description": "d"}}}, "/cart/default", False),
        ("unleash", UNLEASH, "/cart/enabled", True),
        ("unleash", UNLEASH, "/cart/strategies/default/name", "default"),
        ("unleash", EXPORT, "/cart/enabled", True),
        ("unleash", EXPORT, "/cart/strategies/flexibleRollout/parameters/rollout", "50"),
        ("launchdarkly", LISTED, "/cart/on", True),
        ("launchdarkly", LISTED, "/cart/default/version", 2),
        ("launchdarkly", {"flagValues": {"cart": True}}, "/cart/value", True),
        ("launchdarkly", {"flags": {"cart": {"key": "cart", "on": True, "version": 8, "variations": [{"version": 1}]}}}, "/cart/variations/0/version", 1),
    ],
)
def test_flags_are_read_by_key_with_what_decides_about_users(form: str, tree: object, path: str, value: Leaf) -> None:
    assert leaves(form, tree, "feature_flags")[f"/feature_flags{path}"] == value


def test_bookkeeping_of_flags_is_no_difference_and_what_users_get_is() -> None:
    later = json.loads(json.dumps(LISTED).replace('"lastModified": 9', '"lastModified": 10').replace('"_version": 3', '"_version": 4'))
    other = json.loads(json.dumps(LISTED).replace('"version": 2', '"version": 3'))
    assert leaves("launchdarkly", later) == leaves("launchdarkly", LISTED)
    assert leaves("launchdarkly", other) != leaves("launchdarkly", LISTED)
    assert leaves("unleash", {**UNLEASH, "version": 3}) == leaves("unleash", UNLEASH)


@pytest.mark.parametrize(
    ("form", "tree", "words"),
    [
        ("flagd", {"flags": {}}, "`flags` is missing or empty"),
        ("flagd", {"flags": {"a": {"state": "on", "variants": {}}}}, "no `state`"),
        ("openfeature", FLAGD, "no `flagType`"),
        ("unleash", {"features": [{"name": "a"}]}, "does not say whether it is `enabled`"),
        ("unleash", {**EXPORT, "featureEnvironments": EXPORT["featureEnvironments"] * 2}, "more than one environment"),
        ("launchdarkly", {"items": [{"key": "a", "environments": {"staging": {}, "production": {}}}]}, "has 2 environments"),
        ("launchdarkly", {"message": "invalid key"}, "neither `items`"),
        ("unleash", LISTED, "`features` is missing"),
    ],
)
def test_flags_of_another_tool_or_of_two_environments_are_refused(form: str, tree: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        leaves(form, tree)


SHA = "sha256:" + "0f" * 32


@pytest.mark.req("PAR-01")
@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("pip-freeze", "# all\nFlask_Login==0.6.3\nrequests==2.32.0 ; python_version > '3'\nown @ git+https://x/y@abc\n", {"flask-login": "0.6.3", "requests": "2.32.0", "own": "git+https://x/y@abc"}),
        ("pip-list", '[{"name": "Flask", "version": "3.0"}]', {"flask": "3.0"}),
        ("dpkg", "libc6:amd64\t2.36-9+deb12u4\nadduser\t3.134\n", {"libc6:amd64": "2.36-9+deb12u4", "adduser": "3.134"}),
        ("dpkg", "ii  adduser  3.134  all  add and remove users\n", {"adduser": "3.134"}),
        ("npm", '{"lockfileVersion": 3, "packages": {"": {"version": "1"}, "node_modules/a": {"version": "1.0.0"}, "node_modules/b/node_modules/a": {"version": "2.0.0"}}}', {"a": "1.0.0, 2.0.0"}),
        ("npm", '{"name": "x", "dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}}}', {"a": "1.0.0", "b": "2.0.0"}),
        ("cyclonedx", '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"name": "a", "version": "1", "components": [{"name": "b", "version": "2"}]}]}', {"a": "1", "b": "2"}),
        ("spdx", '{"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "versionInfo": "1"}]}', {"a": "1"}),
        ("images", f"docker.io/shop/web:v1@{SHA}\nlocalhost:5000/db@{SHA}\n", {"docker.io~1shop~1web": SHA, "localhost:5000~1db": SHA}),
        ("images", f'{{"web": "{SHA}"}}', {"web": SHA}),
        ("images", f'["web@{SHA}"]', {"web": SHA}),
    ],
)
def test_inventories_give_names_with_versions(form: str, text: str, expected: dict[str, str]) -> None:
    assert leaves(form, text) == {f"/infrastructure/{name}": value for name, value in expected.items()}


@pytest.mark.req("PAR-09")
def test_an_image_that_is_named_by_its_tag_is_not_comparable() -> None:
    assert isinstance(leaves("images", "web:latest\n")["/infrastructure/web"], Unknown)
    assert isinstance(leaves("cyclonedx", {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"name": "a"}]})["/infrastructure/a"], Unknown)


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("pip-freeze", "requests>=2\n", "source:1: not a line of `pip freeze`"),
        ("pip-freeze", "WARNING: pip is being invoked by an old script wrapper\n", "not a line"),
        ("dpkg", "dpkg-query: no packages found matching x\n", "not a line"),
        ("npm", '{"lockfileVersion": 1, "packages": {}}', "another version"),
        ("npm", '{"error": {"code": "EJSONPARSE"}}', "neither a package-lock"),
        ("npm", '{"dependencies": {"a": {"missing": true}}}', "has no version"),
        ("cyclonedx", '{"bomFormat": "CycloneDX", "specVersion": "2.0", "components": []}', "version 1"),
        ("cyclonedx", '{"spdxVersion": "SPDX-2.3"}', "no CycloneDX"),
        ("spdx", '{"spdxVersion": "SPDX-3.0", "packages": []}', "version 2"),
        ("cyclonedx", '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}', "no package is listed"),
        ("images", "<none>@<none>\n", "not an image"),
        ("pip-list", '{"name": "a"}', "a list of packages is missing"),
    ],
)
def test_an_inventory_that_is_not_one_is_refused_with_what_was_expected(form: str, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        leaves(form, text)
    assert words in str(caught.value)
    assert caught.value.next_step


@pytest.mark.req("PAR-02", "NB-05")
def test_a_password_in_the_address_of_a_package_is_a_fingerprint() -> None:
    found = leaves("pip-freeze", f"own @ git+https://bot:{PLANTED}@git.example.org/own.git\n")
    assert PLANTED not in str(found)
    assert isinstance(found["/infrastructure/own"], Fingerprint)


def test_an_empty_list_is_not_the_text_of_one() -> None:
    assert leaves("json", {"a": []})["/infrastructure/a"] is Empty.LIST
    assert leaves("json", {"a": []}) != leaves("json", {"a": "[]"})
    assert leaves("json", {"a": {}}) != leaves("json", {"a": []})


@pytest.mark.req("PAR-02")
def test_everything_below_secrets_is_hidden_whatever_its_type() -> None:
    found = leaves("json", {"pin": 1234, "on": True, "note": "x", "sealed": "ENC[x]", "none": None}, "secrets")
    assert [type(leaf) for leaf in found.values()].count(Fingerprint) == 3
    assert found["/secrets/sealed"] == Encrypted("ENC[x]")


@given(data=st.binary(max_size=200), form=st.sampled_from(sorted(SETTINGS_READERS)))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes, form: str) -> None:
    try:
        found = leaves(form, data)
    except BadInput as error:
        assert error.what
    else:
        assert all(path.startswith("/") for path in found)


@given(
    tree=st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["resources", "items", "flags", "version", "values", "name", "metadata", "kind", "data", "x"]), below, max_size=4),
        max_leaves=12,
    ),
    form=st.sampled_from(sorted(set(SETTINGS_READERS) - {"env", "toml", "dpkg", "pip-freeze"})),
)
@settings(max_examples=200, deadline=None)
def test_any_tree_is_read_or_refused_and_nothing_else(tree: object, form: str) -> None:
    try:
        leaves(form, json.dumps(tree))
    except BadInput as error:
        assert error.what
