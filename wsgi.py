"""gunicorn's entry: `gunicorn wsgi:app`. A setting that cannot be used ends the start with one line."""

import gc
import sys

from analytics import create_app
from config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")

# What is loaded now stays; and a batch makes thousands of objects that live until its answer, so the collector looks
# less often (the default interval costs 15 % of decoding).
gc.freeze()
gc.set_threshold(20_000, 20, 20)
