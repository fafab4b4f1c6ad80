"""Sends events to a self-hosted analytics service: spooled on disk, stored exactly once."""

from analytics_client.async_client import AsyncClient
from analytics_client.client import Client
from analytics_client.options import Options
from analytics_client.stats import Rejection, Stats
from analytics_client.version import VERSION

__all__ = ["AsyncClient", "Client", "Options", "Rejection", "Stats", "__version__"]

__version__ = VERSION
