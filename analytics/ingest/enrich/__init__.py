"""What an event's user agent, IP, page and referrer say, as columns. Called by the drain for every event.

Pure functions behind bounded caches: no Flask, no clock, no environment. Never raises on what a client sent.
"""

from analytics.ingest.enrich.clients import Client, names_visitor, parse_user_agent
from analytics.ingest.enrich.pages import Page, split_page
from analytics.ingest.enrich.places import GeoDatabase, Place, open_geo
from analytics.ingest.enrich.referrals import Referral, split_referrer

__all__ = [
    "Client",
    "GeoDatabase",
    "Page",
    "Place",
    "Referral",
    "names_visitor",
    "open_geo",
    "parse_user_agent",
    "split_page",
    "split_referrer",
]
