"""The source, channel and host of a stored event by today's rules and the site's domains. Pure. days.py calls it.

A stored event has less than the one that arrived: no query of its page, and before `hostname` was stored not even its
host. So what only these told is kept: that a click id says `paid` or names the source, and that a referrer is of the
site itself.
"""

from typing import NamedTuple

from analytics.ingest.decoding.long_urls import LINK_IDS
from analytics.ingest.enrich import split_referrer, split_url
from analytics.ingest.enrich.channels import Campaign, Channel
from analytics.sites.domains import OwnDomains, without_www

# The click id of an event that has one which is not stored.
UNKNOWN_CLICK_ID = "unknown"


class Classification(NamedTuple):
    """The columns that reclassifying may change; '' for NULL."""

    referrer: str
    hostname: str
    source: str
    channel: str


class StoredCampaign(NamedTuple):
    """The columns that it reads besides; '' for NULL."""

    utm_source: str
    utm_medium: str
    utm_campaign: str


def reclassify(stored: Classification, campaign: StoredCampaign, own: OwnDomains) -> Classification:
    """The columns by today's rules. Of its own result, and of an event that has just arrived, it changes nothing."""
    hostname = stored.hostname or _find_former_host(stored)
    was_paid = stored.channel == Channel.PAID
    link = Campaign(*campaign, UNKNOWN_CLICK_ID if was_paid else _find_link_id(stored, campaign))
    referrer, source, channel = split_referrer(stored.referrer, hostname or None, own, link)
    if was_paid and channel == Channel.PAID and source is None:
        # The click id named it.
        source = stored.source
    return Classification(referrer or "", hostname, source or "", str(channel))


def _find_link_id(stored: Classification, campaign: StoredCampaign) -> str:
    """The click id that named the source of an unpaid link, where nothing else that is stored did; '' for none."""
    if stored.referrer or campaign.utm_source:
        return ""
    return next((name for name, source in LINK_IDS.items() if source == stored.source), "")


def _find_former_host(stored: Classification) -> str:
    """The host of the page of an event from before hosts were stored, where its classification tells: a referrer with a
    host was no source only if the page had the same one."""
    if stored.channel or stored.source or not stored.referrer:
        return ""
    address = split_url(stored.referrer)
    return without_www(address.host) if address.scheme in ("http", "https") else ""
