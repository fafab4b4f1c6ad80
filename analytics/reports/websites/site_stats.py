"""Seed 002's one report: page views of a site, the people behind them, and the paths they looked at."""

from typing import Any

from analytics.reports.counted import VIEWS
from analytics.reports.days import MOST_DAYS, Days, names_period, read_day, read_days, read_today
from analytics.reports.question import Question
from analytics.rollups.reading import Snapshot

NO_PATH = "(none)"


def report(found: Snapshot, question: Question, limit: int) -> dict[str, Any]:
    """Of the days asked for, else of all time. O(spans) bitmaps for the people; the list as Snapshot.top."""
    days = _read_days(found, question)
    asked: dict[str, Any] = {"types": VIEWS, "bots": question.query.get("include_bots", False)}
    total = found.total(days.first, days.after, **asked)
    paths = found.top("path", days.first, days.after, limit, **asked)
    return {
        "site_id": question.site.key,
        "date": question.query.get("date"),
        "total_views": total.events,
        "unique_users": len(total.users),
        "top_paths": [{"path": path.value or NO_PATH, "views": path.events} for path in paths],
        "meta": question.meta(days.period, "rollup"),
    }


def _read_days(found: Snapshot, question: Question) -> Days:
    if "date" in question.query:
        return read_day(question, found.zone)
    if names_period(question):
        return read_days(question, found.zone, most=MOST_DAYS)
    today = read_today(question, found.zone)
    return today._replace(first=min(found.first_day() or today.first, today.first))
