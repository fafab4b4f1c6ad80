"""User agents → browser, system, device, bot; and which user agents name a visitor."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.enrich import Client, is_visitor_agent, parse_user_agent
from analytics.ingest.enrich.bots import BotRule, find_bot_rule

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

BROWSERS = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome Windows desktop",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome macOS desktop",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome Linux desktop",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome ChromeOS desktop",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36": "Chrome Android mobile",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Safari/537.36": "Chrome Android tablet",
    f"Mozilla/5.0 (Linux; Android 7.0; CUBOT_X18) {WEBKIT} Chrome/119.0.0.0 Mobile Safari/537.36": "Chrome Android mobile",
    f"{IPHONE} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1": "Chrome iOS mobile",
    f"{IPHONE} Version/26.0 Mobile/15E148 Safari/604.1": "Safari iOS mobile",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari iOS tablet",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15": "Safari macOS desktop",
    f"{IPHONE} FxiOS/143.0 Mobile/15E148 Safari/605.1.15": "Firefox iOS mobile",
    f"{IPHONE} Version/18.0 EdgiOS/142.0.3595.66 Mobile/15E148 Safari/605.1.15": "Edge iOS mobile",
    f"{IPHONE} GSA/386.0.818137060 Mobile/15E148 Safari/604.1": "Google_App iOS mobile",
    f"{IPHONE} Mobile/15E148": "iOS_WebView iOS mobile",
    f"{IPHONE} Mobile/15E148 WhatsApp/24.1": "WhatsApp iOS mobile",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0": "Firefox Windows desktop",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0": "Firefox Linux desktop",
    "Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox Linux desktop",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0": "Firefox macOS desktop",
    "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0": "Firefox Android mobile",
    "Mozilla/5.0 (Android 15; Tablet; rv:144.0) Gecko/144.0 Firefox/144.0": "Firefox Android tablet",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": "Edge Windows desktop",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0": "Edge Android mobile",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0": "Opera Windows desktop",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36": "Samsung_Internet Android mobile",
    f"Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) {WEBKIT} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36": "Android_WebView Android mobile",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko": "Internet_Explorer Windows desktop",
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)": "Internet_Explorer Windows desktop",
    f"Mozilla/5.0 (Linux; U; Android 15; zh-CN; PKH120 Build/AP3A.240617.008) {WEBKIT} Version/4.0 Chrome/100.0 UCBrowser/17.5.8.1389 Mobile Safari/537.36": "UC_Browser Android mobile",
    f"Mozilla/5.0 (Linux; Android 9; MiTV-AXSO2) {WEBKIT} Chrome/84.0.4147.111 Mobile Safari/537.36": "Chrome Android tv",
    f"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7233) {WEBKIT} Chrome/70.0.3538.110 Mobile Safari/537.36": "Chrome Android tv",
    f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {WEBKIT} SamsungBrowser/3.0 Chrome/94.0.4606.31 TV Safari/537.36": "Samsung_Internet Tizen tv",
    f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/94.0.4606.128 Safari/537.36 WebAppManager": "Chrome webOS tv",
    "Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15": "Safari - console",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80/191.333; U; en) Presto/2.12.423 Version/12.16": "Opera_Mini - mobile",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A)": "- Android mobile",
    "Shop/3.1 (Android 14; Pixel 8) okhttp/4.12.0": "okhttp Android mobile",
    "Shop/4.2 (com.example.shop; build:77; iOS 18.1.0) Alamofire/5.9.1": "- iOS mobile",
}  # fmt: skip

BOTS = """
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36 (compatible; Googlebot/2.1)
Mozilla/5.0 (Linux; Android 8.0; Pixel 2 Build/OPD3.170816.012; Storebot-Google/1.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/81.0 Mobile Safari/537.36
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko; Google-Sites-Thumbnails) Chrome/120.0.6099.71 Safari/537.36
Mozilla/5.0 (compatible; StatOnlineRuBot/1.0)
Sogou web spider/4.0
GoogleOther
Mediapartners-Google
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36
meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)
facebookexternalhit/1.1
Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)
WhatsApp/2.23.20.0
CCBot/2.0
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36 Chrome-Lighthouse
Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; )
NetNewsWire (RSS Reader; https://netnewswire.com/)
Tiny Tiny RSS/21.11
Miniflux/2.2.3
Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)
Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)
kube-probe/1.30
ELB-HealthChecker/2.0
Prometheus/2.53.0
Mozilla/5.0 zgrab/0.x
Mozilla/5.0
portscout/0.8.1
""".strip().split("\n")

HTTP_CLIENTS = """
curl/8.7.1
Wget/1.21.4
python-requests/2.32.3
python-httpx/0.28.1
Python/3.12 aiohttp/3.11.11
Python-urllib/3.12
Go-http-client/2.0
okhttp/4.12.0
axios/1.7.9
node-fetch/1.0 (+https://github.com/bitinn/node-fetch)
node
undici
got (https://github.com/sindresorhus/got)
Java/17.0.9
Java-http-client/17.0.9
Apache-HttpClient/4.5.14 (Java/17.0.9)
Ruby
Faraday v2.9.0
rest-client/2.1.0 (linux x86_64) ruby/3.2.2p53
GuzzleHttp/7
PHP/8.2
Symfony HttpClient (Curl)
libwww-perl/6.72
LWP::Simple/5.827 libwww-perl/5.833
PostmanRuntime/7.43.0
insomnia/10.3.0
Dart/3.5 (dart:io)
reqwest/0.12
Deno/2.1.4
Bun/1.1.42
HTTPie/3.2.4
Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.2506
""".strip().split("\n")


def _expect(summary: str) -> Client:
    browser, system, device = (None if word == "-" else word.replace("_", " ") for word in summary.split())
    return Client(browser, system, device, is_bot=False)


@pytest.mark.parametrize(("user_agent", "summary"), BROWSERS.items(), ids=list(BROWSERS.values()))
def test_browsers_have_family_names(user_agent, summary):
    assert parse_user_agent(user_agent) == _expect(summary)


@pytest.mark.parametrize("user_agent", ["Test Browser", "Mozilla/5.0 Test Browser", "Maui Browser"])
def test_an_agent_that_calls_itself_a_browser_is_not_a_bot(user_agent):
    assert not parse_user_agent(user_agent).is_bot


@pytest.mark.parametrize("user_agent", [*BOTS, *HTTP_CLIENTS])
def test_programs_are_bots(user_agent):
    assert parse_user_agent(user_agent).is_bot


@pytest.mark.parametrize("user_agent", [*HTTP_CLIENTS, "", "shop-backend/1.0", "acme/2 (+https://acme.example)"])
def test_a_program_that_sends_events_of_its_users_names_no_visitor(user_agent):
    assert not is_visitor_agent(user_agent)


@pytest.mark.parametrize("user_agent", [*BROWSERS, BOTS[0], BOTS[4], BOTS[5]])
def test_devices_and_crawlers_name_a_visitor(user_agent):
    assert is_visitor_agent(user_agent)


@pytest.mark.parametrize(
    ("user_agent", "rule"),
    [
        ("curl/8.7.1", BotRule.HTTP_CLIENT),
        ("Mozilla/5.0 (compatible; SomethingNewBot/1.0)", BotRule.WORD),
        ("Mediapartners-Google", BotRule.LIST),
        (next(iter(BROWSERS)), None),
    ],
    ids=["client", "word", "list", "browser"],
)
def test_a_bot_matches_a_rule(user_agent, rule):
    assert find_bot_rule(user_agent) == rule


@pytest.mark.parametrize("model", ["M bot Tab 103", "Spider 8", "CUBOT ECHO", "ViewSonic A8+ Build/JLS36C", "Expanse"])
def test_a_phone_named_like_a_bot_is_not_a_bot(model):
    assert not parse_user_agent(
        f"Mozilla/5.0 (Linux; Android 13; {model}) {WEBKIT} Chrome/124.0.0.0 Safari/537.36"
    ).is_bot


@pytest.mark.parametrize("user_agent", ["", "   ", "\x00\x01\ud800"], ids=["empty", "blank", "unprintable"])
def test_an_empty_user_agent_gives_no_columns(user_agent):
    assert parse_user_agent(user_agent) == Client(None, None, None, is_bot=False)


def test_only_the_start_of_a_long_user_agent_is_read():
    chrome = next(iter(BROWSERS))
    assert parse_user_agent(chrome + " x" * 10_000) == _expect("Chrome Windows desktop")


ODD_AGENTS = st.one_of(
    st.text(st.characters(codec=None), max_size=300),
    st.builds(lambda a, b: f"Mozilla/5.0 ({a}) {b}/1.0 CFNetwork/1 Darwin/24", st.text(), st.text()),
    st.text(st.characters(codec=None), min_size=1, max_size=5).map(lambda text: text * 3000),
)


@given(ODD_AGENTS)
def test_no_user_agent_raises_or_yields_unstorable_text(user_agent):
    is_visitor_agent(user_agent)
    for value in parse_user_agent(user_agent)[:3]:
        assert value is None or _is_storable(value, 64)


def _is_storable(text: str, limit: int) -> bool:
    text.encode()
    assert not re.search("[\x00-\x1f\x7f]", text)
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cs"}
    return 0 < len(text) <= limit


CUBOT = f"Mozilla/5.0 (Linux; Android 11; CUBOT X30 Build/RP1A.200720.011; wv) {WEBKIT} Version/4.0 Chrome/119.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    "user_agent",
    [
        f"{CUBOT} Instagram 330.0.0.40.92 Android (30/11; 480dpi; 1080x2198; CUBOT; CUBOT X30; CUBOT_X30; mt6771; de_DE)",
        f"{CUBOT} [FB_IAB/FB4A;FBAV/440.0.0.34.111;FBMF/CUBOT;FBBD/CUBOT;FBDV/CUBOT X30;FBSV/11;]",
        f"{CUBOT} Instagram 330.0.0.40.92 Android (30/11; 480dpi; 1080x2198; Spider; Robot 8; robot; mt6771; de_DE)",
        f"{CUBOT} [FB_IAB/FB4A;FBAV/440.0.0.34.111;FBMF/Monitor;FBBD/Robot;FBDV/Spider 8;]",
        "Instagram 330.0.0.40.92 Android (30/11; 480dpi; 1080x2198; CUBOT; CUBOT X30; CUBOT_X30; mt6771; de_DE)",
        "Dalvik/2.1.0 (Linux; U; Android 10; CUBOT_NOTE_20 Build/QP1A.190711.020)",
        "Shop/3.1 (CUBOT KINGKONG 5; Android 11) okhttp/4.12.0",
        f"Mozilla/5.0 (Linux; U; Android 9; en-US; CUBOT_X19 Build/PPR1) {WEBKIT} UCBrowser/13.4 Mobile Safari/537.36",
    ],
)
def test_a_phone_named_like_a_bot_is_none(user_agent: str) -> None:
    client = parse_user_agent(user_agent)
    assert (client.is_bot, client.os, client.device) == (False, "Android", "mobile")


@pytest.mark.parametrize(
    "user_agent",
    [
        f"{CUBOT} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; AcCubot/1.0)",
        f"{CUBOT} Instagram 330.0.0.40.92 Android (30/11; CUBOT) Chrome-Lighthouse",
    ],
)
def test_a_bot_on_such_a_phone_is_a_bot(user_agent: str) -> None:
    assert parse_user_agent(user_agent).is_bot
