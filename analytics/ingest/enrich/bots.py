"""Why a user agent is not a person's: the rule it falls under, if any.

Owns our own words; names of crawlers and HTTP libraries come from the crawler-user-agents list. Called by clients.py
on a cache miss. All patterns run in one engine, in linear time, so that a hostile agent cannot stall it.
"""

import re
from enum import StrEnum
from functools import lru_cache

import crawleruseragents  # type: ignore[import-untyped]
from ua_parser_rs import DeviceExtractor


class Rule(StrEnum):
    """Which kind of rule found a bot, in the order they are tried."""

    HTTP_CLIENT = "HTTP client"
    WORD = "word"
    LIST = "crawler list"


# At the start only: "Shop/3.1 (Android 14; Pixel 8) okhttp/4.12" is a person's phone, "okhttp/4.12" alone is nobody's.
_HTTP_CLIENTS = (
    r"^(?:python|pycurl|urllib|libcurl|curl|wget|fetch libfetch|libfetch|httpie|aria2|lwp|perl|mojolicious|java|okhttp|"
    r"jakarta|ktor|akka-http|clj-http|ruby|rest-client|faraday|http\.rb|httparty|typhoeus|excon|php|symfony|laravel|"
    r"wordpress|http_request\d?|zend|pear|axios|node|undici|got|superagent|needle|bun|deno|dart|go|resty|fasthttp|"
    r"reqwest|hyper|ureq|isahc|hackney|erlang|insomnia|bruno|hoppscotch|k6|vegeta|ab|siege|jmeter|gatling|locust|"
    r"artillery|boto3?|grpc|restsharp|winhttp|wininet|openresty|nginx|httr|libcurl-agent)(?:[/ :;(_-]|$)",
    r"^(?:libwww|apache-http|guzzle|postman|aws-|azsdk|google-api|google-http|microsoft-cryptoapi|apachebench|lua-resty)",
    r"windowspowershell/",
    r"indy library",
)
_WORDS = (
    r"bots?(?:\b|_)",
    r"crawl|spider|slurp|scrap(?:e|y|ing)|harvest|nutch|heritrix|archiv|ia_archiver|indexer",
    r"fetch(?:er|ing|or)?\b|feed|\brss\b|aggregator|subscribers?\b|readers?\b; |simplepie|liferea|newsblur|inoreader",
    r"monitor(?:ing|s)?\b|uptime|health-?check|kube-probe|synthetic|pingdom|statuscake|nagios|zabbix|prober?\b",
    r"checker|validator|analyzer|auditor?\b|inspect(?:or|ion)?\b|scanner|zgrab|masscan|nmap|nikto|sqlmap|nuclei",
    r"headless|phantomjs|slimerjs|selenium|webdriver|playwright|puppeteer|cypress/|lighthouse|page ?speed|ptst/",
    r"preview|favicon|link ?check|parser|transcoder|web ?proxy",
    r"^(?:whatsapp|viber|bluesky)",
    # Agents fetching for a chat: ChatGPT-User/1.0, Claude-User/1.0, MistralAI-User/1.0.
    r"-user/\d",
    r"like gecko\)?; ?(?:compatible;|[a-z])|safari/[\d.]+ \(compatible;",
    # An address to complain to is what crawlers are asked to give, and browsers never do.
    r"https?:/|www\.|\w@[\w-]+\.[a-z]",
)
# Names of the list under which people browse too: apps with a browser of their own, and browsers called like a crawler.
# The crawlers among them are found by their words ("Sogou web spider"), the previewers because they name no device.
_NOT_ALWAYS_BOTS = frozenset(
    (
        "WhatsApp", "Viber", "MetaIAB Facebook", "Valve\\/Steam", "Notion\\/", "Code\\/1\\.", "Bluesky\\/", "Tumblr\\/",
        "Goodreads", "Trae\\/", "Sogou", "Fluid", "Podimo", "okhttp",
    )
)  # fmt: skip
# A phone's model and build are no names of bots: "Android 15; PKH120 Build/AP3A.240617.008", "Android 13; Spider 8".
_MODEL = re.compile(r"(Android [\d.]+(?:-[\w.]+)?;(?: ?[a-z]{2}[-_][a-z]{2};)?)[^;()]*", re.IGNORECASE)


@lru_cache(maxsize=1)
def _engine() -> DeviceExtractor:
    listed = [entry for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in _NOT_ALWAYS_BOTS]
    libraries = [entry["pattern"] for entry in listed if "http-library" in entry["tags"]]
    return DeviceExtractor(
        [
            *((pattern, "i", Rule.HTTP_CLIENT, None, None) for pattern in _HTTP_CLIENTS),
            *((pattern, None, Rule.HTTP_CLIENT, None, None) for pattern in libraries),
            *((pattern, "i", Rule.WORD, None, None) for pattern in _WORDS),
            *((entry["pattern"], None, Rule.LIST, None, None) for entry in listed),
        ]
    )


def find_rule(user_agent: str) -> Rule | None:
    """The first rule that a cleaned user agent falls under; about 2 us."""
    found = _engine().extract(_MODEL.sub(r"\1", user_agent))
    return Rule(found.family) if found else None
