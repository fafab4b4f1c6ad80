"""Whose tokens are accepted: the keys, algorithms, audience and issuer that a JWT must have.

`create_app` makes one Issuer from the settings; tokens.py decodes every new token with it. With JWT_SECRET_KEY the
tokens are this service's own. With JWT_PUBLIC_KEY or JWT_JWKS_URL another service issues them, for many audiences:
nothing is then granted by a claim that is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from jwt import PyJWK, PyJWTError

from analytics.auth.tokens.jwks import KeySet
from analytics.errors import Unauthorised
from config import ConfigError, Settings

JWKS_ALGORITHMS = ("RS256", "ES256")
ALGORITHM_REFUSED = "the token's algorithm is not accepted; accepted: JWT_ALGORITHM of this service, for example HS256"
# PyJWT has an error class for each claim that it checks.
CLAIMS_BY_ERROR: Mapping[type[Exception], str] = {
    jwt.InvalidIssuedAtError: "iat",
    jwt.exceptions.InvalidJTIError: "jti",
}


class Keys(Protocol):
    """Where the key of a token comes from."""

    def version(self) -> int:
        """Another number when keys have changed."""

    def find(self, kid: str | None, can_wait: bool = True) -> Any:
        """The key of that id; None: there is none. `can_wait` False: raises Unavailable for one that must be read."""


@dataclass(frozen=True, slots=True)
class FixedKey:
    """The one key of the settings, whatever `kid` a token names."""

    key: str

    def version(self) -> int:
        return 0

    def find(self, kid: str | None, can_wait: bool = True) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class Issuer:
    """`is_own`: this service signs the tokens itself."""

    keys: Keys
    algorithms: tuple[str, ...]
    audiences: tuple[str, ...]
    name: str
    is_own: bool

    def decode(self, token: str, can_wait: bool = True) -> dict[str, Any]:
        """The claims, after checking the signature, the times, `aud` and `iss`. Raises PyJWTError, ValueError,
        TypeError, OverflowError, RecursionError, and Unauthorised for an unknown key. `can_wait`: as of Keys.find."""
        return dict(
            jwt.decode(
                token,
                self._key(token, can_wait),
                algorithms=self.algorithms,
                audience=self.audiences or None,
                issuer=self.name or None,
                # tokens.py reads `sub`: some issuers send the user's number.
                options={"verify_aud": bool(self.audiences), "verify_sub": False, "require": self._required()},
            )
        )

    def explain(self, error: Exception) -> str:
        """What is wrong with a token that PyJWT refused; none of PyJWT's own text."""
        if isinstance(error, (jwt.InvalidAlgorithmError, jwt.InvalidKeyError)):
            return ALGORITHM_REFUSED
        if isinstance(error, jwt.InvalidSignatureError):
            return "the token's signature is wrong: it was signed with another key; request a new one"
        if isinstance(error, jwt.ImmatureSignatureError):
            return "the token is not valid yet; check the clock of its issuer"
        if isinstance(error, jwt.InvalidTokenError) and not isinstance(error, jwt.DecodeError):
            return self._explain_claim(error)
        return "the token is malformed; accepted: a JWT, three parts joined by dots, for example of: flask token create"

    def _explain_claim(self, error: Exception) -> str:
        if isinstance(error, jwt.MissingRequiredClaimError):
            return f"the token lacks the claim {error.claim}; accepted: a token with {', '.join(self._required())}"
        if isinstance(error, jwt.InvalidAudienceError):
            return f"the token is for another audience; accepted as aud: {' or '.join(self.audiences)} (JWT_AUDIENCE)"
        if isinstance(error, jwt.InvalidIssuerError):
            return f"the token is of another issuer; accepted as iss: {self.name} (JWT_ISSUER)"
        claim = CLAIMS_BY_ERROR.get(type(error), "a claim")
        return f"the token's claims are wrong: {claim} is not valid; request a new one: flask token create"

    def _required(self) -> list[str]:
        configured = [("aud", self.audiences), ("iss", self.name), ("exp", not self.is_own)]
        return ["sub", *(claim for claim, is_required in configured if is_required)]

    def _key(self, token: str, can_wait: bool) -> str | PyJWK:
        if isinstance(self.keys, FixedKey):
            return self.keys.key
        header = jwt.get_unverified_header(token)
        # Before the keys are asked: only a token that could be valid may cause a request to the JWKS URL.
        if header.get("alg") not in self.algorithms:
            raise Unauthorised(ALGORITHM_REFUSED)
        key: PyJWK | None = self.keys.find(header.get("kid"), can_wait)
        if key is None:
            raise Unauthorised("the token's key (kid) is not one that its issuer publishes; request a new token")
        return key


def create_issuer(settings: Settings) -> Issuer:
    """The issuer of the settings. Raises ConfigError for what could verify no token, or tokens for other services."""
    audiences, name = settings.jwt_audience, settings.jwt_issuer
    if not settings.has_external_issuer:
        _refuse(settings.jwt_algorithm not in ("", "HS256"), "JWT_PUBLIC_KEY: JWT_ALGORITHM needs a PEM public key")
        return Issuer(FixedKey(settings.jwt_secret_key), ("HS256",), audiences, name, is_own=True)
    _check_external(settings)
    if settings.jwt_jwks_url:
        algorithms = (settings.jwt_algorithm,) if settings.jwt_algorithm else JWKS_ALGORITHMS
        return Issuer(KeySet(settings.jwt_jwks_url, algorithms), algorithms, audiences, name, is_own=False)
    algorithm = settings.jwt_algorithm or "RS256"
    _check_public_key(settings.jwt_public_key, algorithm)
    return Issuer(FixedKey(settings.jwt_public_key), (algorithm,), audiences, name, is_own=False)


def _check_external(settings: Settings) -> None:
    variable = "JWT_JWKS_URL" if settings.jwt_jwks_url else "JWT_PUBLIC_KEY"
    _refuse(settings.jwt_algorithm == "HS256", f"{variable}: JWT_ALGORITHM is HS256, which takes JWT_SECRET_KEY")
    both = settings.jwt_jwks_url and settings.jwt_public_key
    _refuse(bool(both), "JWT_JWKS_URL: JWT_PUBLIC_KEY is set too; set one of them")
    reason = f"needed with {variable}, whose issuer also signs tokens for other services"
    _refuse(not settings.jwt_audience, f"JWT_AUDIENCE: {reason}; set the aud of tokens for this one, as analytics")
    _refuse(not settings.jwt_issuer, f"JWT_ISSUER: {reason}; set the iss of its tokens, as https://login.example.com/")


def _check_public_key(pem: str, algorithm: str) -> None:
    try:
        jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
    except (ValueError, PyJWTError) as error:
        raise ConfigError(f"JWT_PUBLIC_KEY: not a PEM public key for {algorithm}: {error}") from error


def _refuse(is_refused: bool, message: str) -> None:
    if is_refused:
        raise ConfigError(message)
