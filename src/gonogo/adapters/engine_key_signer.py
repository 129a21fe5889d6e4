"""The engine's key behind a signer of `securesystemslib` (extra `kms`): key services, vaults, tokens, by URI.

Only imported where `GONOGO_ENGINE_KEY` names such a URI. What comes back is verified before it is used, because the key
lives elsewhere and the public half was only told to us.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.exceptions import Error
from securesystemslib.signer import Signer, SSlibKey  # type: ignore[attr-defined] # it exports by other means

from gonogo.adapters.durable import clean_line
from gonogo.errors import Broken
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.wire import strings


class SignerEngineKey:
    """The `EngineKey` port on the signer at `uri`, whose public half is `key` (Ed25519)."""

    def __init__(self, uri: str, key: PublicKey) -> None:
        self._uri = uri
        self._key = key
        self._public = Ed25519PublicKey.from_public_bytes(strings(key.blob, 2, "the engine key")[1])
        self._signer: Signer | None = None

    def public_line(self) -> str:
        """The public key in OpenSSH form."""
        return self._key.line

    def sign(self, data: bytes) -> bytes:
        """64 bytes of Ed25519 signature. Raises Broken where the signer does not sign, or not with this key."""
        try:
            if self._signer is None:
                known = SSlibKey.from_crypto(self._public, keyid=self._key.fingerprint)
                self._signer = Signer.from_priv_key_uri(self._uri, known)
            signature = bytes.fromhex(self._signer.sign(data).signature)
            self._public.verify(signature, data)
        except InvalidSignature as error:
            what = "the signer used another key than the one that GONOGO_ENGINE_PUBLIC names"
            raise Broken(what, where=_told(self._uri), next_step="name the public half of that very key") from error
        except (Error, UnsupportedAlgorithm, ValueError, OSError, RuntimeError) as error:
            what = f"the signer does not sign: {clean_line(str(error)) or type(error).__name__}"
            raise Broken(what, where=_told(self._uri), next_step="look whether the service answers") from error
        return signature


def _told(uri: str) -> str:
    """The URI without what may be secret in it."""
    return uri.partition("?")[0]
