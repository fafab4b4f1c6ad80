"""Which users a number of a report counts: the group that a request names, found as the report counts it.

views.py and exports/ call it, before they open the list (user_list.py): one query of columns runs at a time.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pyroaring import BitMap64

from analytics import clock
from analytics.errors import NotFound, bad_parameter
from analytics.extensions import db
from analytics.funnels import definitions
from analytics.funnels.definitions import Funnel
from analytics.funnels.request import count_funnel, expand_spec, read_funnel_period, spec_of
from analytics.insights import experiments
from analytics.insights.goals.goal_parameter import find_goal
from analytics.period import Period, period_parameter, read_zone
from analytics.reports.audience import retention
from analytics.reports.audience.active import AudienceFilter
from analytics.reports.audience.counted_users import open_counted
from analytics.reports.buckets import unit_bounds
from analytics.reports.day_range import DayRange
from analytics.reports.filtering.filters import Condition, read_filter
from analytics.reports.report_period import read_report_period
from analytics.reports.request import ReportRequest
from analytics.users.schemas import DROPPED, EXAMPLES, REACHED


class UserGroup(NamedTuple):
    """`members`: their numbers; None: who has an event of the period of `types` that meets the conditions.

    `parameter`: the one that sets the period.
    """

    period: Period
    parameter: str
    members: BitMap64 | None = None
    types: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


def find_group(request: ReportRequest) -> UserGroup:
    """The group of a request with the fields of UsersQuery. Raises what its report raises, and NotFound."""
    for kind, find in (("funnel", _find_of_funnel), ("cohort", _find_of_cohort), ("goal", _find_of_experiment)):
        if kind in request.query:
            return find(request)
    query = request.query
    period = read_report_period(request, read_zone(query, _rollups_zone(request)))
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    return UserGroup(period, period_parameter(query), types=tuple(query.get("type") or ()), conditions=conditions)


def _find_of_funnel(request: ReportRequest) -> UserGroup:
    funnel, query = _read_funnel(request), request.query
    step, reached, steps = query["step"], query.get("reached", REACHED), len(funnel.definition.steps)
    most = steps - (reached == DROPPED)
    if step > most:
        detail = f"the funnel has {steps} steps; accepted: 1 to {most} with reached={reached}"
        raise bad_parameter("step", detail, EXAMPLES["funnel"])
    period = read_funnel_period(request)
    result = count_funnel(request, expand_spec(request, spec_of(funnel)), period)
    depths = result.best_attempts.depths
    is_member = depths == step if reached == DROPPED else depths >= step
    return UserGroup(period, period_parameter(query), BitMap64(result.users[is_member].tolist()))


def _read_funnel(request: ReportRequest) -> Funnel:
    with db.engine.connect() as connection:
        for funnel in definitions.list_funnels(connection, request.site.id):
            if funnel.id == str(request.query["funnel"]):
                return funnel
    detail = f"the site {request.site.key!r} has no funnel {request.query['funnel']}; "
    raise NotFound(f"{detail}GET /api/v1/funnels/ lists a site's funnels")


def _find_of_cohort(request: ReportRequest) -> UserGroup:
    audience = AudienceFilter(request.query.get("type") or None, request.include_bots)
    units = read_cohort(request.query, clock.zone(_rollups_zone(request)))
    with open_counted(request, units, audience) as (snapshot, counted):
        members = retention.find_retained(snapshot, units.first[:2], units.later[:2], audience, counted)
    return UserGroup(units.later.period, "cohort", members)


class CohortUnits(NamedTuple):
    """The unit in which the users of a cohort were new, and the one in which they were active."""

    first: DayRange
    later: DayRange


def read_cohort(group: Mapping[str, Any], zone: ZoneInfo) -> CohortUnits:
    """Of the fields `cohort`, `unit` and `offset`. Raises BadInput where no unit begins on that day."""
    cohort, unit = group["cohort"], group.get("unit", "day")
    first = later = unit_bounds(cohort, unit)
    if first[0] != cohort:
        raise bad_parameter("cohort", f"is not the first day of a {unit}", f"cohort={first[0]}&unit={unit}")
    for _ in range(group.get("offset", 0)):
        later = unit_bounds(later[1], unit)
    return CohortUnits(DayRange(*first, zone), DayRange(*later, zone))


def _find_of_experiment(request: ReportRequest) -> UserGroup:
    goal = find_goal(db.engine, request.site, request.query["goal"])
    period, parameter, members = experiments.find_users(request, goal)
    return UserGroup(period, parameter, members)


def _rollups_zone(request: ReportRequest) -> str:
    with request.open_snapshot() as snapshot:
        return snapshot.zone
