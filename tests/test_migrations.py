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
