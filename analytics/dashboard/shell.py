"""The HTML of a page before its scripts run: which site and person it is for, its files, and its first request.

The browser begins the request while it loads the scripts; app/api.js builds the same address and gets that response.
Only this module and app/state.js know how an address of a page becomes a query.
"""

from collections.abc import Mapping

from flask import render_template

from analytics.auth.principal import Principal
from analytics.dashboard.assets import Assets
from analytics.sites.sites import Site
from config import VERSION

# Pages of a site, and their titles.
PAGES: Mapping[str, str] = {"overview": "Overview"}
# Of the modules that draw the first page, so that the browser need not find them one after the other.
MODULES = (
    *("app/main.js", "vendor/preact.js", "app/state.js", "app/api.js", "app/format.js", "app/words.js"),
    *("parts/panel.js", "parts/kpis.js", "charts/line.js", "pages/overview.js"),
)
KPIS = ("Visitors", "Visits", "Page views", "Views per visit", "Bounce rate", "Visit duration")


def build_shell(assets: Assets, person: Principal, page: str, site: Site | None) -> str:
    """The page of a site, or without one that of all sites."""
    title = f"{site.name} · {PAGES[page]}" if site else "Sites"
    return render_template(
        "shell.html",
        assets=assets,
        modules=[name for name in MODULES if name in assets.files],
        first="",
        page=page,
        site=site,
        title=title,
        person=person,
        scopes=" ".join(sorted(person.scopes)),
        version=VERSION,
        kpis=KPIS,
    )
