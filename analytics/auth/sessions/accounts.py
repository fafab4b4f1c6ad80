"""Accounts: who may sign in to the dashboard by name and password. `flask user` writes them, dashboard/ checks them.

Passwords are hashed by scrypt as werkzeug.security does it, 32 MB and 60 ms each, so they are checked one at a time.
ADMIN_PASSWORD makes the account `admin` without a row.
"""

import threading
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from werkzeug.security import check_password_hash, generate_password_hash

from analytics import clock
from analytics.auth.principal import ACCOUNT_PREFIX, Kind, Principal
from analytics.errors import Unavailable
from analytics.store.models import REFUSED_SIGN_IN, accounts, audit_log

ADMIN = "admin"
# NIST SP 800-63B, 5.1.1: at least eight characters, and long ones are accepted.
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 1000
MAX_NAME_CHARS = 100
# What is checked for a name that is not known, so that it takes as long.
NO_PASSWORD = generate_password_hash("")
# Being checked or waiting for it: each holds a thread of the web process, which reports need too.
MAX_AT_ONCE = 3
# Served by pk_sites and ix_site_aliases_site_id.
SELECT_NAMES = text("""
SELECT key FROM sites WHERE id = :id
UNION ALL
SELECT alias FROM site_aliases WHERE site_id = :id
""")


class Account(NamedTuple):
    """`sites` None: all sites. `password`: its hash; empty: that of the settings."""

    name: str
    scopes: frozenset[str]
    sites: frozenset[str] | None
    password: str = ""


SETTINGS_ADMIN = Account(ADMIN, frozenset({"admin"}), None)


class PasswordChecker:
    """Checks passwords, one at a time. One per app; thread-safe."""

    def __init__(self, admin_password: str) -> None:
        # Hashed too, so that guesses are as slow as for a row, and no faster answer tells that it is set.
        self._admin = generate_password_hash(admin_password) if admin_password else ""
        self._turn = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def check(self, connection: Connection, name: str, password: str) -> Account | None:
        """The account; None for a wrong name or password. Raises Unavailable where too many wait."""
        if not is_name(name) or len(password) > MAX_PASSWORD_CHARS:
            return None
        if name == ADMIN and self._admin:
            return SETTINGS_ADMIN if self._is_right(self._admin, password) else None
        account = _read_account(connection, name)
        return account if self._is_right(account.password if account else NO_PASSWORD, password) else None

    def _is_right(self, known: str, password: str) -> bool:
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many people are signing in; try again in a few seconds")
        try:
            with self._turn:
                return check_password_hash(known, password)
        finally:
            self._places.release()


def is_name(text: str) -> bool:
    """Whether an account may have this name."""
    return 1 <= len(text) <= MAX_NAME_CHARS and text.isprintable()


def person_of(account: Account) -> Principal:
    """Who has signed in with the account, and by what the session is revoked."""
    # A token has no such subject (claims.py), so nobody else shares its budgets and exports.
    subject = account_id(account.name)
    return Principal(subject, account.scopes, account.sites, subject, Kind.SESSION)


def account_id(name: str) -> str:
    """What sessions of the account name as their parent, and the subject of its person."""
    return f"{ACCOUNT_PREFIX}{name}"


def find_export_obstacle(connection: Connection, parent_id: str, site_id: int) -> str | None:
    """Why an account may not export the site any more; None: it may, or this is no account. ADMIN needs no row.
    Two queries at most."""
    name = parent_id.removeprefix(ACCOUNT_PREFIX)
    if name == parent_id:
        return None
    account = _read_account(connection, name)
    if account is None:
        return None if name == ADMIN else f"the account {name} was deleted"
    if not account.scopes & {"export", "admin"}:
        return f"the account {name} may not export any more"
    names = () if account.sites is None else connection.execute(SELECT_NAMES, {"id": site_id}).scalars()
    if account.sites is None or not account.sites.isdisjoint(names):
        return None
    return f"the account {name} is not for this site any more"


def lock_unchanged(connection: Connection, account: Account) -> bool:
    """Whether the account is as it was when its password was checked, and stays so until the transaction ends: who
    changes it then ends the sessions that are there."""
    if not account.password:
        return True
    return _read_account(connection, account.name, locked=True) == account


def record_refusal(connection: Connection, name: str, origin: Mapping[str, str]) -> None:
    """Writes an attempt to sign in that was refused to the audit log; of an account under its name."""
    is_known = name == ADMIN or (is_name(name) and _read_account(connection, name) is not None)
    actor = account_id(name) if is_known else "unknown"
    connection.execute(insert(audit_log).values(actor=actor, action=REFUSED_SIGN_IN, detail=dict(origin)))


def is_account(parent_id: str) -> bool:
    """Whether a session with this parent is that of an account, which has no end."""
    return parent_id.startswith(ACCOUNT_PREFIX)


def set_password(
    connection: Connection, name: str, password: str, scopes: Collection[str], sites: Collection[str] | None, actor: str
) -> None:
    """Makes the account, or replaces its password and what it may do."""
    row = {
        "name": name,
        "password": generate_password_hash(password),
        "scopes": sorted(scopes),
        "sites": None if sites is None else sorted(sites),
        "changed_at": clock.now(),
    }
    connection.execute(upsert(accounts).values(row).on_conflict_do_update(index_elements=["name"], set_=row))
    _record(connection, "account.set", name, actor)


def delete_account(connection: Connection, name: str, actor: str) -> bool:
    """False: there is none."""
    if not connection.execute(delete(accounts).where(accounts.c.name == name)).rowcount:
        return False
    _record(connection, "account.delete", name, actor)
    return True


def list_accounts(connection: Connection) -> list[Account]:
    """All of them by name."""
    rows = connection.execute(select(accounts).order_by(accounts.c.name))
    return [_account(row) for row in rows]


def forget_sites(connection: Connection, names: Collection[str], actor: str) -> None:
    """Takes these names from the accounts that are for them: another site may have them next."""
    query = select(accounts.c.name, accounts.c.sites).where(accounts.c.sites.overlap(sorted(names)))
    for name, sites in connection.execute(query.with_for_update()).all():
        change = update(accounts).where(accounts.c.name == name)
        connection.execute(change.values(sites=sorted(set(sites) - set(names))))
        _record(connection, "account.set", name, actor)


# Served by pk_accounts.
def _read_account(connection: Connection, name: str, locked: bool = False) -> Account | None:
    query = select(accounts).where(accounts.c.name == name)
    row = connection.execute(query.with_for_update(read=True) if locked else query).first()
    return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    sites = None if row.sites is None else frozenset(row.sites)
    return Account(row.name, frozenset(row.scopes), sites, row.password)


def _record(connection: Connection, action: str, name: str, actor: str) -> None:
    connection.execute(insert(audit_log).values(actor=actor, action=action, detail={"name": name}))
