"""An example of each response of the audience reports, for the API description. views.py shows them."""

from analytics.reports.schemas import META_EXAMPLE

END = "2025-11-15T00:00:00Z"
META = META_EXAMPLE | {"site": "default", "from": "2025-11-14T00:00:00Z", "to": END}
DAU_EXAMPLE = {
    "dau": 1247,
    "new": 210,
    "returning": 1037,
    "date": "2025-11-14",
    "period": "24h",
    "from": "2025-11-14T00:00:00Z",
    "to": END,
    "meta": META,
}
WINDOW = {"new": 900, "returning": 2100, "date": "2025-11-14", "to": END, "window": "trailing"}
WEEK, MONTH = {"from": "2025-11-08T00:00:00Z"}, {"from": "2025-10-16T00:00:00Z"}
WAU_EXAMPLE = {"wau": 3000, **WINDOW, "period": "7d", **WEEK, "meta": META | WEEK}
MAU_EXAMPLE = {"mau": 3000, **WINDOW, "period": "30d", **MONTH, "meta": META | MONTH}
STICKINESS_EXAMPLE = {
    "series": [{"date": "2025-11-14", "dau": 1247, "wau": 3000, "mau": 5000, "stickiness": 0.2494}],
    "meta": META,
}
RETENTION_EXAMPLE = {
    "unit": "day",
    "cohorts": [
        {"start": "2025-11-13", "size": 200, "retained": [200, 80], "rates": [1.0, 0.4]},
        {"start": "2025-11-14", "size": 210, "retained": [210], "rates": [1.0]},
    ],
    "average_rates": [1.0, 0.4],
    "units_over": 2,
    "meta": META | {"from": "2025-11-13T00:00:00Z"},
}
METRICS_EXAMPLE = {
    "metrics": [
        {"date": "2025-11-14", "name": "dau", "value": 1247, "dimensions": {}},
        {"date": "2025-11-14", "name": "events", "value": 5000, "dimensions": {"type": "page_view"}},
    ],
    "meta": META | {"source": "metrics", "closed_through": "2025-11-14"},
}
