"""`flask import …` from the command line to the rows, on real servers. The drain runs in this process."""

import gzip
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import Result
from flask import Flask
from redis import Redis
from rich.console import Console
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ingest import buffer, importing
from analytics.ingest.import_command import PlainWatcher, _watcher
from analytics.ingest.importers import ACCESS_LOG, Source
from analytics.ingest.importing import Import
from analytics.ingest.pipeline import Drain, Outcome
from analytics.reports.events import COLUMNS
from analytics.sites import Site

EXTRACT = Path(__file__).parent / "data" / "access-extract.log"
WHOLE = Path(__file__).parents[3] / "shared" / "data" / "semicomplete-access.log.gz"
LOGS = [pytest.param(EXTRACT, id="extract")] + [pytest.param(path, id="whole") for path in (WHOLE,) if path.exists()]
LINE = '192.0.2.1 - - [10/Oct/2025:13:55:{:02d} +0200] "GET /a HTTP/1.1" 200 12 "-" "curl/8"\n'
MONTHS = {"May": "05"}

Run = Callable[..., Result]
Drained = Callable[[], Outcome]


@pytest.fixture
def run(app: Flask, site: Site) -> Run:
    """`run("access-log", file)`: the command, without waiting for a worker."""
    runner = app.test_cli_runner()

    def invoke(*arguments: object, code: int = 0, wait: bool = False, stdin: bytes | None = None) -> Result:
        words = ["import", *map(str, arguments), *([] if wait else ["--no-wait"])]
        result = runner.invoke(args=words, input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def drained(engine: Engine, redis: Redis) -> Drained:
    return lambda: Drain(engine=engine, redis=redis, salt=b"x" * 32).run(seconds=30)


@pytest.fixture
def working(engine: Engine, redis: Redis) -> Iterator[None]:
    """A worker that drains while the test runs."""
    stop = threading.Event()

    def work() -> None:
        drain = Drain(engine=engine, redis=redis, salt=b"x" * 32)
        while not stop.is_set():
            drain.run(seconds=1)
            stop.wait(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def rows(engine: Engine, columns: str = "*") -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT {columns} FROM events ORDER BY ts, event_id")).mappings())


def whole_table(engine: Engine) -> list[Any]:
    columns = "event_id, ts, type, user_id, user_no, path, referrer, source, browser, os, ip, is_bot, payload::text"
    return rows(engine, columns)


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def slow_account(raw: bytes) -> tuple[Counter[str], Counter[str], list[int]]:
    """Days and statuses of the lines that have all three pairs of quotes, and the numbers of the others."""
    days, statuses, bad = Counter[str](), Counter[str](), []
    for number, line in enumerate(raw.decode("latin-1").split("\n")[:-1], 1):
        parts = line.split('"')
        if len(parts) != 7:
            bad.append(number)
            continue
        day, month, year = parts[0].split("[")[1].split(":")[0].split("/")
        days[f"{year}-{MONTHS[month]}-{day}"] += 1
        statuses[parts[2].split()[0]] += 1
    return days, statuses, bad


@pytest.mark.parametrize("path", LOGS)
def test_every_line_of_a_real_log_is_accounted_for(run: Run, drained: Drained, engine: Engine, path: Path) -> None:
    days, statuses, bad = slow_account(content(path))
    total = content(path).count(b"\n")
    output = run("access-log", path).output
    assert f"{total:,} lines read" in output
    assert f"= imported {total - len(bad):,} (of which bots" in output
    assert f"+ unparsable {len(bad)}\n" in output
    assert [f"line {number}: a quote is not closed" in output for number in bad] == [True]
    assert drained().stored == total - len(bad)
    stored = rows(engine, "CAST(ts AT TIME ZONE 'UTC' AS date)::text AS day, payload->>'status' AS status, type, src")
    assert Counter(row["day"] for row in stored) == days
    assert Counter(row["status"] for row in stored) == statuses
    assert {row["src"] for row in stored} == {"access-log"}


@pytest.mark.parametrize("path", LOGS)
def test_the_account_counts_bots_and_types_as_stored(run: Run, drained: Drained, engine: Engine, path: Path) -> None:
    output = run("access-log", path).output
    drained()
    stored = rows(engine, "type, is_bot")
    assert f"(of which bots {sum(row['is_bot'] for row in stored):,})" in output
    printed = dict(line.split() for line in output.splitlines() if line.startswith("  "))
    types = Counter(row["type"] for row in stored)
    assert {name: int(count.replace(",", "")) for name, count in printed.items()} == types


@pytest.mark.parametrize("path", LOGS)
def test_twice_the_same_log_is_the_same_table(run: Run, drained: Drained, engine: Engine, path: Path) -> None:
    run("access-log", path)
    first = drained()
    before = whole_table(engine)
    again = run("access-log", path)
    assert "imported before" in again.stderr
    second = drained()
    assert (second.stored, second.duplicate) == (0, first.stored)
    assert whole_table(engine) == before


def test_name_and_compression_do_not_matter(run: Run, drained: Drained, engine: Engine, tmp_path: Path) -> None:
    run("access-log", EXTRACT)
    stored = drained().stored
    raw = EXTRACT.read_bytes()
    (tmp_path / "a.bin").write_bytes(gzip.compress(raw[:9000]) + gzip.compress(raw[9000:]))
    (tmp_path / "b").write_bytes(zstandard.compress(raw))
    (tmp_path / "c").write_bytes(raw.replace(b"\n", b"\r\n"))
    for name in "a.bin", "b", "c":
        run("access-log", tmp_path / name)
    for stream in raw, gzip.compress(raw), zstandard.compress(raw):
        run("access-log", "-", stdin=stream)
    assert drained().duplicate == 6 * stored
    assert len(rows(engine)) == stored


def test_equal_lines_are_events_of_their_own_and_a_grown_log_adds_only_what_is_new(
    run: Run, drained: Drained, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text(LINE.format(1) * 3 + LINE.format(2))
    run("access-log", log)
    assert drained().stored == 4
    log.write_text(log.read_text() + LINE.format(1) + LINE.format(3))
    run("access-log", log)
    outcome = drained()
    assert (outcome.stored, outcome.duplicate) == (2, 4)


def test_a_rotated_log_adds_only_what_is_new(run: Run, drained: Drained, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(map(LINE.format, range(10))))
    run("access-log", log)
    drained()
    log.write_text("".join(map(LINE.format, range(6, 15))))
    run("access-log", log)
    outcome = drained()
    assert (outcome.stored, outcome.duplicate) == (5, 4)


def test_shift_to_now_is_the_same_the_second_time_and_after_growth(
    run: Run, drained: Drained, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(map(LINE.format, range(10))))
    began = datetime.now(UTC)
    run("access-log", log, "--shift-to-now")
    assert drained().stored == 10
    first = [row["ts"] for row in rows(engine, "ts")]
    assert timedelta(seconds=-2) < first[-1] - began < timedelta(seconds=30)
    assert first[-1] - first[0] == timedelta(seconds=9)
    later = clock.now() + timedelta(hours=5)
    monkeypatch.setattr(clock, "now", lambda: later)
    run("access-log", log, "--shift-to-now")
    log.write_text(log.read_text() + LINE.format(10))
    run("access-log", log, "--shift-to-now")
    outcome = drained()
    assert (outcome.stored, outcome.duplicate) == (1, 20)
    assert [row["ts"] for row in rows(engine, "ts")] == [*first, first[-1] + timedelta(seconds=1)]


class Interrupting(PlainWatcher):
    """Ctrl-C after the second batch."""

    calls = 0

    def __init__(self) -> None:
        super().__init__(1, Console(file=io.StringIO()))

    def advance(self, lines: int, bytes_read: int) -> None:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt


def make_import(engine: Engine, redis: Redis, site: Site, path: Path, **limits: int) -> Import:
    allowed = buffer.Limits(limits.get("events", 100_000), 10**9)
    return Import(engine, redis, site, Source("x", path), ACCESS_LOG, "import:me", allowed, 90)


def test_an_interrupted_import_goes_on_where_it_stopped(
    app: Flask, run: Run, drained: Drained, engine: Engine, redis: Redis, site: Site, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 2) for n in range(3500)) + "half a line\n")
    first = make_import(engine, redis, site, log)
    first.prepare()
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        first.send(Interrupting(), lambda _: None)
    result = run("access-log", log)
    assert "going on after line 2,000" in result.stderr
    assert "3,501 lines read\n= imported 3,500" in result.stdout
    outcome = drained()
    assert (outcome.received, outcome.stored) == (3500, 3500)


def test_a_batch_appended_but_not_checkpointed_is_stored_once(
    app: Flask, run: Run, engine: Engine, redis: Redis, site: Site, tmp_path: Path, working: None
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 60) for n in range(2500)))
    first = make_import(engine, redis, site, log)
    first.prepare()
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        first.send(Interrupting(), lambda _: None)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE imports SET lines_done = 1000, counts = counts || CAST(:c AS jsonb)"),
            {"c": json.dumps({"read": 1000, "imported": 1000, "types": {"page_view": 1000}, "bots": 1000})},
        )
    output = run("access-log", log, wait=True).output
    assert "= imported 2,500 (of which bots 2,500, duplicates 0)" in output
    assert "stored 2,500 new, 0 were there before" in output
    assert len(rows(engine)) == 2500


def test_a_full_queue_makes_the_import_wait_not_fail(
    make_app: Callable[..., Flask], site: Site, engine: Engine, working: None, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 60) for n in range(3000)))
    app = make_app(max_backlog_events=1000)
    result = app.test_cli_runner().invoke(args=["import", "access-log", str(log)])
    assert result.exit_code == 0, result.output
    assert "stored 3,000 new" in result.output


def test_waiting_ends_when_no_worker_runs(app: Flask, engine: Engine, redis: Redis, site: Site) -> None:
    one = make_import(engine, redis, site, EXTRACT)
    one.prepare()
    watcher = Interrupting()
    with app.app_context():
        one.send(watcher, lambda _: None)
    assert one.wait(watcher, idle_s=0.3) is False
    Drain(engine=engine, redis=redis, salt=b"x" * 32).run(seconds=10)
    assert one.wait(watcher, idle_s=0.3) is True
    assert one.stored() == importing.Stored(1, 199, 199, 0, 0)


def test_with_a_worker_the_account_ends_with_what_was_stored(run: Run, working: None, tmp_path: Path) -> None:
    report = tmp_path / "refused.ndjson"
    first = run("access-log", EXTRACT, "--report", report, wait=True).output
    assert "duplicates 0)" in first
    assert "stored 199 new, 0 were there before" in first
    assert [json.loads(line)["line"] for line in report.read_text().splitlines()] == [190]
    assert "stored 0 new, 199 were there before" in run("access-log", EXTRACT, wait=True).output


@pytest.mark.parametrize(
    ("lines", "options", "code"),
    [
        pytest.param("nothing\n", (), 1, id="every-line-failed"),
        pytest.param("nothing\n" + LINE.format(1), (), 0, id="some-failed"),
        pytest.param("nothing\n" + LINE.format(1), ("--strict",), 1, id="some-failed-strictly"),
        pytest.param("\n \n" + LINE.format(1), ("--strict",), 0, id="blank-lines-are-no-failure"),
        pytest.param("", (), 0, id="an-empty-file"),
    ],
)
def test_the_exit_code_says_whether_lines_failed(
    run: Run, tmp_path: Path, lines: str, options: tuple[str, ...], code: int
) -> None:
    (tmp_path / "log").write_text(lines)
    run("access-log", tmp_path / "log", *options, code=code)


def test_a_broken_gzip_file_imports_nothing(run: Run, redis: Redis, tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(EXTRACT.read_bytes())[:-2000])
    result = run("access-log", tmp_path / "log.gz", code=1)
    assert "breaks off after line" in result.output
    assert buffer.waiting(redis) == 0


def test_unknown_site_and_missing_file_are_told_in_one_line(run: Run) -> None:
    assert "no site 'nowhere'" in run("access-log", EXTRACT, "--site", "nowhere", code=1).output
    assert "/nowhere: no such file" in run("csv", "/nowhere", code=1).output


def test_csv_rows_become_events_and_unknown_columns_payload(
    run: Run, drained: Drained, engine: Engine, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(
        "\ufeffevent_name;timestamp;who;plan;properties\n"
        'signup;2025-01-02T03:04:05+01:00;ann;pro;"{""n"": 1}"\n'
        "login;2025-01-02 03:04:06Z;bob;;\n"
        ";2025-01-02T03:04:07Z;bob;;\n"
        "login;2025-01-02T03:04:08;bob;;\n"
        "login;yesterday;bob\n"
        "\n".encode()
    )
    output = run("csv", table, "--map", "who=user_id").output
    assert "6 lines read\n= imported 2 (of which bots 0)\n+ unparsable 3\n+ blank 1" in output
    assert "line 4: event_name" not in output
    assert "line 5: ts '2025-01-02T03:04:08' has no zone" in output
    assert "line 6: 3 cells under 5 columns" in output
    assert drained().stored == 2
    first, second = rows(engine, "type, ts, user_id, payload")
    assert (first["type"], first["user_id"], first["payload"]) == ("signup", "ann", {"plan": "pro", "n": 1})
    assert first["ts"] == datetime(2025, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (second["user_id"], second["payload"]) == ("bob", None)
    run("csv", table, "--map", "who=user_id", "--restart")
    assert drained().duplicate == 2


def test_our_own_csv_export_comes_back_as_it_was(
    app: Flask, run: Run, drained: Drained, engine: Engine, tmp_path: Path, token: Any, auth: Any
) -> None:
    now = datetime.now(UTC) - timedelta(minutes=5)
    events = [
        {
            "type": "page_view",
            "ts": now.isoformat(),
            "user_id": "=1+1",
            "path": "/a,b?utm_source=x",
            "subject": "'quoted",
        },
        {
            "type": "note",
            "ts": now.isoformat(),
            "user_id": "-5",
            "payload": {"text": 'two\nlines "q"', "source": "kept"},
        },
    ]
    lines = tmp_path / "e.ndjson"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    run("ndjson", lines)
    drained()
    columns = "event_id, ts, type, user_id, path, utm_source, subject, payload::text"
    before = rows(engine, columns)
    reply = app.test_client().get("/api/analytics/reports/events?format=csv&days=2", headers=auth(token("read export")))
    assert reply.status_code == 200, reply.data
    exported = tmp_path / "export.csv"
    exported.write_bytes(reply.data)
    assert reply.data.decode().splitlines()[0] == ",".join(COLUMNS)
    run("csv", exported)
    assert drained().duplicate == 2
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE events"))
    run("csv", exported)
    assert drained().stored == 2
    assert rows(engine, columns) == before


def test_ndjson_takes_the_names_of_the_api_and_reports_bad_lines(
    run: Run, drained: Drained, engine: Engine, tmp_path: Path
) -> None:
    lines = tmp_path / "e.ndjson"
    good = '{"event_name":"a","timestamp":"2025-01-02T03:04:05Z","user_id":"u","extra":1}'
    given = '{"type":"b","ts":"2025-01-02T03:04:05Z","message_id":"m-1","user_id":"u"}'
    bad = [
        "{}", "[]", "{", '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":"\\ud800"}}', '"x"', '{"type":"a"}',
        '{"ts":"2025-01-02T03:04:05Z"}', '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":"\\u0000"}}',
        '{"type":"a","ts":"1969-01-02T03:04:05Z"}', '{"type":"a","ts":"9999-01-02T03:04:05Z"}',
        '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":NaN}}',
        '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":' + '{"x":' * 5000 + "1" + "}" * 5001,
    ]  # fmt: skip
    lines.write_bytes(
        "\n".join([good, *bad, good, given]).encode() + b'\n{"type":"\xff","ts":"2025-01-02T03:04:05Z"}\n'
    )
    output = run("ndjson", lines, "--report", tmp_path / "report").output
    assert f"= imported 3 (of which bots 0)\n+ unparsable {len(bad) + 1}\n" in output
    told = {json.loads(line)["line"] for line in (tmp_path / "report").read_text().splitlines()}
    assert told == {*range(2, len(bad) + 2), len(bad) + 4}
    assert drained().stored == 3
    assert [row["payload"] for row in rows(engine, "type, payload") if row["type"] == "a"] == [{"extra": 1}] * 2
    run("ndjson", lines)
    assert drained().duplicate == 3


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(terminal: bool) -> None:
    out = io.StringIO()
    with _watcher(1000, Console(file=out, force_terminal=terminal, width=120), 0) as watcher:
        watcher.advance(50, 500)
        watcher.say("waiting for room [1]")
    assert "waiting for room [1]" in out.getvalue()
    assert ("0.5/1.0 kB" in out.getvalue()) is terminal
