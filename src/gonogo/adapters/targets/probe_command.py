"""Asks slots who they are by a command of the project, for programs that speak no HTTP (PX-06, ROL-02).

It prints `{"version": "1.4.0", "digest": "SHA-256 or nothing", "healthy": true}`. Which slot or host is meant stands in
`{slot}` and `{url}` of its arguments, and in GONOGO_SLOT, GONOGO_URL and GONOGO_SERVICE: `front` is what people reach.
A command that fails, hangs or prints something else has said nothing: no version, and not healthy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.targets.probe_places import PlacesProber, silent, usable_digest, usable_version
from gonogo.errors import Broken
from gonogo.ports import SlotSeen
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class CommandProber(PlacesProber):
    """`slots` maps names to addresses, `url` is the public address; `service` is empty where there is only one."""

    command: JsonCommand
    slots: Mapping[str, str]
    url: str
    service: str = ""

    def _ask(self, slot: str, address: str) -> SlotSeen:
        argv = tuple(part.replace("{slot}", slot).replace("{url}", address) for part in self.command.argv)
        command = replace(self.command, argv=argv)
        try:
            said = command.ask(GONOGO_SLOT=slot, GONOGO_URL=address, GONOGO_SERVICE=self.service)
        except Broken as error:
            return silent(slot, f"`{command.name}`: {error.what}")
        version, digest = usable_version(said.get("version")), usable_digest(said.get("digest"))
        if version is None:
            return silent(slot, f"`{command.name}` printed no usable `version`")
        healthy = said.get("healthy") is True
        detail = f"`{command.name}` said {version}, {'healthy' if healthy else '`healthy` is not true'}"
        return SlotSeen(slot, version, digest, healthy, detail)
