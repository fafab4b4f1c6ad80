"""The service as `make run` starts it, for gunicorn's gthread worker. POST /clear empties its caches between tests."""

from collections.abc import Callable, Iterable
from typing import Any

from analytics.auth.guard import token_verifier
from analytics.extensions import db
from analytics.sites.sites import clear_site_cache
from wsgi import app as service


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/clear":
        return service(environ, start_response)
    with service.app_context():
        clear_site_cache(db.engine)
        token_verifier().clear()
    start_response("204 No Content", [])
    return []
