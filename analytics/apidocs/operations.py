"""What a view says of itself for the API's description: `@documented(…)` beside its route, read by ops/openapi.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from marshmallow import Schema

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
# A marshmallow schema; where the truth is a decoder's type, or no object, the JSON Schema itself.
Shape = type[Schema] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """`query`, `body`, `answer`: what goes in and out; `example`: an answer, `sent`: a body; `headers`: name → text.

    A parameter explains itself by its field's `metadata={"description": …}`, else PARAMETERS of ops/openapi.py does.
    """

    summary: str
    query: type[Schema] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Shape | None = None
    answer: Shape | None = None
    example: Any = None
    sent: Any = None
    status: int = 200
    media_type: str | tuple[str, ...] = "application/json"
    # Other answers than 400, 401, 403, 404, 429 and 503, with a body also 413, 415 and 422, which any guarded operation
    # may give: status → what it means, or the schema of what it says. From 400 on a text is of a problem.
    others: Mapping[int, str | type[Schema]] = field(default_factory=dict)


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
