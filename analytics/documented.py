"""What a view says of itself for the API's description: `@documented(…)` beside its route, read by ops/openapi.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from marshmallow import Schema

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Note:
    """`query`, `body`, `answer`: marshmallow schemas of what goes in and out; `example`: an answer, `sent`: a body."""

    summary: str
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    answer: type[Schema] | None = None
    example: Any = None
    sent: Any = None
    status: int = 200
    media_type: str = "application/json"
    # Other answers than 400, 401, 403, 404, 422, 429 and 503, which any operation may give: status → what it means.
    others: Mapping[int, str] = field(default_factory=dict)


class DocumentedView(Protocol[P, R]):
    """A view with a note."""

    note: Note

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


def documented(summary: str, **more: Any) -> Callable[[Callable[P, R]], DocumentedView[P, R]]:
    """Marks the view with a Note of these fields; put it right above `@guarded`."""

    def mark(view: Callable[P, R]) -> DocumentedView[P, R]:
        marked = cast(DocumentedView[P, R], view)
        marked.note = Note(summary, **more)
        return marked

    return mark
