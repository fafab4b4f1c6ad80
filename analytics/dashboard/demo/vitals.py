"""How fast the demo's pages were: web vitals of some page views, as the tracker sends them (sdk/src/vitals.ts). Pure.

What is drawn depends on the id of the page view alone, so a view has the same samples, with the same ids, whenever the
story is told. By the thresholds of https://web.dev/articles/vitals desktops are good, phones less so.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import log
from typing import Any

# Of the page views of browsers that measure.
SHARE = 0.1
# By the median of a desktop: milliseconds, and the shift of layout without a unit. The spread is of a log-normal.
LCP_MS, LCP_SPREAD = 1450, 0.45
INP_MS, INP_SPREAD = 64, 0.75
CLS, CLS_SPREAD = 0.035, 1.0
# Phones are slower; pages with large pictures are, too, and move more while they load.
PHONE, STABLE, INTERACTS = 1.5, 0.35, 0.8
PAGES: Mapping[str, float] = {"/customers": 1.7, "/templates": 1.5, "/": 1.15, "/blog": 1.1, "/docs": 0.75}


def measure(view: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The samples of a page view of the story, at most one of each name."""
    # Nobody is to be surprised by it.
    chance = random.Random(view["event_id"])  # noqa: S311
    agent, path = view["user_agent"], view["path"].partition("?")[0]
    if "Chrome/" not in agent or chance.random() >= SHARE:
        return
    slowness = (PHONE if "Mobile" in agent else 1) * _find_weight(path)
    lcp_ms = round(_draw(chance, LCP_MS * slowness, LCP_SPREAD))
    yield _sample(view, path, "lcp", lcp_ms, lcp_ms)
    is_stable = chance.random() < STABLE
    yield _sample(view, path, "cls", 0 if is_stable else round(_draw(chance, CLS * slowness, CLS_SPREAD), 4), lcp_ms)
    if chance.random() < INTERACTS:
        # Event timing has steps of 8 ms (https://www.w3.org/TR/event-timing/).
        yield _sample(view, path, "inp", max(8, 8 * round(_draw(chance, INP_MS * slowness, INP_SPREAD) / 8)), lcp_ms)


def _find_weight(path: str) -> float:
    return next((weight for start, weight in PAGES.items() if path == start or path.startswith(f"{start}/")), 1.0)


def _draw(chance: random.Random, median: float, spread: float) -> float:
    return chance.lognormvariate(log(median), spread)


def _sample(view: Mapping[str, Any], path: str, name: str, value: float, after_ms: int) -> dict[str, Any]:
    at = datetime.fromisoformat(view["ts"]) + timedelta(milliseconds=after_ms)
    sample_id = f"{view['event_id']}-{name.upper()}"
    sample = {"metric_name": f"web_vital.{name}", "value": value, "tags": {"path": path}}
    return {**sample, "sample_id": sample_id, "timestamp": at.isoformat()}
