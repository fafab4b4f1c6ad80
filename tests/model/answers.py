"""Which function answers which operation of the API description, and which operations the model leaves out, and why."""

from collections.abc import Callable
from typing import Any

from tests.model.reports import audience, funnels, insights, links, query, rows, user_lists, websites
from tests.model.site import Request, Site

REPORTS, WEBSITES = "/api/analytics/reports", "/api/v1/analytics"
ANSWERS: dict[str, Callable[[Site, Request], Any]] = {
    f"{REPORTS}/summary": query.summary,
    f"{REPORTS}/timeseries": query.timeseries,
    f"{REPORTS}/breakdown": query.breakdown,
    f"{REPORTS}/event-types": query.event_types,
    f"{REPORTS}/properties": query.properties,
    f"{REPORTS}/overview": query.overview,
    f"{REPORTS}/dau": audience.dau,
    f"{REPORTS}/wau": audience.wau,
    f"{REPORTS}/mau": audience.mau,
    f"{REPORTS}/stickiness": audience.stickiness,
    f"{REPORTS}/retention": audience.retention,
    f"{REPORTS}/lifecycle": audience.lifecycle,
    f"{REPORTS}/metrics": audience.metrics,
    f"{REPORTS}/goal": insights.goal,
    f"{REPORTS}/goals": insights.goals,
    f"{REPORTS}/journeys": insights.journeys,
    f"{REPORTS}/experiment": insights.experiment,
    f"{REPORTS}/realtime": websites.realtime,
    f"{REPORTS}/events": rows.event_file,
    f"{REPORTS}/users": user_lists.user_list,
    f"{REPORTS}/users/timeline": user_lists.timeline,
    f"{REPORTS}/funnel": funnels.ad_hoc,
    "/api/analytics/goals/{goal_id}/report": insights.stored_goal,
    "/api/analytics/goals/{goal_id}/retention": insights.goal_retention,
    "/api/v1/funnels/{funnel_id}/analytics": funnels.analytics,
    "/api/v1/funnels/{funnel_id}/analytics/detailed": funnels.detailed,
    "/api/v1/funnels/compare": funnels.compare,
    "/analytics/stats/{short_code}": links.stats,
    "/analytics/global": links.global_stats,
    "/stats": websites.stats,
    "/dashboard": rows.totals,
    "/events": rows.event_list,
    "/metrics": rows.sample_names,
    "/metrics/{name}": rows.samples,
    f"{WEBSITES}/dashboard/{{website_id}}": websites.dashboard,
    f"{WEBSITES}/traffic-summary/{{website_id}}": websites.traffic_summary,
    f"{WEBSITES}/daily-stats/{{website_id}}": websites.daily_stats,
    f"{WEBSITES}/hourly-stats/{{website_id}}": websites.hourly_stats,
    f"{WEBSITES}/custom-events/{{website_id}}": websites.custom_events,
    f"{WEBSITES}/realtime/{{website_id}}": websites.website_realtime,
    f"{WEBSITES}/top-pages/{{website_id}}": websites.top_pages,
    f"{WEBSITES}/top-referrers/{{website_id}}": websites.top_referrers,
    f"{WEBSITES}/top-countries/{{website_id}}": websites.top_list("countries", "country"),
    f"{WEBSITES}/top-browsers/{{website_id}}": websites.top_list("browsers", "browser"),
    f"{WEBSITES}/top-devices/{{website_id}}": websites.top_list("devices", "device"),
    f"{WEBSITES}/top-os/{{website_id}}": websites.top_list("os", "os"),
}
# Operations with a period, or whose tag is one of reports, that are no report.
LEFT_OUT = {
    f"{REPORTS}/overview/sites": "of many sites; tests/insights/overview compares each row with the site's own reports",
    f"{REPORTS}/live": "a stream without end; tests/reports/realtime reads it event by event",
    "/api/analytics/goals": "definitions, no figures",
    "/api/analytics/goals/{goal_id}": "a definition, no figures",
    "/api/analytics/notes": "texts, no figures",
    "/api/v1/funnels/": "definitions, no figures",
    "/api/v1/funnels/{funnel_id}": "a definition, no figures",
}
