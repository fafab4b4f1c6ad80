"""A Flask application that tracks page views and orders, without an extension.

    ANALYTICS_KEY=sk_… flask --app flask_shop run
    ANALYTICS_KEY=sk_… gunicorn --preload --workers 4 "flask_shop:create_app()"

One client an application, in `app.extensions`. With `--preload` it is made before the workers are forked: each worker
gets its own spool file and thread at its first event.
"""

import os
from typing import Any, Optional

from flask import Flask, Response, current_app, g, jsonify, request

from analytics_client import Client


def create_app(client: Optional[Client] = None) -> Flask:
    """Tests pass `Client.disabled()`."""
    app = Flask(__name__)
    app.extensions["analytics"] = client or Client(
        os.environ.get("ANALYTICS_URL", "http://localhost:8000"),
        os.environ["ANALYTICS_KEY"],
        site=os.environ.get("ANALYTICS_SITE", "shop"),
        spool_dir=os.environ.get("ANALYTICS_SPOOL"),
    )

    @app.before_request
    def find_user() -> None:
        g.user_id = request.headers.get("X-User")

    @app.after_request
    def track_page_view(response: Response) -> Response:
        if request.method == "GET" and response.status_code < 400:
            track("page_view", path=request.full_path.rstrip("?"), referrer=request.referrer)
        return response

    @app.get("/")
    def show_shop() -> str:
        return "the shop"

    @app.post("/orders")
    def order() -> Response:
        return jsonify(event_id=track("order", {"total": 9.5, "currency": "EUR"}))

    return app


def track(type: str, payload: Optional[dict[str, Any]] = None, **fields: Any) -> Optional[str]:
    """An event of the current request: its user, address and browser, not those of this server."""
    client: Client = current_app.extensions["analytics"]
    fields = {"ip": request.remote_addr, "user_agent": request.user_agent.string, **fields}
    return client.track(type, payload, g.get("user_id"), **fields)
