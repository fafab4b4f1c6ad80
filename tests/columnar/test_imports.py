"""A process that nobody asks for columns does not load what reads them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {
    "FLASK_SKIP_DOTENV": "1",
    "ENVIRONMENT": "development",
    "JWT_SECRET_KEY": "k" * 40,
    "DATABASE_URL": "postgresql:///nothing",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "REDIS_URL": "redis://127.0.0.1:1/1",
}


@pytest.mark.parametrize("library", ["duckdb", "pyarrow", "numpy", "statsmodels"])
def test_a_web_process_starts_without(library: str) -> None:
    """They take 12 to 40 MB each."""
    command = [sys.executable, "-c", f"import sys, wsgi; sys.exit({library!r} in sys.modules)"]
    assert subprocess.run(command, cwd=ROOT, env={**os.environ, **SERVERS}, check=False).returncode == 0
