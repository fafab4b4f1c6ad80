"""The readable names of sites that send visitors. A table for referrals.py.

Curated by hand: the one referrer list on PyPI (referer-parser 0.4.1) is of 2016, and ships as a source archive.
"""

import re

# A host without "www." → its source; a sub-domain takes the nearest listed one ("l.facebook.com" → "facebook.com").
_BY_HOST = {
    host: name
    for name, hosts in {
        "AOL": "aol.com",
        "Ask": "ask.com",
        "Baidu": "baidu.com",
        "Bing": "bing.com",
        "Bluesky": "bsky.app",
        "Brave": "search.brave.com",
        "ChatGPT": "chatgpt.com chat.openai.com",
        "Claude": "claude.ai",
        "Copilot": "copilot.microsoft.com copilot.com",
        "DEV": "dev.to",
        "DeepSeek": "deepseek.com",
        "Discord": "discord.com discordapp.com discord.gg",
        "DuckDuckGo": "duckduckgo.com ddg.gg",
        "Ecosia": "ecosia.org",
        "Facebook": "facebook.com fb.com fb.me fb.watch",
        "Feedly": "feedly.com",
        "Gemini": "gemini.google.com bard.google.com",
        "GitHub": "github.com",
        "GitLab": "gitlab.com",
        "Gmail": "mail.google.com",
        "Google": "googlesyndication.com doubleclick.net googleadservices.com",
        "Google News": "news.google.com",
        "Grok": "grok.com",
        "Hacker News": "news.ycombinator.com hn.algolia.com",
        "Instagram": "instagram.com",
        "Kagi": "kagi.com",
        "Lemmy": "lemmy.world lemmy.ml",
        "LinkedIn": "linkedin.com lnkd.in",
        "Lobsters": "lobste.rs",
        "Mastodon": "mastodon.social mastodon.online fosstodon.org hachyderm.io mstdn.social",
        "Medium": "medium.com",
        "Messenger": "messenger.com",
        "Microsoft Teams": "teams.microsoft.com teams.live.com statics.teams.cdn.office.net",
        "Mistral": "chat.mistral.ai",
        "Mojeek": "mojeek.com",
        "Naver": "naver.com",
        "Outlook": "outlook.live.com outlook.office.com outlook.office365.com",
        "Perplexity": "perplexity.ai",
        "Phind": "phind.com",
        "Pinterest": "pinterest.com pin.it",
        "Poe": "poe.com",
        "Product Hunt": "producthunt.com",
        "Quora": "quora.com",
        "Qwant": "qwant.com",
        "Reddit": "reddit.com redd.it",
        "Seznam": "seznam.cz",
        "Slack": "slack.com",
        "Snapchat": "snapchat.com",
        "Sogou": "sogou.com",
        "Stack Overflow": "stackoverflow.com",
        "Startpage": "startpage.com",
        "Substack": "substack.com",
        "Swisscows": "swisscows.com",
        "Telegram": "t.me telegram.org telegram.me",
        "Threads": "threads.net threads.com",
        "TikTok": "tiktok.com",
        "Tumblr": "tumblr.com",
        "Twitch": "twitch.tv",
        "VK": "vk.com vk.ru",
        "WeChat": "weixin.qq.com",
        "Weibo": "weibo.com weibo.cn",
        "WhatsApp": "whatsapp.com wa.me",
        "Wikipedia": "wikipedia.org",
        "X": "x.com twitter.com t.co",
        "Yahoo": "yahoo.com yahoo.co.jp",
        "Yandex": "ya.ru yandex.com yandex.ru",
        "You.com": "you.com",
        "YouTube": "youtube.com youtu.be",
    }.items()
    for host in hosts.split()
}
# Android packages ("android-app://com.slack/") and App Store ids are no domains: only the whole name counts.
_BY_APP = {
    "com.android.chrome": "Chrome",
    "com.discord": "Discord",
    "com.facebook.katana": "Facebook",
    "com.facebook.lite": "Facebook",
    "com.facebook.orca": "Messenger",
    "com.google.android.apps.magazines": "Google News",
    "com.google.android.gm": "Gmail",
    "com.google.android.googlequicksearchbox": "Google",
    "com.google.android.youtube": "YouTube",
    "com.instagram.android": "Instagram",
    "com.instagram.barcelona": "Threads",
    "com.linkedin.android": "LinkedIn",
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
    "com.zhiliaoapp.musically": "TikTok",
    "ai.perplexity.app.android": "Perplexity",
    "com.anthropic.claude": "Claude",
    "io.syncapps.lemmy_sync": "Lemmy",
    "org.telegram.messenger": "Telegram",
    "xyz.blueskyweb.app": "Bluesky",
}
# Names with a domain in many countries: google.de, google.co.uk, google.com.br.
_BY_COUNTRY = re.compile(
    r"(?:^|\.)(google|bing|yahoo|yandex|pinterest|baidu|ecosia|qwant)\.(?:(?:com?|ne|or)\.)?[a-z]{2,3}$"
)


def find_host_source(host: str) -> str | None:
    """The name of a site by its host in lower case, or None for one that is not in the table."""
    rest = host
    while rest:
        if name := _BY_HOST.get(rest):
            return name
        rest = rest.partition(".")[2]
    match = _BY_COUNTRY.search(host)
    return match[1].capitalize() if match else None


def find_app_source(package: str) -> str | None:
    """The name of an app by its package in lower case, or None."""
    return _BY_APP.get(package)
