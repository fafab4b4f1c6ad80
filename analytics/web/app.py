"""Flask, less what no request of ours needs and each would pay for. `create_app` makes one; nothing here knows a route.

What is left out stays out for every route alike: sessions, hooks of single blueprints, signals of a request's stages,
views that are coroutines. What a request may then say and get is Flask's own.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response
from flask.ctx import RequestContext
from flask.globals import _cv_app, _cv_request
from flask.sansio.blueprints import Blueprint
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule


def current_application() -> Flask:
    """The running application. `flask.current_app` and `flask.request` say the same through a proxy, which costs with
    each attribute: too much for what every batch passes two dozen times."""
    return _cv_app.get().app


def current_request() -> Request:
    """The running request."""
    return _cv_request.get().request


class NoSession(SessionInterface):
    """No view keeps a session: all requests share the one that refuses."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none


class Context(RequestContext):
    """A request's context that remembers which rule serves a path without variables."""

    app: "App"

    def match_request(self) -> None:
        request, known = self.request, self.app.plain_rules
        key = (request.method, request.path)
        rule = known.get(key)
        if rule is not None:
            request.url_rule, request.view_args = rule, {}
            return
        super().match_request()
        found = request.url_rule
        # As many as there are such routes and methods, whatever is asked for.
        if found is not None and not found.arguments and found.rule == request.path:
            known[key] = found


class App(Flask):
    """The framework's steps of a request, each as short as what hangs on it allows."""

    session_interface = NoSession()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # (method, path) → what the framework found for it.
        self.plain_rules: dict[tuple[str, str], Rule] = {}

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Raises RuntimeError for a hook that no request would run, rather than leave it out in silence."""
        super().register_blueprint(blueprint, **options)
        scoped = self.before_request_funcs, self.after_request_funcs, self.url_value_preprocessors
        if any(found.get(blueprint.name) for found in scoped) or any(self.teardown_request_funcs.values()):
            raise RuntimeError(f"{blueprint.name}: hooks of one blueprint, or of a request's end, are not run here")

    def request_context(self, environ: dict[str, Any]) -> Context:
        return Context(self, environ)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """No route depends on the host, so it is not taken apart; and no setting names one."""
        if request is None:
            return None
        environ = request.environ
        host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        root, query = request.root_path or "/", environ.get("QUERY_STRING", "")
        return MapAdapter(self.url_map, host, root, "", request.scheme, request.path, request.method, query)

    def full_dispatch_request(self) -> Response:
        """The view's answer, or an error's, as its hooks leave it."""
        self._got_first_request = True
        try:
            found = self.preprocess_request()
            if found is None:
                found = self.dispatch_request()
        except Exception as error:  # noqa: BLE001  # each kind has its handler (errors.py)
            found = self.handle_user_exception(error)
        return self.finalize_request(found)

    def preprocess_request(self) -> Any:
        """The first answer of a hook of the whole application, which all of ours are."""
        for hook in self.before_request_funcs.get(None, ()):
            if (found := hook()) is not None:
                return found
        return None

    def process_response(self, response: Response) -> Response:
        """Hooks in the reverse order of their registration, as in Flask."""
        for hook in reversed(self.after_request_funcs.get(None, ())):
            response = hook(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Nothing hangs on the end of a request."""


class Written(Response):
    """An answer whose body is there: bytes of JSON."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__(body, status, content_type="application/json")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """To a POST, headers and body as they are. Others may not want a body: the framework knows."""
        if environ["REQUEST_METHOD"] != "POST":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response  # type: ignore[return-value]
