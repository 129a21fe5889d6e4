"""Short-lived SSH certificates: what ssh-keygen issues and signs with counts within the rules, and never what it refuses."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trust_world import GO, START, Run, measured_run, packed, people

from gonogo.errors import GonogoError
from gonogo.evidence.acceptance import Accepted, Asked, Declined
from gonogo.evidence.signers import CertAuthority, Revocation, RevocationReason, Ring, allowed_signers
from gonogo.evidence.sshcerts import open_certificate, signing_key
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import BadSignature, armour, examine, unarmoured, verify
from gonogo.evidence.trusting import trust_files
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.library import verify as verify_alone
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id

NAMESPACE = "gonogo/approval/v1/production"
KEYGEN = shutil.which("ssh-keygen") or "ssh-keygen"
HOUR = timedelta(hours=1)


def keygen(*arguments: object) -> None:
    subprocess.run([KEYGEN, "-q", *map(str, arguments)], check=True, capture_output=True)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")


@dataclass(frozen=True)
class Place:
    """A folder with an authority and a key of sre1."""

    folder: Path
    authority: str

    def issue(self, *options: str, since: datetime = START, life: timedelta = HOUR, ca: str = "ca", key: str = "id") -> Path:
        """The `-cert.pub` of a new certificate; without options it names sre1."""
        public = self.folder / f"{key}.pub"
        names = options or ("-n", "sre1")
        valid = f"{stamp(since)}:{stamp(since + life)}"
        keygen("-s", self.folder / ca, "-I", "a day's work", *names, "-V", valid, "-z", "42", public)
        return self.folder / f"{key}-cert.pub"

    def sign(self, certificate: Path, message: bytes) -> bytes:
        file = self.folder / "message"
        file.write_bytes(message)
        file.with_name("message.sig").unlink(missing_ok=True)
        keygen("-Y", "sign", "-n", NAMESPACE, "-f", certificate, file)
        return file.with_name("message.sig").read_bytes()

    def good(self, ring: Ring, signature: bytes, message: bytes, at: datetime, who: str = "sre1") -> bool:
        """What stock ssh-keygen says by the trust files of `ring`."""
        (self.folder / "allowed").write_bytes(allowed_signers(ring, ["production"]))
        (self.folder / "s.sig").write_bytes(signature)
        argv = [KEYGEN, "-Y", "verify", "-f", self.folder / "allowed", "-I", who, "-n", NAMESPACE]
        argv += ["-s", self.folder / "s.sig", "-O", f"verify-time={stamp(at)}"]
        return subprocess.run(argv, input=message, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module", params=["ed25519", "ecdsa"])
def spot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "other"):
        keygen("-t", request.param, "-N", "", "-C", name, "-f", folder / name)
    keygen("-t", request.param, "-N", "", "-C", "sre1", "-f", folder / "id")
    keygen("-t", "ed25519", "-N", "", "-C", "po1", "-f", folder / "second")
    return Place(folder, (folder / "ca.pub").read_text().strip())


def ring_with(spot: Place, life: timedelta = HOUR, *names: str) -> Ring:
    authority = CertAuthority(public_key(spot.authority), names or ("sre1",), life)
    return replace(people(), cert_authorities=(authority,))


def asked(ring: Ring) -> tuple[Run, Asked, bytes]:
    run = measured_run()
    run.ring = ring
    request = run.ask()
    run.wait(minutes=5)
    return run, request, b""


def statement(run: Run, request: Asked, certificate: Path, person: str = "sre1", role: str = "sre_lead") -> bytes:
    key = public_key(certificate.with_name(certificate.name.replace("-cert", "")).read_text().strip())
    answer = Answer(statement_id(run.now, bytes(10)), run.now.replace(microsecond=0), "cli", GO)
    return statement_bytes(request.request, Signer(person, "Name", role, key.fingerprint), answer)


def judged(spot: Place, ring: Ring, certificate: Path, person: str = "sre1", role: str = "sre_lead") -> Accepted | Declined:
    """Sign a statement with a certificate and judge it; what we accept stock ssh-keygen has to accept, too."""
    run, request, _ = asked(ring)
    said = statement(run, request, certificate, person, role)
    signature = spot.sign(certificate, said)
    found = run.judged(request, said, signature)
    if isinstance(found, Accepted):
        assert spot.good(ring, signature, said, run.now, person)
    return found


@pytest.mark.req("REV-08")
def test_a_certificate_in_its_hour_signs_for_the_person_that_it_names(spot: Place) -> None:
    certificate = spot.issue("-n", "sre1,somebody-else")
    found = judged(spot, ring_with(spot), certificate)
    assert isinstance(found, Accepted)
    assert found.level.name == "H0"
    read = signing_key(certificate.read_text().strip()).certificate
    assert read is not None
    assert (read.serial, read.key_id, read.principals) == (42, "a day's work", ("sre1", "somebody-else"))
    assert read.lifetime == HOUR
    assert read.authority == public_key(spot.authority)


@pytest.mark.req("REV-08")
def test_without_an_authority_in_the_policy_no_certificate_counts(spot: Place) -> None:
    found = judged(spot, people(), spot.issue())
    assert isinstance(found, Declined)
    assert (found.rule, "no authority" in found.reason) == ("A5", True)


CASES = {
    "another person": (("-n", "po1"), {}, "does not speak for sre1"),
    "over": ((), {"since": START - 2 * HOUR}, "not valid at this time"),
    "not yet": ((), {"since": START + 2 * HOUR}, "not valid at this time"),
    "longer than an hour": ((), {"life": 2 * HOUR}, "longer than"),
    "another authority": ((), {"ca": "other"}, "no authority"),
    "of a host": (("-h", "-n", "sre1"), {}, "of a host"),
    "critical option": (("-n", "sre1", "-O", "force-command=true"), {}, "critical options"),
    "nobody named": (("-O", "no-pty"), {}, "names nobody"),
}


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.req("REV-08", "t30_backdated")
def test_a_certificate_outside_of_its_bounds_is_refused(spot: Place, name: str) -> None:
    options, more, words = CASES[name]
    found = judged(spot, ring_with(spot), spot.issue(*options, **more))  # type: ignore[arg-type]
    assert isinstance(found, Declined), name
    assert words in found.reason


def test_an_authority_vouches_only_for_its_people_and_never_for_the_key_of_another(spot: Place) -> None:
    found = judged(spot, ring_with(spot, HOUR, "po1"), spot.issue())
    assert isinstance(found, Declined)
    assert "does not speak for sre1" in found.reason
    line = (spot.folder / "second.pub").read_text()
    other = replace(people().people[3], keys=(replace(people().people[3].keys[0], key=public_key(line)),))
    ring = replace(ring_with(spot), people=(*people().people[:3], other, *people().people[4:]))
    found = judged(spot, ring, spot.issue(key="second"))
    assert isinstance(found, Declined)
    assert "the key of po1" in found.reason


@pytest.mark.parametrize(("reason", "counts"), [("compromised", False), ("lost", True)])
def test_an_authority_that_was_revoked_issues_nothing_from_then_on(spot: Place, reason: str, counts: bool) -> None:
    fingerprint = public_key(spot.authority).fingerprint
    for moment, still in ((START - HOUR, False), (START + 10 * HOUR, counts)):
        ring = replace(ring_with(spot), revoked=(Revocation(fingerprint, moment, RevocationReason(reason)),))
        assert isinstance(judged(spot, ring, spot.issue()), Accepted) is still


def test_a_policy_is_never_signed_with_a_certificate(spot: Place) -> None:
    certificate = spot.issue()
    signature = spot.sign(certificate, b"x")
    assert examine(signature, b"x", NAMESPACE).certificate is not None
    with pytest.raises(BadSignature, match="signed with a certificate"):
        verify(signature, b"x", NAMESPACE)


def test_no_mutated_certificate_is_accepted_that_ssh_keygen_refuses(spot: Place) -> None:
    chance = random.Random(7)
    certificate = spot.issue()
    message = b"a statement\n"
    signature = spot.sign(certificate, message)
    ring = ring_with(spot)
    blob = unarmoured(signature)
    accepted = 0
    for _ in range(120):
        changed = bytearray(blob)
        place = chance.randrange(10, len(changed))
        changed[place] ^= 1 << chance.randrange(8)
        try:
            found = examine(armour(bytes(changed)), message, NAMESPACE)
        except GonogoError:
            continue
        if found.certificate is not None and "sre1" in found.certificate.principals:
            accepted += 1
            assert spot.good(ring, armour(bytes(changed)), message, START + timedelta(minutes=5)), place
    assert accepted == 0, "a certificate and a signature over it have no spare bits"


def test_a_certificate_of_an_unknown_kind_or_cut_short_is_refused(spot: Place) -> None:
    blob = base64.b64decode(spot.issue().read_text().split()[1])
    for data in (blob[:-1], blob + b"\x00", blob.replace(b"-cert-v01", b"-cert-v99"), blob[: len(blob) // 2], b""):
        with pytest.raises(BadSignature):
            open_certificate(data)


def test_the_time_of_a_certificate_without_end_is_read(spot: Place) -> None:
    public = spot.folder / "id.pub"
    keygen("-s", spot.folder / "ca", "-I", "x", "-n", "sre1", "-V", "always:forever", public)
    read = signing_key((spot.folder / "id-cert.pub").read_text().strip()).certificate
    assert read is not None
    assert read.until > datetime(9999, 1, 1, tzinfo=UTC)
    found = judged(spot, ring_with(spot), spot.folder / "id-cert.pub")
    assert isinstance(found, Declined)
    assert "longer than" in found.reason


@pytest.mark.parametrize("life", [HOUR, 2 * HOUR])
def test_a_package_signed_with_a_certificate_is_judged_alike_by_both_verifiers(
    spot: Place, tmp_path: Path, life: timedelta, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = ring_with(spot, life)
    run, request, _ = asked(ring)
    said = statement(run, request, spot.issue(life=life))
    accepted = run.judged(request, said, spot.sign(spot.folder / "id-cert.pub", said))
    assert isinstance(accepted, Accepted)
    run.record(accepted, said)
    run.approve(request, "po1", "product_owner")
    run.use()
    run.append("traffic.moved", {"task": "rollout", "attempt": 1, "step": 0, "percent": 100, "weights": {"green": 100}})
    run.seal("production-deployment-report.json", b'{"deployment": {"status": "success"}}\n', "rollout")
    run.close()
    package, anchor = packed(run), run.anchor()
    trust = TrustFiles(ring_with(spot), (anchor,))
    (tmp_path / "p.zip").write_bytes(package)
    (tmp_path / "trust/anchors").mkdir(parents=True)
    (tmp_path / "trust/anchors/0").write_bytes(anchor)
    for name, data in trust_files(trust.ring, ["production", "staging"]).items():
        (tmp_path / "trust" / name).write_bytes(data)
    code = verify_alone.main([str(tmp_path / "p.zip"), "--trust", str(tmp_path / "trust")])
    told = capsys.readouterr().out
    # The auditor's own policy takes an hour at most, whatever the project took.
    assert verify_package(package, trust, run.now).exit_code == code == (0 if life == HOUR else 2), told
    assert life == HOUR or "A5" in told
