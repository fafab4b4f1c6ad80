"""The routes of seed 000's reports: one short link, and all of them. Their site is `links` unless another is named."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import Blueprint, Response, jsonify, request

from analytics import clock
from analytics.auth.guard import GuardedView, current_principal
from analytics.documented import documented
from analytics.errors import BadInput, NotFound
from analytics.extensions import settings
from analytics.reports import all_links, link
from analytics.reports.link_schemas import GLOBAL_EXAMPLE, LINK_EXAMPLE, GlobalAnswer, LinkAnswer, ListQuery
from analytics.reports.past import LINKS
from analytics.reports.question import SITE_NAMES, Question, read_question, readable
from analytics.reports.schemas import read_query
from analytics.sites import Site

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
blueprint = Blueprint("links", __name__)
# Who asks before the first click, which makes the site, gets zeros.
NO_SITE = Site(0, LINKS, LINKS, "UTC", "open", frozenset(), "trust", False, False, ())


def readable_links(view: Callable[P, R]) -> GuardedView[P, R]:
    return readable(view, LINKS)


@blueprint.get("/analytics/stats/<path:short_code>")
@documented("Clicks of one short link", query=ListQuery, answer=LinkAnswer, example=LINK_EXAMPLE)
@readable_links
def link_stats(short_code: str) -> Response:
    """All time, or the days asked for. A code that nobody has clicked has zeros: it may have been made a moment ago."""
    if "\0" in short_code:
        raise BadInput("short_code: must not hold a NUL character")
    question = _read_question()
    if question.site is NO_SITE:
        return jsonify(link.nothing(question, short_code, _limit(question)))
    with question.rollups() as found:
        return jsonify(link.report(found, question, short_code, _limit(question)))


@blueprint.get("/analytics/global")
@documented("Clicks of all short links", query=ListQuery, answer=GlobalAnswer, example=GLOBAL_EXAMPLE)
@readable_links
def global_stats() -> Response:
    """All time, or the days asked for; the trend is of now. On a fresh database: zeros and empty lists."""
    question = _read_question()
    if question.site is NO_SITE:
        return jsonify(all_links.nothing(question, _limit(question)))
    with question.rollups() as found:
        return jsonify(all_links.report(found, question, _limit(question)))


def _read_question() -> Question:
    """Of the site named, else of `links`; a token for certain sites has its own."""
    own = current_principal().sites
    try:
        return read_question(ListQuery(), default_site=None if own else LINKS)
    except NotFound:
        if own or any(request.args.get(name) for name in SITE_NAMES):
            raise
        now = clock.now()
        return Question(NO_SITE, read_query(ListQuery(), request.args), now, now)


def _limit(question: Question) -> int:
    return int(question.query.get("limit") or settings().top_results_limit)
