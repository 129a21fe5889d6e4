"""Moves traffic in Kubernetes: a Service before two Deployments, one for each slot.

Without `replicas` the Service's selector names the slot: all traffic or none (blue/green). With `replicas` both slots
stand behind the Service and share that many pods, so that the share is the share of ready pods: raised first, then
lowered.

* The selector is set by server-side apply, so the cluster knows who owns it; an owner that is somebody else is a
  refusal, never an override (K8-02). Every write bears the `resourceVersion` that was read.
* The fence is an annotation of the Service: an engine that lost its lease finds a newer one there and stops.
* What counts is what the Service leads to: its endpoints, pod by pod. They follow a change of the selector later, so
  a move is done only when they are the ready pods of the wanted slots (K8-03).
* A Deployment that does not become ready is reported by its own condition; the old pods go on serving (K8-01).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

from gonogo.adapters.shares import WHOLE, check_weights, confirm, ordered_changes, percentages, refuse_older, said
from gonogo.adapters.targets.kubernetes_api import (
    FENCE,
    Conflicting,
    KubernetesApi,
    Resource,
    count_at,
    fence_of,
    mapping_at,
    member,
    objects_at,
    require_name,
)
from gonogo.errors import BadInput, Broken
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

PAUSE = 0.1
SCALE_TRIES = 5


@dataclass(frozen=True, slots=True)
class KubernetesTarget:
    """`slots` maps each slot to its Deployment; `label` is the pods' label with the slot; times in seconds."""

    api: KubernetesApi
    service: str
    slots: Mapping[str, str]
    label: str = "slot"
    replicas: int = 0
    patience: float = 60.0

    def __post_init__(self) -> None:
        for name in (self.service, *self.slots.values()):
            require_name(name)

    def traffic(self) -> TrafficSeen:
        """The share of ready pods of each slot behind the Service; unreadable while its endpoints still change."""
        return self._seen(self._service())

    def open_requests(self) -> None:
        """Endpoints say who is asked, not how often; pods have a grace period of their own."""
        return

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Set the selector, or the numbers of pods, and wait until the endpoints say so."""
        check_weights(weights, self.slots)
        wanted = self._pods(weights)
        service = self._service()
        refuse_older(fence, fence_of(service), self._where)
        if self.replicas:
            self._scale(service, wanted, fence)
        else:
            slot = next(slot for slot, weight in weights.items() if weight)
            self._require_ready(slot)
            self._select(service, slot, fence)
        return confirm(self._awaited(weights), weights, self._where)

    @property
    def _where(self) -> str:
        return f"{self.api.server} {self.api.namespace}/{self.service}"

    def _pods(self, weights: Mapping[str, int]) -> Mapping[str, int]:
        """How many pods each slot gets; BadInput for shares that cannot be had."""
        total = self.replicas or 1
        if any(weight * total % WHOLE for weight in weights.values()):
            how = f"{total} pods" if self.replicas else "a selector, which moves all traffic or none"
            raise BadInput(
                f"{said(weights)} cannot be had with {how}",
                where=self._where,
                next_step="set `replicas` of the target so that each step is whole pods, or change the steps",
            )
        return {slot: weight * total // WHOLE for slot, weight in weights.items()}

    def _service(self) -> Resource:
        return self.api.read(self.api.path("v1", "services", self.service))

    def _select(self, service: Resource, slot: str, fence: int) -> None:
        about: Resource = {
            "name": self.service,
            "resourceVersion": member(service, "metadata", "resourceVersion"),
            "annotations": {FENCE: str(fence)},
        }
        selector = {**_texts(service, "spec", "selector"), self.label: slot}
        wanted: Resource = {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": {"selector": selector}}
        self.api.apply(self.api.path("v1", "services", self.service), wanted)

    def _require_ready(self, slot: str) -> None:
        found = self._deployment(slot)
        why = _not_ready(found, max(1, count_at(found, "spec", "replicas")))
        if why:
            raise Broken(
                f"{self.slots[slot]} should get all traffic, but {why}; nothing was moved",
                where=self._where,
                next_step="make its pods ready, and try again",
            )

    def _scale(self, service: Resource, wanted: Mapping[str, int], fence: int) -> None:
        if self.label in mapping_at(service, "spec", "selector"):
            raise Broken(
                f"the selector of {self.service} names a slot, so pods of the other one never get a request",
                where=self._where,
                next_step=f"take `{self.label}` out of its selector, or leave `replicas` of the target out",
            )
        # The fence comes first: from then on a stale engine is refused before it changes any number. A merge and no
        # apply: what an apply of the same manager leaves out is taken away, and the selector may be ours from before.
        about = {"resourceVersion": member(service, "metadata", "resourceVersion"), "annotations": {FENCE: str(fence)}}
        self.api.merge(self.api.path("v1", "services", self.service), {"metadata": about})
        before = {slot: count_at(self._deployment(slot), "spec", "replicas") for slot in self.slots}
        for slot, count in ordered_changes(before, wanted):
            self._set_replicas(slot, count)
            self._await_ready(slot, count)

    def _set_replicas(self, slot: str, count: int) -> None:
        """Through the `scale` subresource, with its version; asked again where only the status changed in between."""
        path = self.api.path("apps/v1", "deployments", self.slots[slot], "scale")
        for left in reversed(range(SCALE_TRIES)):
            seen = self.api.read(path)
            about = {"resourceVersion": member(seen, "metadata", "resourceVersion")}
            try:
                self.api.merge(path, {"metadata": about, "spec": {"replicas": count}})
            except Conflicting:
                if not left or count_at(self.api.read(path), "spec", "replicas") != count_at(seen, "spec", "replicas"):
                    raise
            else:
                return

    def _deployment(self, slot: str) -> Resource:
        return self.api.read(self.api.path("apps/v1", "deployments", self.slots[slot]))

    def _await_ready(self, slot: str, count: int) -> None:
        deadline = time.monotonic() + self.patience
        while why := _not_ready(found := self._deployment(slot), count):
            if _gave_up(found) or time.monotonic() > deadline:
                raise Broken(
                    f"{self.slots[slot]} did not get {count} ready pods: {why}; the other pods go on serving",
                    where=self._where,
                    next_step="the move may be half done: read the target again before anything else is moved",
                )
            time.sleep(PAUSE)

    def _awaited(self, weights: Mapping[str, int]) -> TrafficSeen:
        deadline = time.monotonic() + self.patience
        while (seen := self.traffic()).weights != weights or not seen.readable:
            if time.monotonic() > deadline:
                return seen
            time.sleep(PAUSE)
        return seen

    def _seen(self, service: Resource) -> TrafficSeen:
        nothing = dict.fromkeys(self.slots, 0)
        selector = _texts(service, "spec", "selector")
        pinned = selector.get(self.label)
        common = ",".join(f"{key}={value}" for key, value in sorted(selector.items()) if key != self.label)
        path = self.api.path("v1", "pods") + f"?labelSelector={quote(common)}"
        listed = objects_at(self.api.read(path), "items")
        slot_by_pod = {
            str(member(pod, "metadata", "name")): _texts(pod, "metadata", "labels").get(self.label) for pod in listed
        }
        endpoints = self.api.read(self.api.path("v1", "endpoints", self.service))
        pods = [
            str(member(address, "targetRef", "name"))
            for subset in objects_at(endpoints, "subsets")
            for address in objects_at(subset, "addresses")
        ]
        found = Counter(slot_by_pod.get(pod) or "" for pod in pods)
        counts = {slot: found.get(slot, 0) for slot in self.slots}
        fence = fence_of(service)
        if sum(counts.values()) != len(pods):
            return TrafficSeen(nothing, "the Service leads to pods that belong to no slot", readable=False)
        if not pods:
            return TrafficSeen(nothing, "the Service leads to no ready pod", readable=False)
        if pinned is not None and counts.get(pinned, 0) != len(pods):
            return TrafficSeen(percentages(counts), "the endpoints have not followed the selector yet", readable=False)
        return TrafficSeen(percentages(counts), f"endpoints of {self._where}, fence {fence}", readable=True)


def _not_ready(deployment: Resource, count: int) -> str:
    """Why a Deployment does not have `count` ready pods of its present template; empty where it has."""
    name = member(deployment, "metadata", "name")
    generation = count_at(deployment, "metadata", "generation")
    if count_at(deployment, "status", "observedGeneration") < generation:
        return f"{name} was changed, and its controller has not seen that yet"
    ready, updated = (count_at(deployment, "status", key) for key in ("readyReplicas", "updatedReplicas"))
    if ready == updated == count == count_at(deployment, "status", "replicas"):
        return ""
    progress = _condition(deployment, "Progressing")
    told = f": {progress.get('message')}" if progress.get("status") == "False" else ""
    return f"{ready} of {count} pods of {name} are ready, {updated} of them of the newest template{told}"


def _gave_up(deployment: Resource) -> bool:
    return _condition(deployment, "Progressing").get("reason") == "ProgressDeadlineExceeded"


def _condition(deployment: Resource, kind: str) -> Resource:
    return next((one for one in objects_at(deployment, "status", "conditions") if one.get("type") == kind), {})


def _texts(found: Resource, *names: str) -> Mapping[str, str]:
    return {key: value for key, value in mapping_at(found, *names).items() if isinstance(value, str)}
