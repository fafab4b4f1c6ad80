"""What random events are made of, with what the documentation says becomes of each: written by hand, never computed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Agent(NamedTuple):
    """A user agent and its class."""

    text: str
    is_bot: bool
    browser: str = ""
    os: str = ""
    device: str = ""


WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
AGENTS = [
    Agent(f"{WINDOWS}; rv:128.0) Gecko/20100101 Firefox/128.0", False, "Firefox", "Windows", "desktop"),
    Agent(
        f"{WINDOWS}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        False, "Chrome", "Windows", "desktop",
    ),
    Agent(
        f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        False, "Safari", "macOS", "desktop",
    ),
    Agent(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5"
        " Mobile/15E148 Safari/604.1",
        False, "Safari", "iOS", "mobile",
    ),
    Agent(
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile"
        " Safari/537.36",
        False, "Chrome", "Android", "mobile",
    ),
]  # fmt: skip
BOTS = [
    Agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True, "Googlebot"),
    Agent("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True, "bingbot"),
    Agent("curl/8.5.0", True, "curl"),
]
# An event without an agent, of a client whose own agent says nothing: no browser, and no bot.
NO_AGENT = Agent("", False)


class Page(NamedTuple):
    """A page as sent, and the path, host and campaign in it."""

    sent: str
    path: str
    host: str = ""
    utm: Mapping[str, str] = MappingProxyType({})


PAGES = [
    Page("/", "/"),
    Page("/z", "/z"),
    Page("/b", "/b"),
    Page("/pricing", "/pricing"),
    Page("/cart", "/cart"),
    Page("/blog/one?utm_source=newsletter&utm_medium=email&utm_campaign=spring", "/blog/one", "",
         {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "spring"}),
    Page("/blog/two?utm_source=google&utm_medium=cpc&utm_term=green%20tea&utm_content=b", "/blog/two", "",
         {"utm_source": "google", "utm_medium": "cpc", "utm_term": "green tea", "utm_content": "b"}),
    Page("https://shop.example/checkout?step=2#pay", "/checkout", "shop.example"),
    Page("https://shop.example", "/", "shop.example"),
]  # fmt: skip


class Referrer(NamedTuple):
    """A referrer as sent, as stored, its source, and the host on which it is none."""

    sent: str
    stored: str
    source: str
    host: str = ""


REFERRERS = [
    Referrer("https://www.google.com/search?q=tea", "https://www.google.com/search", "Google", "google.com"),
    Referrer("https://duckduckgo.com/", "https://duckduckgo.com/", "DuckDuckGo", "duckduckgo.com"),
    Referrer("https://blog.example/post?id=1#top", "https://blog.example/post", "blog.example", "blog.example"),
    Referrer("https://shop.example/start", "https://shop.example/start", "shop.example", "shop.example"),
    Referrer("/login", "/login", ""),
]
SEARCH_ENGINES = {"Google", "DuckDuckGo"}
# utm_source as sent, and the source that it names.
NAMED_SOURCES = {"newsletter": "newsletter", "Newsletter": "newsletter", "(other)": "(other)", "google": "Google"}
HOSTNAMES = ["", "", "shop.example", "blog.example"]
LANGUAGES = ["", "de-CH", "en-US", "fr"]
# A screen as sent, and its class.
SCREENS = [("", ""), ("1920x1080", "desktop"), ("390x844", "phone"), ("800x600", "tablet"), ("1280", "laptop")]
# Country, region and city as sent; a country is stored in capitals.
PLACES = [
    ("DE", "Bavaria", "Munich"), ("de", "Berlin", "Berlin"), ("DE", "", "Berlin"), ("US", "New York", "New York"),
    ("NP", "", ""), ("WS", "", "Apia"), ("AU", "New South Wales", ""), ("", "", ""), ("", "", ""),
]  # fmt: skip
CONTINENTS = {"DE": "Europe", "US": "North America", "NP": "Asia", "WS": "Oceania", "AU": "Oceania"}
# An address as it is stored, and spellings of it.
ADDRESSES = {
    "203.0.113.7": ["203.0.113.7", "203.0.113.7", "203.0.113.7:5123", "::ffff:203.0.113.7"],
    "203.0.113.8": ["203.0.113.8", "203.0.113.8"],
    "2001:db8::7": ["2001:db8::7", "2001:DB8:0:0::7", "[2001:db8::7]:443"],
}
CODES = ["tea", "mug", "spoon", "a/b"]
# The type as sent, and as stored.
STORED_TYPES = {"pageview": "page_view"}
