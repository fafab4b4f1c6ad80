"""The header of a route that accepts events or samples: its description and its guard. Used by the views of ingest."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from analytics.apidocs.operations import DocumentedView, Shape, documented
from analytics.auth.admission import accepts_key_in_body
from analytics.errors import NOT_TAKEN, UNKNOWN, Unavailable
from analytics.ingest.schemas import KEY_HEADER, SiteQuery
from analytics.ingest.senders import guarded_sender
from analytics.web.app import runs_on_event_loop

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Exchange(NamedTuple):
    """What a route accepts and how it responds, each with an example."""

    body: Shape
    response: Shape


def accepts(
    summary: str, exchange: Exchange, status: int = 202, **details: Any
) -> Callable[[Callable[P, R]], DocumentedView[P, R]]:
    """Describes a view and guards it (senders.py).

    `details`: further fields of its OperationDoc.
    """

    def mark(view: Callable[P, R]) -> DocumentedView[P, R]:
        headers = KEY_HEADER | details.pop("headers", {})
        describe = documented(
            summary, SiteQuery, exchange.response, body=exchange.body, status=status, headers=headers, **details
        )
        return accepts_key_in_body(runs_on_event_loop(describe(guarded_sender(_mark_not_taken(view)))))

    return mark


def _mark_not_taken(view: Callable[P, R]) -> Callable[P, R]:
    """Whatever is unavailable, nothing was taken, unless the append itself had no answer."""

    @wraps(view)
    def accept(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return view(*args, **kwargs)
        except Unavailable as error:
            if error.code != UNKNOWN:
                error.code = NOT_TAKEN
            raise

    return accept
