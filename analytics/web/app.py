"""The Flask application class: which views run on the event loop, and what Flask is spared. `create_app` makes one.

It overrides public methods only and knows no route. Under a server without an event loop (any WSGI server) it is plain
Flask without sessions, hooks of single blueprints and coroutine views, which no route uses.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from flask import Flask, Request, Response, current_app, request
from flask.sansio.blueprints import Blueprint
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule

from analytics.web.server.asgi import EXCHANGE_KEY, Exchange
from analytics.web.server.thread_turns import ThreadTurns

V = TypeVar("V", bound=Callable[..., Any])


class Running(NamedTuple):
    """The application and the request themselves: Flask's proxies cost on each access, and a batch makes two dozen."""

    app: Flask
    request: Request


_running: ContextVar[Running | None] = ContextVar("running", default=None)


def current_application() -> Flask:
    """The running application."""
    running = _running.get()
    return current_app if running is None else running.app


def current_request() -> Request:
    """The running request."""
    running = _running.get()
    return request if running is None else running.request


def runs_on_event_loop(view: V) -> V:
    """Marks a view that never blocks without `offload`: it is not handed to a thread. Place it below the route."""
    view.runs_on_event_loop = True  # type: ignore[attr-defined]
    return view


class NoSession(SessionInterface):
    """No view uses a session: all requests share one that refuses writes."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none


class CachingAdapter(MapAdapter):
    """The routes as one request sees them; which rule serves a path without variables is remembered in `rules`."""

    rules: dict[tuple[str, str], Rule]

    def match(self, *args: Any, **options: Any) -> Any:
        if args or options != {"return_rule": True}:
            return super().match(*args, **options)
        key = (self.default_method, self.path_info)
        if rule := self.rules.get(key):
            return rule, {}
        rule, arguments = super().match(return_rule=True)
        # Bounded by the number of such routes and methods, whatever paths are requested.
        if not rule.arguments and rule.rule == key[1]:
            self.rules[key] = rule
        return rule, arguments


class App(Flask):
    """Flask, whose hooks run on the event loop and whose views run in threads, but for the marked ones."""

    session_interface = NoSession()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rules: dict[tuple[str, str], Rule] = {}
        # Set by create_app; None: whoever comes first.
        self.thread_turns: ThreadTurns | None = None

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Raises RuntimeError for a hook that no request would run, instead of ignoring it."""
        super().register_blueprint(blueprint, **options)
        scoped = self.before_request_funcs, self.after_request_funcs, self.url_value_preprocessors
        if any(hooks.get(blueprint.name) for hooks in scoped) or any(self.teardown_request_funcs.values()):
            raise RuntimeError(f"{blueprint.name}: hooks of one blueprint and teardown hooks are not run")

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """No route depends on the host and no setting names one, so it is not parsed."""
        if request is None:
            return None
        environ = request.environ
        host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        root, query = request.root_path or "/", environ.get("QUERY_STRING", "")
        adapter = CachingAdapter(self.url_map, host, root, "", request.scheme, request.path, request.method, query)
        adapter.rules = self._rules
        return adapter

    def full_dispatch_request(self) -> Response:
        """The response of the view or of an error handler, after the hooks."""
        token = _running.set(Running(self, request.environ["werkzeug.request"]))
        try:
            return super().full_dispatch_request()
        finally:
            _running.reset(token)

    def preprocess_request(self) -> Any:
        """The first response of an application-wide hook."""
        for hook in self.before_request_funcs.get(None, ()):
            if (response := hook()) is not None:
                return response
        return None

    def dispatch_request(self) -> Any:
        """The view's result. On the event loop an unmarked view runs in a thread, after its body has arrived."""
        running = current_request()
        exchange: Exchange | None = running.environ.get(EXCHANGE_KEY)
        rule = running.url_rule
        if exchange is None or rule is None or hasattr(self.view_functions[rule.endpoint], "runs_on_event_loop"):
            return super().dispatch_request()
        with self.thread_turns.turn(running.environ) if self.thread_turns else nullcontext():
            return exchange.run_in_thread(super().dispatch_request, running.max_content_length)

    def process_response(self, response: Response) -> Response:
        """Hooks in the reverse order of their registration, as in Flask."""
        for hook in reversed(self.after_request_funcs.get(None, ())):
            response = hook(response)
        exchange: Exchange | None = current_request().environ.get(EXCHANGE_KEY)
        if exchange is not None:
            # A body that is made while it is read may block, so the adapter reads it in a thread.
            exchange.is_buffered = response.is_sequence
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """There are no teardown hooks."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook is a coroutine."""
        return func


class JsonBytesResponse(Response):
    """A response whose body is JSON bytes."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__(body, status, content_type="application/json")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Sends headers and body unchanged to a POST; Flask handles other methods, which may have no body."""
        if environ["REQUEST_METHOD"] != "POST":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.response  # type: ignore[return-value]
