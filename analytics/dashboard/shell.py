"""The HTML of a page before its scripts run: which site and person it is for, its files, and its first request.

The browser begins the request while it loads the scripts; app/api.js builds the same address and gets that response.
Only this module and app/state.js, app/api.js know how the address of a page becomes a query.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote_plus

from flask import render_template

from analytics import clock
from analytics.auth.principal import Principal
from analytics.dashboard.assets import Assets
from analytics.reports.report_period import MAX_DAYS_BY_GRANULARITY
from analytics.reports.responses.shared_reads import HARMLESS_DIMENSIONS
from analytics.sites.sites import Site
from config import VERSION

# Pages of a site, and their titles.
PAGES: Mapping[str, str] = {
    "overview": "Overview",
    "realtime": "Realtime",
    "links": "Links",
    "events": "Goals & events",
    "funnels": "Funnels",
    "retention": "Retention",
    "journeys": "Journeys",
    "experiments": "Experiments",
    "users": "Users",
    "exports": "Exports",
    "samples": "Samples",
    "operations": "Operations",
    "settings": "Settings",
    "start": "Install",
}
OVERVIEW = "overview"
# Pages with a style sheet of their own.
STYLES: Mapping[str, str] = {
    "events": "events.css",
    "experiments": "events.css",
    "funnels": "funnels.css",
    "users": "funnels.css",
}
KPIS = ("Visitors", "Visits", "Page views", "Views per visit", "Bounce rate", "Visit duration")
SITES_REQUEST = "/api/analytics/reports/overview/sites?days=28&compare=previous&limit=100"
LISTS = (
    *("path", "entry_path", "exit_path", "channel", "source", "referrer", "utm_campaign", "utm_source", "country"),
    *("region", "city", "browser", "os", "device", "type", "goals", "busiest_hours"),
)
# Those that a share link or a public site shows.
SHARED_LISTS = tuple(name for name in LISTS if name in (*HARMLESS_DIMENSIONS, "busiest_hours"))
MEASURES, ROWS = "visitors,visits,events", "9"
UNITS = ("hour", "day", "week", "month")
DAY = re.compile(r"[1-9]\d{3}-\d\d-\d\d", re.ASCII)
# Parameters of the page of users, which are those of the API (users/schemas.py).
GROUP = (
    *("funnel", "step", "reached", "cohort", "unit", "offset"),
    *("goal", "exposure_type", "variant_property", "variant", "converted", "type"),
)
USER_ROWS, TIMELINE_ROWS, TYPE_ROWS = "50", "100", "200"
RETENTION_PERIOD = "91d"
DEFAULT_PERIOD, DAYS = "28d", {"day": "1", "7d": "7", "28d": "28", "91d": "91"}


class SharedView(NamedTuple):
    """How a page is shown to a reader without an account. `path`: of the overview; `token`: empty on a public site;
    `theme`: light, dark, or empty: as the browser is set."""

    path: str
    token: str
    is_embedded: bool
    theme: str


def build_shell(
    assets: Assets,
    person: Principal | None,
    page: str,
    site: Site | None,
    address: Mapping[str, str],
    shared: SharedView | None = None,
) -> str:
    """The page of a site, or without one that of all sites. `address`: the query of the page's address; `shared`: for
    somebody without an account."""
    # So that the browser need not find them one after the other. A page of the build starts itself.
    modules = assets.preloads.get(f"pages/{page}.js", ["app/main.js"])
    return render_template(
        "shell.html",
        assets=assets,
        modules=modules,
        first=_first_request(page, site, address, person, shared),
        page=page,
        style="app.css" if site is None or page == OVERVIEW else STYLES.get(page, "pages.css"),
        site=site,
        title=f"{site.name} · {PAGES[page]}" if site else "Sites",
        user=person.subject if person else "",
        scopes=" ".join(sorted(person.scopes)) if person else "",
        shared=shared,
        version=VERSION,
        kpis=KPIS,
    )


def _first_request(
    page: str, site: Site | None, address: Mapping[str, str], person: Principal | None, shared: SharedView | None
) -> str:
    """Empty for a page whose first request depends on more than its address, and where the reader may not make it."""
    if site is None:
        return SITES_REQUEST
    if page == OVERVIEW:
        return _overview_request(site, address, shared)
    if page in FIXED_REQUESTS:
        return f"{FIXED_REQUESTS[page]}?site={_encode(site.key)}"
    may_list = person is not None and not person.scopes.isdisjoint({"export", "admin"})
    if page not in FIRST_REQUESTS or (page == "users" and not may_list):
        return ""
    return FIRST_REQUESTS[page](site, address, clock.now())


def build_users_request(site: Site, address: Mapping[str, str], now: datetime) -> str:
    """The list of users, or the events of one, as parts/user_group.js builds it."""
    period, _ = _read_period(address, clock.day_of(now, clock.zone(site.zone)))
    query, user = {"site": site.key, **period}, address.get("user")
    if user:
        return _join("/api/analytics/reports/users/timeline", query | {"user_id": user, "limit": TIMELINE_ROWS})
    names = ("filter", *GROUP)
    given = {name: address[name] for name in names if address.get(name)} | {"limit": USER_ROWS}
    # A cohort is its own period.
    return _join("/api/analytics/reports/users", ({"site": site.key} if "cohort" in given else query) | given)


def build_retention_request(site: Site, address: Mapping[str, str], now: datetime) -> str:
    """The grid, as pages/retention.js builds it."""
    period, days = _read_period(address, clock.day_of(now, clock.zone(site.zone)), RETENTION_PERIOD)
    fits, wanted = {"day": days <= 45, "week": days > 13, "month": days > 59}, address.get("unit", "")
    unit = wanted if fits.get(wanted) else "day" if days <= 13 else "week" if days <= 200 else "month"
    given = {name: address[name] for name in ("type", "filter") if address.get(name)}
    return _join("/api/analytics/reports/retention", {"site": site.key, **period, "unit": unit, **given})


def build_journeys_request(site: Site, address: Mapping[str, str], now: datetime) -> str:
    """The page that is seen most, where the address has none, as pages/journeys.js builds it."""
    if address.get("page"):
        return ""
    period, _ = _read_period(address, clock.day_of(now, clock.zone(site.zone)))
    given = {"filter": address["filter"]} if address.get("filter") else {}
    return _join(
        "/api/analytics/reports/breakdown", {"site": site.key, **period, **given, "dimension": "path", "limit": "1"}
    )


def _overview_request(site: Site, address: Mapping[str, str], shared: SharedView | None) -> str:
    if shared is None:
        return build_first_request(site, address, clock.now())
    credential = f"&share={_encode(shared.token)}" if shared.token else ""
    return build_first_request(site, address, clock.now(), SHARED_LISTS) + credential


def build_types_request(site: Site, address: Mapping[str, str], now: datetime) -> str:
    """The list of event types, as pages/events.js builds it; of one type or goal the page asks more."""
    if address.get("type") or address.get("goal"):
        return ""
    period, days = _read_period(address, clock.day_of(now, clock.zone(site.zone)))
    query = {"site": site.key, **period} | ({"filter": address["filter"]} if address.get("filter") else {})
    query |= {"granularity": "day" if days <= 31 else "week" if days <= 210 else "month", "limit": TYPE_ROWS}
    compare, _ = _read_comparison(address.get("compare", ""))
    return _join("/api/analytics/reports/event-types", query | ({} if compare == "none" else {"compare": compare}))


def build_first_request(site: Site, address: Mapping[str, str], now: datetime, lists: Sequence[str] = LISTS) -> str:
    """The request of the overview, as app/api.js builds it."""
    period, days = _read_period(address, clock.day_of(now, clock.zone(site.zone)))
    compare, compared_days = _read_comparison(address.get("compare", ""))
    query = {"site": site.key, **period, "granularity": _granularity(address.get("unit", ""), days, compared_days)}
    if compare != "none":
        query["compare"] = compare
    if address.get("filter"):
        query["filter"] = address["filter"]
    query |= {"lists": ",".join(lists), "measures": MEASURES, "limit": ROWS}
    return _join("/api/analytics/reports/overview", query)


# Of pages whose addresses decide their first requests.
FIRST_REQUESTS: Mapping[str, Callable[[Site, Mapping[str, str], datetime], str]] = {
    "events": build_types_request,
    "users": build_users_request,
    "retention": build_retention_request,
    "journeys": build_journeys_request,
}
# Of pages that begin with the same one at each address.
FIXED_REQUESTS: Mapping[str, str] = {"funnels": "/api/v1/funnels/", "samples": "/metrics"}


def _join(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?" + "&".join(f"{name}={_encode(text)}" for name, text in query.items())


def _read_period(address: Mapping[str, str], today: date, default: str = DEFAULT_PERIOD) -> tuple[dict[str, str], int]:
    """The parameters of the period, and its days."""
    name, month = address.get("period", ""), today.replace(day=1)
    if name == "custom" and (days := _read_days(address.get("from", ""), address.get("to", ""))):
        return {"from": str(days[0]), "to": str(days[1])}, (days[1] - days[0]).days + 1
    last = month - timedelta(days=1)
    others: dict[str, tuple[dict[str, str], int]] = {
        "yesterday": ({"date": str(today - timedelta(days=1))}, 1),
        "month": ({"from": str(month)}, today.day),
        "lastmonth": ({"from": str(last.replace(day=1)), "to": str(last)}, last.day),
        "year": ({"from": f"{today.year:04}-01-01"}, (today - date(today.year, 1, 1)).days + 1),
    }
    count = DAYS.get(name, DAYS[default])
    return others.get(name, ({"days": count}, int(count)))


def _read_comparison(text: str) -> tuple[str, int]:
    """The parameter, and the days of a range; 0 for others."""
    first, _, last = text.partition("..")
    if days := _read_days(first, last):
        return text, (days[1] - days[0]).days + 1
    return text if text in ("none", "year") else "previous", 0


def _read_days(first: str, last: str) -> tuple[date, date] | None:
    if not (DAY.fullmatch(first) and DAY.fullmatch(last)):
        return None
    try:
        return date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None


def _granularity(wanted: str, days: int, compared_days: int) -> str:
    is_readable = {"hour": True, "day": days > 2, "week": days > 13, "month": days > 59}
    if is_readable.get(wanted) and _is_accepted(wanted, max(days, compared_days)):
        return wanted
    suiting = "hour" if days <= 2 else "day" if days <= 92 else "week" if days <= 200 else "month"
    longer = UNITS[UNITS.index(suiting) :]
    return next(unit for unit in longer if _is_accepted(unit, compared_days))


def _is_accepted(unit: str, days: int) -> bool:
    return days <= MAX_DAYS_BY_GRANULARITY.get(unit, days)


def _encode(text: str) -> str:
    """As URLSearchParams of a browser does it (https://url.spec.whatwg.org/#application-x-www-form-urlencoded)."""
    return quote_plus(text, safe="*").replace("~", "%7E")
