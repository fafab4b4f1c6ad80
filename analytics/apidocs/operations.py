"""Describes an operation: `@documented(…)` beside its route. apidocs/openapi.py reads the descriptions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from marshmallow import Schema

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
# A marshmallow schema, or a JSON Schema where a decoder's type is the source.
BodySchema = type[Schema] | Mapping[str, Any]
# A schema alone, or with an example of it.
Shape = BodySchema | tuple[BodySchema, Any]


@dataclass(frozen=True, slots=True)
class OperationDoc:
    """`query`, `body`, `response`: schemas; `body_example`, `response_example`; `headers`: name → description.

    A parameter is described by its field's `metadata={"description": …}`, else by PARAMETER_DOCS
    (apidocs/parameter_docs.py).
    """

    summary: str
    query: type[Schema] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BodySchema | None = None
    response: BodySchema | None = None
    response_example: Any = None
    body_example: Any = None
    status: int = 200
    media_type: str | tuple[str, ...] = "application/json"
    # Media types of the response besides `media_type` → their schemas, which have no example.
    other_media: Mapping[str, BodySchema] = field(default_factory=dict)
    # Responses besides those of every guarded operation (400, 401, 403, 404, 410, 429, 503; with a body 413, 415, 422):
    # status → its description, or the schema of its body. From 400 on a description is that of a problem.
    other_responses: Mapping[int, str | type[Schema]] = field(default_factory=dict)


class DocumentedView(Protocol[P, R]):
    """A view with its description."""

    operation_doc: OperationDoc

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


def documented(
    summary: str,
    query: type[Schema] | None = None,
    response: Shape | None = None,
    *,
    body: Shape | None = None,
    **details: Any,
) -> Callable[[Callable[P, R]], DocumentedView[P, R]]:
    """Attaches an OperationDoc to the view; place it directly above `@guarded`. `details`: further fields of it."""
    schema, example = _split(response)
    body_schema, body_example = _split(body)

    def mark(view: Callable[P, R]) -> DocumentedView[P, R]:
        marked = cast(DocumentedView[P, R], view)
        marked.operation_doc = OperationDoc(
            summary,
            query,
            body=body_schema,
            body_example=body_example,
            response=schema,
            response_example=example,
            **details,
        )
        return marked

    return mark


def _split(shape: Shape | None) -> tuple[BodySchema | None, Any]:
    return shape if isinstance(shape, tuple) else (shape, None)
