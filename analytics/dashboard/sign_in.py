"""Signing in and out: a token, or name and password, for the cookie of a session. views.py calls it."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Request, Response
from werkzeug.exceptions import SecurityError

from analytics.auth.client_address import client_address
from analytics.auth.guard import authenticator
from analytics.auth.keys import keys
from analytics.auth.principal import Kind, Principal
from analytics.auth.sessions import sessions
from analytics.auth.sessions.accounts import (
    ADMIN,
    LOCAL,
    Account,
    PasswordChecker,
    account_id,
    lock_unchanged,
    person_of,
)
from analytics.auth.sessions.setting_secrets import digest_secrets
from analytics.errors import Forbidden, Unauthorised
from analytics.extensions import buffer_redis, db, settings
from analytics.web.app import current_application

WRONG_PASSWORD = "the name or the password is wrong; flask user set-password sets another"  # noqa: S105
# Hosts by which only this machine is meant: another site's page cannot have one of them as its own.
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# A proxy or tunnel on this machine, which lets in others from its address, sends one of them.
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def check_same_origin(request: Request) -> None:
    """Raises Forbidden for a form that a page of another origin sent: it would sign somebody in as somebody else."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_same = site in ("same-origin", "none")
    else:
        # Compared as text: not every Origin that can be sent can be split.
        is_same = origin is None or origin.partition("://")[2] == request.host
    if not is_same:
        raise Forbidden("the form was sent by a page of another site; open /login and sign in there")


class SignIn(NamedTuple):
    """Who signs in, with the account whose password was right, and the digest of a secret of the settings that was."""

    person: Principal
    account: Account | None = None
    secret_digest: bytes | None = None


def identify(request: Request) -> SignIn:
    """Who signs in. Raises Unauthorised, Forbidden and Unavailable."""
    form = request.form
    if form.get("way") == "local":
        return _sign_in_locally(request)
    if token := form.get("token", "").strip():
        return SignIn(_of_token(token))
    checker: PasswordChecker = current_application().extensions["password_checker"]
    with db.engine.connect() as connection:
        account = checker.check(connection, form.get("name", "").strip(), form.get("password", ""))
    if account is None:
        raise Unauthorised(WRONG_PASSWORD)
    secret_digest = None if account.password else digest_secrets(settings()).admin_password
    return SignIn(person_of(account), account, secret_digest)


def can_sign_in_locally(request: Request) -> bool:
    """Whether one click is enough: on the machine that runs the service, while it is tried out."""
    current = settings()
    address = client_address(request.environ, current)
    if current.is_production or current.trusted_proxies or any(name in request.headers for name in PROXY_HEADERS):
        return False
    if not address or not ip_address(address).is_loopback:
        return False
    # As no browser asks, but nginx, which sends none of the headers unless it is told to.
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or not request.environ.get("HTTP_HOST"):
        return False
    try:
        return urlsplit(f"//{request.host}").hostname in LOOPBACK_HOSTS
    except (SecurityError, ValueError):
        return False


def open_session(response: Response, request: Request, found: SignIn) -> None:
    """Opens a session and gives its cookie to the browser. Raises Unauthorised for an account that was changed while
    its password was checked."""
    lifetime = timedelta(days=settings().session_days)
    with db.engine.begin() as connection:
        if found.account and not lock_unchanged(connection, found.account):
            raise Unauthorised(WRONG_PASSWORD)
        text, ends_at = sessions.open_session(connection, found.person, lifetime, found.secret_digest)
    _set_cookie(response, request, text, ends_at)


def end_session(response: Response, request: Request) -> None:
    """Ends the session of the request, if it has one, and takes the cookie back. Nothing where a page of another site
    may have sent it."""
    if request.environ.get(sessions.CSRF_ENVIRON) != sessions.CSRF_VALUE:
        return
    if person := authenticator().find_session(request.environ):
        sessions.end_session(db.engine, buffer_redis(), person)
    _set_cookie(response, request, "", datetime.fromtimestamp(0, UTC))


def _sign_in_locally(request: Request) -> SignIn:
    if not can_sign_in_locally(request):
        raise Forbidden("without a password, somebody may sign in only on the machine of a service that is tried out")
    return SignIn(Principal(account_id(ADMIN), frozenset({"admin"}), None, account_id(LOCAL), Kind.SESSION))


def _of_token(text: str) -> Principal:
    if text.startswith((keys.SECRET_PREFIX, keys.PUBLISHABLE_PREFIX)):
        raise Unauthorised("this is a key, which programs use; accepted: a token, as flask token create prints one")
    # Without other names of its sites: they would stay in the session when another site takes one of them.
    person = authenticator().tokens.principal(text)
    if not person.has_scope("read"):
        raise Forbidden("the token lacks the scope read, which the dashboard needs; request another one")
    return person


def _set_cookie(response: Response, request: Request, text: str, ends_at: datetime) -> None:
    name = sessions.cookie_name(request.environ, settings().public_url)
    is_secure = name == sessions.SECURE_COOKIE
    response.set_cookie(name, text, expires=ends_at, path="/", secure=is_secure, httponly=True, samesite="Lax")
