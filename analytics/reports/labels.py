"""The text that reports show for a dimension's value, also where events have none. Pure; top lists call it."""

from analytics.reports.place_names import PLACE_DIMENSIONS, place_name

DIRECT, UNKNOWN = "Direct", "Unknown"
MISSING_VALUE_LABELS = {"path": "(none)", "referrer": DIRECT, "source": DIRECT}


def label_value(dimension: str, value: str) -> str:
    shown = place_name(value) if dimension in PLACE_DIMENSIONS else value
    return shown or MISSING_VALUE_LABELS.get(dimension, UNKNOWN)
