"""The limit on all conditions of one count: those of the request's filter, and of the steps of a funnel. Pure.

funnels/ and segments/ check it, once segments are replaced by their conditions. A filter has at most MAX_CONDITIONS;
a goal's and a request's together are within the limit by that.
"""

from collections.abc import Iterable

from analytics.errors import bad_parameter
from analytics.reports.filtering.filters import parse_filter

# Each is evaluated for every event: a funnel of 20 steps with 20 conditions on payloads each took 14 s and 575 MB. This
# is three for each of 20 steps, or three filters of 20.
MAX_TOTAL_CONDITIONS = 60


def check_total(what: str, filter_texts: Iterable[str], parameter: str, example: str) -> None:
    """Raises BadInput, which names the parameter, where the filters without segments have too many conditions in all.

    `what` has them: the steps.
    """
    total = sum(len(parse_filter(text)) for text in filter_texts)
    if total > MAX_TOTAL_CONDITIONS:
        detail = f"{what} have {total} conditions in all, those of segments included; accepted: at most "
        raise bad_parameter(parameter, f"{detail}{MAX_TOTAL_CONDITIONS}", example, limit=MAX_TOTAL_CONDITIONS)
