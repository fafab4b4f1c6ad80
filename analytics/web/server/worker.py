"""gunicorn's `asgi` worker, with the deadlines of connections.py. Used by the Procfile.

It adds what gunicorn has no setting for: nothing of HTTP. `gunicorn wsgi:asgi -k asgi` serves the same without it.
"""

import asyncio
import resource
import signal
from collections.abc import Callable
from typing import Any

import uvloop
from gunicorn.workers.gasgi import ASGIWorker

from analytics.web.server.connections import DRAIN_S, DRAIN_SHARE, Connection, Connections

# Files of a process besides its connections: to PostgreSQL and Redis, logs, exports.
OTHER_FILES = 224


class ServingLoop(uvloop.Loop):
    """An event loop whose servers put each connection into `connections`."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *args: Any, **options: Any
    ) -> asyncio.AbstractServer:
        return await super().create_server(lambda: Connection(protocol_factory(), self._connections), *args, **options)


class WebWorker(ASGIWorker):  # type: ignore[misc]
    """`gunicorn wsgi:asgi --worker-class analytics.web.server.worker.WebWorker`."""

    loop: asyncio.AbstractEventLoop

    def init_signals(self) -> None:
        self.loop.close()
        most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limit = min(self.worker_connections, most_files - OTHER_FILES)
        drain_s = min(DRAIN_S, DRAIN_SHARE * self.cfg.graceful_timeout)
        self.connections = Connections(limit, self.cfg.keepalive, drain_s)
        self.loop = ServingLoop(self.connections)
        asyncio.set_event_loop(self.loop)
        super().init_signals()
        # uvloop forgets what comes before it runs, while the application is loaded.
        signal.signal(signal.SIGTERM, self._end_before_serving)

    def run(self) -> None:
        self.loop.add_signal_handler(signal.SIGTERM, self.handle_exit_signal)
        if self.alive:
            super().run()

    def handle_exit_signal(self) -> None:
        """SIGTERM: responses from now on close their connections."""
        self.connections.stop(super().handle_exit_signal)
        if stop := getattr(self.asgi, "stop", None):
            stop()

    def _end_before_serving(self, *_: object) -> None:
        self.alive = False
