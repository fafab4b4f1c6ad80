"""Authenticates and authorises a request: every view is `@guarded` by a scope.

Views call `check_site_access` for their site. credentials.py says who the caller is; without a credential it is
anonymous and has ANONYMOUS_SCOPES. A publishable key and a share link reach only the views that admit their kind.
"""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from flask import has_request_context

from analytics.auth.cors import record_site
from analytics.auth.credentials import Authenticator
from analytics.auth.limits import enforce_request_limit
from analytics.auth.origins import check_origin, is_near
from analytics.auth.principal import NARROW_KINDS, Kind, Principal
from analytics.auth.tokens.tokens import TokenVerifier
from analytics.errors import Forbidden, Unauthorised
from analytics.extensions import settings
from analytics.web.app import current_application, current_request

__all__ = [
    "Kind",
    "Principal",
    "anonymous_scopes",
    "authenticate_key",
    "authenticator",
    "check_site_access",
    "current_principal",
    "find_link_reader",
    "find_person",
    "guarded",
    "require_scope",
    "resolve_site_key",
    "set_principal",
    "token_verifier",
]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
DEFAULT_SITE = "default"
MISSING_CREDENTIALS = (
    "send a token or a key: Authorization: Bearer <JWT> or Bearer sk_… "
    "(flask token create and flask key create make one)"
)
STRANGE_HOST = "without one, accepted in development: a Host that is an address, localhost or PUBLIC_URL's"
NEW_KEY = "for another make one more key: flask key create --publishable --site shop --origin https://shop.example"
# The request's Principal, and the narrow kinds that its view admits.
PRINCIPAL, ADMITTED = "analytics.principal", "analytics.admitted_kinds"
REFUSED_KINDS = {
    Kind.PUBLISHABLE_KEY: "a publishable key only sends events and samples; send a token or a secret key (sk_…) here",
    Kind.SHARE: "a share link or public site only shows aggregated reports; send a token or a secret key (sk_…) here",
}


class GuardedView(Protocol[P, R]):
    """A view that carries the scopes it requires, and which of NARROW_KINDS may reach it too by a route."""

    guarded_scope: str
    admitted_kinds: Callable[[str], Collection[Kind]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


def guarded(
    *scopes: str, also: str = "", admits: Collection[Kind] = ()
) -> Callable[[Callable[P, R]], GuardedView[P, R]]:
    """Lets only callers with one of `scopes`, and with `also`, reach the view, which carries them as `guarded_scope`:
    `read`, `read export` (one of them) or `export+write` (both).

    `admits`: those of NARROW_KINDS that may reach it too.
    """

    def decorate(view: Callable[P, R]) -> GuardedView[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            admit(admits)
            require_scope(*scopes)
            if also:
                require_scope(also)
            return view(*args, **kwargs)

        marked = cast(GuardedView[P, R], checked)
        marked.guarded_scope = " ".join(scopes) + (also and f"+{also}")
        marked.admitted_kinds = lambda _route: admits
        return marked

    return decorate


def admit(kinds: Collection[Kind]) -> None:
    """Lets callers of these narrow kinds pass `require_scope` in this request."""
    current_request().environ[ADMITTED] = kinds


def require_scope(*scopes: str) -> Principal:
    """The caller, which has one of `scopes`. Raises Unauthorised without a credential, Forbidden when it lacks them, is
    of a kind that the view does not admit, or a key that is used on a page of another origin."""
    principal = current_principal()
    if principal.kind in NARROW_KINDS and principal.kind not in current_request().environ.get(ADMITTED, ()):
        raise Forbidden(REFUSED_KINDS[principal.kind])
    if principal.origins:
        check_origin(current_request().environ, principal.origins, "the key", NEW_KEY)
    for scope in scopes:
        if principal.has_scope(scope):
            return principal
    if principal.kind is Kind.ANONYMOUS:
        raise Unauthorised(MISSING_CREDENTIALS if _is_for_anybody() else f"{MISSING_CREDENTIALS}; {STRANGE_HOST}")
    raise Forbidden(f"the {_noun(principal)} lacks the scope {' or '.join(scopes)}")


def current_principal() -> Principal:
    """The caller of this request, verified and rate-limited once. Raises TooMany, Unauthorised, Unavailable."""
    environ = current_request().environ
    principal: Principal | None = environ.get(PRINCIPAL)
    if principal is None:
        principal = environ[PRINCIPAL] = _authenticate(environ)
        enforce_request_limit(principal)
    return principal


def find_person() -> Principal | None:
    """Who has signed in, for a page; None without a session. Raises TooMany and Unavailable. A cookie of no session
    spends the budget of its address, as a wrong credential of the API does."""
    environ = current_request().environ
    person = authenticator().find_session(environ)
    if person is None and "session=" in environ.get("HTTP_COOKIE", ""):
        enforce_request_limit(_anonymous())
    return person


def find_link_reader(token: str) -> Principal | None:
    """The reader that a share link makes, for a page; None where it is not valid, whyever. Raises TooMany and
    Unavailable. A wrong token spends the budget of its address."""
    try:
        set_principal(authenticator().authenticate_share_link(token))
    except Unauthorised:
        set_principal(_anonymous())
        return None
    return current_principal()


def set_principal(principal: Principal) -> None:
    """Replaces the caller of this request: for a site that is readable without a token, and a key in the body."""
    current_request().environ[PRINCIPAL] = principal
    enforce_request_limit(principal)


def authenticate_key(text: str) -> Principal:
    """The principal of a publishable key that the body carries. Raises Unauthorised also for any other credential, and
    Unavailable. The caller checks `origins`, and may `set_principal` it."""
    return authenticator().authenticate_publishable(text, "a body")


def check_site_access(principal: Principal, site_key: str) -> None:
    """Raises Forbidden unless the token is for the site, by any of its names."""
    record_site(site_key)
    if principal.sites is not None and site_key not in principal.sites and not _is_for(principal, site_key):
        raise Forbidden(
            f"the {_noun(principal)} is not for the site {site_key!r}; accepted: the sites that "
            "GET /api/analytics/me shows"
        )


def _is_for(principal: Principal, site_key: str) -> bool:
    """Whether the key is another name of one of the caller's sites, by what PostgreSQL says now."""
    if not has_request_context():
        return False
    sites = authenticator().site_names.widen_now(principal).sites
    return sites is None or site_key in sites


def resolve_site_key(principal: Principal, requested_key: str | None) -> str:
    """The requested key, else the token's own site (the first by name when it has several), else `default`.

    Raises Forbidden when the token is not for it.
    """
    if requested_key or not principal.sites:
        check_site_access(principal, requested_key or DEFAULT_SITE)
        return requested_key or DEFAULT_SITE
    own_key = min(principal.sites)
    record_site(own_key)
    return own_key


def anonymous_scopes() -> tuple[str, ...]:
    """What the caller of this request may do without a credential."""
    return settings().anonymous_scopes if _is_for_anybody() else ()


def authenticator() -> Authenticator:
    """The running app's authenticator."""
    found: Authenticator = current_application().extensions["authenticator"]
    return found


def token_verifier() -> TokenVerifier:
    """The running app's token verifier."""
    return authenticator().tokens


def _authenticate(environ: Mapping[str, Any]) -> Principal:
    """A wrong credential spends the budget of its address: nobody guesses without a limit."""
    try:
        return authenticator().authenticate(environ) or _anonymous()
    except Unauthorised:
        enforce_request_limit(_anonymous())
        raise


def _noun(principal: Principal) -> str:
    if principal.kind in (Kind.SECRET_KEY, Kind.PUBLISHABLE_KEY):
        return "key"
    if principal.kind is Kind.SESSION:
        return "session"
    return "share link" if principal.credential_id and principal.kind is Kind.SHARE else "token"


def _anonymous() -> Principal:
    return Principal("anonymous", frozenset(anonymous_scopes()), None, kind=Kind.ANONYMOUS)


def _is_for_anybody() -> bool:
    """False for a request that a page of another site may have sent, in development: `make run` lets anybody read who
    reaches its port, which is every page that the person at this machine visits."""
    config = settings()
    host = current_request().environ.get("HTTP_HOST", "")
    return config.environment != "development" or is_near(host, config.public_url)
