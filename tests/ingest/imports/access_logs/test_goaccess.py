"""What an import stores of a log, beside the figures of GoAccess on the same lines (docs/goaccess.md).

Skipped without it: `apt-get install goaccess`.
"""

import gzip
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, text

from analytics.sites.sites import Site
from tests.factories import make_drain

DATA = Path(__file__).parents[1] / "data"
WHOLE = Path(__file__).parents[5] / "shared" / "data" / "semicomplete-access.log.gz"
LOGS = [pytest.param(DATA / "access-extract.log", id="extract")]
LOGS += [pytest.param(path, id="whole") for path in (WHOLE,) if path.exists()]
pytestmark = pytest.mark.skipif(shutil.which("goaccess") is None, reason="GoAccess is not installed")


def run_goaccess(log: Path, *options: str) -> dict[str, Any]:
    report = log.with_suffix(".json")
    words = ["goaccess", log, "--log-format=COMBINED", "--no-global-config", "--no-progress", "-o", report, *options]
    subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=60)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def count_items(panel: dict[str, Any]) -> Counter[str]:
    """The first word of each item of a panel → its hits."""
    items = [item for group in panel["data"] for item in group.get("items", [])]
    return Counter({item["data"].split()[0]: item["hits"]["count"] for item in items})


@pytest.fixture(params=LOGS)
def accepted(
    request: pytest.FixtureRequest, app: Flask, site: Site, engine: Engine, redis: Redis, tmp_path: Path
) -> Path:
    """The log without the lines that the import refuses, of which there is one; the others are stored."""
    path: Path = request.param
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    report = tmp_path / "report.ndjson"
    words = ["import", "access-log", str(path), "--no-wait", "--report", str(report)]
    result = app.test_cli_runner().invoke(args=words)
    assert result.exit_code == 0, result.output
    make_drain(engine, redis).run()
    refused = {json.loads(line)["line"] for line in report.read_text().splitlines()}
    assert len(refused) == 1
    log = tmp_path / "access.log"
    lines = raw.splitlines(keepends=True)
    log.write_bytes(b"".join(line for number, line in enumerate(lines, 1) if number not in refused))
    return log


def test_hits_bytes_status_hosts_and_visitors_are_those_of_goaccess(accepted: Path, engine: Engine) -> None:
    """GoAccess counts a visitor a date, address and agent, by default without those of errors of the client. So does a
    visitor key, which is made of the three; but of any line."""
    with engine.connect() as connection:
        rows = connection.execute(text(
            "SELECT CAST(ts AT TIME ZONE 'UTC' AS date) AS day, payload->>'status' AS status, host(ip) AS host, user_id,"
            " CAST(payload->>'bytes' AS bigint) AS size FROM events"
        )).all()  # fmt: skip
    theirs, with_errors = run_goaccess(accepted), run_goaccess(accepted, "--4xx-to-unique-count")
    general = theirs["general"]
    assert (len(rows), 0) == (general["valid_requests"], general["failed_requests"])
    assert sum(row.size or 0 for row in rows) == general["bandwidth"]
    assert Counter(row.status for row in rows) == count_items(theirs["status_codes"])
    assert len({row.host for row in rows}) == theirs["hosts"]["metadata"]["data"]["total"]["value"]
    hosts = {item["data"]: item["hits"]["count"] for item in theirs["hosts"]["data"]}
    assert hosts.items() <= Counter(row.host for row in rows).items()
    days = {f"{row.day:%Y%m%d}": 0 for row in rows}
    assert {item["data"]: item["hits"]["count"] for item in theirs["visitors"]["data"]} == Counter(
        f"{row.day:%Y%m%d}" for row in rows
    )
    assert days.keys() == {item["data"] for item in theirs["visitors"]["data"]}
    assert len({(row.day, row.user_id) for row in rows}) == with_errors["general"]["unique_visitors"]
    without = {(row.day, row.user_id) for row in rows if not row.status.startswith("4")}
    assert len(without) == general["unique_visitors"]
