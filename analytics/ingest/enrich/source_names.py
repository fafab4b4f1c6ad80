"""The names and kinds of sites that send visitors. A table for referrals.py and channels.py.

Curated by hand and compared with Matomo's list (docs/decisions/0027): PyPI has no list that is kept up to date.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from analytics.store.folding import fold


class SourceKind(StrEnum):
    """What a source is."""

    SEARCH = "search"
    SOCIAL = "social"
    AI = "ai"
    EMAIL = "email"
    # A network that shows advertisements on pages of others.
    ADVERTISING = "advertising"
    OTHER = "other"


class Source(NamedTuple):
    """A known source."""

    name: str
    kind: SourceKind


# Kind → name → its hosts without "www."; a sub-domain takes the nearest listed one ("l.facebook.com" → "facebook.com").
# Of a name with two kinds, that of a campaign is the first.
_HOSTS: Mapping[SourceKind, Mapping[str, str]] = {
    SourceKind.SEARCH: {
        "AOL": "aol.com search.aol.it search.aol.de search.aol.co.uk search.aol.fr",
        "Alice": "rechercher.aliceadsl.fr",
        "AllTheInternet": "alltheinternet.com",
        "Arianna": "arianna.libero.it",
        "Ask": "ask.com",
        "Baidu": "baidu.com",
        "Bing": "bing.com",
        "Brave": "search.brave.com",
        "Centrum": "search.centrum.cz",
        "Coc Coc": "coccoc.com",
        "Conduit": "search.conduit.com",
        "Daum": "search.daum.net",
        "Dogpile": "dogpile.com",
        "DuckDuckGo": "duckduckgo.com ddg.gg duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
        "Ecosia": "ecosia.org",
        "Entireweb": "entireweb.com",
        "Excite": "excite.com search.excite.it search.excite.fr search.excite.de search.excite.co.uk",
        "Fireball": "fireball.de fireball.com",
        "Freespoke": "freespoke.com",
        "Gibiru": "gibiru.com",
        "Google": "googlesyndicatedsearch.com",
        "Google News": "news.google.com",
        "InfoSpace": "infospace.com",
        "Kagi": "kagi.com",
        "Kvasir": "kvasir.no",
        "Lilo": "lilo.org",
        "Lycos": "lycos.com lycos.de lycos.fr",
        "Mail.ru": "go.mail.ru",
        "MetaGer": "metager.de metager.org",
        "Metacrawler": "metacrawler.com",
        "Mojeek": "mojeek.com",
        "Nate": "search.nate.com",
        "Naver": "naver.com",
        "OceanHero": "oceanhero.today",
        "Onet": "szukaj.onet.pl",
        "Presearch": "presearch.com presearch.org",
        "Qwant": "qwant.com",
        "Rambler": "nova.rambler.ru",
        "Sapo": "pesquisa.sapo.pt",
        "Search.ch": "search.ch",
        "Search.com": "search.com",
        "SearXNG": "searx.be searx.space",
        "Seznam": "seznam.cz",
        "Sogou": "sogou.com soso.com",
        "So.com": "so.com so.360.cn haosou.com",
        "Startpage": "startpage.com ixquick.com",
        "Stract": "stract.com",
        "Swisscows": "swisscows.com swisscows.ch",
        "T-Online": "suche.t-online.de",
        "UOL": "busca.uol.com.br",
        "Virgilio": "ricerca.virgilio.it",
        "Web.de": "suche.web.de suche.gmx.net suche.gmx.at suche.1und1.de",
        "WebCrawler": "webcrawler.com",
        "Yahoo": "yahoo.com yahoo.co.jp",
        "Yandex": "ya.ru yandex.com yandex.ru",
        "Yep": "yep.com",
        "Yippy": "search.yippy.com",
        "goo": "search.goo.ne.jp",
        "sm.cn": "m.sm.cn",
    },
    SourceKind.SOCIAL: {
        "Bluesky": "bsky.app bsky.social skyfeed.app",
        "Discord": "discord.com discordapp.com discord.gg",
        "Douban": "douban.com",
        "Douyin": "douyin.com",
        "Dribbble": "dribbble.com",
        "Facebook": "facebook.com fb.com fb.me fb.watch",
        "Flickr": "flickr.com",
        "Foursquare": "foursquare.com",
        "Hacker News": "news.ycombinator.com hn.algolia.com",
        "Instagram": "instagram.com",
        "Last.fm": "last.fm",
        "Lemmy": "lemmy.world lemmy.ml",
        "LinkedIn": "linkedin.com lnkd.in",
        "LiveJournal": "livejournal.com",
        "Lobsters": "lobste.rs",
        "Mastodon": "mastodon.social mastodon.online mastodon.world mastodon.cloud mastodon.xyz mastodon.art"
        " mastodon.nz mastodon.scot mastodon.uno mastodon.green mastodonapp.uk mstdn.social mstdn.io mas.to"
        " mstdn.jp mstdn.party masto.ai fosstodon.org hachyderm.io infosec.exchange chaos.social c.im"
        " social.tchncs.de social.vivaldi.net"
        " techhub.social universeodon.com toot.community ohai.social sfba.social indieweb.social front-end.social"
        " mamot.fr pawoo.net troet.cafe norden.social",
        "Messenger": "messenger.com",
        "Mixi": "mixi.jp",
        "Myspace": "myspace.com",
        "Niconico": "nicovideo.jp",
        "Odnoklassniki": "ok.ru odnoklassniki.ru",
        "Pinterest": "pinterest.com pin.it",
        "Pixelfed": "pixelfed.social pixelfed.de",
        "Quora": "quora.com",
        "Qzone": "qzone.qq.com",
        "Reddit": "reddit.com redd.it",
        "Snapchat": "snapchat.com",
        "SoundCloud": "soundcloud.com",
        "Telegram": "t.me telegram.org telegram.me",
        "Threads": "threads.net threads.com",
        "TikTok": "tiktok.com",
        "Tumblr": "tumblr.com",
        "Twitch": "twitch.tv",
        "VK": "vk.com vk.ru vkontakte.ru",
        "Viber": "viber.com",
        "Vimeo": "vimeo.com",
        "WeChat": "weixin.qq.com wechat.com",
        "Weibo": "weibo.com weibo.cn t.cn",
        "WhatsApp": "whatsapp.com wa.me",
        "X": "x.com twitter.com t.co",
        "Xing": "xing.com",
        "YouTube": "youtube.com youtu.be",
        "bilibili": "bilibili.com b23.tv",
    },
    SourceKind.AI: {
        "Baidu AI": "yiyan.baidu.com ernie.baidu.com ai.baidu.com chat.baidu.com",
        "ChatGLM": "chatglm.cn chat.z.ai",
        "ChatGPT": "chatgpt.com chat.openai.com labs.openai.com",
        "Claude": "claude.ai",
        "Copilot": "copilot.microsoft.com copilot.com copilot.cloud.microsoft m365.cloud.microsoft",
        "DeepSeek": "deepseek.com",
        "Doubao": "doubao.com",
        "Duck.ai": "duck.ai",
        "Felo": "felo.ai",
        "Gemini": "gemini.google.com bard.google.com",
        "Genspark": "genspark.ai",
        "Grok": "grok.com",
        "Jasper": "app.jasper.ai",
        "Kimi": "kimi.com kimi.ai kimi.moonshot.cn",
        "Meta AI": "meta.ai",
        "Mistral": "chat.mistral.ai",
        "NotebookLM": "notebooklm.google.com",
        "Perplexity": "perplexity.ai",
        "Phind": "phind.com",
        "Poe": "poe.com",
        "Qwen": "chat.qwen.ai qwen.ai",
        "Writesonic": "app.writesonic.com",
        "You.com": "you.com",
        "iAsk": "iask.ai",
    },
    SourceKind.EMAIL: {
        "AOL Mail": "mail.aol.com",
        "Fastmail": "fastmail.com app.fastmail.com",
        "GMX": "gmx.net gmx.com gmx.de gmx.at gmx.ch",
        "Gmail": "mail.google.com inbox.google.com",
        "HEY": "app.hey.com",
        "Mail.ru Mail": "e.mail.ru",
        "Naver Mail": "mail.naver.com",
        "Orange Mail": "mail.orange.fr",
        "Outlook": "outlook.live.com outlook.office.com outlook.office365.com outlook.com mail.live.com hotmail.com",
        "Proton Mail": "mail.proton.me mail.protonmail.com",
        "QQ Mail": "mail.qq.com",
        "T-Online Mail": "email.t-online.de",
        "WEB.DE Mail": "web.de",
        "Yahoo Mail": "mail.yahoo.com mail.yahoo.co.jp",
        "Yandex Mail": "mail.yandex.ru mail.yandex.com",
        "Zoho Mail": "mail.zoho.com mail.zoho.eu",
        "iCloud Mail": "icloud.com",
    },
    SourceKind.ADVERTISING: {
        "Bing": "bat.bing.com",
        "Criteo": "criteo.com criteo.net",
        "Google": "googlesyndication.com doubleclick.net googleadservices.com",
        "Outbrain": "outbrain.com",
        "Taboola": "taboola.com",
    },
    SourceKind.OTHER: {
        "DEV": "dev.to",
        "Feedly": "feedly.com",
        "GitHub": "github.com",
        "GitLab": "gitlab.com",
        "Medium": "medium.com",
        "Microsoft Teams": "teams.microsoft.com teams.live.com statics.teams.cdn.office.net",
        "Product Hunt": "producthunt.com",
        "Slack": "slack.com",
        "Stack Overflow": "stackoverflow.com",
        "Substack": "substack.com",
        "Wikipedia": "wikipedia.org",
    },
}
_BY_HOST = {
    host: Source(name, kind)
    for kind, sources in _HOSTS.items()
    for name, hosts in sources.items()
    for host in hosts.split()
}
# The first kind counts: "Google" of a campaign is the search engine.
_KINDS = {name: kind for kind, sources in reversed(list(_HOSTS.items())) for name in sources} | {
    "Chrome": SourceKind.OTHER
}
# Android packages ("android-app://com.slack/") and App Store ids are no domains: only the whole name counts.
_BY_APP = {
    "com.android.chrome": "Chrome",
    "com.discord": "Discord",
    "com.facebook.katana": "Facebook",
    "com.facebook.lite": "Facebook",
    "com.facebook.orca": "Messenger",
    "com.google.android.apps.bard": "Gemini",
    "com.google.android.apps.magazines": "Google News",
    "com.google.android.gm": "Gmail",
    "com.google.android.googlequicksearchbox": "Google",
    "com.google.android.youtube": "YouTube",
    "com.instagram.android": "Instagram",
    "com.instagram.barcelona": "Threads",
    "com.linkedin.android": "LinkedIn",
    "com.microsoft.copilot": "Copilot",
    "com.microsoft.office.outlook": "Outlook",
    "com.microsoft.teams": "Microsoft Teams",
    "com.openai.chatgpt": "ChatGPT",
    "com.pinterest": "Pinterest",
    "com.quora.android": "Quora",
    "com.reddit.frontpage": "Reddit",
    "com.slack": "Slack",
    "com.snapchat.android": "Snapchat",
    "com.twitter.android": "X",
    "com.whatsapp": "WhatsApp",
    "com.yahoo.mobile.client.android.mail": "Yahoo Mail",
    "com.zhiliaoapp.musically": "TikTok",
    "ai.perplexity.app.android": "Perplexity",
    "com.anthropic.claude": "Claude",
    "io.syncapps.lemmy_sync": "Lemmy",
    "org.joinmastodon.android": "Mastodon",
    "org.telegram.messenger": "Telegram",
    "xyz.blueskyweb.app": "Bluesky",
}
# Names with a domain in many countries: google.de, google.co.uk, google.com.br; "mail." and "news." of theirs.
_BY_COUNTRY = re.compile(
    r"(?:^|\.)(google|bing|yahoo|yandex|pinterest|baidu|ecosia|qwant|lastfm|vkontakte)\.(?:(?:com?|ne|or)\.)?[a-z]{2,3}$"
)
_OF_COUNTRY = {"lastfm": "Last.fm", "vkontakte": "VK"}
_MAIL_OF_COUNTRY = re.compile(r"(?:^|\.)mail\.(yahoo|yandex)\.(?:(?:com?|ne|or)\.)?[a-z]{2,3}$")
# How campaigns write the names, folded: as they are, and in short.
_BY_NAME = {fold(name): name for name in _KINDS} | {
    "adwords": "Google",
    "fb": "Facebook",
    "google ads": "Google",
    "googleads": "Google",
    "hackernews": "Hacker News",
    "hn": "Hacker News",
    "ig": "Instagram",
    "insta": "Instagram",
    "linked in": "LinkedIn",
    "meta": "Facebook",
    "microsoft": "Bing",
    "openai": "ChatGPT",
    "producthunt": "Product Hunt",
    "stackoverflow": "Stack Overflow",
    "tt": "TikTok",
    "twitter": "X",
    "yt": "YouTube",
}


def find_host_source(host: str) -> Source | None:
    """The site with that normalised host, or None for one that is not in the table."""
    rest = host
    while rest:
        if source := _BY_HOST.get(rest):
            return source
        rest = rest.partition(".")[2]
    if match := _MAIL_OF_COUNTRY.search(host):
        return Source(f"{match[1].capitalize()} Mail", SourceKind.EMAIL)
    match = _BY_COUNTRY.search(host)
    return _source(_OF_COUNTRY.get(match[1], match[1].capitalize())) if match else None


def find_app_source(package: str) -> Source | None:
    """The app with that package in lower case, or None."""
    name = _BY_APP.get(package)
    return _source(name) if name else None


def find_named_source(name: str) -> Source | None:
    """The source that a campaign names, as `Google`, `google.com` or `fb`; None for one that is not in the table."""
    folded = fold(name)
    known = _BY_NAME.get(folded)
    return _source(known) if known else find_host_source(folded) if "." in folded else None


def _source(name: str) -> Source:
    return Source(name, _KINDS[name])
