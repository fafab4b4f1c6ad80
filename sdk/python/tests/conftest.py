"""Fixtures of the client's tests: a fault server, and clients that are closed at the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from analytics_client import Client
from fault_server import FaultServer


@pytest.fixture
def server() -> Iterator[FaultServer]:
    found = FaultServer()
    yield found
    found.close()


@pytest.fixture
def make_client(server: FaultServer, tmp_path: Any) -> Iterator[Callable[..., Client]]:
    """`make_client(flush_at=3)`: a client of the fault server that retries within milliseconds."""
    clients: list[Client] = []

    def make(url: str = server.url, key: str = "sk_test", **options: Any) -> Client:
        settings: dict[str, Any] = {
            "site": "shop",
            "flush_s": 0.02,
            "max_backoff_s": 0.02,
            "held_s": 0.05,
            "adopt_s": 0.1,
            "timeout_s": 5.0,
            "spool_dir": str(tmp_path / "spool"),
        }
        clients.append(Client(url, key, **{**settings, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close(0)
