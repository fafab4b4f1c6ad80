"""A Celery worker that tracks what its tasks did.

    ANALYTICS_KEY=sk_… celery -A celery_shop worker --concurrency 4

Each process of the pool makes its client after the fork and closes it at its end. A process that is killed leaves its
spool to the others, and to the next start.
"""

import os
from typing import Any, Optional

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from analytics_client import Client

app = Celery("celery_shop", broker=os.environ.get("BROKER_URL", "redis://localhost:6379/0"))
app.conf.task_acks_late = True
_client: Optional[Client] = None


@worker_process_init.connect
def make_client(**_: Any) -> None:
    """In each process of the pool. `--pool solo` and `--pool threads` have one process: call it at import there."""
    global _client
    _client = Client(
        os.environ.get("ANALYTICS_URL", "http://localhost:8000"),
        os.environ["ANALYTICS_KEY"],
        site=os.environ.get("ANALYTICS_SITE", "shop"),
        spool_dir=os.environ.get("ANALYTICS_SPOOL"),
    )


@worker_process_shutdown.connect
def close_client(**_: Any) -> None:
    """Pool processes end without running exit handlers. Celery waits for them four seconds."""
    if _client is not None:
        _client.close(3)


@app.task(bind=True, name="shop.charge")
def charge(self: Any, user_id: str, total: float) -> Optional[str]:
    """Charges, and tracks it under an id of the task: a task that is delivered twice is counted once."""
    assert _client is not None, "the client is made when a process of the pool starts"
    return _client.track("charge", {"total": total}, user_id, event_id=f"charge:{self.request.id}")
