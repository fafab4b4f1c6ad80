"""What the parameters of the API mean, where a field does not say it itself."""

from collections.abc import Mapping
from typing import Any

SITE_DESCRIPTION = "Key of the site. Default: the token's own, else `default`."
PERIOD_DESCRIPTION = (
    "The period is one of `date`, `days`, `hours`, or `from` and `to`, on every report; days are calendar days of the "
    "site's zone. `meta` has the period that was answered."
)
# The meaning of each parameter, and an example of a required one. Optional ones have none: the pages fill in all
# examples at once, and a request may name only one kind of period.
PARAMETER_DOCS: Mapping[str, tuple[str, Any]] = {
    "site": (SITE_DESCRIPTION, None),
    **dict.fromkeys(("site_id", "website_id", "siteId"), ("Alias of `site`.", None)),
    "zone": ("IANA time zone of the days. Default: the site's own.", None),
    "timezone": ("Alias of `zone`.", None),
    "date": (f"One calendar day, for example 2025-11-14. {PERIOD_DESCRIPTION}", None),
    "days": ("Number of days through today.", None),
    "hours": ("Number of hours up to now.", None),
    "from": ("Start: a date, or an RFC 3339 time with a zone.", None),
    "to": ("End: a date, included, or an RFC 3339 time with a zone, excluded. Default: today.", None),
    "include_bots": ("Also count bots.", None),
    "limit": ("Maximum rows of each list. Default: TOP_RESULTS_LIMIT.", None),
    "cursor": ("`next_cursor` of the previous page.", None),
    "state": ("Only exports in this state.", None),
    "schedule": ("Only exports of this schedule.", None),
    "type": ("Only events of this type; repeatable.", None),
    "user_id": ("Only events of this user.", "ann"),
    "filter": (
        "Conditions on dimensions and payload, for example `country==DE;path=^/blog`; `segment:<name>` stands for "
        "those of a segment, a `;`, `|` or `\\` in its name after a backslash. At most 20 conditions with those of its "
        "segments, in a report on a funnel 60 with those of its steps.",
        None,
    ),
    "scope": (
        "`visit`: all conditions of the filter select visits, and with them all of their events; `event`: all select "
        "events. Default: conditions on fields of visits (source, channel, referrer, utm_…, country, region, city, "
        "browser, os, device, entry_path, exit_path) select visits, the others events. Of a visit from Google that "
        "sees `/` and `/buy`: "
        "`filter=source==Google` counts two page views, with `scope=event` one, the only one with a referrer; "
        "`filter=path==/buy` counts one page view, with `scope=visit` two. `meta.scope` says which; `mixed`: both.",
        None,
    ),
    "metrics": ("`engagement`: with `dimension=path`, also how long pages are looked at and how far scrolled.", None),
    "dimension": ("Dimension of the rows.", "path"),
    "breakdown": ("Dimension of the first step's event to break down by.", None),
    "compare": (
        "Also the figures of another period: `previous`, the preceding one of the same length; `year`, the same dates "
        "a year before; or a range as `2026-10-01..2026-10-31`, of dates (both included) or RFC 3339 times.",
        None,
    ),
    "align": (
        "With `compare`: `elapsed` compares a period that is still running with the same part of the other one, up to "
        "the same local time; `whole` with all of it. Default: `elapsed`. `meta.compare` has both ranges.",
        None,
    ),
    "granularity": ("Length of a bucket of the time series.", None),
    "window": ("`trailing`: the days that end with the date; `calendar`: its calendar week or month.", None),
    "unit": ("Length of a cohort's period, or of a bucket. `granularity` is another name of it.", None),
    "format": ("Format of the file. Default: `csv`.", None),
    "name": ("Name; repeatable where it is a filter.", "response_time"),
    "event_name": ("Only events of this name.", None),
    "tag": ("Only samples with these tags, given as `tag.<name>=<value>`.", None),
    "group_by": ("Tag to group by.", None),
    "event": ("Only events of this type.", None),
    "property": ("Property of the payload: `order.total` is nested, `order\\.total` one key.", None),
    "path": ("Path, or pattern of paths, that reaches the goal.", None),
    "goal_filter": ("Conditions an event must meet to reach the goal, as in `filter`.", None),
    "amount": ("Fixed conversion value, instead of a property.", None),
    "currency": ("Currency of the amount or the property.", None),
    "currency_property": ("Property of the payload that holds the currency.", None),
    "units": ("Number of units after the period.", None),
    "from_page": ("Path where the journeys start.", None),
    "to_page": ("Path where the journeys end.", None),
    "from_event": ("Event type that the journeys start with.", None),
    "to_event": ("Event type that the journeys end with.", None),
    "steps": ("Maximum steps of a journey.", None),
    "exposure_type": ("Type of the events that record the variant a user saw.", "experiment_seen"),
    "variant": ("Property of the payload that holds the variant.", "payload.variant"),
    "goal": ("Id of a goal, a path that starts with `/`, or an event type.", "signup"),
    "control": ("Variant to compare the others with.", "control"),
    "weight": ("Intended share of users of a variant, for example `control:0.5`; repeatable.", None),
    **dict.fromkeys(("expires", "signature"), ("Parameter of a signed download link.", None)),
    "short_code": ("Code of a short link.", "abc123"),
    "batch_id": ("Id from the response to the batch.", "1764000000000-0"),
    "event_id": (
        "Id from the response to the event, or the id that the caller sent.",
        "0193a2f0-7c1e-7000-8000-000000000000",
    ),
    "key": ("Key of the site.", "shop"),
    "alias": ("Former key of the site.", "store"),
    "key_id": ("Id of the key.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "event_type": ("Event type.", "order"),
    "letter_id": ("Id of the dead letter.", "17"),
    "link_id": ("Id of the share link.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "jti": ("Id of the token (claim jti).", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "job_id": ("Id of the export.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "goal_id": ("Id of the goal.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "segment_id": ("Id of the segment.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "note_id": ("Id of the note.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "funnel_id": ("Id of the funnel.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
    "schedule_id": ("Id of the schedule.", "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"),
}
