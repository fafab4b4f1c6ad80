"""An example of each response of the query reports, for the API description. views.py shows them."""

from analytics.reports.schemas import META_EXAMPLE

META = META_EXAMPLE | {
    "site": "shop",
    "zone": "Europe/Berlin",
    "from": "2026-03-01T23:00:00Z",
    "to": "2026-03-03T23:00:00Z",
    "complete_through": "2026-03-10T09:30:00Z",
    "computed_at": "2026-03-10T09:30:00Z",
}
VISIT_FIGURES = {
    "page_views": 30,
    "visitors": 8,
    "visits": 10,
    "bounce_rate": 0.4,
    "avg_visit_duration_s": 95.5,
    "views_per_visit": 3.0,
}
PREVIOUS_FIGURES = {
    "page_views": 24,
    "visitors": 8,
    "visits": 8,
    "bounce_rate": 0.5,
    "avg_visit_duration_s": 76.4,
    "views_per_visit": 3.0,
    "events": 24,
}
CHANGE = {
    "page_views": 0.25,
    "visitors": 0.0,
    "visits": 0.25,
    "bounce_rate": -0.2,
    "avg_visit_duration_s": 0.25,
    "views_per_visit": 0.0,
    "events": 0.5,
}
SUMMARY_EXAMPLE = {
    **VISIT_FIGURES,
    "events": 36,
    "previous": {"from": "2026-02-27T23:00:00Z", "to": "2026-03-01T23:00:00Z", **PREVIOUS_FIGURES},
    "change": CHANGE,
    "meta": META,
}
TIMESERIES_EXAMPLE = {
    "granularity": "day",
    "series": [
        {
            "date": "2026-03-02",
            "ts": "2026-03-02T00:00:00+01:00",
            "to": "2026-03-03T00:00:00+01:00",
            "events": 20,
            "page_views": 16,
            "visitors": 5,
            "visits": 6,
            "bounce_rate": 0.5,
            "avg_visit_duration_s": 80.0,
            "views_per_visit": 2.6667,
        },
        {
            "date": "2026-03-03",
            "ts": "2026-03-03T00:00:00+01:00",
            "to": "2026-03-04T00:00:00+01:00",
            "events": 16,
            "page_views": 14,
            "visitors": 6,
            "visits": 4,
            "bounce_rate": 0.25,
            "avg_visit_duration_s": 118.75,
            "views_per_visit": 3.5,
        },
    ],
    "meta": META,
}
BREAKDOWN_EXAMPLE = {
    "dimension": "source",
    "ranked_by": "visits",
    "total": 10,
    "value_count": 3,
    "rows": [
        {"value": None, "events": None, "visitors": 5, "visits": 6, "page_views": 18, "share": 0.6},
        {"value": "google.com", "events": None, "visitors": 2, "visits": 3, "page_views": 9, "share": 0.3},
    ],
    "other": {"amount": 1, "share": 0.1},
    "next_cursor": "WzksImdvb2dsZS5jb20iXQ",
    "meta": META | {"source": "raw"},
}
