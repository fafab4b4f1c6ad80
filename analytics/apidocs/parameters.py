"""Refuses query parameters that the description of an operation does not name, before its view runs.

A parameter that is ignored does harm unseen: `?site=` of a POST that reads only its body changes another site. Pages
and their scripts are not operations, and take any parameter: links to them get some from mail programs and trackers.
"""

from collections.abc import Callable
from typing import Any

from analytics.web.app import current_application, current_request
from analytics.web.validation import CREDENTIAL_PARAMETERS, refuse_unknown_names


def refuse_unknown_parameters() -> None:
    """For `before_app_request`. Raises BadInput."""
    request = current_request()
    if not request.environ.get("QUERY_STRING") or request.url_rule is None or request.method == "OPTIONS":
        return
    view: Callable[..., Any] = current_application().view_functions[request.url_rule.endpoint]
    doc = getattr(view, "operation_doc", None)
    if doc is None:
        return
    credentials = CREDENTIAL_PARAMETERS if hasattr(view, "guarded_scope") else ()
    refuse_unknown_names(doc.query, (name for name in request.args if name not in credentials))
