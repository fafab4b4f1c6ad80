"""Columns derived from an event's user agent, IP address, page and referrer. The drain calls it for every event.

Pure functions behind bounded caches: no Flask, no clock, no environment. Never raises on a client's input.
"""

from analytics.ingest.enrich.geolocation import GeoDatabase, Location, open_geo_database
from analytics.ingest.enrich.pages import Page, split_page, split_url
from analytics.ingest.enrich.referrals import Referral, split_referrer
from analytics.ingest.enrich.user_agents import Client, is_visitor_agent, parse_user_agent

__all__ = [
    "Client",
    "GeoDatabase",
    "Location",
    "Page",
    "Referral",
    "is_visitor_agent",
    "open_geo_database",
    "parse_user_agent",
    "split_page",
    "split_referrer",
    "split_url",
]
