"""What production refuses: published and guessable secrets, and settings that open the service to everybody.

config.py calls `find_unsafe` when it has read the settings, and stops the start with its text.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from config import Settings

MIN_SECRET_LENGTH = 32
DEVELOPMENT_SECRET = "development-only-secret-change-me-before-production"  # noqa: S105 - public, and refused in production.
WELL_KNOWN_SECRETS = {
    DEVELOPMENT_SECRET,
    "your-jwt-secret-key",
    "your-secret-key",
    "change-me",
    "changeme",
    "secret",
    "super-secret",
    "dev",
    # What jwt.io shows.
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
}
MIN_DISTINCT_CHARACTERS = 8
# In production a caller without a token may at most send events and see reports.
PUBLIC_SCOPES = ("ingest", "read")
# The widest networks that one operator has: 10.0.0.0/8 and fc00::/7.
MIN_PREFIX_LENGTHS = {4: 8, 6: 7}


def find_unsafe(settings: "Settings") -> str | None:
    """The first thing that only a development run may have, as `VARIABLE: what to do`; None: all is safe."""
    return next(_list_unsafe(settings), None)


def is_well_known(secret: str) -> bool:
    """True for a secret that is printed in this repository or in a tutorial."""
    return secret.strip().lower() in WELL_KNOWN_SECRETS


def parse_secret(text: str) -> str:
    """at least 32 characters (openssl rand -hex 32)"""
    if len(text.strip()) < MIN_SECRET_LENGTH and not is_well_known(text):
        raise ValueError(text)
    return text


def _list_unsafe(settings: "Settings") -> Iterator[str]:
    yield from _list_unsafe_secrets(settings)
    if "*" in settings.cors_origins:
        yield "CORS_ORIGINS: * is for development; list the origins"
    if refused := set(settings.anonymous_scopes).difference(PUBLIC_SCOPES):
        words = " ".join(sorted(refused))
        yield f"ANONYMOUS_SCOPES: {words} needs a token in production; accepted: {' '.join(PUBLIC_SCOPES)}"
    if settings.auto_create_sites and "ingest" in settings.anonymous_scopes:
        yield "AUTO_CREATE_SITES: with ANONYMOUS_SCOPES=ingest strangers create sites without end; unset one of them"
    if wide := _widest_network(settings.trusted_proxies):
        yield f"TRUSTED_PROXIES: {wide} lets any caller choose its address; list your own proxies, as 10.0.0.0/8"
    if not _uses_tls_or_loopback(settings.jwt_jwks_url):
        yield "JWT_JWKS_URL: over http others on the network could choose the keys; use https in production"


def _list_unsafe_secrets(settings: "Settings") -> Iterator[str]:
    is_external, secret, salt = settings.has_external_issuer, settings.jwt_secret_key, settings.identity_salt
    if salt and (reason := _explain_unsafe(salt)):
        yield f"IDENTITY_SALT: {reason}"
    if (reason := _explain_unsafe(secret)) and not is_external:
        yield f"JWT_SECRET_KEY: {reason}"
    elif reason and not salt:
        yield "IDENTITY_SALT: needed in production with JWT_PUBLIC_KEY or JWT_JWKS_URL (openssl rand -hex 32)"


def _explain_unsafe(secret: str) -> str | None:
    if is_well_known(secret):
        return "set a secret of your own in production (openssl rand -hex 32)"
    if _is_guessable(secret):
        return "it repeats a few characters; set a random one in production (openssl rand -hex 32)"
    return None


def _is_guessable(secret: str) -> bool:
    """True for few different characters, and for a short text over and over."""
    text = secret.strip()
    periods = range(1, len(text) // 2 + 1)
    return len(set(text)) < MIN_DISTINCT_CHARACTERS or any(text.startswith(text[period:]) for period in periods)


def _widest_network(words: tuple[str, ...]) -> str | None:
    """A network, or several joined, that is wider than any operator's own."""
    networks = [ip_network(word) for word in words]
    joined: list[IPv4Network | IPv6Network] = [
        *collapse_addresses(network for network in networks if isinstance(network, IPv4Network)),
        *collapse_addresses(network for network in networks if isinstance(network, IPv6Network)),
    ]
    wide = (network for network in joined if network.prefixlen < MIN_PREFIX_LENGTHS[network.version])
    return next(map(str, wide), None)


def _uses_tls_or_loopback(url: str) -> bool:
    """True for no URL, https, and a loopback address."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
