"""The site that a request names: in its path, its query, the header X-Site-ID or its body. All views read it here.

Two that differ are refused: events or figures of the wrong site would look right. auth/guard.py has the site of a
request that names none, and says whether the caller may use it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import Schema
from marshmallow.fields import String
from marshmallow.validate import Length

from analytics.errors import BadInput, Problem
from analytics.web.app import current_request

SITE_NAMES = ("site", "site_id", "website_id", "siteId")
SITE_HEADER = "X-Site-ID"
# How a site is named, and its key.
NamedSite = tuple[str, str]


def _key_field() -> String:
    return String(validate=Length(1, 1024))


class SiteFields(Schema):
    """The site: `site`, or one of its other names."""

    site = _key_field()
    site_id = _key_field()
    website_id = _key_field()
    siteId = _key_field()  # noqa: N815 - the spelling of seed 004


def read_requested_site(body: Mapping[str, Any] | None = None) -> str | None:
    """The site that the current request names. Raises BadInput for two. `body`: the object that may name it."""
    request = current_request()
    in_path = [("the path", key) for name, key in (request.view_args or {}).items() if name in SITE_NAMES]
    in_query = pick_sites(request.args.items(multi=True))
    if empty := [name for name, key in in_query if not key]:
        detail = f"{empty[0]}: the key is empty; accepted: the key of a site, for example {empty[0]}=shop"
        raise BadInput(detail, [Problem(None, empty[0], "bad_parameter", detail)])
    in_header = (SITE_HEADER, request.environ.get("HTTP_X_SITE_ID", ""))
    return agree_on_site([*in_path, *in_query, in_header, *pick_sites((body or {}).items(), " in the body")])


def agree_on_site(named: Iterable[NamedSite]) -> str | None:
    """The one site of all that are named; empty keys name none. Raises BadInput for two."""
    chosen, chosen_how = "", ""
    for how, key in named:
        if key and chosen and key != chosen:
            detail = f"the request names two sites, {chosen[:80]!r} ({chosen_how}) and {key[:80]!r} ({how})"
            detail = f"{detail}; accepted: one site, for example site=shop"
            raise BadInput(detail, [Problem(None, "site", "bad_parameter", detail)])
        chosen, chosen_how = (key, how) if key and not chosen else (chosen, chosen_how)
    return chosen or None


def name_site(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the requested site as `site`, and none of its other names. Raises BadInput."""
    key = read_requested_site(body)
    rest = {name: value for name, value in body.items() if name not in SITE_NAMES}
    return rest if key is None else {**rest, "site": key}


def pick_sites(pairs: Iterable[tuple[str, Any]], where: str = "") -> list[NamedSite]:
    """Those of the pairs (name, value) that name a site; `where` is added to their names."""
    return [(name + where, key) for name, key in pairs if name in SITE_NAMES]
