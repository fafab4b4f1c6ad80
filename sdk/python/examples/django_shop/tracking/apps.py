"""The application that owns the client: one for the process, made when Django is ready."""

from typing import Any, Optional

from django.apps import AppConfig, apps
from django.conf import settings
from django.http import HttpRequest

from analytics_client import Client


class TrackingConfig(AppConfig):
    """Add "tracking" to INSTALLED_APPS. Where workers are forked afterwards, each has its own spool file."""

    name = "tracking"
    client: Client

    def ready(self) -> None:
        """Tests set ANALYTICS = {"url": "http://x", "key": "x", "enabled": False}."""
        self.client = Client(**settings.ANALYTICS)


def track(request: HttpRequest, type: str, payload: Optional[dict[str, Any]] = None, **fields: Any) -> Optional[str]:
    """An event of the request: its user, address and browser, not those of this server."""
    user = getattr(request, "user", None)
    user_id = user.pk if user is not None and user.is_authenticated else request.headers.get("X-User")
    fields = {"ip": request.META.get("REMOTE_ADDR"), "user_agent": request.headers.get("User-Agent"), **fields}
    client: Client = apps.get_app_config("tracking").client
    return client.track(type, payload, user_id, **fields)
