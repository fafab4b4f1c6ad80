"""An example of each response of the overviews, for the API description. views.py shows them."""

from analytics.insights.examples import CONVERSIONS_EXAMPLE, GOAL_DEFINITION_EXAMPLE, GOAL_EXAMPLE, RAW_META
from analytics.reports.query.examples import (
    BREAKDOWN_EXAMPLE,
    CHANGE,
    META,
    PREVIOUS_FIGURES,
    SUMMARY_EXAMPLE,
    TIMESERIES_EXAMPLE,
)

PREVIOUS_BOUNDS = {"from": "2026-02-27T23:00:00Z", "to": "2026-03-01T23:00:00Z"}
SITE_FIGURES = ("page_views", "visitors", "visits")
HOURS = [[0] * 24 for _ in range(7)]
OVERVIEW_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    "granularity": "day",
    "series": TIMESERIES_EXAMPLE["series"],
    "previous": {**PREVIOUS_BOUNDS, **PREVIOUS_FIGURES, "series": TIMESERIES_EXAMPLE["series"]},
    "breakdowns": {"source": {name: part for name, part in BREAKDOWN_EXAMPLE.items() if name != "meta"}},
    "goals": [
        {
            "id": "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34",
            "name": "Order",
            "conversions": 4,
            "users": 2,
            "active_users": 8,
            "rate": 0.25,
        }
    ],
    "busiest_hours": {
        "page_views": [[*[0] * 10, 16, *[0] * 13], [*[0] * 9, 14, *[0] * 14], *HOURS[2:]],
        "visits": [[*[0] * 10, 6, *[0] * 13], [*[0] * 9, 4, *[0] * 14], *HOURS[2:]],
    },
}
SITE_OVERVIEWS_EXAMPLE = {
    "sites": [
        {
            "key": "shop",
            "name": "Our shop",
            "zone": "Europe/Berlin",
            "first_event_at": "2025-11-24T16:00:00Z",
            "last_event_at": "2026-03-10T09:00:00Z",
            "page_views": 30,
            "visitors": 8,
            "visits": 10,
            "granularity": "day",
            "spark": [5, 6],
            "online": 1,
            "previous": {**PREVIOUS_BOUNDS, "page_views": 24, "visitors": 8, "visits": 8},
            "change": {name: CHANGE[name] for name in SITE_FIGURES},
            "meta": META,
        }
    ],
    "next_cursor": None,
}
GOALS_EXAMPLE = {
    "goals": [
        {
            "id": GOAL_EXAMPLE["id"],
            "name": "Order",
            **GOAL_DEFINITION_EXAMPLE,
            **CONVERSIONS_EXAMPLE,
            "previous": CONVERSIONS_EXAMPLE | {"conversions": 4, "active_users": 100, "rate": 0.04},
            "change": {"conversions": 0.25, "users": 0.0, "active_users": -0.2, "rate": 0.25},
        }
    ],
    "meta": RAW_META,
}
