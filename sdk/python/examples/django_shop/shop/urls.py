"""Two pages."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from tracking.apps import track


def show_shop(request: HttpRequest) -> HttpResponse:
    """Its page view is tracked by the middleware."""
    return HttpResponse("the shop")


@csrf_exempt
def order(request: HttpRequest) -> JsonResponse:
    """An event of the application's own."""
    return JsonResponse({"event_id": track(request, "order", {"total": 9.5, "currency": "EUR"})})


urlpatterns = [path("", show_shop), path("orders", order)]
