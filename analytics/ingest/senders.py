"""Who sends events and samples: a credential of header or query, a publishable key in the body, or a page of a site
with public_ingest.

`guarded_sender` guards the routes before the body is read; accept.py calls the others once it is decoded. A caller
without a credential spends the budget of its address first (guard.py), and sends events and samples, nothing else.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from analytics import telemetry
from analytics.auth.guard import (
    GuardedView,
    Kind,
    Principal,
    admit,
    authenticate_key,
    current_principal,
    require_scope,
    set_principal,
)
from analytics.auth.origins import check_origin
from analytics.errors import BadInput, NotFound, Unauthorised
from analytics.extensions import db, settings
from analytics.ingest.decoding.body import Envelope
from analytics.sites.sites import Site, check_not_deleting, find_any_site, find_site
from analytics.web.app import current_request

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
MISSING_CREDENTIALS = (
    "send a token or a key: Authorization: Bearer <JWT> or Bearer sk_…; a page sends a publishable key, as key in the "
    'body or the URL, for example {"key": "pk_…", "events": […]}'
)


def guarded_sender(view: Callable[P, R]) -> GuardedView[P, R]:
    """Lets callers with the scope `ingest` reach the view, and those without a credential: open_batch decides."""

    kinds = frozenset({Kind.PUBLISHABLE_KEY})

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        admit(kinds)
        if current_principal().kind is not Kind.ANONYMOUS or _is_empty_post():
            require_scope("ingest")
        return view(*args, **kwargs)

    marked = cast(GuardedView[P, R], checked)
    marked.guarded_scope = "ingest"
    marked.admitted_kinds = lambda _route: kinds
    return marked


def identify_sender(envelope: Envelope | None) -> Principal:
    """The caller, by a key in the body where neither header nor query had a credential. May be anonymous.

    Raises Unauthorised, Forbidden, Unavailable.
    """
    principal = current_principal()
    if principal.kind is Kind.ANONYMOUS and envelope is not None and (text := envelope.credential):
        set_principal(authenticate_key(text))
    elif principal.kind is Kind.ANONYMOUS:
        return principal
    return require_scope("ingest")


def open_site(principal: Principal, key: str) -> tuple[Principal, Site]:
    """The caller as it may send to the site, and the site. Raises Unauthorised, Forbidden, NotFound, Unavailable."""
    if principal.has_scope("ingest"):
        may_create = settings().auto_create_sites and principal.kind is not Kind.PUBLISHABLE_KEY
        return principal, find_site(db.engine, key, auto_create=may_create)
    site = _find_public_site(key)
    remedy = f"to allow another: flask site set {site.key} --add-origin https://shop.example"
    check_origin(current_request().environ, site.allowed_origins, f"the site {site.key!r}", remedy)
    sender = principal._replace(scopes=frozenset({"ingest"}), sites=frozenset(site.names))
    set_principal(sender)
    return sender, site


def _find_public_site(key: str) -> Site:
    """Raises Unauthorised as well for a site that does not exist: a stranger is not told which ones do."""
    try:
        site = find_any_site(db.engine, key)
    except (NotFound, BadInput) as error:
        raise Unauthorised(MISSING_CREDENTIALS) from error
    if not site.public_ingest:
        raise Unauthorised(MISSING_CREDENTIALS)
    check_not_deleting(site)
    telemetry.record_site(site.key, site.identity_key)
    return site


def _is_empty_post() -> bool:
    """True for a POST whose body cannot hold a key."""
    environ = current_request().environ
    length = environ.get("CONTENT_LENGTH") or ("" if environ.get("wsgi.input_terminated") else "0")
    return environ["REQUEST_METHOD"] == "POST" and length == "0"
