"""A sketch of many numbers, for percentiles: the count of each of DDSketch's bins. Pure.

A bin reaches from a value to 2 % above it, so each value is at most 1 % off for any numbers; ddsketch's mapping
assigns values to bins. Sketches are added by adding counts, in any order; counts by SQL (`BIN_SQL`) are equivalent. 256
bins are a page, whose counts are one long integer of 64 bits each: adding two pages is one addition, a hundredth of the
time of a dict of bins.
"""

import sys
import zlib
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import log
from struct import Struct

from ddsketch.mapping import LogarithmicMapping

# A value's largest relative error: DDSketch, https://www.vldb.org/pvldb/vol12/p2195-masson.pdf
RELATIVE_ERROR = 0.01
# Values nearer to zero count as zero.
ZERO_THRESHOLD = 1e-300
# Makes the numbers of the bins of all sample values (1e-300 to 1e300) positive; the bins of negative values mirror
# them. Bins in the order of numbers are in the order of values.
BIN_OFFSET = 40_000
_mapping = LogarithmicMapping(RELATIVE_ERROR, offset=BIN_OFFSET)
_key, _value = _mapping.key, _mapping.value

# `bin_of` in SQL, of the column `number`, a double. When its logarithm rounds otherwise than in Python, the value lies
# on the edge of two bins, and both are within the error.
BIN_SQL = f"""CASE
    WHEN abs(number) < {ZERO_THRESHOLD} THEN 0
    ELSE CAST(sign(number) AS int) * (CAST(ceil(ln(abs(number)) * :per_log) AS int) + {BIN_OFFSET})
END"""
BINS_PER_LOG = 1 / log(_mapping.gamma)

# Page → counts of its bins.
Sketch = dict[int, int]
PAGE = 256
_page = Struct("<iH")


def bin_of(value: float) -> int:
    """The number of the value's bin."""
    if -ZERO_THRESHOLD < value < ZERO_THRESHOLD:
        return 0
    return int(_key(value)) if value > 0 else -int(_key(-value))


def build_sketch(values: Iterable[float]) -> Sketch:
    """The sketch of the values; about 0.5 µs a value."""
    return build_sketch_from_bins(Counter(map(bin_of, values)))


def build_sketch_from_bins(counts: Mapping[int, int]) -> Sketch:
    """The sketch of counts by bin number."""
    sketch: Sketch = {}
    for number, count in counts.items():
        page, index = divmod(number, PAGE)
        sketch[page] = sketch.get(page, 0) + (count << 64 * index)
    return sketch


def add_sketch(sketch: Sketch, other: Mapping[int, int]) -> None:
    """Adds the other's counts to the first."""
    for page, counts in other.items():
        sketch[page] = sketch.get(page, 0) + counts


def encode_sketch(sketch: Mapping[int, int]) -> bytes:
    """Each page's number, length and counts, compressed: about 500 bytes for 200 bins."""
    pieces = []
    for page, counts in sorted(sketch.items()):
        body = counts.to_bytes((counts.bit_length() + 7) // 8, "little")
        pieces += [_page.pack(page, len(body)), body]
    return zlib.compress(b"".join(pieces), 1)


def decode_sketch(encoded: bytes) -> Sketch:
    """The sketch of these bytes, which `encode_sketch` returned."""
    data, at, sketch = zlib.decompress(encoded), 0, Sketch()
    while at < len(data):
        page, length = _page.unpack_from(data, at)
        at += _page.size
        sketch[page] = int.from_bytes(data[at : at + length], "little")
        at += length
    return sketch


def percentiles(sketch: Mapping[int, int], percents: Sequence[int], low: float, high: float) -> list[float]:
    """For each of `percents` p, the value at position p * (n - 1) / 100 of the n values in order, interpolated between
    its two neighbours (docs/decisions/0022). `low` and `high`: the least and the greatest value."""
    bins = [
        (page * PAGE + index, count)
        for page, counts in sorted(sketch.items())
        for index, count in enumerate(_counts(counts))
        if count
    ]
    seen = list(accumulate(count for _, count in bins))
    last = seen[-1] - 1

    def value_at(rank: int) -> float:
        if rank in (0, last):
            return low if rank == 0 else high
        return min(max(_middle(bins[bisect_right(seen, rank)][0]), low), high)

    values = []
    for percent in percents:
        rank, rest = divmod(percent * last, 100)
        value = value_at(rank)
        values.append(value + (value_at(rank + 1) - value) * rest / 100 if rest else value)
    return values


def _counts(page: int) -> Sequence[int]:
    counts = array("Q", page.to_bytes(8 * ((page.bit_length() + 63) // 64), "little"))
    if sys.byteorder == "big":
        counts.byteswap()
    return counts


def _middle(number: int) -> float:
    """The value that represents a bin: within RELATIVE_ERROR of each of its values."""
    if number == 0:
        return 0.0
    return float(_value(number)) if number > 0 else -float(_value(-number))
