"""gunicorn's threaded worker, except that a kept-alive connection stays with its thread while requests follow closely.

A client that sends batch after batch otherwise costs, for each request, a way from the thread to the poller and back:
a pipe write, two epoll changes and a task of the pool.
"""

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 10


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """Used by the Procfile: `gunicorn --worker-class analytics.ops.web_worker.WebWorker`."""

    def handle(self, conn: Any) -> Any:
        """Serves the connection's requests until none follows at once, or another connection waits for a thread."""
        keep = super().handle(conn)
        while keep is True and self.alive and not conn.is_http2 and self._nobody_waits() and follows(conn):
            keep = super().handle(conn)
        return keep

    def _nobody_waits(self) -> bool:
        return bool(self.tpool._work_queue.empty())


def follows(conn: Any) -> bool:
    """True when the connection's next request has begun to arrive, within the linger."""
    if conn.parser.unreader.buf.getvalue():
        return True
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(LINGER_MS))
