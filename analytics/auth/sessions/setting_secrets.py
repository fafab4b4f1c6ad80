"""The secrets of the settings by which somebody signs in without an account: ADMIN_PASSWORD.

A session that was opened with one has its digest, keyed by the secrets of the service, and is found only by a service
that has the same one: it ends when the service starts with another one, or without.
"""

import hashlib
import hmac
from typing import NamedTuple

from analytics.auth.sessions.accounts import ADMIN, account_id
from config import Settings


class SettingSecrets(NamedTuple):
    """Their digests; None: it is not set."""

    admin_password: bytes | None

    def admits(self, parent_id: str, secret_digest: bytes | None) -> bool:
        """Whether a session that was opened so may go on. None: with a token, or a password that an account has."""
        if secret_digest is not None:
            return secret_digest in self
        # ADMIN_PASSWORD replaces the password that the account of this name has.
        return self.admin_password is None or parent_id != account_id(ADMIN)


def digest_secrets(settings: Settings) -> SettingSecrets:
    """The digests of the secrets that the settings have."""
    service = f"sign in:{settings.jwt_secret_key}:{settings.identity_salt}".encode()

    def digest(name: str, secret: str) -> bytes | None:
        return hmac.digest(service, f"{name}:{secret}".encode(), hashlib.sha256) if secret else None

    return SettingSecrets(digest("admin", settings.admin_password))
