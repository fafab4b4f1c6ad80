"""gunicorn's worker for the web process: an event loop that serves the Flask application (ops/connection.py).

gunicorn keeps what it is good at: sockets, processes, signals, restarts, and killing a worker that hangs.
"""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import uvloop
from flask import Flask
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker

from analytics.ops.connection import Connection, Server
from analytics.ops.environ import Answer
from analytics.ops.loop_redis import LoopRedis

BEAT_S = 1.0


class WebWorker(Worker):  # type: ignore[misc]
    """Used by the Procfile: `gunicorn --worker-class analytics.ops.web_worker.WebWorker`."""

    def init_signals(self) -> None:
        """The loop takes the signals that end it; the others are gunicorn's."""
        super().init_signals()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, stop.set)
        served = serve(self.wsgi, self.cfg.threads, self.cfg.keepalive)
        if self.cfg.accesslog:
            served.note = self._note
        served.look_around(loop.time())
        tls = ssl_context(self.cfg) if self.cfg.is_ssl else None
        listening = [
            await loop.create_server(lambda: Connection(served, loop), sock=socket.sock.dup(), ssl=tls)
            for socket in self.sockets
        ]
        while not stop.is_set() and self._may_go_on(served):
            self.notify()
            served.look_around(loop.time())
            try:
                await asyncio.wait_for(stop.wait(), BEAT_S)
            except TimeoutError:
                continue
        for server in listening:
            server.close()
        await self._finish(served)

    def _may_go_on(self, served: Server) -> bool:
        self.alive = self.ppid == os.getppid() and served.served < self.max_requests
        return bool(self.alive)

    async def _finish(self, served: Server) -> None:
        """Waits for answers under way, no longer than gunicorn would."""
        served.stop()
        loop = asyncio.get_running_loop()
        end = loop.time() + self.cfg.graceful_timeout
        while served.connections and loop.time() < end:
            self.notify()
            await asyncio.sleep(0.05)
        served.pool.shutdown(wait=False, cancel_futures=True)

    def _note(self, answer: Answer, took_s: float) -> None:
        environ = answer.environ or {}
        size = len(answer.body) if isinstance(answer.body, bytes) else 0
        response = SimpleNamespace(status=str(answer.status), sent=size, headers=[])
        self.log.access(response, SimpleNamespace(headers=[]), environ, timedelta(seconds=took_s))


def serve(app: Any, threads: int, keep_alive_s: float) -> Server:
    """The shared part of a process's connections. Of our application, POSTs of ingest blueprints run on the loop."""
    pool = ThreadPoolExecutor(threads, "request")
    if not isinstance(app, Flask):
        return Server(app, frozenset(), pool, 1 << 30, keep_alive_s)
    app.extensions["append_redis"] = LoopRedis(app.extensions["buffer_redis"])
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("ingest")]
    posts = {rule.rule for rule in rules if rule.methods and "POST" in rule.methods and not rule.arguments}
    on_loop = frozenset(posts | {path.rstrip("/") for path in posts})
    return Server(app.wsgi_app, on_loop, pool, app.config["MAX_CONTENT_LENGTH"], keep_alive_s)
