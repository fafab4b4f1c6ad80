"""The secrets of the settings by which somebody signs in without an account: ADMIN_PASSWORD, and SIGN_IN_SECRET.

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
    sign_in_secret: bytes | None

    def admits(self, parent_id: str, secret_digest: bytes | None) -> bool:
        """Whether a session that was opened so may go on. None: with a token, or a password that an account has."""
        if secret_digest is not None:
            return secret_digest in self
        # ADMIN_PASSWORD replaces the password that the account of this name has.
        return self.admin_password is None or parent_id != account_id(ADMIN)


def digest_secrets(settings: Settings) -> SettingSecrets:
    """The digests of the secrets that the settings have. SIGN_IN_SECRET counts outside production only."""
    sign_in_secret = "" if settings.is_production else settings.sign_in_secret
    return SettingSecrets(
        _digest(settings, "ADMIN_PASSWORD", settings.admin_password),
        _digest(settings, "SIGN_IN_SECRET", sign_in_secret),
    )


def check_sign_in_secret(settings: Settings, text: str) -> bytes | None:
    """The digest of SIGN_IN_SECRET, if that is the text; else None."""
    known, given = digest_secrets(settings).sign_in_secret, _digest(settings, "SIGN_IN_SECRET", text)
    return known if known and given and hmac.compare_digest(known, given) else None


def _digest(settings: Settings, name: str, secret: str) -> bytes | None:
    key = f"sign in:{settings.jwt_secret_key}:{settings.identity_salt}".encode()
    return hmac.digest(key, f"{name}:{secret}".encode("utf-8", "replace"), hashlib.sha256) if secret else None
