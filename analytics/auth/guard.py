"""Who is calling, and whether they may: every view is `@guarded` by a scope, and asks `allow_site` for its site.

The caller comes from `Authorization: Bearer <JWT>`; without one it is anonymous and may do what ANONYMOUS_SCOPES says.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar, cast

from analytics.application import current_application, current_request
from analytics.auth.limits import spend_request
from analytics.auth.tokens import Principal, TokenChecks
from analytics.errors import Forbidden, Unauthorised
from analytics.extensions import settings

__all__ = [
    "Principal",
    "allow_site",
    "become",
    "choose_site",
    "current_principal",
    "guarded",
    "require",
    "token_checks",
]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
DEFAULT_SITE = "default"
UNKNOWN_CALLER = "send a token: Authorization: Bearer <JWT> (flask token create makes one)"


class GuardedView(Protocol[P, R]):
    """A view that says which scope it asks for."""

    guarded_scope: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


def guarded(*scopes: str) -> Callable[[Callable[P, R]], GuardedView[P, R]]:
    """The view is reached only by callers with one of `scopes`; it carries them as `guarded_scope`."""

    def decorate(view: Callable[P, R]) -> GuardedView[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            require(*scopes)
            return view(*args, **kwargs)

        marked = cast(GuardedView[P, R], checked)
        marked.guarded_scope = " ".join(scopes)
        return marked

    return decorate


def require(*scopes: str) -> Principal:
    """The caller, who has one of `scopes`. Raises Unauthorised when a token is needed, Forbidden when it lacks them."""
    principal = current_principal()
    for scope in scopes:
        if principal.may(scope):
            return principal
    if principal.anonymous:
        raise Unauthorised(UNKNOWN_CALLER)
    raise Forbidden(f"the token lacks the scope {' or '.join(scopes)}")


def current_principal() -> Principal:
    """The caller of this request, checked once, who pays for it. Raises TooMany, Unauthorised for an invalid token."""
    environ = current_request().environ
    found: Principal | None = environ.get("analytics.principal")
    if found is None:
        found = environ["analytics.principal"] = _principal(environ.get("HTTP_AUTHORIZATION"))
        spend_request(found)
    return found


def become(principal: Principal) -> None:
    """The caller of this request is this one from now on: what a site lets everybody do."""
    current_request().environ["analytics.principal"] = principal
    spend_request(principal)


def allow_site(principal: Principal, site_key: str) -> None:
    """Raises Forbidden unless the caller may see and write the site."""
    if principal.sites is not None and site_key not in principal.sites:
        raise Forbidden(f"the token is not for the site {site_key!r}")


def choose_site(principal: Principal, asked: str | None) -> str:
    """The key asked for, else the token's own site (the first by name when it has several), else `default`.

    Raises Forbidden when the token is not for it.
    """
    if asked or not principal.sites:
        allow_site(principal, asked or DEFAULT_SITE)
        return asked or DEFAULT_SITE
    return min(principal.sites)


def token_checks() -> TokenChecks:
    """The running app's memory of tokens."""
    found: TokenChecks = current_application().extensions["token_checks"]
    return found


def _principal(header: str | None) -> Principal:
    if header is None or not header.strip():
        scopes = frozenset(settings().anonymous_scopes)
        if not scopes:
            raise Unauthorised(UNKNOWN_CALLER)
        return Principal("anonymous", scopes, None, "", True)
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorised("the Authorization header must be: Bearer <JWT>")
    return token_checks().principal(token.strip())
