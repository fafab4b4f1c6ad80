"""The checks of a site's settings, each with what is accepted. sites.py, names.py and the schemas call them; pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv6Address
from typing import Any

from analytics import clock
from analytics.auth.keys.site_keys import check_site_key
from analytics.errors import BadInput, Invalid, Problem
from analytics.privacy.visitor_keys import BY_TEXTS, WINDOWS
from analytics.sites.domains import WILDCARD, is_host, normalize_domain

# Each request compares its origin with those of its site, and every process keeps those of all sites.
MAX_ORIGINS = 100
ORIGIN_PATTERN = re.compile(r"https?://([A-Za-z0-9.-]{1,253}|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(:[0-9]{1,5})?")
# Each stream entry holds those of its site.
MAX_DOMAINS = 100
UNPRINTABLE_PATTERN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises Invalid with every field of `settings` that cannot be stored."""
    problems = []
    for name, value in settings.items():
        try:
            FIELD_CHECKS[name](value)
        except KeyError:
            problems.append(
                Problem(None, name, "unknown_field", f"no field {name!r}; accepted: {', '.join(FIELD_CHECKS)}")
            )
        except (ValueError, BadInput) as error:
            problems.append(Problem(None, name, "invalid", str(error)))
    if problems:
        raise Invalid("; ".join(f"{problem.field}: {problem.detail}" for problem in problems), problems)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 200 or UNPRINTABLE_PATTERN.search(name):
        raise ValueError("not accepted; accepted: 1 to 200 printable characters, for example Our shop")


def _one_of(*words: str) -> Any:
    def check(word: str) -> None:
        if word not in words:
            raise ValueError(f"{word[:40]!r} is not known; accepted: {', '.join(words)}, for example {words[0]}")

    return check


def _check_types(types: Iterable[str]) -> None:
    words = list(types)
    if len(words) > 1000:
        raise ValueError(f"{len(words):,} types are too many; accepted: at most 1,000, for example page_view")
    for word in words:
        if not 1 <= len(word) <= 128 or word.isspace() or UNPRINTABLE_PATTERN.search(word):
            raise ValueError(
                "a type is not accepted; accepted: 1 to 128 printable characters each, for example page_view"
            )


def _check_origins(origins: Collection[str]) -> None:
    if len(origins) > MAX_ORIGINS:
        raise ValueError(
            f"{len(origins):,} origins are too many; accepted: at most {MAX_ORIGINS}, for example https://example.com"
        )
    for origin in origins:
        if not _is_origin(origin):
            raise ValueError(
                f"{origin[:80]!r} is not an origin; accepted: scheme and host, for example https://example.com"
            )


def _is_origin(text: str) -> bool:
    """True for scheme and host, with or without a port. Brackets hold an IPv6 address and nothing else."""
    match = ORIGIN_PATTERN.fullmatch(text)
    if match is None or match["ipv6"] is None:
        return match is not None
    try:
        return IPv6Address(match["ipv6"]) is not None
    except ValueError:
        return False


def _check_domains(domains: Collection[str]) -> None:
    if len(domains) > MAX_DOMAINS:
        raise ValueError(
            f"{len(domains):,} domains are too many; accepted: at most {MAX_DOMAINS}, for example *.example.com, which "
            "stands for example.com and all of its sub-domains"
        )
    for domain in domains:
        if "/" in domain or not is_host(normalize_domain(domain).removeprefix(WILDCARD)):
            raise ValueError(
                f"{domain[:80]!r} is not a domain; accepted: a host name, or *. and one for its sub-domains too, for "
                "example shop.example or *.shop.example"
            )


def _check_flag(value: bool) -> None:
    if not isinstance(value, bool):
        raise ValueError("not a flag; accepted: true or false, for example true")


def _check_days(days: int | None) -> None:
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 36500):
        raise ValueError(
            f"{days!r} is not accepted; accepted: 1 to 36500 days, or null for EVENT_RETENTION_DAYS, for example 90"
        )


FIELD_CHECKS: dict[str, Any] = {
    "key": check_site_key,
    "name": _check_name,
    "zone": clock.zone,
    "types": _one_of("open", "strict"),
    "event_types": _check_types,
    "identity": _one_of("trust", "enforce", "override"),
    "public_ingest": _check_flag,
    "public_stats": _check_flag,
    "allowed_origins": _check_origins,
    "domains": _check_domains,
    "embed_origins": _check_origins,
    "event_retention_days": _check_days,
    "visitor_window": _one_of(*WINDOWS),
    "visitor_by": _one_of(*BY_TEXTS),
}
