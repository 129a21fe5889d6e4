"""Drives an existing Argo Rollout by promoting and aborting it; Argo's controller moves the traffic, gonogo judges.

Argo knows the old version by the hash of its pods (`status.stableRS`) and the new one by `status.currentPodHash`;
which slot is the old one is kept in an annotation, because slots change roles with every release. A move to a larger
share promotes: the pause is cleared in `status`, as the plugin of kubectl does it, once for each step and never past
the share that was asked for. A move to nothing aborts, and the old pods get all traffic back. Every write bears the
`resourceVersion` that was read; after it the Rollout is read until its own status says the share (an accepted patch
proves nothing).

Argo must not judge by itself what gonogo judges: steps of the Rollout are `setWeight` and an endless `pause`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from gonogo.adapters.shares import WHOLE, check_weights, confirm, refuse_older, said
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
from gonogo.errors import Broken
from gonogo.ports import TrafficSeen
from gonogo.values import dataclass

GROUP = "argoproj.io/v1alpha1"
SERVING = "gonogo.dev/serving"
PAUSE = 0.25
MOST_PROMOTIONS = 50
WRITE_TRIES = 8


@dataclass(frozen=True, slots=True)
class ArgoTarget:
    """`slots` are the names of both slots; without an annotation the first one serves. `patience` is in seconds."""

    api: KubernetesApi
    rollout: str
    slots: Mapping[str, str]
    patience: float = 120.0

    def __post_init__(self) -> None:
        require_name(self.rollout)

    def traffic(self) -> TrafficSeen:
        """What the Rollout's own status says."""
        return self._seen(self._read())

    def roles(self) -> Mapping[str, str]:
        """`stable` and `canary` to the slots that they are now."""
        stable = self._stable_slot(self._read())
        return {"stable": stable, "canary": next(slot for slot in self.slots if slot != stable)}

    def open_requests(self) -> None:
        """A Rollout says shares; its controller waits for `scaleDownDelaySeconds` by itself."""
        return

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Promote up to the new version's share, or abort where it is 0, and read back."""
        check_weights(weights, self.slots)
        found = self._fenced(fence)
        stable = self._stable_slot(found)
        candidate = next(slot for slot in self.slots if slot != stable)
        if self._seen(found).weights == weights:
            return confirm(self._seen(found), weights, self._where)
        if not weights[candidate]:
            self._abort(fence)
        else:
            self._promote(weights, candidate, fence)
        return confirm(self._awaited(weights), weights, self._where)

    @property
    def _path(self) -> str:
        return self.api.path(GROUP, "rollouts", self.rollout)

    @property
    def _where(self) -> str:
        return f"{self.api.server} {self.api.namespace}/{self.rollout}"

    def _read(self) -> Resource:
        return self.api.read(self._path)

    def _fenced(self, fence: int) -> Resource:
        """The Rollout with our fence and with the slot that serves on it, or a refusal."""

        def marked(found: Resource) -> Resource:
            return {"metadata": {"annotations": {FENCE: str(fence), SERVING: self._marks(found)}}}

        return self._written(fence, "", marked)

    def _written(self, fence: int, below: str, change: Callable[[Resource], Resource | None]) -> Resource:
        """The Rollout after `change`, which bears the version that was read; None changes nothing.

        Argo's controller writes the status all the time, so a conflict is no news by itself: the Rollout is read again,
        and only a newer fence, or a change that is not to be done any more, ends it. An abort must get through.
        """
        for left in reversed(range(WRITE_TRIES)):
            found = self._read()
            refuse_older(fence, fence_of(found), self._where)
            wanted = change(found)
            if wanted is None:
                return found
            about = {**mapping_at(wanted, "metadata"), "resourceVersion": member(found, "metadata", "resourceVersion")}
            try:
                return self.api.merge(f"{self._path}{below}", {**wanted, "metadata": about})
            except Conflicting:
                if not left:
                    raise
        raise AssertionError

    def _marks(self, found: Resource) -> str:
        """Both hashes with their slots: after the promotion the new hash is the stable one, and its slot serves."""
        stable = self._stable_slot(found)
        other = next(slot for slot in self.slots if slot != stable)
        old, new = (str(member(found, "status", key) or "") for key in ("stableRS", "currentPodHash"))
        return f"{old}={stable}" if new in ("", old) else f"{old}={stable},{new}={other}"

    def _stable_slot(self, found: Resource) -> str:
        text = str(member(found, "metadata", "annotations", SERVING) or "")
        pairs = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        known = pairs.get(str(member(found, "status", "stableRS")), "")
        return known if known in self.slots else next(iter(self.slots))

    def _abort(self, fence: int) -> None:
        self._written(fence, "/status", lambda found: None if _ended(found) else {"status": {"abort": True}})

    def _promote(self, weights: Mapping[str, int], candidate: str, fence: int) -> None:
        """Clear one pause after the other until the share is reached."""
        for _ in range(MOST_PROMOTIONS):
            found = self._settled()
            share = self._seen(found).weights[candidate]
            if share >= weights[candidate]:
                return
            if not _pauses(found):
                raise Broken(
                    f"the Rollout stands at {share} % and does not pause there: {_told(found)}",
                    where=self._where,
                    next_step="look at its steps; gonogo promotes pauses and skips nothing",
                )
            self._unpause(found, fence)
            self._await_step(weights[candidate], candidate)
        raise Broken(f"{MOST_PROMOTIONS} promotions did not lead to {said(weights)}", where=self._where)

    def _unpause(self, paused: Resource, fence: int) -> None:
        """End the pause that was seen, and no later one."""
        step = count_at(paused, "status", "currentStepIndex")

        def here(found: Resource) -> bool:
            return _pauses(found) and count_at(found, "status", "currentStepIndex") == step

        if member(paused, "spec", "paused"):
            self._written(fence, "", lambda found: {"spec": {"paused": False}} if here(found) else None)
        self._written(fence, "/status", lambda found: {"status": {"pauseConditions": None}} if here(found) else None)

    def _await_step(self, wanted: int, candidate: str) -> None:
        """Argo's controller works through the steps up to its next pause; a promotion before that would skip one."""
        deadline = time.monotonic() + self.patience
        while not _rests(found := self._read()) and self._seen(found).weights[candidate] < wanted:
            if time.monotonic() > deadline:
                raise Broken(
                    f"the Rollout was promoted and did not come to rest: {_told(found)}",
                    where=self._where,
                    next_step="look whether Argo's controller runs; read the target again before anything is moved",
                )
            time.sleep(PAUSE)

    def _settled(self) -> Resource:
        """The Rollout once its controller has seen its newest spec."""
        deadline = time.monotonic() + self.patience
        while not _observed(found := self._read()):
            if time.monotonic() > deadline:
                raise Broken(
                    "Argo's controller has not seen the newest spec of the Rollout",
                    where=self._where,
                    next_step="look whether the controller runs",
                )
            time.sleep(PAUSE)
        if member(found, "status", "abort"):
            raise Broken(
                f"the Rollout is aborted: {_told(found)}",
                where=self._where,
                next_step="deploy the version again; an aborted Rollout is not promoted",
            )
        return found

    def _awaited(self, weights: Mapping[str, int]) -> TrafficSeen:
        deadline = time.monotonic() + self.patience
        while (seen := self.traffic()).weights != weights or not seen.readable:
            if time.monotonic() > deadline:
                return seen
            time.sleep(PAUSE)
        return seen

    def _seen(self, found: Resource) -> TrafficSeen:
        stable = self._stable_slot(found)
        candidate = next(slot for slot in self.slots if slot != stable)
        nothing = dict.fromkeys(self.slots, 0)
        if not member(found, "status", "stableRS"):
            return TrafficSeen(nothing, "the Rollout has no stable version yet", readable=False)
        share = _share(found)
        if share is None:
            return TrafficSeen(nothing, f"the status of the Rollout says no share: {_told(found)}", readable=False)
        if not _observed(found):
            return TrafficSeen(nothing, "Argo's controller has not seen the newest spec yet", readable=False)
        return TrafficSeen(
            {**nothing, stable: WHOLE - share, candidate: share}, f"status of {self._where}", readable=True
        )


def _observed(found: Resource) -> bool:
    """Argo writes the generation that it has seen as text."""
    return str(member(found, "status", "observedGeneration")) == str(count_at(found, "metadata", "generation"))


def _pauses(found: Resource) -> bool:
    return bool(objects_at(found, "status", "pauseConditions")) or bool(member(found, "spec", "paused"))


def _rests(found: Resource) -> bool:
    """Whether Argo waits for somebody, or has nothing left to do."""
    return (
        bool(objects_at(found, "status", "pauseConditions")) or _ended(found) or bool(member(found, "status", "abort"))
    )


def _ended(found: Resource) -> bool:
    return member(found, "status", "stableRS") == member(found, "status", "currentPodHash")


def _share(found: Resource) -> int | None:
    """The new version's share in percent: what a traffic router confirmed, else what the finished steps have set."""
    if _ended(found):
        return 0
    weights = mapping_at(found, "status", "canary", "weights")
    if weights:
        share = member(weights, "canary", "weight")
        return share if isinstance(share, int) and not isinstance(share, bool) and 0 <= share <= WHOLE else None
    if mapping_at(found, "spec", "strategy", "blueGreen"):
        active = member(found, "status", "blueGreen", "activeSelector")
        return WHOLE if active == member(found, "status", "currentPodHash") else 0
    if member(found, "status", "abort"):
        return 0
    steps = objects_at(found, "spec", "strategy", "canary", "steps")
    done = steps[: count_at(found, "status", "currentStepIndex")]
    shares = [count_at(step, "setWeight") for step in done if "setWeight" in step]
    return shares[-1] if shares else 0


def _told(found: Resource) -> str:
    phase, message = (str(member(found, "status", key) or "") for key in ("phase", "message"))
    return f"{phase or 'no phase'} {message}".strip()
