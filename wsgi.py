"""Entry point of the web process: `gunicorn wsgi:asgi -k asgi`; `wsgi:app` for any WSGI server.

An invalid setting ends the start with one line.
"""

import sys

from analytics import create_app, memory
from analytics.extensions import settings
from analytics.web.server.asgi import AsgiApp
from config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")

with app.app_context():
    config = settings()
    asgi = AsgiApp(app.wsgi_app, config.web_threads, config.max_body_bytes, config.statement_timeout)
memory.tune()
