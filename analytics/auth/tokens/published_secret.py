"""Keeps a service whose secret is published on its own machine: everybody could sign tokens for it.

The secret of an unset JWT_SECRET_KEY is in this repository. gunicorn.conf.py calls `check_bind` before the web process
starts; under any server the hook of `register` refuses callers from other machines, also those that a proxy on this
machine passes on.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from analytics.errors import Forbidden
from analytics.web.app import current_request
from config import ConfigError, Settings

WHAT_TO_SET = (
    "set JWT_SECRET_KEY to a secret of your own (openssl rand -hex 32), and ENVIRONMENT=production to serve it"
)
# What proxies add to the requests that they pass on.
PROXY_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)
WARNING = (
    "the secret is published: everybody can sign tokens for this service. It refuses callers from other machines, but "
    f"cannot tell a proxy on this machine that hides them; before one serves it, {WHAT_TO_SET}"
)


def register(app: Flask, settings: Settings) -> None:
    """Refuses callers from other machines, if the secret is published. Another secret costs nothing."""
    if settings.has_published_secret:
        app.before_request(refuse_other_machines)


def refuse_other_machines() -> None:
    """Raises Forbidden for a connection from another machine, and for a request that a proxy passes on."""
    environ = current_request().environ
    if not is_local(environ.get("REMOTE_ADDR") or "") or _is_passed_on(environ):
        raise Forbidden(
            "this service has a published secret and serves its own machine only, at a loopback address and without "
            f"a proxy, for example http://localhost:8000/; {WHAT_TO_SET}"
        )


def _is_passed_on(environ: Mapping[str, Any]) -> bool:
    """Whether the request names a client behind a proxy, or a host that is not this machine.

    The Host also betrays a page of another site whose name was pointed at this machine (DNS rebinding), and HTTP/1.0 an
    nginx with a plain `proxy_pass`, which adds no header. A proxy that imitates a local client is not noticed.
    """
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or any(name in environ for name in PROXY_HEADERS):
        return True
    return not is_local(_host_name(environ.get("HTTP_HOST", "")))


def _host_name(host: str) -> str:
    """The name or address of a Host header, without its port; empty when it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def check_bind(settings: Settings, addresses: Iterable[Any]) -> None:
    """Raises ConfigError if the secret is published and other machines reach one of gunicorn's `cfg.address`."""
    if not settings.has_published_secret:
        return
    for address in addresses:
        # A number is an inherited socket, which the hook guards.
        if isinstance(address, str):
            raise ConfigError(f"JWT_SECRET_KEY: published, while a proxy serves unix:{address}; {WHAT_TO_SET}")
        if isinstance(address, tuple) and not is_local(str(address[0])):
            bind = f"{address[0]}:{address[1]}"
            raise ConfigError(f"JWT_SECRET_KEY: published, while {bind} is open to other machines; {WHAT_TO_SET}")


def is_local(host: str) -> bool:
    """True for a loopback address and `localhost`. The address of a Unix socket is empty: its clients are unknown."""
    try:
        ip = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback
