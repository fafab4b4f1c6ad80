"""Detects bots: the rule that a user agent matches, if any.

Owns our own patterns; names of crawlers and HTTP libraries come from the crawler-user-agents list. user_agents.py calls
it on a cache miss. All patterns run in one engine, in linear time, so that a hostile user agent cannot stall it.
"""

import re
from enum import StrEnum
from functools import lru_cache

import crawleruseragents  # type: ignore[import-untyped]
from ua_parser_rs import DeviceExtractor


class BotRule(StrEnum):
    """The kind of rule that a bot matches, in the order of evaluation."""

    HTTP_CLIENT = "HTTP client"
    WORD = "word"
    LIST = "crawler list"


# At the start only: "Shop/3.1 (Android 14; Pixel 8) okhttp/4.12" is a user's phone, "okhttp/4.12" alone is a program.
_HTTP_CLIENTS = (
    r"^(?:python|pycurl|urllib|libcurl|curl|wget|fetch libfetch|libfetch|httpie|aria2|lwp|perl|mojolicious|java|okhttp|"
    r"jakarta|ktor|akka-http|clj-http|ruby|rest-client|faraday|http\.rb|httparty|typhoeus|excon|php|symfony|laravel|"
    r"wordpress|http_request\d?|zend|pear|axios|node|undici|got|superagent|needle|bun|deno|dart|go|resty|fasthttp|"
    r"reqwest|hyper|ureq|isahc|hackney|erlang|insomnia|bruno|hoppscotch|k6|vegeta|ab|siege|jmeter|gatling|locust|"
    r"artillery|boto3?|grpc|restsharp|winhttp|wininet|openresty|nginx|httr|libcurl-agent|scalaj-http|"
    r"igetter|newsboat|swcd|thumbor|clamav)(?:[/ :;(_-]|$)",
    r"^(?:libwww|apache-http|guzzle|postman|aws-|azsdk|google-api|google-http|microsoft-cryptoapi|apachebench|lua-resty)",
    r"windowspowershell/",
    r"indy library",
)
_WORDS = (
    r"bots?(?:\b|_)",
    r"crawl|spider|slurp|scrap(?:e|y|ing)|harvest|nutch|heritrix|archiv|ia_archiver|indexer",
    r"rss/\d|^(?:reeder|readkit)/",
    r"fetch(?:er|ing|or)?\b|feed|\brss\b|aggregator|subscribers?\b|readers?\b; |simplepie|liferea|newsblur|inoreader",
    r"monitor(?:ing|s)?\b|uptime|health-?check|kube-probe|synthetic|pingdom|statuscake|nagios|zabbix|prober?\b",
    r"checker|validator|analyzer|auditor?\b|inspect(?:or|ion)?\b|scanner|zgrab|masscan|nmap|nikto|sqlmap|nuclei",
    r"gomezagent|dejaclick|catchpoint|observatory/|burpcollaborator|sparkler/|classifier/|\bsplash version/",
    r"headless|phantomjs|slimerjs|selenium|webdriver|playwright|puppeteer|cypress/|lighthouse|page ?speed|ptst/",
    # "(via secureurl.example.com …)": an image proxy of a mail service.
    r"preview|favicon|link ?check|parser|transcoder|web ?proxy|\(via [\w-]+\.",
    # Bare "Spotify/1.0" fetches podcasts; the apps name their system.
    r"^(?:whatsapp|viber|bluesky)|^spotify/1\.0$",
    # Google's own agents on a phone: "DuplexWeb-Google/1.0".
    r"-google/\d",
    # Assistants that fetch a page for a chat: ChatGPT-User/1.0, Claude-User/1.0, MistralAI-User/1.0.
    r"-user/\d",
    r"like gecko\)?; ?(?:compatible;|[a-z])|safari/[\d.]+ \(compatible;",
    # Crawlers name a contact URL or e-mail address; browsers never do.
    r"https?:/|www\.|\w@[\w-]+\.[a-z]",
)
# Patterns of the list that users' browsers match too: apps with their own browser, and browsers named like a crawler.
# _WORDS matches the crawlers among them ("Sogou web spider"); the previewers are bots because they name no device.
_NOT_ALWAYS_BOTS = frozenset(
    (
        "WhatsApp", "Viber", "MetaIAB Facebook", "Valve\\/Steam", "Notion\\/", "Code\\/1\\.", "Bluesky\\/", "Tumblr\\/",
        "Goodreads", "Trae\\/", "Sogou", "Fluid", "Podimo", "okhttp", "Sonic",
    )
)  # fmt: skip
# What names a phone is not matched: "Android 15; PKH120 Build/AP3A.240617.008", "Android 13; Spider 8"; in agents of
# Instagram "Android (30/11; 480dpi; CUBOT; CUBOT X30; …)", of Facebook "FBMF/CUBOT;"; that maker's name anywhere; nor
# an app that scans paper. Catchpoint's monitors put their name in place of a model.
_MODEL = re.compile(
    r"(Android [\d.]+(?:-[\w.]+)?;(?: ?[a-z]{2}[-_][a-z]{2};)?)(?! ?catchpoint)[^;()]*"
    r"|(\bAndroid \(\d+/[\d.]+;)[^()]*"
    r"|(\bFB(?:MF|BD|DV|CR)/)[^;\]]*"
    r"|(?<![a-z])cubot"
    r"|\bCamScanner/",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _engine() -> DeviceExtractor:
    listed = [entry for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in _NOT_ALWAYS_BOTS]
    libraries = [entry["pattern"] for entry in listed if "http-library" in entry["tags"]]
    return DeviceExtractor(
        [
            *((pattern, "i", BotRule.HTTP_CLIENT, None, None) for pattern in _HTTP_CLIENTS),
            *((pattern, None, BotRule.HTTP_CLIENT, None, None) for pattern in libraries),
            *((pattern, "i", BotRule.WORD, None, None) for pattern in _WORDS),
            *((entry["pattern"], None, BotRule.LIST, None, None) for entry in listed),
        ]
    )


def find_bot_rule(user_agent: str) -> BotRule | None:
    """The first rule that a cleaned user agent matches; about 2 us."""
    match = _engine().extract(_MODEL.sub(r"\1\2\3", user_agent))
    return BotRule(match.family) if match else None
