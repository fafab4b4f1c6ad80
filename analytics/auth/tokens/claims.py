"""What the claims of a verified token grant: its subject, scopes and sites.

tokens.py calls `read_principal`. Scopes and sites that this service has no word for are ignored or name nothing.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from analytics.auth.principal import RESERVED_PREFIXES, Kind, Principal
from analytics.errors import Unauthorised
from config_values import SCOPES

# What seed 001 grants any valid token: a JWT of another service that shares the secret may have no scope claim.
DEFAULT_SCOPES = frozenset({"ingest", "read", "export", "write"})
# No site key: it means every site, also of those that are created later.
ALL_SITES = "*"
# 9999-12-31T23:59:59Z. Some issuers write milliseconds, which PyJWT accepts and no calendar has.
MAX_END = 253_402_300_799
UNSTORABLE_PATTERN = re.compile(r"[\x00\ud800-\udfff]")


def read_principal(claims: Mapping[str, Any], credential_id: str, expires_at: float, is_own: bool) -> Principal:
    """The caller. Raises Unauthorised for a claim of another shape.

    `is_own`: the token is signed with JWT_SECRET_KEY, so that no `scope` means DEFAULT_SCOPES and no `site` every
    site. Of another issuer's token an absent claim grants nothing.
    """
    if claims.get("type") == "refresh":
        raise Unauthorised("this is a refresh token; send an access token")
    identity = _subject(claims), _scopes(claims, is_own), _sites(claims, is_own), credential_id
    return Principal(*identity, Kind.TOKEN, expires_at=expires_at)


def read_end(claims: Mapping[str, Any]) -> float:
    """When the token ends, as Unix time; infinite without `exp`. Raises Unauthorised for what is no time in seconds."""
    if "exp" not in claims:
        return math.inf
    try:
        end = float(claims["exp"])
    except (ValueError, TypeError, OverflowError):
        end = math.nan
    # False for NaN too.
    if not abs(end) <= MAX_END:
        raise Unauthorised("the token's exp is not accepted; exp is in seconds since 1970, for example 1900000000")
    return end


def _subject(claims: Mapping[str, Any]) -> str:
    value = claims["sub"]
    subject = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or UNSTORABLE_PATTERN.search(subject):
        raise Unauthorised("the token's sub is not accepted; accepted: 1 to 255 characters, for example user-1")
    # Another issuer's token does not become a key or an account by its name, nor a third subject.
    return f"token:{subject}" if subject.startswith(RESERVED_PREFIXES) else subject


def _scopes(claims: Mapping[str, Any], is_own: bool) -> frozenset[str]:
    if "scope" not in claims:
        return DEFAULT_SCOPES if is_own else frozenset()
    words = _words(claims["scope"], split=True)
    if words is None:
        raise Unauthorised(
            f'the token\'s scope is not a string or a list; accepted: {" ".join(SCOPES)}, for example "ingest read"'
        )
    # Another issuer may have other scopes, such as openid.
    return words & set(SCOPES)


def _sites(claims: Mapping[str, Any], is_own: bool) -> frozenset[str] | None:
    if "site" not in claims:
        return None if is_own else frozenset()
    keys = _words(claims["site"], split=False)
    if keys is None or "" in keys or any(map(UNSTORABLE_PATTERN.search, keys)):
        raise Unauthorised(
            "the token's site is not accepted; accepted: a site key, a list of them, or * for all, for example shop"
        )
    return None if ALL_SITES in keys else keys


def _words(value: Any, split: bool) -> frozenset[str] | None:
    if isinstance(value, str):
        return frozenset(value.split() if split else [value])
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return frozenset(value)
    return None
