"""Example bodies and responses of funnels, for the API's description."""

from analytics.reports.schemas import META_EXAMPLE

FUNNEL_ID_EXAMPLE = "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"
STEPS_EXAMPLE = [
    {"id": "1", "name": "Pricing", "type": "page", "condition": {"page": "/pricing"}, "order": 1},
    {"id": "2", "name": "Sign up", "type": "event", "condition": {"event": "signup"}, "order": 2},
]
DEFINITION_EXAMPLE = {"steps": STEPS_EXAMPLE, "ordering": "ordered", "scope": "user", "window_s": 604800, "value": None}
FUNNEL_EXAMPLE = {
    "id": FUNNEL_ID_EXAMPLE,
    "name": "Sign-ups",
    "description": "",
    "user_id": "ann",
    "is_active": True,
    "website_id": "shop",
    **DEFINITION_EXAMPLE,
    "created_at": "2025-08-01T09:00:00Z",
    "updated_at": "2025-08-01T09:00:00Z",
}
FUNNEL_BODY_EXAMPLE = {"name": "Sign-ups", "website_id": "shop", "user_id": "ann", "steps": STEPS_EXAMPLE}
SUMMARY_EXAMPLE = {
    "total_starts": 4,
    "total_conversions": 1,
    "conversion_rate": 25.0,
    "drop_off_rate": 75.0,
    "abandonment_rate": 0.0,
    "avg_value": None,
    "total_value": None,
    "avg_time_to_convert": 95.0,
    "avg_time_to_abandon": 0.0,
}
FUNNEL_META_EXAMPLE = META_EXAMPLE | {"site": "shop", "to": "2025-08-12T00:00:00Z", "source": "raw"}
STEP_ROWS_EXAMPLE = [
    {
        "step_id": "1", "step_name": "Pricing", "step_order": 1, "visitors_reached": 4, "conversion_rate": 100.0,
        "drop_off_rate": 75.0, "avg_time_on_step": 95.0, "median_time_s": None, "p90_time_s": None,
    },
    {
        "step_id": "2", "step_name": "Sign up", "step_order": 2, "visitors_reached": 1, "conversion_rate": 25.0,
        "drop_off_rate": 0.0, "avg_time_on_step": None, "median_time_s": 95.0, "p90_time_s": 95.0,
    },
]  # fmt: skip
REPORT_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    "step_analytics": STEP_ROWS_EXAMPLE,
    "daily_performance": [
        {"date": "2025-08-10", "total_starts": 3, "conversions": 1, "conversion_rate": 33.33},
        {"date": "2025-08-11", "total_starts": 2, "conversions": 0, "conversion_rate": 0.0},
    ],
    "cohort_data": [
        {
            "cohort_date": "2025-08-10", "cohort_size": 3, "conversions": 1, "conversion_rate": 33.33,
            "avg_time_to_convert": 95.0,
        },
        {
            "cohort_date": "2025-08-11", "cohort_size": 1, "conversions": 0, "conversion_rate": 0.0,
            "avg_time_to_convert": None,
        },
    ],
    "date_range": "2 days",
    "meta": FUNNEL_META_EXAMPLE,
}  # fmt: skip
ANALYTICS_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    "funnel_id": FUNNEL_ID_EXAMPLE,
    "website_id": "shop",
    "date": "2025-08-11",
    "date_range": "2 days",
    "meta": FUNNEL_META_EXAMPLE,
}
DETAILED_EXAMPLE = {"funnel_id": FUNNEL_ID_EXAMPLE, "website_id": "shop", **REPORT_EXAMPLE}
AD_HOC_EXAMPLE = {"definition": DEFINITION_EXAMPLE, **REPORT_EXAMPLE}
COMPARE_EXAMPLE = [
    {
        "funnel_id": FUNNEL_ID_EXAMPLE, "funnel_name": "Sign-ups", "total_starts": 4, "total_conversions": 1,
        "conversion_rate": 25.0, "drop_off_rate": 75.0, "avg_time_to_convert": 95.0, "performance_score": 25.0,
    }
]  # fmt: skip
