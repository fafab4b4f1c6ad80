"""The samples page in Chromium, before the real service: its figures are those of a slow count of what was sent."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.test_overview import HOSTILE
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways
from tests.factories import make_drain

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATHS = ["/", "/pricing", f"/{HOSTILE}"]
LATENCY = "checkout.latency"
Sample = dict[str, Any]
# What a percentile may be off, and what four shown digits lose.
NEAR = 0.011


@pytest.fixture
def samples(dashboard: Dashboard, engine: Engine, redis: Redis) -> list[Sample]:
    chance, now, made = random.Random(11), datetime.now(UTC), []
    for _ in range(240):
        ts = (now - timedelta(days=chance.uniform(0.1, 20))).isoformat()
        path = chance.choice(PATHS)
        slow = {"/": 1.0, "/pricing": 1.9}.get(path, 3.0)
        values = {
            "web_vital.lcp": chance.lognormvariate(7.3, 0.3) * slow,
            "web_vital.inp": chance.lognormvariate(4.8, 0.4) * slow,
            "web_vital.cls": round(chance.expovariate(25) * slow, 4),
        }
        made += [{"metric_name": n, "value": v, "tags": {"path": path}, "timestamp": ts} for n, v in values.items()]
        tags = {"route": chance.choice(["/buy", HOSTILE]), "code": chance.choice(["200", "200", "500"])}
        made.append({"metric_name": LATENCY, "value": chance.randint(5, 900), "tags": tags, "timestamp": ts})
    made.append({"metric_name": HOSTILE, "value": 1, "timestamp": now.isoformat()})
    for start in range(0, len(made), 200):
        body = made[start : start + 200]
        dashboard.call("POST", f"/api/analytics/samples?site={dashboard.site.key}", body)
    make_drain(engine, redis).run()
    return made


def values_of(samples: Iterable[Sample], name: str, **tags: str) -> list[float]:
    return sorted(
        one["value"] for one in samples if one["metric_name"] == name and tags.items() <= one.get("tags", {}).items()
    )


def percentile(values: list[float], percent: int) -> float:
    """Between its two neighbours in the order of size."""
    rank, rest = divmod(Fraction(percent, 100) * (len(values) - 1), 1)
    low, high = (values[min(int(rank) + place, len(values) - 1)] for place in (0, 1))
    return low + (high - low) * float(rest)


def read_figures(page: "Page") -> dict[str, float]:
    found = page.query_selector_all(".sample-main .kpi")
    return {
        one.query_selector(".kpi-label").inner_text(): float(one.get_attribute("title").replace(",", ""))
        for one in found
    }


def test_figures_are_those_of_a_slow_count(dashboard: Dashboard, samples: list[Sample]) -> None:
    page = dashboard.open(f"samples?name={LATENCY}")
    values = values_of(samples, LATENCY)
    shown = read_figures(page)
    assert list(shown) == ["Count", "Sum", "Mean", "p50", "p75", "p90", "p95", "p99"]
    assert (shown["Count"], shown["Sum"]) == (len(values), sum(values))
    assert shown["Mean"] == pytest.approx(sum(values) / len(values), abs=0.001)
    for percent in (50, 75, 90, 95, 99):
        assert shown[f"p{percent}"] == pytest.approx(percentile(values, percent), rel=NEAR)


def test_a_tag_splits_and_chooses(dashboard: Dashboard, samples: list[Sample]) -> None:
    page = dashboard.open(f"samples?name={LATENCY}")
    page.locator(".sample-groups").get_by_role("button", name="code", exact=True).click()
    rows = page.locator(".sample-groups tbody tr")
    rows.nth(1).wait_for()
    for row in rows.all():
        found = values_of(samples, LATENCY, code=row.locator(".lbl").inner_text().strip())
        titles = [row.locator("td.v").nth(place).get_attribute("title") for place in (0, 1)]
        assert titles == [str(len(found)), f"{sum(found):,}"]
    rows.nth(0).get_by_role("button").click()
    page.wait_for_selector(".chip:has-text('200')")
    page.wait_for_selector("html[data-drawn]")
    assert "tags=code%3D%3D200" in page.url
    page.wait_for_selector(f".kpi[title='{len(values_of(samples, LATENCY, code='200'))}']")
    page.locator(".sample-groups").get_by_role("button", name="route", exact=True).click()
    rows.nth(1).wait_for()
    assert HOSTILE in rows.locator("button").all_inner_texts()
    page.go_back()
    page.go_back()
    page.wait_for_selector(f".kpi[title='{len(values_of(samples, LATENCY))}']")


def test_the_chart_reads_a_day(dashboard: Dashboard, samples: list[Sample]) -> None:
    page = dashboard.open(f"samples?name={LATENCY}")
    page.click("text=Count >> nth=-1")
    page.focus(".sample-main svg[role=img]")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    count = sum(one["metric_name"] == LATENCY and one["timestamp"].startswith(yesterday) for one in samples)
    assert page.inner_text(".sample-main .tip").split("\n")[-1] == (str(count) if count else "0")


RATINGS = {"web_vital.lcp": (2500, 4000), "web_vital.inp": (200, 500), "web_vital.cls": (0.1, 0.25)}


def rating(name: str, value: float) -> str:
    good, poor = RATINGS[name]
    return "Good" if value <= good else "Needs improvement" if value <= poor else "Poor"


def test_web_vitals_are_judged_at_the_75th_percentile(dashboard: Dashboard, samples: list[Sample]) -> None:
    page = dashboard.open("samples")
    assert page.get_attribute(".metric[aria-current]", "title") == "web-vitals"
    cards = page.query_selector_all(".vital")
    for card, name in zip(cards, RATINGS, strict=True):
        expected = percentile(values_of(samples, name), 75)
        value = float(card.query_selector(".kpi-value").get_attribute("title").replace(",", ""))
        assert value == pytest.approx(expected, rel=NEAR, abs=0.001)
        assert card.query_selector(".rated").inner_text().strip() == rating(name, value)
    rows = page.query_selector_all(".vital-paths tbody tr")
    assert len(rows) == len(PATHS)
    for row in rows:
        path = row.query_selector(".lbl").inner_text().strip()
        for cell, name in zip(row.query_selector_all("td.v")[1:], RATINGS, strict=True):
            expected = percentile(values_of(samples, name, path=path), 75)
            assert rating(name, expected) in cell.inner_text()
    page.get_by_role("button", name="/pricing").click()
    page.wait_for_selector(".chip:has-text('/pricing')")
    loads = len(values_of(samples, "web_vital.lcp", path="/pricing"))
    page.wait_for_selector(f".vital >> text=75th percentile of {loads} loads >> nth=0")


def test_the_limits_belong_to_the_better_side(dashboard: Dashboard, engine: Engine, redis: Redis) -> None:
    """https://web.dev/articles/vitals: good is up to the limit, and poor above the other."""
    values = {"lcp": 2500, "inp": 500, "cls": 0.2501}
    body = [{"metric_name": f"web_vital.{name}", "value": value} for name, value in values.items()]
    dashboard.call("POST", f"/api/analytics/samples?site={dashboard.site.key}", body)
    make_drain(engine, redis).run()
    page = dashboard.open("samples")
    shown = [one.strip() for one in page.locator(".vital-value .rated").all_inner_texts()]
    assert shown == ["Good", "Needs improvement", "Poor"]


@pytest.mark.parametrize("path", ["samples", f"samples?name={LATENCY}&by=route&tags=code%3D%3D200"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1360])
def test_the_page_is_clean(dashboard: Dashboard, samples: list[Sample], width: int, theme: str, path: str) -> None:
    page = dashboard.open(path, width)
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(300)
    assert find_violations(page) == []
    assert not scrolls_sideways(page)


def test_the_list_is_searched_and_a_hostile_name_opened(dashboard: Dashboard, samples: list[Sample]) -> None:
    page = dashboard.open("samples")
    page.get_by_label("Search in metrics").fill("onerror")
    page.locator(".metric").get_by_text(HOSTILE).click()
    page.wait_for_selector(".kpi[title='1'] >> nth=0")
    assert page.locator(".metric").count() == 1
    page.get_by_label("Search in metrics").fill("zzz")
    assert "No metric has this text" in page.inner_text(".metrics")


def test_without_samples_the_page_says_how_to_send_them(dashboard: Dashboard) -> None:
    page = dashboard.open("samples")
    assert "data-vitals" in page.inner_text(".empty")
