"""The caller of a request and its permissions. guard.py makes one from what the request carries; views read it."""

import math
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a caller identified itself with."""

    TOKEN = "token"  # noqa: S105
    SECRET_KEY = "secret_key"  # noqa: S105
    PUBLISHABLE_KEY = "publishable_key"
    # A person in a browser who has signed in.
    SESSION = "session"
    # A share link, or a site with public_stats: reads one site by harmless dimensions only.
    SHARE = "share"
    # Nothing at all: ANONYMOUS_SCOPES, or a site with public_ingest.
    ANONYMOUS = "anonymous"


ACCOUNT_PREFIX = "account:"
# How subjects and ids begin that no token may choose: by them limits are counted, exports owned and sessions ended. The
# last is that of tokens whose `sub` begins so.
RESERVED_PREFIXES = (ACCOUNT_PREFIX, "key:", "share:", "session:", "token:")
# Whoever has these is unknown, so a route takes them only where its guard says so.
NARROW_KINDS = frozenset({Kind.PUBLISHABLE_KEY, Kind.SHARE})


class Principal(NamedTuple):
    """`sites` None: all sites. `credential_id`: by which the credential is revoked; empty without one.

    `parent_id`: of the credential that a session was opened with; it ends with it.
    `origins`: a browser's Origin must be among them; empty: any. `expires_at`: Unix time of the credential's end.
    """

    subject: str
    scopes: frozenset[str]
    sites: frozenset[str] | None
    credential_id: str = ""
    kind: Kind = Kind.TOKEN
    origins: tuple[str, ...] = ()
    expires_at: float = math.inf
    parent_id: str = ""

    @property
    def caller(self) -> str:
        """Whose budgets it spends. The sites count too: an admin of one site may issue a token with the subject that
        another site's callers have."""
        sites = "*" if self.sites is None else " ".join(sorted(self.sites))
        return f"subject {self.subject}\0{sites}"

    @property
    def token_id(self) -> str | None:
        """By which its token is revoked, also that of a session; None for a caller without one. Of a session by
        password it names the account."""
        ids = {Kind.TOKEN: self.credential_id, Kind.SESSION: self.parent_id}
        return ids.get(self.kind) or None

    def has_scope(self, scope: str) -> bool:
        """True when the scope was given; admin includes every other."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def is_anonymous(self) -> bool:
        """True for a caller that sent no token or secret key of its own."""
        return self.kind in (Kind.ANONYMOUS, Kind.SHARE)
