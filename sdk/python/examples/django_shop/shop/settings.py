"""The settings of the example. `ANALYTICS` is what the application `tracking` reads."""

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-the-example")
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["tracking"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "tracking.middleware.PageViewMiddleware"]
USE_TZ = True

ANALYTICS = {
    "url": os.environ.get("ANALYTICS_URL", "http://localhost:8000"),
    "key": os.environ["ANALYTICS_KEY"],
    "site": os.environ.get("ANALYTICS_SITE", "shop"),
    "spool_dir": os.environ.get("ANALYTICS_SPOOL"),
}
