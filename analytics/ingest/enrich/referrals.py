"""A referrer and a campaign → the URL to store, the source that reports group by, and the channel. The drain calls it.

Names: source_names.py; channels: channels.py. Pure, cached, never raises. A referrer without a host ("/login"), or of
one of the site's own hosts, is a page of the site itself: it is no source, whatever the campaign.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from analytics.ingest.decoding.long_urls import CLICK_IDS, LINK_IDS
from analytics.ingest.enrich.channels import NO_CAMPAIGN, Campaign, Channel, find_channel
from analytics.ingest.enrich.pages import MAX_CACHED_CHARACTERS, MAX_URL_CHARACTERS, UrlParts, split_url
from analytics.ingest.enrich.source_names import (
    Source,
    SourceKind,
    find_app_source,
    find_host_source,
    find_named_source,
)
from analytics.ingest.enrich.text import clean_or_none
from analytics.sites.domains import OwnDomains, normalize_host, own_domains, without_www
from analytics.store.folding import fold


class Referral(NamedTuple):
    """The referrer without user, query and fragment; the source: a name, else the host without "www."; the channel."""

    referrer: str | None
    source: str | None
    channel: str = Channel.DIRECT


NO_DOMAINS = own_domains(())
_APPS = frozenset(("android-app", "ios-app"))
_KNOWN_SCHEMES = _APPS | {"", "http", "https"}
# "news.ycombinator.com/item", as some clients send it. A page of the site itself would begin with a slash.
_BARE_HOST = re.compile(r"(?:[^\W_][\w-]*\.)+(?!(?:html?|php|aspx?|jsp)\b)[^\W\d_][\w-]{1,62}(?=[:/]|$)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SOURCE_CHARACTERS = 255


def split_referrer(
    referrer: str, own_host: str | None, own: OwnDomains = NO_DOMAINS, campaign: Campaign = NO_CAMPAIGN
) -> Referral:
    """The parts of a referrer to store, of an event on the page's host `own_host` of a site with the domains `own`."""
    return (_split_cached if len(referrer) <= MAX_CACHED_CHARACTERS else _split)(referrer, own_host, own, campaign)


def _split(referrer: str, own_host: str | None, own: OwnDomains, campaign: Campaign) -> Referral:
    address = split_url(referrer)
    if not address.scheme and _BARE_HOST.match(address.path):
        address = split_url("https://" + address.path)
    # about:client, chrome-extension://…, file:///…: not a page that can send visitors.
    if address.scheme not in _KNOWN_SCHEMES or bool(address.scheme) != bool(address.host):
        return _of_campaign(None, None, campaign)
    if not address.scheme:
        is_page = bool(address.path) and not _OTHER_SCHEME.match(address.path)
        if not is_page:
            return _of_campaign(None, None, campaign)
        return Referral(clean_or_none(address.path, MAX_URL_CHARACTERS), None, Channel.INTERNAL)
    stored = clean_or_none(_join(address), MAX_URL_CHARACTERS)
    if address.scheme not in _APPS and _is_own(address.host, own_host, own):
        return Referral(stored, None, Channel.INTERNAL)
    return _of_campaign(stored, _find_source(address), campaign)


_split_cached = lru_cache(maxsize=8192)(_split)


def _join(address: UrlParts) -> str:
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.host}{port}{address.path}"


def _is_own(host: str, own_host: str | None, own: OwnDomains) -> bool:
    is_page_host = bool(own_host) and without_www(host) == without_www(normalize_host(own_host or ""))
    return is_page_host or host in own


def _find_source(address: UrlParts) -> Source | None:
    host = without_www(address.host)
    known = find_app_source(host) if address.scheme in _APPS else find_host_source(host)
    name = clean_or_none(host, _SOURCE_CHARACTERS)
    return known or (Source(name, SourceKind.OTHER) if name else None)


def _of_campaign(stored: str | None, sender: Source | None, campaign: Campaign) -> Referral:
    """What a campaign names is the source; else where the referrer says that the visitor came from; else whose click
    id there is."""
    source = _named_source(campaign.source) or sender
    if source is None and campaign.click_id in CLICK_IDS:
        source = Source(CLICK_IDS[campaign.click_id], SourceKind.ADVERTISING)
    elif source is None and campaign.click_id in LINK_IDS:
        source = find_named_source(LINK_IDS[campaign.click_id])
    name, kind = source or (None, None)
    return Referral(stored, name, find_channel(campaign, name, kind))


def _named_source(text: str) -> Source | None:
    """The source that utm_source names; a name that is not in the table, folded, a host without "www."."""
    cleaned = clean_or_none(text, _SOURCE_CHARACTERS)
    if cleaned is None:
        return None
    return find_named_source(without_www(fold(cleaned))) or Source(without_www(fold(cleaned)), SourceKind.OTHER)
