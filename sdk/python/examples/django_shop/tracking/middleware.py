"""Tracks a page view for each GET that was answered well."""

from typing import Callable

from django.http import HttpRequest, HttpResponse

from tracking.apps import track


class PageViewMiddleware:
    """Add it behind the one that finds the user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The response, unchanged."""
        response = self._get_response(request)
        if request.method == "GET" and response.status_code < 400:
            track(request, "page_view", path=request.get_full_path(), referrer=request.headers.get("Referer"))
        return response
