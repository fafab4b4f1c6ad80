"""Who the caller is, by the credential that a request carries: token, key, share link, or none. guard.py calls it.

The order: `Authorization: Bearer` (JWT, `sk_…`, `pk_…`), `Authorization: Basic` (a key as the user name), `?key=`
(publishable keys only), `?share=`, and the cookie of a session. Nothing here knows scopes or routes.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.auth.keys import keys, share_links
from analytics.auth.keys.credential_cache import CredentialCache
from analytics.auth.principal import Principal
from analytics.auth.sessions import sessions
from analytics.auth.sessions.setting_secrets import digest_secrets
from analytics.auth.site_names import SiteNames
from analytics.auth.tokens.tokens import TokenVerifier, expiry_detail
from analytics.errors import Unauthorised
from config import Settings

ACCEPTED = "accepted: Bearer and a JWT or a key, for example Authorization: Bearer eyJhbGciOi… or Bearer sk_…"
MAX_KEY_CHARS = 200
KEY_PREFIXES = (keys.SECRET_PREFIX, keys.PUBLISHABLE_PREFIX)


class Authenticator:
    """Makes principals of tokens, keys and share links. One per app; thread-safe.

    `check_caller`: called before PostgreSQL is asked for a key or link, and may raise. PUBLIC_URL says whether browsers
    come by HTTPS.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        redis: Callable[[], Redis],
        check_caller: Callable[[], None],
        settings: Settings,
    ) -> None:
        self._public_url = settings.public_url
        self.tokens = TokenVerifier(engine, redis)
        self.keys = CredentialCache(engine, keys.load_credentials, keys.record_use, check_caller)
        self.share_links = CredentialCache(engine, share_links.load_credentials, share_links.record_use, check_caller)
        load_sessions = partial(sessions.load_credentials, digest_secrets(settings))
        self.sessions = CredentialCache(engine, load_sessions, sessions.record_use, check_caller)
        self.site_names = SiteNames(engine)

    def clear(self) -> None:
        """Empties the caches, as in a new process."""
        for cache in (self.tokens, self.keys, self.share_links, self.sessions, self.site_names):
            cache.clear()

    def authenticate(self, environ: Mapping[str, Any]) -> Principal | None:
        """The caller of a request; None without a credential. Raises Unauthorised with the reason, and Unavailable."""
        header = environ.get("HTTP_AUTHORIZATION", "").strip()
        if header:
            return self._of_header(header)
        query = environ.get("QUERY_STRING", "")
        values = parse_qs(query) if "key=" in query or "share=" in query else {}
        if "key" in values:
            return self.authenticate_publishable(values["key"][0], "the URL, which logs and histories keep")
        if "share" in values:
            return self.authenticate_share_link(values["share"][0])
        return self.find_session(environ)

    def find_session(self, environ: Mapping[str, Any]) -> Principal | None:
        """The person whose browser sent the request; None for one whose session has ended, as without one. Raises
        Unavailable."""
        text = sessions.read_cookie(environ, self._public_url)
        principal = self.sessions.find(text) if 0 < len(text) <= MAX_KEY_CHARS else None
        try:
            return principal and self._check(principal, "session")
        except Unauthorised:
            return None

    def find_known(self, header: str, can_wait: bool) -> Principal | None:
        """The caller of an Authorization header, as far as this process knows without asking PostgreSQL or the tokens'
        issuer: None for a key that is not cached. `can_wait`: as of Revocations.revoked_ids. Raises Unauthorised and
        Unavailable."""
        value = _credential_of(header.strip())
        if not value.startswith(KEY_PREFIXES):
            return self.site_names.widen(self.tokens.principal(value, can_wait, can_wait_for_keys=False))
        principal = self.keys.find_cached(value) if len(value) <= MAX_KEY_CHARS else None
        return principal and self._check(principal, "key", can_wait)

    def find_known_session(self, environ: Mapping[str, Any], can_wait: bool) -> Principal | None:
        """As `find_known`, the person whose browser sent the request. Raises Unauthorised and Unavailable."""
        text = sessions.read_cookie(environ, self._public_url)
        principal = self.sessions.find_cached(text) if 0 < len(text) <= MAX_KEY_CHARS else None
        return principal and self._check(principal, "session", can_wait)

    def authenticate_publishable(self, text: str, place: str) -> Principal:
        """The principal of a key that is not in a header. Raises Unauthorised also for every other credential."""
        if text.startswith(keys.PUBLISHABLE_PREFIX):
            return self._of_key(text)
        kind = "a secret key" if text.startswith(keys.SECRET_PREFIX) else "this"
        raise Unauthorised(
            f"{kind} is not accepted in {place}; accepted: a publishable key, for example pk_…; "
            "send any other in a header: Authorization: Bearer sk_…"
        )

    def authenticate_share_link(self, text: str) -> Principal:
        """The reader that a share link makes. Raises Unauthorised and Unavailable."""
        principal = self.share_links.find(text) if len(text) <= MAX_KEY_CHARS else None
        if principal is None:
            raise Unauthorised("the share link is not known: it was revoked, or is incomplete; ask for a new one")
        return self._check(principal, "share link")

    def _of_header(self, header: str) -> Principal:
        value = _credential_of(header)
        if value.startswith(KEY_PREFIXES):
            return self._of_key(value)
        return self.site_names.widen(self.tokens.principal(value), can_wait=True)

    def _of_key(self, text: str) -> Principal:
        principal = self.keys.find(text) if len(text) <= MAX_KEY_CHARS else None
        if principal is None:
            raise Unauthorised("the key is not known: it was revoked, or is incomplete; create one: flask key create")
        return self._check(principal, "key")

    def _check(self, principal: Principal, noun: str, can_wait: bool = True) -> Principal:
        now = clock.now().timestamp()
        if now >= principal.expires_at:
            raise Unauthorised(expiry_detail(noun, principal.expires_at))
        if not self.tokens.revocations.revoked_ids(can_wait).isdisjoint((principal.credential_id, principal.parent_id)):
            raise Unauthorised(f"the {noun} was revoked; request a new one")
        return self.site_names.widen(principal)


def _credential_of(header: str) -> str:
    """The token or key of an Authorization header. Raises Unauthorised for any other header."""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        value = _user_of(value)
        if not value.startswith(KEY_PREFIXES):
            raise Unauthorised("the user name is not a key; accepted: a key as the user name, for example pk_… or sk_…")
    elif scheme.lower() != "bearer" or not value:
        raise Unauthorised(f"the Authorization header is not accepted; {ACCEPTED}")
    return value


def _user_of(value: str) -> str:
    """The user name of Basic authentication; the password does not count."""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorised(
            "the Authorization header is not Basic authentication; accepted: user:password in base64, "
            "for example curl --user pk_…: URL"
        ) from error
