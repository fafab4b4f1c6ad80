"""Example bodies and responses of goals, lifecycle, journeys and experiments, for the API's description."""

from analytics.reports.schemas import META_EXAMPLE

RAW_META = META_EXAMPLE | {
    "site": "shop",
    "from": "2025-08-03T00:00:00Z",
    "to": "2025-08-05T00:00:00Z",
    "source": "raw",
}
CONVERSION_VALUE_EXAMPLE = {"property": "total", "currency_property": "currency"}
GOAL_BODY_EXAMPLE = {"site": "shop", "name": "Order", "type": "order", "value": CONVERSION_VALUE_EXAMPLE}
GOAL_DEFINITION_EXAMPLE = {"type": "order", "path": None, "filter": None, "value": CONVERSION_VALUE_EXAMPLE}
GOAL_EXAMPLE = {
    "id": "0b9a4c26-6f0e-4a3a-9a51-2d1c3e1f7a10",
    "site": "shop",
    "name": "Order",
    **GOAL_DEFINITION_EXAMPLE,
    "created_at": "2025-08-01T09:00:00Z",
    "updated_at": "2025-08-01T09:00:00Z",
}
CONVERSIONS_EXAMPLE = {
    "conversions": 5,
    "users": 4,
    "active_users": 80,
    "rate": 0.05,
    "amounts": [{"currency": "EUR", "amount": "119.80", "conversions": 4}],
    "without_amount": 1,
}
GOAL_REPORT_EXAMPLE = {
    **CONVERSIONS_EXAMPLE,
    "dimension": "country",
    "rows": [{"value": "DE", **CONVERSIONS_EXAMPLE, "active_users": 50, "rate": 0.08}],
    "other_conversions": 0,
    "goal": GOAL_DEFINITION_EXAMPLE,
    "meta": RAW_META,
}
GOAL_RETENTION_EXAMPLE = {
    "unit": "week",
    "starts": ["2025-08-05"],
    "converters": {"size": 4, "retained": [3], "rates": [0.75]},
    "others": {"size": 76, "retained": [19], "rates": [0.25]},
    "last_is_over": True,
    "goal": GOAL_DEFINITION_EXAMPLE,
    "meta": RAW_META,
}
LIFECYCLE_EXAMPLE = {
    "granularity": "day",
    "series": [
        {"date": "2025-08-03", "active": 50, "new": 20, "returning": 25, "resurrected": 5, "dormant": 15},
        {"date": "2025-08-04", "active": 45, "new": 10, "returning": 30, "resurrected": 5, "dormant": 20},
    ],
    "last_is_over": True,
    "meta": RAW_META | {"source": "rollup"},
}
JOURNEYS_EXAMPLE = {
    "anchor": {"page": "/pricing"},
    "direction": "from",
    "journeys": [
        {"steps": [{"page": "/pricing"}, {"event": "signup"}], "visits": 6, "users": 5, "share": 0.6},
        {"steps": [{"page": "/pricing"}], "visits": 3, "users": 3, "share": 0.3},
    ],
    "columns": [
        {
            "visits": 7,
            "ended": 3,
            "ended_share": 0.3,
            "rows": [{"step": {"event": "signup"}, "visits": 6, "users": 5, "share": 0.6}],
            "other_visits": 1,
        }
    ],
    "visits": 10,
    "users": 8,
    "other_visits": 1,
    "meta": RAW_META,
}
EXPERIMENT_EXAMPLE = {
    "control": "control",
    "variants": [
        {
            "variant": "control", "users": 80, "converted_users": 48, "conversions": 50, "rate": 0.6,
            "difference": None,
        },
        {
            "variant": "short", "users": 70, "converted_users": 56, "conversions": 60, "rate": 0.8,
            "difference": {"absolute": 0.2, "low": 0.052431, "high": 0.333873, "p_value": 0.008045},
        },
    ],
    "mixed_users": 2,
    "sample_ratio": {"expected": {"control": 0.5, "short": 0.5}, "p_value": 0.4142, "is_mismatch": False},
    "goal": GOAL_DEFINITION_EXAMPLE,
    "meta": RAW_META,
}  # fmt: skip
