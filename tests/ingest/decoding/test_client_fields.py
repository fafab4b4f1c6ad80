"""Hostname, language and screen of an event: classes, and what stays in the payload."""

from typing import Any

import pytest

from analytics.ingest.decoding.client_fields import classify_fields, classify_language, classify_screen

LANGUAGES = {
    "de": "de", "de-CH": "de-CH", "de_ch": "de-CH", "DE-ch": "de-CH", "zh-Hant-TW": "zh-TW", "sr-Latn": "sr",
    "es-419": "es-419", "de-CH-1996": "de-CH", "en_US.UTF-8": "en-US", "de-CH,de;q=0.9,en;q=0.8": "de-CH",
    "gsw": "gsw", "": None, "c": None, "*": None, "German": None, "Checkout": None, "de CH": None, "d3": None,
}  # fmt: skip
SCREENS: dict[Any, str | None] = {
    "390x844": "phone", "575": "phone", 575: "phone", 576: "tablet", "991x1": "tablet", 992: "laptop",
    "1439 x 900": "laptop", 1440: "desktop", "1920x1080": "desktop", "1920X1080": "desktop", "1920,1080": "desktop",
    "1920x1080x24": "desktop", 390.5: "phone", "phone": "phone", "desktop": "desktop",
    "Checkout": None, "0x0": None, 0: None, -5: None, "1e9": None, 10**9: None, True: None, float("nan"): None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "language"), LANGUAGES.items())
def test_a_language_is_its_tag_of_language_and_region(text: str, language: str | None) -> None:
    assert classify_language(text) == language


@pytest.mark.parametrize(("size", "screen"), list(SCREENS.items()))
def test_a_screen_is_the_class_of_its_width(size: Any, screen: str | None) -> None:
    assert classify_screen(size) == screen


def test_what_is_no_class_stays_in_the_payload_under_its_name() -> None:
    fields: dict[str, Any] = {
        "hostname": "two words", "language": "German", "screen": {"w": 1}, "payload": {"plan": "pro"},
    }  # fmt: skip
    classify_fields(fields, {"screen": "screen_width"})
    payload = {"hostname": "two words", "language": "German", "screen_width": {"w": 1}, "plan": "pro"}
    assert fields == {"payload": payload}


def test_other_notations_become_the_class() -> None:
    fields: dict[str, Any] = {"hostname": "SHOP.example:443", "language": "de_ch", "screen": "390 x 844"}
    classify_fields(fields, {})
    assert fields == {"hostname": "shop.example", "language": "de-CH", "screen": "phone"}
