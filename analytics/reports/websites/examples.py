"""An example response of each report of seeds 002 and 004, for the API's description. Used by views.py."""

from analytics.reports.schemas import META_EXAMPLE

META = META_EXAMPLE | {"site": "w1", "from": "2025-08-11T00:00:00Z", "to": "2025-08-13T00:00:00Z"}
WEBSITE_FIELDS = {"website_id": "w1", "date_range": "2 days"}
CURRENT_TRAFFIC = {
    "page_views": 60, "total_visitors": 20, "unique_visitors": 12, "sessions": 20, "bounce_rate": 35.0,
    "avg_session_time": 94.5, "pages_per_session": 3.0,
}  # fmt: skip
PREVIOUS_TRAFFIC = CURRENT_TRAFFIC | {
    "page_views": 40,
    "total_visitors": 16,
    "unique_visitors": 10,
    "sessions": 16,
    "pages_per_session": 2.5,
}
PAGE = {
    "page": "/pricing", "views": 40, "unique": 11, "bounce_rate": 25.0, "avg_time": 80, "entry_rate": 30.0,
    "exit_rate": 20.0,
}  # fmt: skip
REFERRER = {"referrer": "https://news.example.org/a", "views": 9, "unique": 4, "visits": 4, "bounce_rate": 50.0}
TOP_VALUE = {"views": 50, "unique": 9, "visitors": 9, "visits": 15, "bounce_rate": 33.33}
PLACE = {"name": "DE", "count": 9, "percentage": 75.0}
CAMPAIGN = {"name": "mail", "views": 12, "unique": 5, "visits": 6, "bounce_rate": 16.67}
SITE_STATS_EXAMPLE = {
    "site_id": "test-site",
    "date": "2025-11-14",
    "total_views": 42,
    "unique_users": 15,
    "top_paths": [{"path": "/home", "views": 25}, {"path": "/products", "views": 10}, {"path": "/about", "views": 7}],
    "meta": META_EXAMPLE | {"site": "test-site", "from": "2025-11-14T00:00:00Z", "to": "2025-11-15T00:00:00Z"},
}
DASHBOARD_EXAMPLE = {
    **WEBSITE_FIELDS,
    "total_visitors": 20,
    "unique_visitors": 12,
    "live_visitors": 2,
    "page_views": 60,
    "session_duration": 94.5,
    "bounce_rate": 35.0,
    "comparison": {
        "current_period": CURRENT_TRAFFIC, "previous_period": PREVIOUS_TRAFFIC, "total_visitor_change": 25.0,
        "visitor_change": 20.0, "pageview_change": 50.0, "session_change": 25.0, "bounce_change": 0.0,
        "duration_change": 0.0,
    },
    "metrics": CURRENT_TRAFFIC,
    "top_pages": [PAGE],
    "top_sources": [{"source": "Direct", "views": 51, "unique_visitors": 10, "visits": 16, "bounce_rate": 30.0}],
    "top_countries": [{"country": "DE", **TOP_VALUE}],
    "geolocation": {
        "countries": [PLACE], "continents": [PLACE | {"name": "Europe"}], "regions": [PLACE | {"name": "Berlin, DE"}],
        "cities": [PLACE | {"name": "Berlin, Berlin, DE"}],
    },
    "meta": META,
}  # fmt: skip
TOP_LIST_ROWS = {
    "pages": PAGE,
    "referrers": REFERRER,
    "countries": {"country": "DE", **TOP_VALUE},
    "browsers": {"browser": "Chrome", **TOP_VALUE},
    "devices": {"device": "desktop", **TOP_VALUE},
    "os": {"os": "Windows", **TOP_VALUE},
}
TOP_LIST_EXAMPLES = {
    name: {**WEBSITE_FIELDS, f"top_{name}": [row], "meta": META} for name, row in TOP_LIST_ROWS.items()
}
TRAFFIC_SUMMARY_EXAMPLE = {
    **WEBSITE_FIELDS, "total_page_views": 60, "total_visitors": 20, "unique_visitors": 12, "total_sessions": 20,
    "bounce_rate": 35.0, "avg_session_time": 94.5, "pages_per_session": 3.0, "growth_rate": 50.0,
    "visitors_growth_rate": 20.0, "sessions_growth_rate": 25.0, "new_visitors": 7, "returning_visitors": 5,
    "engagement_score": 65.0, "retention_rate": 40.0, "meta": META,
}  # fmt: skip
DAILY_STATS_EXAMPLE = {
    **WEBSITE_FIELDS,
    "daily_stats": [{"date": "2025-08-11", "views": 35, "unique": 8}, {"date": "2025-08-12", "views": 25, "unique": 7}],
    "meta": META,
}
HOUR = {"hour": 9, "views": 7, "unique": 3, "timestamp": "2025-08-12T07:00:00Z", "hour_label": "09:00"}
HOURLY_STATS_EXAMPLE = {
    **WEBSITE_FIELDS,
    "date_range": "1 hours",
    "timezone": "Europe/Berlin",
    "hourly_stats": [HOUR],
    "meta": META | {"zone": "Europe/Berlin", "from": "2025-08-12T07:00:00Z", "to": "2025-08-12T08:00:00Z"},
}
CUSTOM_EVENTS_EXAMPLE = {
    **WEBSITE_FIELDS,
    "top_events": [
        {
            "event_type": "signup",
            "count": 6,
            "unique": 6,
            "last_day": "2025-08-12",
            "sample_properties": {"plan": "pro"},
        }
    ],
    "timeseries": [{"date": "2025-08-11", "count": 4}, {"date": "2025-08-12", "count": 2}],
    "total_events": 6,
    "unique_events": 1,
    "utm_performance": {"sources": [CAMPAIGN], "mediums": [], "campaigns": []},
    "meta": META,
}
