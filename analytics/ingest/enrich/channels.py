"""The channel of an event: through which kind of place its visitor came. referrals.py calls it. Pure.

The rules are those of GA4's default channel group, with fewer and plainer channels; docs/decisions/0027 lists them. The
first that holds counts:

| channel | when |
|---|---|
| `internal` | the referrer is a page of the site itself |
| `paid` | a click id (`gclid`, `msclkid` …), a medium as `cpc` or `paid_social`, or a referrer of an ad network |
| `email` | a medium or source as `email` or `newsletter`, or a webmail host |
| `social` | a medium as `social`, or a social network |
| `ai` | an assistant as ChatGPT |
| `search` | a search engine, or the medium `organic` |
| `referral` | any other source, or a campaign without one |
| `direct` | neither referrer nor campaign |
"""

import re
from enum import StrEnum
from typing import NamedTuple

from analytics.ingest.decoding.long_urls import LINK_IDS
from analytics.ingest.enrich.source_names import SourceKind
from analytics.store.folding import fold


class Channel(StrEnum):
    """The values of the column `channel`."""

    DIRECT = "direct"
    SEARCH = "search"
    SOCIAL = "social"
    AI = "ai"
    EMAIL = "email"
    PAID = "paid"
    REFERRAL = "referral"
    INTERNAL = "internal"


class Campaign(NamedTuple):
    """What a link says of itself; '' for nothing. `click_id`: a name in CLICK_IDS or LINK_IDS, or another for one that
    is not stored (reclassification/)."""

    source: str = ""
    medium: str = ""
    name: str = ""
    click_id: str = ""


NO_CAMPAIGN = Campaign()
_PAID = re.compile(
    r"(?:.*[\W_])?(?:cp[acelmopv]|ppc|ppv|paid|sem|ads?|banner|display|sponsored)(?:[\W_].*)?|paid.*|retargeting"
    r"|remarketing|expandable|interstitial|programmatic"
)
_EMAIL = re.compile(r"(?:.*[\W_])?(?:e[-_ ]?mails?|newsletters?|mailings?)(?:[\W_].*)?|mail")
_SOCIAL = re.compile(r"social(?:[-_ ]?(?:network|media|organic|post))?|organic[-_ ]social|sm")
_BY_KIND = {
    SourceKind.ADVERTISING: Channel.PAID,
    SourceKind.EMAIL: Channel.EMAIL,
    SourceKind.SOCIAL: Channel.SOCIAL,
    SourceKind.AI: Channel.AI,
    SourceKind.SEARCH: Channel.SEARCH,
}


def find_channel(campaign: Campaign, source: str | None, kind: SourceKind | None) -> Channel:
    """The channel of an event whose referrer is not of the site itself; `kind`: of a source in the table."""
    medium = fold(campaign.medium.strip())
    was_paid = bool(campaign.click_id) and campaign.click_id not in LINK_IDS
    if was_paid or _PAID.fullmatch(medium) or kind is SourceKind.ADVERTISING:
        return Channel.PAID
    if _EMAIL.fullmatch(medium) or _EMAIL.fullmatch(fold(campaign.source.strip())):
        return Channel.EMAIL
    if _SOCIAL.fullmatch(medium):
        return Channel.SOCIAL
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if medium == "organic":
        return Channel.SEARCH
    return Channel.REFERRAL if source or campaign != NO_CAMPAIGN else Channel.DIRECT
