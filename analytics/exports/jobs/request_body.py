"""Turns the checked body of a request into a job to create: site, period, user ids, canonical request, fingerprint.

Views, schedules and the CLI call it with a body that schemas.py has checked. It reads the database and writes nothing.
"""

import hashlib
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine

from analytics.auth.guard import Principal, resolve_site_key
from analytics.errors import BadInput
from analytics.exports.jobs.creation import NewJob
from analytics.exports.sources import reports
from analytics.exports.sources.export import default_period, resolve
from analytics.exports.sources.raw_rows import PLAN_TIMEOUT_S, expand_where
from analytics.exports.sources.request import ExportRequest, Filter, ReportSpec
from analytics.extensions import settings
from analytics.period import Period, read_period, read_zone
from analytics.privacy.pseudonym import find_stored_user_ids
from analytics.reports.day_range import bad_parameter
from analytics.reports.filtering.filters import check_users, parse_filter
from analytics.sites.sites import Site, find_site
from analytics.store.event_types import stored_type
from analytics.store.reading import read_transaction
from analytics.users.groups import read_cohort
from analytics.users.schemas import GroupBody

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[\x20-\x7e]{1,255}")
PERIOD_FIELDS = ("date", "days", "hours", "from", "to")


def read_export_body(
    engine: Engine, principal: Principal, body: dict[str, Any], idempotency_key: str | None, now: datetime
) -> NewJob:
    """The job that a checked body describes. Raises BadInput, Forbidden and NotFound."""
    if idempotency_key is not None and not IDEMPOTENCY_KEY_PATTERN.fullmatch(idempotency_key):
        detail = "Idempotency-Key: the key is empty, too long or not printable"
        raise BadInput(
            f"{detail}; accepted: 1 to 255 printable ASCII characters, for example Idempotency-Key: 2026-11-23"
        )
    site = find_site(engine, resolve_site_key(principal, body.get("site")))
    what, filter_body = body.get("what", "events"), body.get("filter", {})
    period = _read_period(engine, site, what, body, now)
    report = ReportSpec(body.get("report", "metrics"), body.get("dimension", ""), body.get("unit", ""))
    if what == "report":
        _check_report(report, filter_body)
    # The job stores and shows the stored id of the user, never the one that ANONYMIZE_USER_IDS hides.
    user_id, other_user_id = _stored_user_ids(engine, site, filter_body.get("user_id"))
    filter_body = filter_body | {"user_id": user_id} if user_id else filter_body
    request = ExportRequest(
        what=what,
        format=body.get("format", "csv"),
        compression=body.get("compression", "none"),
        site_id=site.id,
        start=period.start,
        end=period.end,
        zone=period.zone.key,
        filter=_filter(what, filter_body, other_user_id),
        columns=tuple(body.get("columns", ())),
        report=report,
        users=tuple(sorted(GroupBody().dump(body.get("users", {})).items())),
    )
    if request.filter.where:
        request = _with_conditions(engine, request)
    export = resolve(request)
    check_users(parse_filter(request.filter.where) if request.filter.where else (), "filter.where")
    fingerprint = _fingerprint({**body, "site": site.key} | ({"filter": filter_body} if filter_body else {}))
    url, token_id = body.get("callback_url"), principal.token_id
    return NewJob(export, principal.subject, idempotency_key, fingerprint, url, token_id=token_id)


def read_schedule_body(engine: Engine, principal: Principal, body: dict[str, Any], zone: str, now: datetime) -> NewJob:
    """The job that a schedule repeats, in the schedule's zone unless the body names one; a report has the site's."""
    if "timezone" not in body and body.get("what") != "report":
        body = {"zone": zone, **body}
    return read_export_body(engine, principal, body, None, now)


def _with_conditions(engine: Engine, request: ExportRequest) -> ExportRequest:
    """The request with the conditions of segments: what becomes of a segment later does not change the file."""
    with read_transaction(engine, PLAN_TIMEOUT_S) as connection:
        return expand_where(connection, request)


def _fingerprint(body: dict[str, Any]) -> str:
    """Of the body, not of the resolved period: `days` means other days tomorrow, and is still the same request."""
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()


def _read_period(engine: Engine, site: Site, what: str, body: dict[str, Any], now: datetime) -> Period:
    with read_transaction(engine, PLAN_TIMEOUT_S) as connection:
        if "cohort" in body.get("users", ()):
            return read_cohort(body["users"], reports.read_zone_of_days(connection, site.id)).later.period
        zone = _report_zone(connection, site, body) if what == "report" else read_zone(body, site.zone)
        everything = default_period(connection, what, site.id, zone, now)
    period = read_period({name: str(body[name]) for name in PERIOD_FIELDS if name in body}, zone, now, everything)
    return Period(period.start, period.end, zone)


def _report_zone(connection: Connection, site: Site, body: dict[str, Any]) -> ZoneInfo:
    """The zone in which the site's days are counted. Raises BadInput for another one: its days have other figures."""
    calendar = reports.read_zone_of_days(connection, site.id)
    if read_zone(body, calendar.key) != calendar:
        detail = f"a report of {site.key} has days of {calendar.key} only; omit zone, or send {calendar.key}"
        raise bad_parameter("zone", detail, f"zone={calendar.key}")
    return calendar


def _check_report(report: ReportSpec, filter_body: dict[str, Any]) -> None:
    """Refuses what the report would ignore."""
    if report.name == "metrics" and "include_bots" in filter_body:
        raise bad_parameter("include_bots", "metrics are counted without bots; omit include_bots", "report=dau")


def _filter(what: str, body: dict[str, Any], other_user_id: str | None) -> Filter:
    return Filter(
        types=tuple(map(stored_type, body.get("type", ()))),
        user_id=body.get("user_id"),
        # Reports and lists of users exclude bots by default, as those of the API do.
        include_bots=body.get("include_bots", what not in ("report", "users")),
        other_user_id=other_user_id,
        where=body.get("where"),
        names=tuple(body.get("name", ())),
        tags=tuple(sorted(body.get("tags", {}).items())),
    )


def _stored_user_ids(engine: Engine, site: Site, user_id: str | None) -> tuple[str | None, str | None]:
    if user_id is None:
        return None, None
    with read_transaction(engine, PLAN_TIMEOUT_S) as connection:
        current, *others = find_stored_user_ids(connection, settings(), site.id, site.identity_key, user_id)
    return current, others[0] if others else None
