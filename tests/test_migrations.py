"""The migrations build the schema of `models.py`, and can be reverted."""

from datetime import date

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from pyroaring import BitMap64
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from analytics.store.models import SUPPORTED_TYPES, metadata
from analytics.store.partitions import ensure
from tests.conftest import ROOT


def is_ours(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    return kind != "table" or name in metadata.tables


def test_models_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
        assert compare_metadata(context, metadata) == []


def test_models_and_migrations_agree_on_fillfactor(engine: Engine) -> None:
    """Alembic does not compare storage parameters."""
    query = text("""
SELECT c.relname, o.option_value::int
FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
WHERE c.relkind = 'r' AND o.option_name = 'fillfactor'
""")
    said = {name: table.dialect_options["postgresql"]["with"] for name, table in metadata.tables.items()}
    with engine.connect() as connection:
        found = dict(tuple(row) for row in connection.execute(query))
    assert found == {name: given["fillfactor"] for name, given in said.items() if given}


def test_often_updated_tables_are_vacuumed_early(engine: Engine) -> None:
    query = text("""
SELECT c.relname
FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
WHERE o.option_name = 'autovacuum_vacuum_scale_factor' AND o.option_value::float <= 0.05
""")
    toast = text("SELECT relname, reltoastrelid::regclass::text FROM pg_class WHERE relname = ANY (:names)")
    names = {"rollup_deltas", "rollups", "visit_rollups", "open_days", "day_versions", "sample_rollups", "sample_names"}
    names |= {"visit_unions"}
    with_bodies = ["rollup_deltas", "rollups", "sample_rollups", "visit_rollups", "visit_unions"]
    with engine.connect() as connection:
        found = set(connection.execute(query).scalars())
        bodies = {name.split(".")[-1] for _, name in connection.execute(toast, {"names": with_bodies})}
    assert found == names | bodies


def test_down_and_up_again(app: Flask, engine: Engine) -> None:
    folder = str(ROOT / "migrations")
    with app.app_context():
        downgrade(folder, "base")
        assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
        upgrade(folder)
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        made = connection.execute(text("SELECT key, event_types FROM sites ORDER BY key")).all()
    assert [key for key, _ in made] == ["default", "links"]
    assert {word for _, words in made for word in words} == set(SUPPORTED_TYPES)


def test_user_numbers_survive_their_migration(app: Flask, engine: Engine) -> None:
    folder, numbers = (
        str(ROOT / "migrations"),
        "SELECT s.key, n.next_user_no FROM user_numbers n JOIN sites s ON id = site_id",
    )
    with app.app_context():
        downgrade(folder, "base")
        upgrade(folder, "0011")
        with engine.begin() as connection:
            connection.execute(text("UPDATE sites SET next_user_no = 17 WHERE key = 'links'"))
        upgrade(folder)
        with engine.connect() as connection:
            assert set(connection.execute(text(numbers)).all()) == {("default", 1), ("links", 17)}
        downgrade(folder, "0011")
        with engine.begin() as connection:
            found = connection.execute(text("SELECT key, next_user_no FROM sites")).all()
            assert set(found) == {("default", 1), ("links", 17)}
            connection.execute(text("UPDATE sites SET next_user_no = 1"))
        upgrade(folder)


# One row of each table whose columns 0013 renames; :renamed is the column's old or new name.
RENAMED_COLUMNS = {
    "users": ("site_id, user_id, user_no", "1, 'ann', 1", "first_seen", "first_seen_at", "2026-03-27 12:00:00+00"),
    "dead_letters": (
        "entry_id, position, received_at, reason, detail, body", "'1-0', 0, now(), 'refused', '', ''",
        "died_at", "dead_lettered_at", "2026-03-27 12:00:01+00",
    ),
    "ingest_ledger": (
        "entry_id, received_at, site_id, received, stored, duplicate, principal, request_id",
        "'1-0', '2026-03-27 12:00:00+00', 1, 7, 3, 2, '', ''", "dead", "dead_lettered", "2",
    ),
    "ledger_hours": (
        "site_id, hour, batches, received, stored, duplicate", "1, '2026-03-27 12:00:00+00', 1, 7, 3, 1",
        "dead", "dead_lettered", "3",
    ),
    "audit_log": ("actor, action", "'me', 'site.create'", "at", "occurred_at", "2026-03-27 12:00:02+00"),
    "funnels": (
        "id, site_id, owner, user_id, name, steps, ordering, scope, window_s",
        "gen_random_uuid(), 1, 'me', 'me', 'f', '[]', 'ordered', 'user', 60", "value", "value_property", "price",
    ),
}  # fmt: skip


def test_refused_events_count_as_dead_lettered_before_0020(app: Flask, engine: Engine) -> None:
    """So the ledger's sums hold after a downgrade; 7 = 2 stored + 1 duplicate + 1 dead-lettered + 3 refused."""
    read = text("SELECT dead_lettered FROM ingest_ledger")
    with app.app_context():
        ensure(engine, "ingest_ledger", [date(2026, 3, 27)], date(2026, 3, 27))
        with engine.begin() as connection:
            connection.execute(text(
                "INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead_lettered,"
                " refused, principal, request_id) VALUES ('1-0', '2026-03-27 12:00:00+00', 1, 7, 2, 1, 1, 3, '', '')"
            ))  # fmt: skip
        downgrade(str(ROOT / "migrations"), "0019")
        with engine.begin() as connection:
            assert connection.execute(read).scalars().all() == [4]
        upgrade(str(ROOT / "migrations"))


def test_stored_rows_get_no_receipt_and_waiting_deltas_hold_up_the_downgrade(app: Flask, engine: Engine) -> None:
    folder, day = str(ROOT / "migrations"), date(2026, 3, 27)
    add_delta = "INSERT INTO rollup_deltas (site_id, zone, events, body) VALUES (1, 'UTC', 1, CAST(:body AS bytea))"
    rows = (
        "SELECT 'event', CAST(position AS text) FROM events UNION ALL "
        "SELECT 'visit', concat_ws(' ', date_part('epoch', entry_received_at), entry_position,"
        " date_part('epoch', exit_received_at), exit_position) FROM visits ORDER BY 1"
    )
    with app.app_context():
        downgrade(folder, "0020")
        ensure(engine, "events", [day], day)
        with engine.begin() as connection:
            connection.execute(text(
                "INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id)"
                " VALUES (gen_random_uuid(), '2026-03-27 12:00Z', '2026-03-27 12:00Z', 1, 1, false, 'page_view', 'u')"
            ))  # fmt: skip
            connection.execute(text(
                "INSERT INTO visits SELECT 1, 1, '', false, '2026-03-27 12:00Z', '2026-03-27 12:00Z', 1, '/', '/',"
                " '', '', '', '', '', '', '', '', '', false"
            ))  # fmt: skip
            connection.execute(text(add_delta), {"body": b"\x01"})
        upgrade(folder)
        with engine.begin() as connection:
            assert connection.execute(text(rows)).all() == [("event", "-1"), ("visit", "0 0 0 0")]
            connection.execute(text(add_delta), {"body": b"\x02"})
        with pytest.raises(DBAPIError, match="flask rollups merge"):
            downgrade(folder, "0020")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM rollup_deltas WHERE body = '\\x02'"))
        downgrade(folder, "0020")
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM events, visits, rollup_deltas")).scalar_one() == 1
        upgrade(folder)


def read_renamed(engine: Engine, is_new: bool) -> dict[str, str]:
    """Table → the one value of its renamed column, as text."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        return {
            table: connection.execute(text(f"SELECT CAST({new if is_new else old} AS text) FROM {table}")).scalar_one()
            for table, (_, _, old, new, _) in RENAMED_COLUMNS.items()
        }


def test_renamed_columns_keep_their_values_up_and_down(app: Flask, engine: Engine) -> None:
    folder, expected = str(ROOT / "migrations"), {table: row[-1] for table, row in RENAMED_COLUMNS.items()}
    with app.app_context():
        downgrade(folder, "0012")
        ensure(engine, "ingest_ledger", [date(2026, 3, 27)], date(2026, 3, 27))
        with engine.begin() as connection:
            for table, (columns, values, old, _, value) in RENAMED_COLUMNS.items():
                statement = f"INSERT INTO {table} ({columns}, {old}) VALUES ({values}, '{value}')"
                connection.execute(text(statement))
        assert read_renamed(engine, is_new=False) == expected
        upgrade(folder)
        assert read_renamed(engine, is_new=True) == expected
        downgrade(folder, "0012")
        assert read_renamed(engine, is_new=False) == expected
        upgrade(folder)


def test_campaigns_are_folded_and_events_of_before_have_no_channel(app: Flask, engine: Engine) -> None:
    """0022: what an audit of the days of before counts; a channel of the raw events is NULL."""
    folder, users = str(ROOT / "migrations"), [BitMap64([1, 2]), BitMap64([2, 3]), BitMap64([1, 2, 3]), BitMap64([9])]
    rollup = text(
        "INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)"
        " VALUES (1, 'day', :dimension, '2026-03-27', 'page_view', '', false, :value, :events, :users)"
    )
    rows = [("utm_source", "Ärzte", 2), ("utm_source", "ÄRZTE", 3), ("total", "", 5), ("utm_source", "kept", 1)]
    with app.app_context():
        downgrade(folder, "0021")
        with engine.begin() as connection:
            for (dimension, value, events), people in zip(rows, users, strict=True):
                given = {"dimension": dimension, "value": value, "events": events, "users": people.serialize()}
                connection.execute(rollup, given)
            connection.execute(text(
                "INSERT INTO visit_rollups (site_id, dimension, day, is_bot, value, visits, bounces, views, duration_us)"
                " VALUES (1, 'utm_source', '2026-03-27', false, 'Ärzte', 1, 1, 1, 0),"
                " (1, 'utm_source', '2026-03-27', false, 'ärzte', 2, 0, 4, 7), (1, 'source', '2026-03-27', false, 'X', 3, 1, 5, 7)"
            ))  # fmt: skip
            connection.execute(text(
                "INSERT INTO visits (site_id, user_no, session_id, is_bot, started_at, ended_at, views, exit_path, entry_path, source,"
                " referrer, country, browser, os, device, utm_source, utm_medium, utm_campaign, is_long)"
                " VALUES (1, 1, '', false, now(), now(), 1, '/', '/', 'X', '', '', '', '', '', 'Ärzte', 'CPC', '', false)"
            ))  # fmt: skip
        upgrade(folder, "0022")
        with engine.begin() as connection:
            stored = connection.execute(text("SELECT dimension, value, events, users FROM rollups"))
            found = {(name, value): (events, set(BitMap64.deserialize(b))) for name, value, events, b in stored}
            assert found == {
                ("utm_source", "ärzte"): (5, {1, 2, 3}),
                ("utm_source", "kept"): (1, {9}),
                **{(name, ""): (5, {1, 2, 3}) for name in ("total", "hostname", "language", "screen", "channel")},
            }
            sums = connection.execute(text("SELECT value, visits, bounces, views, duration_us FROM visit_rollups"))
            assert set(sums.all()) == {("ärzte", 3, 1, 5, 7), ("X", 3, 1, 5, 7)}
            visit = connection.execute(text("SELECT source, utm_source, utm_medium FROM visits")).one()
            assert tuple(visit) == ("X", "ärzte", "cpc")
            connection.execute(text("TRUNCATE rollups, visit_rollups, visits"))
        upgrade(folder)


def test_what_accounts_own_has_their_new_subject(app: Flask, engine: Engine) -> None:
    folder, ids = str(ROOT / "migrations"), ("account:ann", "account:local", "a-token")
    with app.app_context():
        downgrade(folder, "0032")
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO sessions (id, token_hash, subject, scopes, parent_id, created_at, expires_at)"
                    " SELECT gen_random_uuid(), id::bytea, 'ann', '{read}', id, now(), now() FROM unnest(:ids) id"
                ),
                {"ids": list(ids)},
            )
            connection.execute(
                text(
                    "INSERT INTO export_schedules (id, site_id, owner, request, every, at, zone, next_run_at, created_at)"
                    " SELECT gen_random_uuid(), 1, 'ann', jsonb_build_object('token_id', id), 'day', '06:00', 'UTC', now(),"
                    " now() FROM unnest(:ids) id"
                ),
                {"ids": list(ids)},
            )
        upgrade(folder)
        with engine.begin() as connection:
            found = connection.execute(text("SELECT subject, parent_id, revoked_at IS NULL FROM sessions")).all()
            owners = connection.execute(text("SELECT request ->> 'token_id', owner FROM export_schedules")).all()
            connection.execute(text("TRUNCATE sessions, export_schedules"))
    assert set(found) == {
        ("account:ann", "account:ann", True),
        ("account:admin", "account:local", False),
        ("ann", "a-token", True),
    }
    assert dict(owners) == {"account:ann": "account:ann", "account:admin": "account:admin", "a-token": "ann"}
