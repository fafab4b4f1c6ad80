"""The summary of many samples: their number, exact sum, extremes, the last of them, and a sketch. Pure.

rollups.py and the sample reports call it. Summaries merge without loss in any order: sums are decimal, to the last
digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, Inexact, localcontext
from typing import NamedTuple

from analytics.rollups.samples.sketch import Sketch, add_sketch, build_sketch

# Enough for all digits between a sum of 10^12 values of 1e300 and 5e-324.
EXACT = Context(prec=1000, traps=[Inexact])


class Point(NamedTuple):
    """The counted fields of a sample. In the order of `ts`, value and kind the greatest is the last."""

    ts: datetime
    value: Decimal
    kind: str


@dataclass(slots=True)
class SampleSummary:
    """A summary of at least one sample. `last` is the greatest Point."""

    count: int
    sum: Decimal
    min: Decimal
    max: Decimal
    first_at: datetime
    last: Point
    sketch: Sketch = field(default_factory=Sketch)


def summarize_points(points: Sequence[Point]) -> SampleSummary:
    """The summary of at least one point; about 2 µs a point."""
    values = [point.value for point in points]
    with localcontext(EXACT):
        total = sum(values, Decimal(0))
    sketch = build_sketch(map(float, values))
    return SampleSummary(len(points), total, min(values), max(values), min(points).ts, max(points), sketch)


def merge_summaries(summaries: Iterable[SampleSummary]) -> SampleSummary | None:
    """A new summary of all samples; None when there are no summaries."""
    total: SampleSummary | None = None
    for part in summaries:
        if total is None:
            total = SampleSummary(
                part.count, part.sum, part.min, part.max, part.first_at, part.last, Sketch(part.sketch)
            )
            continue
        total.count += part.count
        total.sum = EXACT.add(total.sum, part.sum)
        total.min, total.max = min(total.min, part.min), max(total.max, part.max)
        total.first_at, total.last = min(total.first_at, part.first_at), max(total.last, part.last)
        add_sketch(total.sketch, part.sketch)
    return total
