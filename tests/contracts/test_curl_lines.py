"""What the seeds print, run as printed through a shell against a real HTTP server. And which of their lines we have."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.contracts.curl_lines import READS, WRITES, compare, replay


@pytest.fixture
def address(make_app: Callable[..., Flask]) -> Iterator[str]:
    """As `make run` would serve it."""
    app = make_app(anonymous_scopes=("ingest", "read", "write"), auto_create_sites=True, event_retention_days=3650)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_line_is_answered_as_printed(
    address: str, tmp_path: Path, drained: Callable[[], object], token: Callable[..., str]
) -> None:
    assert replay(address, token(), tmp_path, drained) == []
    assert (tmp_path / "events.csv").read_text().startswith("event_id,ts,")
    assert (tmp_path / "events.xlsx").read_bytes()[:2] == b"PK"


def test_no_line_is_there_twice() -> None:
    names = [printed.id for printed in (*WRITES, *READS)]
    assert len(names) == len(set(names)) == 28


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        ({"a": 2.5, "b": [{"c": "2026-01-01"}], "more": 1}, []),
        ({"a": 1}, ["x: no b"]),
        ({"a": "1", "b": []}, ["x a: '1' where 1 is printed"]),
        ({"a": 1, "b": [{"c": "today"}]}, ["x b[] c: 'today' where '2025-01-01' is printed"]),
        ({"a": True, "b": {}}, ["x a: True where 1 is printed", "x b: {} where [{'c': '2025-01-01'}] is printed"]),
    ],
)
def test_the_comparison_sees_what_differs(found: object, problems: list[str]) -> None:
    assert list(compare({"a": 1, "b": [{"c": "2025-01-01"}]}, found, "x")) == problems
