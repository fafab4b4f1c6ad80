"""The requests that the seeds' READMEs print, each with the answer printed beside it, and a way to run them.

Facts, copied: only host, port and the placeholder of the token are put in when they run. `python -m
tests.contracts.curl_lines http://localhost:8000 [TOKEN]` runs them against what `make run` started.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

HOST = re.compile(r"(?:https?://)?(?:localhost:\d+|api\.example\.com)")
UUID = "550e8400-e29b-41d4-a716-446655440000"


class Printed(NamedTuple):
    """A request as printed, by curl or as an HTTP message; `answer`: None where the README prints none."""

    id: str
    text: str
    response: Any = None
    status: int = 200


CLICK = """POST http://localhost:8002/analytics/events/
Content-Type: application/json

{
    "short_code": "abc123",
    "ip_address": "192.168.1.100",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "referer": "https://google.com",
    "country": "US",
    "city": "New York"
}"""
DEBUG_CLICK = r"""curl -X POST "http://localhost:8002/analytics/events/" \
  -H "Content-Type: application/json" \
  -d '{
    "short_code": "test123",
    "ip_address": "127.0.0.1",
    "user_agent": "Test Browser"
  }'"""
BATCH = r"""curl -X POST "http://api.example.com/api/analytics/ingest" \
  -H "Authorization: Bearer <jwt-token>" \
  -H "Content-Type: application/json" \
  -d '[
    {
      "ts": "2024-01-01T12:00:00Z",
      "user_id": "user-123",
      "type": "page_view",
      "src": "web_app",
      "payload": {"page": "/dashboard"}
    },
    {
      "ts": "2024-01-01T12:01:00Z", 
      "user_id": "user-123",
      "type": "button_click",
      "src": "web_app",
      "payload": {"button_id": "save_profile"}
    }
  ]'"""  # noqa: W291  # as printed
SITE_EVENT = r"""curl -X 'POST' \
  'http://localhost:8000/event' \
  -H 'Content-Type: application/json' \
  -d '{
    "site_id": "test-site",
    "event_type": "page_view",
    "path": "/home",
    "user_id": "user123",
    "timestamp": "2025-11-14T13:30:01Z"
  }'"""
METRIC = """POST http://localhost:3011/metrics
Content-Type: application/json

{
  "metric_name": "page_views",
  "value": 150,
  "tags": {
    "page": "/dashboard",
    "user_type": "premium"
  }
}"""
EVENT = """POST http://localhost:3011/events
Content-Type: application/json

{
  "event_name": "user_signup",
  "user_id": "user_123",
  "properties": {
    "plan": "premium",
    "referral_source": "google"
  }
}"""
PAGE_VIEW = r"""curl -X POST http://localhost:3011/metrics \
  -H "Content-Type: application/json" \
  -d '{
    "metric_name": "page_views",
    "value": 1,
    "tags": {"page": "/dashboard"}
  }'"""
RESPONSE_TIME = r"""curl -X POST http://localhost:3011/metrics \
  -H "Content-Type: application/json" \
  -d '{
    "metric_name": "api_response_time",
    "value": 125.5,
    "tags": {"endpoint": "/api/users", "method": "GET"}
  }'"""
PURCHASE = r"""curl -X POST http://localhost:3011/events \
  -H "Content-Type: application/json" \
  -d '{
    "event_name": "purchase_completed",
    "user_id": "user_456",
    "properties": {
      "amount": 99.99,
      "currency": "USD",
      "items": 3
    }
  }'"""
METRIC_ANSWER = {
    "success": True,
    "metric_id": f"metric_{UUID}",
    "metric_name": "page_views",
    "value": 150,
    "timestamp": "2025-10-30T12:34:56.789Z",
    "service": "analytics-service",
}
EVENT_ANSWER = {
    "success": True,
    "event_id": f"event_{UUID}",
    "event_name": "user_signup",
    "timestamp": "2025-10-30T12:34:56.789Z",
    "service": "analytics-service",
}
WRITES = (
    Printed("0.E1", CLICK, True, 202),
    Printed("0.E1 debug", DEBUG_CLICK, True, 202),
    Printed("1.E1", BATCH, {"ingested": 2}, 202),
    Printed("2.E1", SITE_EVENT, None, 202),
    Printed("3.E2", METRIC, METRIC_ANSWER, 202),
    Printed("3.E2 page view", PAGE_VIEW, METRIC_ANSWER, 202),
    Printed("3.E2 response time", RESPONSE_TIME, METRIC_ANSWER, 202),
    Printed("3.E3", EVENT, EVENT_ANSWER, 202),
    Printed("3.E3 purchase", PURCHASE, EVENT_ANSWER, 202),
)

GLOBAL_ANSWER = {
    "total_clicks": 15234,
    "unique_visitors": 8967,
    "clicks_today": 234,
    "clicks_this_week": 1567,
    "top_urls": [{"short_code": "popular1", "clicks": 1234}],
}
LINK_ANSWER = {
    "short_code": "abc123",
    "total_clicks": 142,
    "unique_clicks": 89,
    "clicks_today": 12,
    "clicks_this_week": 67,
    "clicks_this_month": 142,
    "top_countries": [{"name": "US", "count": 85}],
    "top_referers": [{"name": "google.com", "count": 45}],
    "click_timeline": [{"date": "2025-08-10", "clicks": 8}],
}
STATS_ANSWER = {
    "site_id": "test-site",
    "date": "2025-11-14",
    "total_views": 42,
    "unique_users": 15,
    "top_paths": [{"path": "/home", "views": 25}],
}
HEALTH_ANSWER = {"ok": True, "service": "analytics-service", "python_version": "3.9.6"}
FIGURES = {
    "metric_name": "page_views",
    "count": 1500,
    "sum": 225000,
    "average": 150,
    "min": 50,
    "max": 500,
    "period_start": "2025-10-29T12:00:00Z",
    "period_end": "2025-10-30T12:00:00Z",
}
LISTED_EVENT = {
    "id": "event_123",
    "event_name": "user_signup",
    "user_id": "user_123",
    "properties": {"plan": "premium"},
    "timestamp": "2025-10-30T12:34:56.789Z",
}
OVERVIEW = {
    "total_metrics_tracked": 5000,
    "unique_metric_types": 3,
    "total_events_tracked": 1500,
    "metric_names": ["page_views", "api_calls", "response_time"],
    "timestamp": "2025-10-30T12:34:56.789Z",
}
DAU = r"""curl -X GET "http://api.example.com/api/analytics/reports/dau" \
  -H "Authorization: Bearer <jwt-token>"
"""
CSV = r"""curl -X GET "http://api.example.com/api/analytics/reports/events?format=csv" \
  -H "Authorization: Bearer <jwt-token>" \
  -o events.csv"""
XLSX = r"""curl -X GET "http://api.example.com/api/analytics/reports/events?format=xlsx" \
  -H "Authorization: Bearer <jwt-token>" \
  -o events.xlsx"""
READS = (
    Printed("0.E4", "curl http://localhost:8002/health"),
    Printed("0.E3 curl", "curl http://localhost:8002/analytics/global", GLOBAL_ANSWER),
    Printed(
        "0.E2 curl", "curl http://localhost:8002/analytics/stats/test123", {**LINK_ANSWER, "short_code": "test123"}
    ),
    Printed("0.E2", "GET http://localhost:8002/analytics/stats/abc123", LINK_ANSWER),
    Printed("1.E2", DAU, {"dau": 1247, "date": "2024-01-01", "period": "24h"}),
    Printed("1.E3", CSV),
    Printed("1.E3 xlsx", XLSX),
    Printed("2.E2", "curl 'http://localhost:8001/stats?site_id=test-site'", {**STATS_ANSWER, "date": None}),
    Printed("2.E2 date", "curl 'http://localhost:8001/stats?site_id=test-site&date=2025-11-14'", STATS_ANSWER),
    Printed("3.E1", "GET http://localhost:3011/health", HEALTH_ANSWER),
    Printed("3.E1 health-check", "GET http://localhost:3011/health-check", HEALTH_ANSWER),
    Printed("3.E4", "GET http://localhost:3011/metrics/page_views?hours=24", FIGURES),
    # Nobody has sent it: no average.
    Printed(
        "3.E4 168",
        "GET http://localhost:3011/metrics/api_calls?hours=168",
        {**FIGURES, "average": None, "min": None, "max": None},
    ),
    Printed("3.E5", "GET http://localhost:3011/metrics", {"metrics": ["page_views"], "count": 3}),
    Printed(
        "3.E6",
        "GET http://localhost:3011/events?limit=100",
        {"events": [{**LISTED_EVENT, "properties": {}}], "count": 1, "total": 1500},
    ),
    Printed(
        "3.E6 event_name",
        "GET http://localhost:3011/events?event_name=user_signup&limit=50",
        {"events": [LISTED_EVENT], "count": 1, "total": 1500},
    ),
    Printed("3.E7", "GET http://localhost:3011/dashboard", OVERVIEW),
    # For admins alone (spec C27); these say who they are to nobody.
    Printed("3.E8", "DELETE http://localhost:3011/metrics/page_views", None, 401),
    Printed("3.E8 events", "DELETE http://localhost:3011/events", None, 401),
)
# Printed too, and not ours.
LEFT_OUT = {
    "curl http://localhost:8000/health/all": "0.E6: the gateway answers it, by asking each service's /health",
    "docker-compose exec analytics-service curl localhost:8002/health": "0.E4 again, from within a container",
}


def replay(base: str, token: str, folder: Path, store: Callable[[], object]) -> list[str]:
    """Runs the writes, then `store`, then the reads; the differences between answers and printed ones."""
    found = [problem for printed in WRITES for problem in _differences(printed, base, token, folder)]
    store()
    return found + [problem for printed in READS for problem in _differences(printed, base, token, folder)]


def _differences(printed: Printed, base: str, token: str, folder: Path) -> Iterator[str]:
    line = HOST.sub(base, _as_curl(printed.text)).replace("<jwt-token>", token)
    # The function adds the status as a last line; the line itself stays as printed.
    script = f"curl() {{ command curl -sS -w '\\n%{{http_code}}' \"$@\"; }}\n{line}"
    ran = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    body, _, status = ran.stdout.rpartition("\n")
    if status != str(printed.status):
        yield f"{printed.id}: status {status or ran.stderr}, not {printed.status}: {body[:300]}"
    elif printed.response is not None:
        yield from compare(printed.response, json.loads(body), printed.id)


def _as_curl(text: str) -> str:
    """An HTTP message as the curl line that sends it."""
    if text.startswith("curl"):
        return text
    head, _, body = text.partition("\n\n")
    start, *headers = head.split("\n")
    method, url = start.split(" ")
    options = [f"-H {quote(header)}" for header in headers] + ([f"-d {quote(body)}"] if body else [])
    return " ".join(["curl -X", method, quote(url), *options])


def compare(printed: Any, found: Any, place: str) -> Iterator[str]:
    """The printed fields that `found` does not have, or has in another type. Additional fields are allowed."""
    if isinstance(printed, dict) and isinstance(found, dict):
        for name, value in printed.items():
            if name not in found:
                yield f"{place}: no {name}"
            else:
                yield from compare(value, found[name], f"{place} {name}")
    elif isinstance(printed, list) and isinstance(found, list):
        for one in found:
            yield from compare(printed[0], one, f"{place}[]")
    elif _kind(printed) != _kind(found):
        yield f"{place}: {found!r} where {printed!r} is printed"


def _kind(value: Any) -> str:
    """Its type; of a text that is a time, a day or an id, its form."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return type(value).__name__
    if not isinstance(value, str):
        return "number"
    forms = {
        "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
        "day": r"\d{4}-\d\d-\d\d",
        "metric id": r"metric_[0-9a-f-]{36}",
        "event id": r"event_.+",
    }
    return next((name for name, form in forms.items() if re.fullmatch(form, value)), "text")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        problems = replay(sys.argv[1], "".join(sys.argv[2:]), Path(scratch), lambda: time.sleep(3))
    sys.stdout.write(("\n".join(problems) or f"{len(WRITES) + len(READS)} requests, each answered as printed") + "\n")
    sys.exit(bool(problems))
