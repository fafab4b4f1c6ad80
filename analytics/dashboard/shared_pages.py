"""Pages of one site for readers without an account: by a share link, or of a site with `public_stats`.

views.py calls it. They are read only, use no cookie, and show what shared_reads.py lists. A token that is not valid and
a site that is not public are answered as those that never existed. Decision 0047.
"""

from typing import NamedTuple

from flask import Response, render_template, request

from analytics.auth.guard import find_link_reader
from analytics.dashboard.assets import Assets
from analytics.dashboard.headers import make_shared_page
from analytics.dashboard.shell import OVERVIEW, SharedView, build_shell
from analytics.errors import Gone, NotFound
from analytics.extensions import db
from analytics.reports.request import find_public_site, read_as_anybody
from analytics.sites.sites import Site, find_site

PAGES = (OVERVIEW, "realtime")
THEMES = ("light", "dark")
LANGUAGES = ("en", "de")


class Found(NamedTuple):
    """What an address shows. `path`: of its overview, outside of a frame; `token`: empty on a public site."""

    site: Site
    path: str
    token: str = ""


def find_by_link(token: str) -> Found | None:
    """None where the token is not valid, whyever. Raises TooMany and Unavailable."""
    reader = find_link_reader(token)
    try:
        return reader and Found(find_site(db.engine, min(reader.sites or ())), f"/share/{token}", token)
    except (NotFound, Gone):
        return None


def find_public(key: str) -> Found | None:
    """None where no site with this key is public. Raises TooMany and Unavailable."""
    site = find_public_site(key)
    if site is None:
        return None
    read_as_anybody(site)
    return Found(site, f"/public/{site.key}")


def show(assets: Assets, found: Found | None, page: str, is_embedded: bool = False) -> Response:
    """The page; 404 for an address that shows nothing."""
    if found is None or page not in PAGES:
        return make_shared_page(render_template("not_shared.html", assets=assets, language=read_language()), 404)
    theme = request.args.get("theme", "")
    view = SharedView(found.path, found.token, is_embedded, theme if is_embedded and theme in THEMES else "")
    html = build_shell(assets, None, page, found.site, request.args.to_dict(), view)
    return make_shared_page(html, embed_origins=found.site.embed_origins if is_embedded else ())


def read_language() -> str:
    """The first of the browser's languages that the page has."""
    wished = (name[:2].lower() for name in request.accept_languages.values())
    return next((name for name in wished if name in LANGUAGES), "en")
