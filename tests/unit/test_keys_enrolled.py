"""Security keys and passkeys on the command line: challenge, attestation, enrolment, and what the trust files make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authenticator import MODEL, Device, maker

from gonogo.control.trust.trusting import check
from gonogo.findings import Level
from tests.command_line import gonogo
from tests.projects import Project, small_project
from tests.worlds_http import place

FILE = "config/release-approvers.yaml"
SITE, ORIGIN = "gonogo.acme.example", "https://gonogo.acme.example"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


def errors(project: Project) -> list[str]:
    return [item.code for item in check(project.door()) if item.level is Level.ERROR and item.code != "TL01"]


@pytest.mark.req("REV-08", "TL06", "t23_fake_fido")
def test_a_security_key_is_enrolled_with_its_attestation_and_counts_only_as_long_as_that_lies_there(
    project: Project, tmp_path: Path
) -> None:
    made_by = maker()
    challenge = tmp_path / "c.bin"
    said = gonogo("keys", "challenge", challenge)
    assert said.code == 0
    assert f"-O challenge={challenge}" in said.out
    assert gonogo("keys", "challenge", challenge).code == 2, "a challenge is used once"
    device = Device(made_by)
    (tmp_path / "id.pub").write_text(device.public.line + " sre1@laptop\n")
    (tmp_path / "a.bin").write_bytes(device.attestation(challenge.read_bytes()))
    (tmp_path / "root.der").write_bytes(made_by.root_bytes)
    asked = ("keys", "enrol", "sre1", "--key", tmp_path / "id.pub", "--attestation", tmp_path / "a.bin")
    asked = (*asked, "--root", tmp_path / "root.der", "-C", project.root, "--yes")
    assert gonogo(*asked).code == 64, "without the challenge"
    unpinned = gonogo(*asked, "--challenge", challenge)
    assert unpinned.code == 2
    assert f"fido: {{roots: [{made_by.pin}]}}" in unpinned.err
    project.edit(FILE, "people:\n", f"fido: {{roots: [{made_by.pin}], aaguids: [{MODEL.hex()}]}}\npeople:\n")
    said = gonogo(*asked, "--challenge", challenge)
    assert said.code == 0, said.err
    assert "the device proves H2" in said.err
    assert "assurance: H2, attestation: " in (project.root / FILE).read_text()
    assert any("H2" in line and device.public.fingerprint in line for line in gonogo("keys", "list", "-C", project.root).out.splitlines())
    assert errors(project) == []
    kept = project.root / f"config/trust/attestations/{device.public.short}.bin"
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x01")
    assert errors(project) == ["TL06"]


@pytest.mark.req("t23_fake_fido")
def test_software_that_makes_its_own_attestation_is_not_enrolled_as_a_device(project: Project, tmp_path: Path) -> None:
    made_by = maker()
    project.edit(FILE, "people:\n", f"fido: {{roots: [{made_by.pin}]}}\npeople:\n")
    (tmp_path / "root.der").write_bytes(made_by.root_bytes)
    device = Device(maker())
    (tmp_path / "c.bin").write_bytes(bytes(32))
    (tmp_path / "id.pub").write_text(device.public.line)
    (tmp_path / "a.bin").write_bytes(device.attestation(bytes(32)))
    said = gonogo(
        "keys", "enrol", "sre1", "--key", tmp_path / "id.pub", "--attestation", tmp_path / "a.bin", "--challenge",
        tmp_path / "c.bin", "--root", tmp_path / "root.der", "-C", project.root, "--yes",
    )
    assert said.code == 2
    assert "does not fit" in said.err
    assert device.public.line not in (project.root / FILE).read_text()


@pytest.mark.parametrize(("synced", "level"), [("H0", "H0"), ("H1", "H1")])
def test_a_passkey_without_a_maker_is_what_the_site_takes_it_for(
    project: Project, tmp_path: Path, synced: str, level: str
) -> None:
    web = f"web: {{rp_ids: [{SITE}], origins: ['{ORIGIN}'], synced_passkeys: {synced}}}\n"
    project.edit(FILE, "people:\n", f"{web}people:\n")
    device = Device(maker(), application=SITE, curve="p256")
    (tmp_path / "c.bin").write_bytes(bytes(32))
    (tmp_path / "r.json").write_bytes(device.registration(bytes(32), ORIGIN, fmt="none"))
    said = gonogo(
        "keys", "enrol", "sre1", "--passkey", tmp_path / "r.json", "--challenge", tmp_path / "c.bin", "-C", project.root, "--yes"
    )
    assert said.code == 0, said.err
    assert f"the device proves {level}: the passkey comes with the attestation 'none'" in said.err
    assert device.public.line in (project.root / FILE).read_text()
    assert errors(project) == []
