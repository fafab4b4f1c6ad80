"""304 for a client that has the current version. Views and hooks call `make_conditional` on a response with an ETag."""

from flask import Response

from analytics.web.app import current_request


def make_conditional(response: Response) -> Response:
    """The response, or a 304 without a body when If-None-Match of a GET or HEAD names its ETag, strong or weak."""
    response.make_conditional(current_request())
    # The server sets Date itself.
    del response.headers["Date"]
    return response
