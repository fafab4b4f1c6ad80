"""The lines that put the tracker into a page. views.py and cli.py show them."""

from html import escape
from typing import NamedTuple
from urllib.parse import quote

from analytics.clients.sdk_files import Sdk
from analytics.ingest.pixel.views import PIXEL_PATH
from analytics.sites.sites import Site

TRACKER = "tracker.js"
# Keys are stored hashed, so nobody can be shown one again.
KEY_PLACEHOLDER = "pk_…"


class Snippet(NamedTuple):
    """HTML: the tracker of the latest compatible version, the same pinned to its hash, and the pixel."""

    script: str
    pinned_script: str
    noscript: str


def build_snippet(sdk: Sdk, site: Site, base_url: str, key: str | None = None) -> Snippet:
    """The lines for pages of the site. `key`: a publishable key; without it a site with `public_ingest` needs none, and
    others get a placeholder."""
    key = key or (None if site.public_ingest else KEY_PLACEHOLDER)
    name = sdk.public_name(TRACKER)
    integrity = sdk.find(sdk.version, name).load().integrity
    data = {"data-site": site.key, **({"data-key": key} if key else {})}
    pinned = {"integrity": integrity, "crossorigin": "anonymous", **data}
    query = f"?site={quote(site.key)}" + (f"&key={key}" if key else "")
    return Snippet(
        _script(f"{base_url}/sdk/{sdk.channel}/{name}", data),
        _script(f"{base_url}/sdk/{sdk.version}/{name}", pinned),
        f'<noscript><img src="{escape(base_url + PIXEL_PATH + query)}" alt="" width="1" height="1" '
        'referrerpolicy="no-referrer-when-downgrade"></noscript>',
    )


def _script(address: str, attributes: dict[str, str]) -> str:
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f'<script defer src="{escape(address)}"{written}></script>'
