"""Asks the slots of an Argo Rollout: their addresses belong to roles (stable, canary), and slots change roles."""

from __future__ import annotations

from gonogo.adapters.targets.argo_rollout import ArgoTarget
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.errors import GonogoError
from gonogo.ports import SlotSeen
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RoleProber:
    """`asked` knows the addresses of `stable` and `canary`; `target` says which slot has which role now."""

    asked: HttpProber
    target: ArgoTarget

    def ask(self, slot: str) -> SlotSeen:
        """Ask the Service of the role that the slot has now."""
        try:
            roles = self.target.roles()
        except GonogoError as error:
            return SlotSeen(slot, None, None, healthy=False, detail=str(error))
        role = next((role for role, held in roles.items() if held == slot), slot)
        seen = self.asked.ask(role)
        return SlotSeen(slot, seen.version, seen.digest, seen.healthy, seen.detail)

    def front(self) -> SlotSeen:
        """Ask the public address."""
        return self.asked.front()
