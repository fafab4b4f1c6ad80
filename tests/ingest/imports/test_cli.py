"""`flask import …` from the command line to the rows, on real servers. The drain runs in this process."""

import gzip
import io
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from flask import Flask
from redis import Redis
from rich.console import Console
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain
from analytics.ingest.imports.checkpoints import StoredCounts
from analytics.ingest.imports.formats import ImportFormat, access_log_format
from analytics.ingest.imports.progress import TextProgressReporter, open_reporter
from analytics.ingest.imports.run import ImportRun
from analytics.ingest.imports.sources import Source
from analytics.reports.events.raw_export import COLUMN_NAMES
from analytics.sites.sites import Site, clear_site_cache, update_site
from tests.ingest.imports.conftest import DrainFunction, Run

EXTRACT = Path(__file__).parent / "data" / "access-extract.log"
WHOLE = Path(__file__).parents[4] / "shared" / "data" / "semicomplete-access.log.gz"
LOGS = [pytest.param(EXTRACT, id="extract")] + [pytest.param(path, id="whole") for path in (WHOLE,) if path.exists()]
LINE = '192.0.2.1 - - [10/Oct/2025:13:55:{:02d} +0200] "GET /a HTTP/1.1" 200 12 "-" "curl/8"\n'
MONTHS = {"May": "05"}


@pytest.fixture
def worker(engine: Engine, redis: Redis) -> Iterator[None]:
    """A thread that drains during the test."""
    stop = threading.Event()

    def run_drains() -> None:
        drain = Drain(engine=engine, redis=redis, salt=b"x" * 32)
        while not stop.is_set():
            drain.run(duration_s=1)
            stop.wait(0.05)

    thread = threading.Thread(target=run_drains)
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


def count_lines(raw: bytes) -> tuple[Counter[str], Counter[str], Counter[str], int, list[int]]:
    """Events by day, status and host of lines with three pairs of quotes, their bytes; the numbers of the other lines."""
    days, statuses, hosts, size, bad = Counter[str](), Counter[str](), Counter[str](), 0, []
    for number, line in enumerate(raw.decode("latin-1").split("\n")[:-1], 1):
        parts = line.split('"')
        if len(parts) != 7:
            bad.append(number)
            continue
        day, month, year = parts[0].split("[")[1].split(":")[0].split("/")
        days[f"{year}-{MONTHS[month]}-{day}"] += 1
        statuses[parts[2].split()[0]] += 1
        hosts[parts[0].split()[0]] += 1
        size += int(parts[2].split()[1].replace("-", "0"))
    return days, statuses, hosts, size, bad


@pytest.mark.parametrize("path", LOGS)
def test_every_line_of_a_real_log_is_counted(run: Run, drain: DrainFunction, engine: Engine, path: Path) -> None:
    days, statuses, hosts, size, bad = count_lines(content(path))
    total = content(path).count(b"\n")
    output = run("access-log", path).output
    assert f"{total:,} lines read" in output
    assert f"= imported {total - len(bad):,} (of which bots" in output
    assert f"+ unparsable {len(bad)}\n" in output
    assert [f"line {number}: a quote is not closed" in output for number in bad] == [True]
    assert drain().stored == total - len(bad)
    columns = "CAST(ts AT TIME ZONE 'UTC' AS date)::text AS day, payload->>'status' AS status, src, host(ip) AS host"
    stored = rows(engine, columns + ", CAST(payload->>'bytes' AS bigint) AS size")
    assert Counter(row["day"] for row in stored) == days
    assert Counter(row["status"] for row in stored) == statuses
    assert Counter(row["host"] for row in stored) == hosts
    assert sum(row["size"] or 0 for row in stored) == size
    assert {row["src"] for row in stored} == {"access-log"}


@pytest.mark.parametrize("path", LOGS)
def test_the_summary_counts_bots_and_types_as_stored(
    run: Run, drain: DrainFunction, engine: Engine, path: Path
) -> None:
    output = run("access-log", path).output
    drain()
    stored = rows(engine, "type, is_bot")
    assert f"(of which bots {sum(row['is_bot'] for row in stored):,})" in output
    printed = dict(line.split() for line in output.splitlines() if line.startswith("  "))
    types = Counter(row["type"] for row in stored)
    assert {name: int(count.replace(",", "")) for name, count in printed.items()} == types


@pytest.mark.parametrize("path", LOGS)
def test_a_repeated_import_changes_no_row(run: Run, drain: DrainFunction, engine: Engine, path: Path) -> None:
    run("access-log", path)
    first = drain()
    before = whole_table(engine)
    again = run("access-log", path)
    assert "imported before" in again.stderr
    second = drain()
    assert (second.stored, second.duplicate) == (0, first.stored)
    assert whole_table(engine) == before


def test_file_name_and_compression_do_not_matter(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
) -> None:
    run("access-log", EXTRACT)
    stored = drain().stored
    raw = EXTRACT.read_bytes()
    (tmp_path / "a.bin").write_bytes(gzip.compress(raw[:9000]) + gzip.compress(raw[9000:]))
    (tmp_path / "b").write_bytes(zstandard.compress(raw))
    (tmp_path / "c").write_bytes(raw.replace(b"\n", b"\r\n"))
    for name in "a.bin", "b", "c":
        run("access-log", tmp_path / name)
    for stream in raw, gzip.compress(raw), zstandard.compress(raw):
        run("access-log", "-", stdin=stream)
    assert drain().duplicate == 6 * stored
    assert len(rows(engine)) == stored


def test_equal_lines_are_separate_events_and_a_longer_log_adds_only_new_lines(
    run: Run, drain: DrainFunction, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text(LINE.format(1) * 3 + LINE.format(2))
    run("access-log", log)
    assert drain().stored == 4
    log.write_text(log.read_text() + LINE.format(1) + LINE.format(3))
    run("access-log", log)
    outcome = drain()
    assert (outcome.stored, outcome.duplicate) == (2, 4)


def test_a_rotated_log_adds_only_new_lines(run: Run, drain: DrainFunction, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(map(LINE.format, range(10))))
    run("access-log", log)
    drain()
    log.write_text("".join(map(LINE.format, range(6, 15))))
    run("access-log", log)
    outcome = drain()
    assert (outcome.stored, outcome.duplicate) == (5, 4)


def test_shift_to_now_is_the_same_when_repeated_and_for_a_longer_log(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(map(LINE.format, range(10))))
    began = datetime.now(UTC)
    run("access-log", log, "--shift-to-now")
    assert drain().stored == 10
    first = [row["ts"] for row in rows(engine, "ts")]
    assert timedelta(seconds=-2) < first[-1] - began < timedelta(seconds=30)
    assert first[-1] - first[0] == timedelta(seconds=9)
    later = clock.now() + timedelta(hours=5)
    monkeypatch.setattr(clock, "now", lambda: later)
    run("access-log", log, "--shift-to-now")
    log.write_text(log.read_text() + LINE.format(10))
    run("access-log", log, "--shift-to-now")
    outcome = drain()
    assert (outcome.stored, outcome.duplicate) == (1, 20)
    assert [row["ts"] for row in rows(engine, "ts")] == [*first, first[-1] + timedelta(seconds=1)]


class InterruptingReporter(TextProgressReporter):
    """Raises KeyboardInterrupt at the second batch."""

    calls = 0

    def __init__(self) -> None:
        super().__init__(1, Console(file=io.StringIO()))

    def advance(self, lines: int, bytes_read: int) -> None:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt


COMBINED = access_log_format("combined")


def make_import(
    engine: Engine, redis: Redis, site: Site, path: Path, file_format: ImportFormat = COMBINED
) -> ImportRun:
    allowed = buffer.BacklogLimits(100_000, 10**9)
    return ImportRun(engine, redis, site, Source("x", path), file_format, "import:me", allowed, 90)


def test_an_interrupted_import_resumes_where_it_stopped(
    app: Flask, run: Run, drain: DrainFunction, engine: Engine, redis: Redis, site: Site, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 2) for n in range(3500)) + "half a line\n")
    first = make_import(engine, redis, site, log)
    first.prepare()
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        first.send(InterruptingReporter(), lambda _: None)
    result = run("access-log", log)
    assert "continuing after line 2,000" in result.stderr
    assert "3,501 lines read\n= imported 3,500" in result.stdout
    outcome = drain()
    assert (outcome.received, outcome.stored) == (3500, 3500)


def test_a_batch_appended_but_not_checkpointed_is_stored_once(
    app: Flask, run: Run, engine: Engine, redis: Redis, site: Site, tmp_path: Path, worker: None
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 60) for n in range(2500)))
    first = make_import(engine, redis, site, log)
    first.prepare()
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        first.send(InterruptingReporter(), lambda _: None)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE imports SET lines_done = 1000, counts = counts || CAST(:c AS jsonb)"),
            {"c": json.dumps({"read": 1000, "imported": 1000, "types": {"page_view": 1000}, "bots": 1000})},
        )
    output = run("access-log", log, wait=True).output
    assert "= imported 2,500 (of which bots 2,500, duplicates 0)" in output
    assert "stored 2,500 new, 0 were there before" in output
    assert len(rows(engine)) == 2500


def test_a_full_backlog_makes_the_import_wait(
    make_app: Callable[..., Flask], site: Site, engine: Engine, worker: None, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_text("".join(LINE.format(n % 60) for n in range(3000)))
    app = make_app(max_backlog_events=1000)
    result = app.test_cli_runner().invoke(args=["import", "access-log", str(log)])
    assert result.exit_code == 0, result.output
    assert "stored 3,000 new" in result.output


def test_waiting_ends_when_no_worker_runs(app: Flask, engine: Engine, redis: Redis, site: Site) -> None:
    import_run = make_import(engine, redis, site, EXTRACT)
    import_run.prepare()
    reporter = InterruptingReporter()
    with app.app_context():
        import_run.send(reporter, lambda _: None)
    assert import_run.wait(reporter, idle_s=0.3) is False
    Drain(engine=engine, redis=redis, salt=b"x" * 32).run(duration_s=10)
    assert import_run.wait(reporter, idle_s=0.3) is True
    assert import_run.read_stored_counts() == StoredCounts(1, 199, 199, 0, 0)


def test_with_a_worker_the_summary_ends_with_the_stored_events(run: Run, worker: None, tmp_path: Path) -> None:
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
def test_the_exit_code_depends_on_failed_lines(
    run: Run, tmp_path: Path, lines: str, options: tuple[str, ...], code: int
) -> None:
    (tmp_path / "log").write_text(lines)
    run("access-log", tmp_path / "log", *options, code=code)


AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
VIEW = f'[20/Nov/2025:08:34:01 +0000] "GET /p HTTP/1.1" 200 9 "-" "{AGENT}"'


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("{} -  - ", id="two-blanks"),
        pytest.param('"{}, 172.19.1.10" 127.0.0.1 - -', id="forwarded-in-quotes"),
        pytest.param("{}, 10.0.0.1 - -", id="forwarded-in-place-of-the-host"),
        pytest.param("{}:51822 - -", id="port"),
        pytest.param("Nov 20 08:34:01 web1 nginx: {} - -", id="syslog"),
        pytest.param("shop.example:443 {} - -", id="vhost"),
    ],
)
def test_two_clients_are_two_people_with_their_addresses(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path, head: str
) -> None:
    (tmp_path / "log").write_text("".join(f"{head.format(ip)} {VIEW}\n" for ip in ("8.8.8.8", "1.1.1.1")))
    run("access-log", tmp_path / "log", "--strict")
    drain()
    stored = rows(engine, "user_id, host(ip) AS host, country")
    assert {row["host"] for row in stored} == {"8.8.8.8", "1.1.1.1"}
    assert len({row["user_id"] for row in stored}) == 2
    assert all(row["user_id"].startswith("~") for row in stored)


def test_two_host_names_are_two_people(run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path) -> None:
    hosts = "client-a.example", "client-b.example"
    (tmp_path / "log").write_text("".join(f"shop.example:443 {host} - - {VIEW}\n" for host in hosts))
    run("access-log", tmp_path / "log", "--strict")
    drain()
    stored = rows(engine, "user_id, payload->>'host' AS host, payload->>'vhost' AS vhost")
    assert {(row["host"], row["vhost"]) for row in stored} == {(host, "shop.example") for host in hosts}
    assert len({row["user_id"] for row in stored}) == 2


@pytest.mark.parametrize("head", ["8.8.8.8 - - - shop.example", '"8.8.8.8 - -'])
def test_a_log_in_no_format_is_refused_with_the_line(run: Run, redis: Redis, tmp_path: Path, head: str) -> None:
    (tmp_path / "log").write_text(f"\n{head} {VIEW}\n")
    output = run("access-log", tmp_path / "log", code=1).output
    assert "line 2 " in output
    assert "--format nginx_ingress, combined, common" in output
    assert buffer.count_entries(redis) == 0


def test_lines_in_another_format_than_the_chosen_one_are_refused_with_their_numbers(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"shop.example:443 8.8.8.8 - - {VIEW}\n8.8.8.8 - - {VIEW}\n")
    result = run("access-log", tmp_path / "log", "--format", "vhost_combined", "--strict", code=1)
    assert "= imported 1 " in result.output
    assert "line 2: before the time there must be virtual host, host, ident and user" in result.output
    assert "format:" not in result.stderr
    run("access-log", tmp_path / "log", "--format", "apache", code=2)


def test_an_import_of_a_log_says_which_referrers_are_internal(run: Run, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"8.8.8.8 - - {VIEW}\n")
    hint = "flask site set default --domain HOST"
    [line] = [line for line in run("access-log", tmp_path / "log").stderr.splitlines() if "internal referrers" in line]
    assert all(part in line for part in ("only those on the virtual host of their line", hint, "reclassify"))
    with engine.begin() as connection:
        update_site(
            connection, "default", domains=["shop.example", "*.cdn.example", *(f"h{n}.example" for n in range(5))]
        )
    clear_site_cache(engine)
    [line] = [line for line in run("access-log", tmp_path / "log").stderr.splitlines() if "internal referrers" in line]
    assert all(
        part in line for part in ("*.cdn.example, h0.example, h1.example, h2.example, h3.example and 2 more", hint)
    )
    (tmp_path / "rows").write_text('{"type": "a", "ts": "2026-03-01T12:00:00Z"}\n')
    assert "internal referrers" not in run("ndjson", tmp_path / "rows").stderr


def test_the_recognised_format_is_printed(run: Run) -> None:
    assert "format: combined" in run("access-log", EXTRACT).stderr
    output = run("access-log", EXTRACT.parent / "logs" / "iis.log", "--strict").output
    assert "format: iis" in output
    assert "13 lines read\n= imported 5 (of which bots 1)\n+ unparsable 0\n+ blank 8\n" in output


def test_a_robot_is_one_although_a_field_stands_before_its_agent(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
) -> None:
    line = '{} - - [20/Nov/2025:08:34:01 +0000] "GET /a HTTP/1.1" 200 1 0.005 "-" "Googlebot/2.1 (+http://www.google.com/bot.html)"\n'
    (tmp_path / "log").write_text(line.format("8.8.8.8") + line.format("1.1.1.1"))
    run("access-log", tmp_path / "log")
    drain()
    assert [row["is_bot"] for row in rows(engine, "is_bot")] == [True, True]


def test_a_referrer_on_the_virtual_host_is_no_source(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
) -> None:
    line = (
        'shop.example:443 8.8.8.8 - - [20/Nov/2025:08:34:01 +0000] "GET {} HTTP/1.1" 200 1 "https://{}/a" "x/1 (y)"\n'
    )
    (tmp_path / "log").write_text(line.format("/b", "shop.example") + line.format("/c", "e.example"))
    run("access-log", tmp_path / "log")
    drain()
    assert {(row["path"], row["source"]) for row in rows(engine, "path, source")} == {("/b", None), ("/c", "e.example")}


def test_an_interrupted_log_with_a_header_resumes_by_its_header(
    app: Flask, run: Run, engine: Engine, redis: Redis, site: Site, tmp_path: Path
) -> None:
    log = tmp_path / "iis.log"
    line = "2025-11-20 08:{:02d}:{:02d} GET /p 8.8.8.8 200\n"
    header = "#Fields: date time cs-method cs-uri-stem c-ip sc-status\n"
    log.write_text(header + "".join(line.format(n // 60, n % 60) for n in range(2500)))
    first = make_import(engine, redis, site, log, file_format=access_log_format("iis"))
    first.prepare()
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        first.send(InterruptingReporter(), lambda _: None)
    result = run("access-log", log)
    assert "continuing after line 2,001" in result.stderr
    assert "2,501 lines read\n= imported 2,500" in result.stdout


def test_a_broken_gzip_file_imports_nothing(run: Run, redis: Redis, tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(EXTRACT.read_bytes())[:-2000])
    result = run("access-log", tmp_path / "log.gz", code=1)
    assert "breaks off after line" in result.output
    assert buffer.count_entries(redis) == 0


def test_unknown_site_and_missing_file_are_reported_in_one_line(run: Run) -> None:
    assert "no site 'nowhere'" in run("access-log", EXTRACT, "--site", "nowhere", code=1).output
    assert "/nowhere: no such file" in run("csv", "/nowhere", code=1).output


def test_csv_rows_become_events_and_unknown_columns_payload(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
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
    assert "line 6: the row has 3 cells; accepted: 5" in output
    assert drain().stored == 2
    first, second = rows(engine, "type, ts, user_id, payload")
    assert (first["type"], first["user_id"], first["payload"]) == ("signup", "ann", {"plan": "pro", "n": 1})
    assert first["ts"] == datetime(2025, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (second["user_id"], second["payload"]) == ("bob", None)
    run("csv", table, "--map", "who=user_id", "--restart")
    assert drain().duplicate == 2


def test_a_csv_export_is_imported_unchanged(
    app: Flask, run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path, token: Any, auth: Any
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
    drain()
    columns = "event_id, ts, type, user_id, path, utm_source, subject, payload::text"
    before = rows(engine, columns)
    reply = app.test_client().get("/api/analytics/reports/events?format=csv&days=2", headers=auth(token("read export")))
    assert reply.status_code == 200, reply.data
    exported = tmp_path / "export.csv"
    exported.write_bytes(reply.data)
    assert reply.data.decode().splitlines()[0] == ",".join(COLUMN_NAMES)
    run("csv", exported)
    assert drain().duplicate == 2
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE events"))
    run("csv", exported)
    assert drain().stored == 2
    assert rows(engine, columns) == before


def test_ndjson_accepts_the_field_names_of_the_api_and_reports_bad_lines(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
) -> None:
    lines = tmp_path / "e.ndjson"
    good = '{"event_name":"a","timestamp":"2025-01-02T03:04:05Z","user_id":"u","extra":1}'
    with_id = '{"type":"b","ts":"2025-01-02T03:04:05Z","message_id":"m-1","user_id":"u"}'
    bad = [
        "{}", "[]", "{", '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":"\\ud800"}}', '"x"', '{"type":"a"}',
        '{"ts":"2025-01-02T03:04:05Z"}', '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":"\\u0000"}}',
        '{"type":"a","ts":"1969-01-02T03:04:05Z"}', '{"type":"a","ts":"9999-01-02T03:04:05Z"}',
        '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":{"x":NaN}}',
        '{"type":"a","ts":"2025-01-02T03:04:05Z","payload":' + '{"x":' * 5000 + "1" + "}" * 5001,
    ]  # fmt: skip
    lines.write_bytes(
        "\n".join([good, *bad, good, with_id]).encode() + b'\n{"type":"\xff","ts":"2025-01-02T03:04:05Z"}\n'
    )
    output = run("ndjson", lines, "--report", tmp_path / "report").output
    assert f"= imported 3 (of which bots 0)\n+ unparsable {len(bad) + 1}\n" in output
    reported = {json.loads(line)["line"] for line in (tmp_path / "report").read_text().splitlines()}
    assert reported == {*range(2, len(bad) + 2), len(bad) + 4}
    assert drain().stored == 3
    assert [row["payload"] for row in rows(engine, "type, payload") if row["type"] == "a"] == [{"extra": 1}] * 2
    run("ndjson", lines)
    assert drain().duplicate == 3


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(terminal: bool) -> None:
    out = io.StringIO()
    with open_reporter(1000, Console(file=out, force_terminal=terminal, width=120), 0) as reporter:
        reporter.advance(50, 500)
        reporter.show_message("waiting for room [1]")
    assert "waiting for room [1]" in out.getvalue()
    assert ("0.5/1.0 kB" in out.getvalue()) is terminal


GOOD_ROWS = "".join(f"page_view,2026-11-20T10:00:0{n}Z,u{n},x\n" for n in range(5))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        pytest.param(
            'type,ts,user_id,note\npage_view,2026-11-20T10:00:00Z,a,"never closed\n' + GOOD_ROWS, 1,
            ("1 lines read", "+ unparsable 1", "line 2: a quote is not closed", "lines 2 to 7"), id="open quote",
        ),
        pytest.param(("type,ts,user_id,note\n" + GOOD_ROWS).replace("\n", "\r"), 0, ("= imported 5",), id="CR alone"),
        pytest.param(("type,ts,user_id,note\n" + GOOD_ROWS).encode("utf-16"), 0, ("= imported 5",), id="UTF-16"),
        pytest.param(("type,ts,user_id,note\n" + GOOD_ROWS).encode("utf-16")[:-1], 1, ("UTF-16",), id="cut UTF-16"),
    ],
)  # fmt: skip
def test_no_row_of_a_table_is_lost_in_silence(
    run: Run, tmp_path: Path, content: str | bytes, code: int, words: tuple[str, ...]
) -> None:
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    output = run("csv", tmp_path / "t.csv", "--strict", code=code).output
    assert [word for word in words if word not in output] == []


def test_numbers_of_imported_payloads_keep_their_digits(
    run: Run, drain: DrainFunction, engine: Engine, tmp_path: Path
) -> None:
    numbers = '{"total":12345678901234567.89,"big":123456789012345678901234567890}'
    (tmp_path / "t.csv").write_text('type,ts,payload\na,2026-11-20T10:00:00Z,"' + numbers.replace('"', '""') + '"\n')
    event = f'{{"type":"a","ts":"2026-11-20T10:00:00Z","event_id":null,"payload":{numbers}}}'
    (tmp_path / "e.ndjson").write_text(event + "\n" + event.replace('"a"', '""') + "\n")
    run("csv", tmp_path / "t.csv")
    run("ndjson", tmp_path / "e.ndjson")
    assert drain().stored == 2
    found = rows(engine, "payload->>'total' AS total, payload->>'big' AS big")
    assert [tuple(row.values()) for row in found] == [("12345678901234567.89", "123456789012345678901234567890")] * 2


@pytest.mark.parametrize("log", LOGS)
def test_a_site_is_not_a_source_of_its_own_log(
    run: Run, drain: DrainFunction, engine: Engine, log: Path, site: Site
) -> None:
    """Counted from the file: a line's referrer is of the site, of another host, or missing; links of feeds are tagged,
    and a referrer in another encoding than UTF-8 has no host."""
    with engine.begin() as connection:
        update_site(connection, site.key, domains=["semicomplete.com"])
    clear_site_cache(engine)
    run("access-log", log)
    drain()
    quoted = [line.split('"') for line in content(log).decode().splitlines() if line.count('"') >= 6]
    hosts = Counter(re.sub(r"^https?://(www\.)?|[:/?].*$", "", words[3].lower()) for words in quoted)
    tagged = sum(words[3] == "-" and "utm_" in words[1] for words in quoted)
    stored = rows(engine, "source, channel")
    found, channels = (Counter(row[name] for row in stored) for name in ("source", "channel"))
    assert channels["internal"] == hosts["semicomplete.com"] > 0
    assert found["semicomplete.com"] == 0
    assert found["logstash.net"] == hosts["logstash.net"]
    assert found["tuxradar.com"] == hosts["tuxradar.com"]
    assert channels["direct"] == hosts["-"] - tagged + sum(words[3].startswith(r"http://\x") for words in quoted)
    punycode = sum(lines for host, lines in hosts.items() if host.startswith("xn--") and host.endswith(".xn--p1ai"))
    assert found["игорныйбизнес.рф"] == punycode
