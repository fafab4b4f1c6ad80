"""The visitor key: the id of a user whose event has no user_id. Pure; the drain derives it, sites choose the rules.

A keyed hash of the address and user agent, or the address alone (`visitor_by`), that is the same for a day or month of
the site's calendar or for ever (`visitor_window`): docs/privacy.md, docs/decisions/0029.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache

from analytics import clock

DAY, MONTH, FOREVER = "day", "month", "forever"
# Window → characters of an ISO date that name it.
WINDOWS: Mapping[str, int] = {DAY: 10, MONTH: 7, FOREVER: 0}
ADDRESS_AND_AGENT, ADDRESS = "address_and_agent", "address"
# In the words of a report's `identity`.
WINDOW_TEXTS: Mapping[str, str] = {DAY: "a day", MONTH: "a month", FOREVER: "for ever"}
BY_TEXTS: Mapping[str, str] = {ADDRESS_AND_AGENT: "address and user agent", ADDRESS: "address"}
# A user agent has up to a kilobyte.
CACHE_SIZE = 8192
# Minutes of a zone and window, of about 130 bytes each: at most 70 MB in all.
MAX_CALENDARS, MAX_MINUTES = 128, 4096


def describe_visitor_key(window: str, by: str) -> str:
    """What the keys of a site are made of, and for how long one is valid."""
    return f"keyed hash of {BY_TEXTS[by]}, {WINDOW_TEXTS[window]}"


class _Periods(dict[str, str]):
    """The periods of the minutes that were asked for: in the drain's hot loop a look-up in a dict costs least."""

    def __init__(self, zone: str, window: str) -> None:
        self._tz, self._window = clock.zone(zone), window

    def __missing__(self, minute: str) -> str:
        if len(self) >= MAX_MINUTES:
            self.clear()
        day = clock.day_of(datetime.fromisoformat(minute + "+00:00"), self._tz)
        period = self[minute] = period_of_day(day, self._window)
        return period


@lru_cache(maxsize=MAX_CALENDARS)
def visitor_periods(zone: str, window: str) -> Mapping[str, str]:
    """UTC minute, such as 2026-01-31T12:00 → the day (2026-01-31) or month (2026-01) of the zone's calendar that holds
    it; '' for the window `forever`. The day is that of clock.day_of, so of the reports. Raises clock.UnknownZone."""
    return _Periods(zone, window)


def period_of_day(day: date, window: str) -> str:
    """The period of a day of the site's calendar."""
    return day.isoformat()[: WINDOWS[window]]


@lru_cache(maxsize=CACHE_SIZE)
def derive_visitor_key(salt: bytes, period: str, site_key: str, ip: str, user_agent: str | None) -> str:
    """ "~" and 120 bits of HMAC-SHA256 of site, address and user agent (None: without), keyed by `salt` and period.

    The same event, sent again, has the same key: its period is of the event's own time. No key outlives its period.
    """
    period_key = hmac.digest(salt, period.encode(), "sha256")
    text = f"{site_key}\0{ip}" if user_agent is None else f"{site_key}\0{ip}\0{user_agent}"
    digest = hmac.digest(period_key, text.encode("utf-8", "replace"), "sha256")
    return "~" + base64.urlsafe_b64encode(digest[:15]).decode()
