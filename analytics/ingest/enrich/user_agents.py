"""A user agent → browser, operating system, kind of device, and whether it is a bot. Names: docs/decisions/0002.

The drain and imports call it. Pure and cached. The patterns (25 MB) are compiled at the first call in a process.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ua_parser import Domain, Matchers, load_lazy_builtins
from ua_parser.regex import Resolver

from analytics.ingest.enrich.bots import BotRule, find_bot_rule
from analytics.ingest.enrich.text import clean_or_none, clean_text


class Client(NamedTuple):
    """The client that a user agent names; a bot's browser is the bot's own name."""

    browser: str | None
    os: str | None
    device: str | None
    is_bot: bool


UNKNOWN_CLIENT = Client(None, None, None, False)

# In-app browsers send up to 600 characters; more is not read.
_READ_CHARACTERS = 1024
_NAME_CHARACTERS = 64
_BROWSERS = {
    "Android": "Android Browser",
    "Chrome Mobile WebView": "Android WebView",
    "Google": "Google App",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Mobile Safari": "Safari",
    "MobileSafari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
}
# "Chrome Mobile iOS" is Chrome: system and device have columns of their own.
_VARIANT = re.compile(r"(?: (?:Mobile|iOS|Alpha|Beta))+$")
_SYSTEMS = {
    "ATV OS X": "tvOS",
    "Chrome OS": "ChromeOS",
    "Mac OS": "macOS",
    "Mac OS X": "macOS",
    "WatchOS": "watchOS",
    "Web0S": "webOS",
    "Windows Mobile": "Windows Phone",
} | dict.fromkeys(
    (
        "Arch Linux", "BackTrack", "CentOS", "Debian", "Fedora", "Gentoo", "Kubuntu", "Linux Mint", "Lubuntu", "Mageia",
        "Mandriva", "PCLinuxOS", "Puppy", "Red Hat", "Slackware", "SUSE", "Ubuntu", "openSUSE",
    ),
    "Linux",
)  # fmt: skip
_ON_DESKS = frozenset(("ChromeOS", "FreeBSD", "Linux", "NetBSD", "OpenBSD", "Solaris", "Windows", "macOS"))
_ON_TV = re.compile(r"\b(?:Hbb|Apple|Android|Google|Mi)?TV\b|Smart-?TV|BRAVIA|\bRoku|\bCrKey\b|\bAFT[A-Z0-9]+\b", re.I)
_ON_CONSOLE = re.compile(r"PlayStation|Nintendo|Xbox", re.I)
# Internet Explorer says "Tablet PC" on any Windows with a pen.
_ON_TABLET = re.compile(r"iPad|Tablet(?! PC)|Kindle|PlayBook|\bSilk/(?!.*Mobile)")
# Also browsers and systems of people that ua-parser does not know: of the Amiga, of BeOS, of a terminal.
_NAMES_BROWSER = re.compile(r"\bbrowser\b|Amiga|BeOS|Syllable|Inferno\)|^w3m/", re.IGNORECASE)
_ON_PHONE = re.compile(r"Mobi|iPhone|iPod|Phone|Symbian|BlackBerry|\bBB10\b|MIDP|J2ME|MAUI|\bWAP\b|Opera Mini")


def parse_user_agent(user_agent: str) -> Client:
    """The client. An empty user agent gives all None, and not a bot. A miss takes about 45 us."""
    # Cut first, so that the cache's keys are bounded too.
    return _parse(user_agent if len(user_agent) <= _READ_CHARACTERS else user_agent[:_READ_CHARACTERS])


@lru_cache(maxsize=1024)
def is_visitor_agent(user_agent: str) -> bool:
    """True when a connection's user agent is that of the visitor's own device or of a crawler.

    False for a program that reports events of its users ("python-requests/2", "Shop-Backend/1.0"): its user agent must
    not make its users bots. Such a user agent names neither a system nor a device.
    """
    text = clean_text(user_agent[:_READ_CHARACTERS], _READ_CHARACTERS)
    if find_bot_rule(text) is BotRule.HTTP_CLIENT:
        return False
    return text.startswith(("Mozilla/", "Opera/")) or parse_user_agent(text).device is not None


@lru_cache(maxsize=8192)
def _parse(user_agent: str) -> Client:
    text = clean_text(user_agent, _READ_CHARACTERS)
    if not text:
        return UNKNOWN_CLIENT
    match = _resolver()(text, Domain.USER_AGENT | Domain.OS)
    # Dalvik is Android's virtual machine: an app without a name.
    is_app = text.startswith("Dalvik/")
    browser = _name_browser(match.user_agent.family) if match.user_agent and not is_app else None
    system = _name_system(match.os.family) if match.os else None
    device = _find_device(text, system)
    # Neither browser nor device: a program's name, or noise, unless it calls itself a browser.
    is_known = browser is not None or device is not None or _NAMES_BROWSER.search(text) is not None
    is_bot = find_bot_rule(text) is not None or not is_known
    return Client(browser, system, device, is_bot)


@lru_cache(maxsize=1)
def _resolver() -> Resolver:
    # The device patterns would cost another 15 MB, and only distinguish models.
    browsers, systems, _ = load_lazy_builtins()
    matchers: Matchers = (browsers, systems, [])
    return Resolver(matchers)


def _name_browser(family: str) -> str | None:
    return clean_or_none(_BROWSERS.get(family) or _VARIANT.sub("", family), _NAME_CHARACTERS)


def _name_system(family: str) -> str | None:
    return clean_or_none(_SYSTEMS.get(family, family), _NAME_CHARACTERS)


def _find_device(user_agent: str, system: str | None) -> str | None:
    if _ON_TV.search(user_agent) or system in ("tvOS", "webOS"):
        return "tv"
    if _ON_CONSOLE.search(user_agent):
        return "console"
    if _ON_TABLET.search(user_agent):
        return "tablet"
    if _ON_PHONE.search(user_agent) or system == "iOS":
        return "mobile"
    if system == "Android":
        # Browsers on tablets omit "Mobile"; apps never send it.
        return "tablet" if user_agent.startswith("Mozilla/") else "mobile"
    return "desktop" if system in _ON_DESKS else None
