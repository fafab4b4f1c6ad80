"""`make flask`: the environment of what runs, or one line that nothing does."""

import json
from pathlib import Path

from analytics.local.command import environment


def test_commands_use_the_servers_and_secrets_of_the_running_stack(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    facts = {
        "database_url": "postgresql://here/analytics",
        "redis_url": "redis://here/1",
        "broker_url": "redis://here/0",
    }
    (tmp_path / ".data" / "local.json").write_text(json.dumps(facts))
    env = environment(tmp_path, {"PORT": "9000"})
    assert env is not None
    assert (env["DATABASE_URL"], env["CELERY_BROKER_URL"]) == (facts["database_url"], facts["broker_url"])
    assert env["JWT_SECRET_KEY"] == environment(tmp_path, {})["JWT_SECRET_KEY"]


def test_without_a_running_stack_there_is_none(tmp_path: Path) -> None:
    assert environment(tmp_path, {}) is None
