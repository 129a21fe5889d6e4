"""The few calls of the Kubernetes API that moving traffic needs, by plain HTTP (docs/decisions/0017).

Writes bear the `resourceVersion` that was read: whoever wrote in between makes them fail with 409, and nothing is
ever forced (K8-02). Server-side apply names gonogo as the manager of exactly the fields that it sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gonogo.adapters.http_calls import HttpAnswer, call
from gonogo.adapters.targets.kubernetes_login import KubernetesLogin
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.values import dataclass

OK, CREATED, NOT_FOUND, CONFLICT = 200, 201, 404, 409
MANAGER = "gonogo"
FENCE = "gonogo.dev/fence"
"""The annotation with the fence of who wrote an object last."""

SECONDS = 10.0
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")

Resource = Mapping[str, Tree]


class Conflicting(Refused):
    """Somebody else wrote in between, or owns what was to be written."""


@dataclass(frozen=True, slots=True)
class KubernetesApi:
    """One namespace of a cluster; `login` is asked for each call, so that renewed tokens and certificates are used."""

    login: Callable[[], KubernetesLogin]
    namespace: str

    def __post_init__(self) -> None:
        require_name(self.namespace)

    @property
    def server(self) -> str:
        """The address of the API server, for messages."""
        return self.login().server

    def path(self, group: str, kind: str, name: str = "", below: str = "") -> str:
        """`/apis/apps/v1/namespaces/shop/deployments/web`; `group` is `v1` for the core."""
        root = "/api/v1" if group == "v1" else f"/apis/{group}"
        parts = (root, "namespaces", self.namespace, kind, name, below)
        return "/".join(part for part in parts if part)

    def read(self, path: str) -> Resource:
        """The object at `path`; Broken where there is none or the server does not answer."""
        return self._object(self._call("GET", path), path)

    def apply(self, path: str, wanted: Resource) -> Resource:
        """Server-side apply, never by force; Conflicting on 409, with the server's own words."""
        return self._object(self._call("PATCH", f"{path}?fieldManager={MANAGER}", wanted, APPLY), path)

    def merge(self, path: str, wanted: Resource) -> Resource:
        """A merge patch; Conflicting where its `resourceVersion` is no more the present one."""
        return self._object(self._call("PATCH", f"{path}?fieldManager={MANAGER}", wanted, MERGE), path)

    def _call(self, method: str, path: str, body: Resource | None = None, kind: str = "application/json") -> HttpAnswer:
        login = self.login()
        fields = {**login.fields(), "Accept": "application/json", "Content-Type": kind}
        data = None if body is None else write_json(body)
        return call(method, login.server + path, body=data, fields=fields, seconds=SECONDS, trust=login.trust)

    def _object(self, answer: HttpAnswer, path: str) -> Resource:
        where = self.server + path
        if answer.status == CONFLICT:
            raise Conflicting(
                f"Kubernetes refused the change, because somebody else changed or owns this: {words_of(answer)}",
                where=where,
                next_step="read what is there now and decide anew; nothing was forced",
            )
        if answer.status not in (OK, CREATED):
            raise Broken(f"Kubernetes answered {answer.status}: {words_of(answer)}", where=where)
        try:
            return read_object(answer.body, name=where)
        except BadInput as error:
            raise Broken(f"Kubernetes answered something unreadable: {error.what}", where=where) from error


def words_of(answer: HttpAnswer) -> str:
    """The message of a refusal."""
    try:
        message = read_object(answer.body, name="answer").get("message")
    except BadInput:
        message = None
    return str(message)[:300] if isinstance(message, str) else answer.words(200)


def member(found: Tree, *names: str) -> Tree:
    """What lies below `names`, None where one is absent."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def mapping_at(found: Tree, *names: str) -> Mapping[str, Tree]:
    """The mapping below `names`, empty where there is none."""
    value = member(found, *names)
    return value if isinstance(value, Mapping) else {}


def objects_at(found: Tree, *names: str) -> tuple[Mapping[str, Tree], ...]:
    """The objects of the list below `names`."""
    value = member(found, *names)
    listed = value if isinstance(value, list | tuple) else ()
    return tuple(one for one in listed if isinstance(one, Mapping))


def count_at(found: Tree, *names: str) -> int:
    """The whole number below `names`, 0 where there is none (Kubernetes leaves zeros out)."""
    value = member(found, *names)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def fence_of(found: Tree) -> int:
    """The fence of the last writer of an object, 0 where none of ours wrote it."""
    text = member(found, "metadata", "annotations", FENCE)
    return int(text) if isinstance(text, str) and text.isdecimal() else 0


def require_name(name: str) -> str:
    """`name` where it may stand in a path of the API; BadInput otherwise."""
    if not NAME.match(name):
        raise BadInput(f"`{name}` is no name of a Kubernetes object", next_step="write lower-case letters, digits, `-`")
    return name
