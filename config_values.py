"""The kinds of values that settings have. The docstring of each says what it accepts, and stands in errors.

config.py names one for each setting. A function raises ValueError or KeyError for a text that is not of its kind.
"""

import re
from collections.abc import Callable
from datetime import time
from ipaddress import ip_network
from urllib.parse import urlsplit

SCOPES = ("ingest", "read", "export", "write", "admin")


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def flag(text: str) -> bool:
    """true or false"""
    value = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    return value[text.strip().lower()]


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        by_lower = {choice.lower(): choice for choice in choices}
        return by_lower[text.strip().lower()]

    parse.__doc__ = "one of " + ", ".join(choices)
    return parse


def seconds(text: str) -> float:
    """a duration such as 500ms, 5s, 10m or 24h"""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip())
    if not match:
        raise ValueError(text)
    unit = {"ms": 0.001, None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    return float(match[1]) * unit


def time_of_day(text: str) -> time:
    """a time of day as HH:MM"""
    return time.fromisoformat(text.strip())


def words(text: str) -> tuple[str, ...]:
    """words separated by spaces or commas"""
    return tuple(word for word in re.split(r"[\s,]+", text.strip()) if word)


def scopes(text: str) -> tuple[str, ...]:
    """any of ingest, read, export, write, admin, separated by spaces"""
    named = words(text)
    if set(named) - set(SCOPES):
        raise ValueError(text)
    return named


def networks(text: str) -> tuple[str, ...]:
    """addresses or networks, as 10.0.0.0/8 127.0.0.1"""
    return tuple(str(ip_network(word)) for word in words(text))


def origins(text: str) -> tuple[str, ...]:
    """origins as a browser sends them, for example https://shop.example, or *"""
    named = words(text.lower())
    # `null` is the origin of every sandboxed frame and local file.
    if not all(re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/?#@\\]+", word) for word in named):
        raise ValueError(text)
    return named


def http_url(text: str) -> str:
    """an http or https URL without user and password, for example https://login.example.com/jwks.json"""
    url = text.strip()
    parts = urlsplit(url)
    is_valid = re.fullmatch(r"[\x21-\x7e]+", url) and parts.scheme in ("http", "https") and parts.hostname
    if not is_valid or parts.port == 0 or parts.username is not None or parts.fragment:
        raise ValueError(text)
    return url


def postgres_url(text: str) -> str:
    """a PostgreSQL URL, as postgresql://user:password@host:5432/database"""
    url = text.strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError(text)
    return "postgresql+psycopg2://" + rest


def redis_url(text: str) -> str:
    """a Redis URL, as redis://host:6379/0 or unix:///path/redis.sock?db=0"""
    url = text.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix", "redis+socket") or parts.port == 0:
        raise ValueError(text)
    return url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")


def folder_url(text: str) -> str:
    """a folder, file:///folder or s3://bucket/folder"""
    url = text.strip()
    if not re.fullmatch(r"file://.+|s3://[^/:@?#]+(/[^?#]*)?|(?![\w+.-]+:/).+", url):
        raise ValueError(text)
    return url


def public_url(text: str) -> str:
    """an http or https URL without a query, as https://analytics.example.com"""
    url = http_url(text).rstrip("/")
    if "?" in url:
        raise ValueError(text)
    return url


def file_names(text: str) -> tuple[tuple[str, str], ...]:
    """pairs of a file and its other name, as tracker.js=insight.js vitals.js=v.js"""
    pairs = [word.split("=") for word in words(text)]
    if not all(len(pair) == 2 and re.fullmatch(r"[\w-][\w.-]{0,79}", pair[1], re.ASCII) for pair in pairs):
        raise ValueError(text)
    return tuple((original, name) for original, name in pairs)


def any_text(text: str) -> str:
    """text"""
    return text
