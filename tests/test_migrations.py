"""What the migrations build is what `models.py` says, and they go down again."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Engine, inspect, text

from analytics.store.models import SUPPORTED_TYPES, metadata
from tests.conftest import ROOT


def is_ours(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    return kind != "table" or name in metadata.tables


def test_models_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
        assert compare_metadata(context, metadata) == []


def test_models_and_migrations_agree_on_the_room_that_pages_have(engine: Engine) -> None:
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


def test_what_is_rewritten_all_the_time_is_vacuumed_after_little(engine: Engine) -> None:
    query = text("""
SELECT c.relname
FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
WHERE o.option_name = 'autovacuum_vacuum_scale_factor' AND o.option_value::float <= 0.05
""")
    toast = text("SELECT relname, reltoastrelid::regclass::text FROM pg_class WHERE relname = ANY (:names)")
    names = {"rollup_deltas", "rollups", "visit_rollups", "open_days", "sample_rollups", "sample_names"}
    with_bodies = ["rollup_deltas", "rollups", "sample_rollups"]
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


def test_the_numbers_of_users_survive_the_step_that_moves_them(app: Flask, engine: Engine) -> None:
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
