"""An OpenID Connect provider: where people are sent, and how the code they come back with becomes an ID token.

Only what discovery says is used, and only below the issuer's own scheme; nothing that the browser brings is followed.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from gonogo.adapters.http_calls import call
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree, read_object
from gonogo.terms import Secret
from gonogo.values import dataclass

SECONDS: Final = 10.0
MOST: Final = 1 << 20
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*")
"""What may follow `Bearer` (RFC 6750); anything else could end the line."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gives for a code: who somebody is, and the token that asks it for more."""

    identity: str
    access: Secret


@dataclass(slots=True)
class IdentityProvider:
    """A provider by its issuer, and this server as its client. `redirect` is where people come back to."""

    issuer: str
    client: str
    secret: Secret
    _found: Mapping[str, Tree] | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """How the button calls it."""
        return urlsplit(self.issuer).netloc

    def away(self, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """The address to which a person is sent to prove who they are (authorization code with PKCE, RFC 7636)."""
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": redirect,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self._address("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    def tokens_for(self, code: str, redirect: str, verifier: str) -> Tokens:
        """The tokens for a code. Broken where the provider does not give an ID token."""
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        pair = f"{quote(self.client, safe='')}:{quote(self.secret.reveal(), safe='')}"
        fields = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        }
        address = self._address("token_endpoint")
        answer = call("POST", address, body=urlencode(given).encode(), fields=fields, seconds=SECONDS, most=MOST)
        if answer.status != 200:
            raise Broken(f"the identity provider answered {answer.status}", where=address, next_step="sign in again")
        found = read_object(answer.body, name="token answer", limit=MOST)
        token, access = found.get("id_token"), found.get("access_token")
        if not isinstance(token, str):
            raise Broken("the identity provider gave no ID token", where=address, next_step="look at its settings")
        return Tokens(token, Secret(access if isinstance(access, str) and _BEARER.fullmatch(access) else ""))

    def about(self, access: Secret) -> Mapping[str, Tree]:
        """What the provider says of the person at its UserInfo endpoint (Core 5.3); empty where it has none."""
        if not access.reveal() or "userinfo_endpoint" not in self._known():
            return {}
        return self._read(self._address("userinfo_endpoint"), authorization=f"Bearer {access.reveal()}")

    def keys(self) -> Sequence[Mapping[str, Tree]]:
        """The keys that the provider publishes now."""
        found = self._read(self._address("jwks_uri")).get("keys")
        rows = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
        return tuple(row for row in rows if isinstance(row, Mapping))

    def _address(self, name: str) -> str:
        found = self._known().get(name)
        if not isinstance(found, str) or not _is_safe(found):
            raise BadInput(f"the identity provider gives no safe `{name}`", where=self.issuer, next_step="use https")
        return found

    def _known(self) -> Mapping[str, Tree]:
        with self._guard:
            if self._found is None:
                self._found = self._discovered()
            return self._found

    def _discovered(self) -> Mapping[str, Tree]:
        if not _is_safe(self.issuer):
            raise BadInput("the issuer is no https address", where=self.issuer, next_step="set GONOGO_OIDC_ISSUER")
        found = self._read(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise BadInput(
                "the provider calls itself otherwise", where=self.issuer, next_step="write the issuer as it does"
            )
        return found

    def _read(self, address: str, **fields: str) -> Mapping[str, Tree]:
        answer = call("GET", address, fields={"accept": "application/json", **fields}, seconds=SECONDS, most=MOST)
        if answer.status != 200:
            raise Broken(f"the identity provider answered {answer.status}", where=address, next_step="try again later")
        return read_object(answer.body, name="identity provider", limit=MOST)


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
