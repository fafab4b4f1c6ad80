"""What an order and a list of exports may say, and the order that a body is. Unknown fields are refused by name."""

import hashlib
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from marshmallow import RAISE, Schema, ValidationError, fields, pre_load
from marshmallow.validate import Length, OneOf, Range
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.auth.guard import Principal, choose_site
from analytics.errors import BadInput, Problem
from analytics.exports import report_source, sources, webhooks
from analytics.exports.formats import FORMATS
from analytics.exports.jobs import Order
from analytics.exports.report_source import Report
from analytics.exports.selections import Filter
from analytics.extensions import settings
from analytics.period import Period, read_period, read_zone
from analytics.privacy.pseudonym import identity_salt, pseudonym
from analytics.reports.days import refuse
from analytics.reports.schemas import TEXT_LIMIT
from analytics.sites import Site, find_site
from analytics.store.reading import reading

KEY = re.compile(r"[\x20-\x7e]{1,255}")
# Many conditions, each with many values.
WHERE_LIMIT = 20_000
PERIOD = ("date", "days", "hours", "from", "to")


def _storable(given: str) -> None:
    # PostgreSQL has no such character; a lone surrogate cannot even be sent to it.
    if re.search(r"[\x00\ud800-\udfff]", given):
        raise ValidationError("must not hold a NUL character or half of a pair")


def _callback(url: str) -> None:
    if problem := webhooks.refusal(url, settings().environment):
        raise ValidationError(f"the address {problem}")


def _text() -> fields.String:
    return fields.String(validate=[Length(min=1, max=TEXT_LIMIT), _storable])


def _one_of(words: Any) -> fields.String:
    return fields.String(validate=OneOf(list(words), error="{input!r} is not known; known: {choices}"))


class Wanted(Schema):
    """The filter: of events `type` (one or several, any of them), `user_id`, and `where` in the language of the
    reports' filter; of samples `name` (one or several) and `tags`, all of them."""

    class Meta:
        unknown = RAISE

    type = fields.List(_text(), validate=Length(min=1, max=100))
    user_id = _text()
    include_bots = fields.Boolean(truthy={True}, falsy={False})
    where = fields.String(validate=[Length(min=1, max=WHERE_LIMIT), _storable])
    name = fields.List(_text(), validate=Length(min=1, max=100))
    tags = fields.Dict(
        keys=fields.String(validate=[Length(1, 64), _storable]),
        values=fields.String(validate=[Length(max=256), _storable]),
        validate=Length(min=1, max=20),
    )

    @pre_load
    def _list(self, given: Any, **_: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return given | {name: [given[name]] for name in ("type", "name") if isinstance(given.get(name), str)}


class NewExport(Schema):
    """The body of an order. The period in the words of the reports; none: all that is stored."""

    class Meta:
        unknown = RAISE

    what = _one_of(sources.SOURCES)
    format = _one_of(FORMATS)
    compression = _one_of(("none", "gzip", "zstd"))
    site = _text()
    zone = _text()
    timezone = _text()
    date = _text()
    days = fields.Integer(strict=True)
    hours = fields.Integer(strict=True)
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()
    filter = fields.Nested(Wanted)
    # Of what=report.
    report = _one_of(report_source.KINDS)
    dimension = _text()
    unit = _text()
    columns = fields.List(_text(), validate=Length(max=100))
    callback_url = fields.String(validate=_callback)


class JobsQuery(Schema):
    """A page of the list."""

    cursor = _text()
    limit = fields.Integer(load_default=50, validate=Range(1, 200))


class LinkQuery(Schema):
    """What a link of its own permission carries (exports/links.py), in place of a token."""

    expires = fields.String()
    signature = fields.String()


def read_order(engine: Engine, principal: Principal, given: dict[str, Any], key: str | None, now: datetime) -> Order:
    """The order that a checked body is. Raises BadInput, and whatever keeps the caller from the site."""
    if key is not None and not KEY.fullmatch(key):
        raise BadInput("Idempotency-Key: 1 to 255 printable ASCII characters")
    site = find_site(engine, choose_site(principal, given.get("site")))
    what, asked = given.get("what", "events"), given.get("filter", {})
    with reading(engine, sources.PLAN_TIMEOUT_S) as connection:
        zone = _calendar(connection, site, given) if what == "report" else read_zone(given, site.zone)
        everything = sources.default_period(connection, what, site.id, zone, now)
    words = {name: str(given[name]) for name in PERIOD if name in given}
    period = read_period(words, zone, now, everything)
    report = Report(given.get("report", "metrics"), given.get("dimension", ""), given.get("unit", ""))
    if what == "report":
        _check_report(report, asked, period)
    # What is kept, and shown, of the order never has a name that is not to be stored.
    user_id, other_id = _names_of(engine, site, asked.get("user_id"))
    asked = asked | {"user_id": user_id} if user_id else asked
    request = sources.Request(
        what=what,
        format=given.get("format", "csv"),
        compression=given.get("compression", "none"),
        site_id=site.id,
        start=period.start,
        end=period.end,
        zone=zone.key,
        filter=_filter(what, asked, other_id),
        columns=tuple(given.get("columns", ())),
        report=report,
    )
    # Of the words, not of what they mean now: `days` says another period tomorrow, and is the same order.
    words_given = {**given, "site": site.key} | ({"filter": asked} if asked else {})
    asked_for = hashlib.sha256(msgspec.json.encode(words_given, order="sorted")).hexdigest()
    return Order(request, principal.subject, key, asked_for, given.get("callback_url"))


def _filter(what: str, asked: dict[str, Any], other_id: str | None) -> Filter:
    return Filter(
        types=tuple(asked.get("type", ())),
        user_id=asked.get("user_id"),
        # As in the reports of the API, programs are left out unless they are asked for.
        include_bots=asked.get("include_bots", what != "report"),
        other_id=other_id,
        where=asked.get("where"),
        names=tuple(asked.get("name", ())),
        tags=tuple(sorted(asked.get("tags", {}).items())),
    )


# pk_users.
KNOWN_USER = text("SELECT 1 FROM users WHERE site_id = :site_id AND user_id = :user_id")


def _names_of(engine: Engine, site: Site, user_id: str | None) -> tuple[str | None, str | None]:
    """What a user's events are stored under now; and under what else, where ANONYMIZE_USER_IDS was once another."""
    if user_id is None:
        return None, None
    hidden = pseudonym(identity_salt(settings()), site.key, user_id)
    now, once = (hidden, user_id) if settings().anonymize_user_ids else (user_id, hidden)
    with reading(engine, sources.PLAN_TIMEOUT_S) as connection:
        known = connection.execute(KNOWN_USER, {"site_id": site.id, "user_id": once}).scalar()
    return now, once if known else None


def read_schedule_order(engine: Engine, principal: Principal, given: dict[str, Any], zone: str, now: datetime) -> Order:
    """The order that a schedule repeats. Times in its files are in the schedule's zone, unless `given` names one; days
    of a report are the site's."""
    if "timezone" not in given and given.get("what") != "report":
        given = {"zone": zone, **given}
    return read_order(engine, principal, given, None, now)


def _calendar(connection: Connection, site: Site, given: dict[str, Any]) -> ZoneInfo:
    """Figures are of the site's own days: a file in another zone's would be another report."""
    calendar = report_source.calendar_of(connection, site.id)
    if read_zone(given, calendar.key) != calendar:
        detail = f"zone: the days of a report of {site.key} are those of {calendar.key}; leave zone out"
        raise BadInput(detail, [Problem(None, "zone", "bad_parameter", detail)])
    return calendar


def _check_report(report: Report, asked: dict[str, Any], period: Period) -> None:
    """What would be ignored is refused."""
    if report.name == "metrics" and "include_bots" in asked:
        raise refuse("include_bots", "metrics were counted without programs; leave it out", "report=dau")
    bounds = (period.start, period.end)
    if any(clock.day_start(clock.day_of(bound, period.zone), period.zone) != bound for bound in bounds):
        raise refuse("period", "a report counts whole days", "from=2026-11-01, to=2026-11-23")
