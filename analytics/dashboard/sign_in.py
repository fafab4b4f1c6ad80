"""Signing in and out: a token, name and password, or the secret of a link, for the cookie of a session. views.py calls
it."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import Request, Response

from analytics.auth import sign_in_limits
from analytics.auth.client_address import client_address, mask_address
from analytics.auth.guard import authenticator
from analytics.auth.keys import keys
from analytics.auth.principal import Principal
from analytics.auth.sessions import accounts, sessions
from analytics.auth.sessions.accounts import SETTINGS_ADMIN, Account, PasswordChecker, lock_unchanged, person_of
from analytics.auth.sessions.setting_secrets import check_sign_in_secret, digest_secrets
from analytics.errors import Forbidden, Unauthorised
from analytics.extensions import buffer_redis, db, settings
from analytics.web.app import current_application

WRONG_PASSWORD = "the name or the password is wrong"  # noqa: S105


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
    if secret := form.get("secret", ""):
        return _of_link(secret)
    if token := form.get("token", "").strip():
        return SignIn(_of_token(token))
    checker: PasswordChecker = current_application().extensions["password_checker"]
    with db.engine.connect() as connection:
        account = checker.check(connection, typed_name(request), form.get("password", ""))
    if account is None:
        raise Unauthorised(WRONG_PASSWORD)
    secret_digest = None if account.password else digest_secrets(settings()).admin_password
    return SignIn(person_of(account), account, secret_digest)


def typed_name(request: Request) -> str:
    """The name of an account, as it was typed; empty for another way in."""
    return request.form.get("name", "").strip() if _way(request) == "password" else ""


def record_refusal(request: Request) -> None:
    """An entry in the audit log, for some of many. Only the name of an account is in it: another may be a password."""
    if not sign_in_limits.may_record():
        return
    with db.engine.begin() as connection:
        accounts.record_refusal(connection, typed_name(request), _origin(request))


def _way(request: Request) -> str:
    return next((way for way in ("secret", "token") if request.form.get(way, "").strip()), "password")


def _origin(request: Request) -> dict[str, str]:
    """How, and from which network: an address in the audit log would stay there unmasked."""
    return {"way": _way(request), "network": mask_address(client_address(request.environ, settings()))}


def has_link() -> bool:
    """Whether a link signs in without a password: only while the service is tried out."""
    return digest_secrets(settings()).sign_in_secret is not None


def open_session(response: Response, request: Request, found: SignIn) -> None:
    """Opens a session and gives its cookie to the browser. Raises Unauthorised for an account that was changed while
    its password was checked."""
    lifetime = timedelta(days=settings().session_days)
    with db.engine.begin() as connection:
        if found.account and not lock_unchanged(connection, found.account):
            raise Unauthorised(WRONG_PASSWORD)
        text, ends_at = sessions.open_session(connection, found.person, lifetime, found.secret_digest, _origin(request))
    _set_cookie(response, request, text, ends_at)


def end_session(response: Response, request: Request) -> None:
    """Ends the session of the request, if it has one, and takes the cookie back. Nothing where a page of another site
    may have sent it."""
    if request.environ.get(sessions.CSRF_ENVIRON) != sessions.CSRF_VALUE:
        return
    if person := authenticator().find_session(request.environ):
        sessions.end_session(db.engine, buffer_redis(), person)
    _set_cookie(response, request, "", datetime.fromtimestamp(0, UTC))


def _of_link(secret: str) -> SignIn:
    digest = check_sign_in_secret(settings(), secret)
    if digest is None:
        raise Unauthorised("the link is of another run; open the one that make run has printed last")
    return SignIn(person_of(SETTINGS_ADMIN), secret_digest=digest)


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
