"""gunicorn's entry: `gunicorn wsgi:app`. A setting that cannot be used ends the start with one line."""

import sys

from analytics import create_app, heap
from config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")

heap.settle()
