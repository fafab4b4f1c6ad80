"""A sketch of many numbers, for percentiles: how many lie in each bin. The bins are DDSketch's.

Each bin reaches from a value to 2 % above it, so a percentile is at most 1 % beside the true one, whatever the numbers;
ddsketch's mapping says which bin is whose. Sketches are added by adding counts: the order makes no difference, and a
part that is counted by SQL (`BIN`) is as good as one counted here. 256 bins are a page, whose counts are one long
integer of 64 bits each: adding two pages is one addition, a hundredth of the time of a dict of bins. Pure.
"""

import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log
from struct import Struct

from ddsketch.mapping import LogarithmicMapping

# A percentile's largest relative error: DDSketch, https://www.vldb.org/pvldb/vol12/p2195-masson.pdf
ERROR = 0.01
# Nearer to zero than this is zero.
SMALLEST = 1e-300
# So that the bins of what a sample may be (1e-300 to 1e300) have numbers above zero; those of negative values mirror
# them. Ordered by number, bins are ordered by value.
OFFSET = 40_000
_mapping = LogarithmicMapping(ERROR, offset=OFFSET)
_key, _value = _mapping.key, _mapping.value

# The same in SQL, of the column `value`. Where its logarithm rounds otherwise than Python's, the value lies on the edge
# of two bins, and either is within the error.
BIN = f"""CASE
    WHEN abs(value) < {SMALLEST} THEN 0
    ELSE CAST(sign(value) AS int) * (CAST(ceil(ln(abs(CAST(value AS double precision))) * :per_log) AS int) + {OFFSET})
END"""
PER_LOG = 1 / log(_mapping.gamma)

# Page → counts of its bins.
Sketch = dict[int, int]
PAGE = 256
_page = Struct("<iH")


def bin_of(value: float) -> int:
    """The bin's number."""
    if -SMALLEST < value < SMALLEST:
        return 0
    return int(_key(value)) if value > 0 else -int(_key(-value))


def sketch_of(values: Iterable[float]) -> Sketch:
    """About half a microsecond a value."""
    return sketch_of_bins(Counter(map(bin_of, values)))


def sketch_of_bins(counts: Mapping[int, int]) -> Sketch:
    """Of bins that are counted already."""
    found: Sketch = {}
    for number, count in counts.items():
        page, place = divmod(number, PAGE)
        found[page] = found.get(page, 0) + (count << 64 * place)
    return found


def add(sketch: Sketch, other: Mapping[int, int]) -> None:
    """Adds the other's counts to the first."""
    for page, counts in other.items():
        sketch[page] = sketch.get(page, 0) + counts


def pack(sketch: Mapping[int, int]) -> bytes:
    """Each page's number, length and counts, compressed: about 500 bytes for 200 bins."""
    pieces = []
    for page, counts in sorted(sketch.items()):
        body = counts.to_bytes((counts.bit_length() + 7) // 8, "little")
        pieces += [_page.pack(page, len(body)), body]
    return zlib.compress(b"".join(pieces), 1)


def unpack(packed: bytes) -> Sketch:
    """What `pack` packed."""
    data, at, found = zlib.decompress(packed), 0, Sketch()
    while at < len(data):
        page, length = _page.unpack_from(data, at)
        at += _page.size
        found[page] = int.from_bytes(data[at : at + length], "little")
        at += length
    return found


def percentiles(sketch: Mapping[int, int], asked: Sequence[int]) -> list[float]:
    """The values of rank p * (n - 1) / 100, rounded down, counted from 0 in the order of size; `asked` ascends."""
    bins = [
        (page * PAGE + place, count)
        for page, counts in sorted(sketch.items())
        for place, count in enumerate(_counts(counts))
        if count
    ]
    total, seen = sum(count for _, count in bins), 0
    found: list[float] = []
    for number, count in bins:
        seen += count
        while len(found) < len(asked) and asked[len(found)] * (total - 1) // 100 < seen:
            found.append(_middle(number))
    return found


def _counts(page: int) -> Sequence[int]:
    counts = array("Q", page.to_bytes(8 * ((page.bit_length() + 63) // 64), "little"))
    if sys.byteorder == "big":
        counts.byteswap()
    return counts


def _middle(number: int) -> float:
    """What a bin stands for: at most ERROR beside each of its values."""
    if number == 0:
        return 0.0
    return float(_value(number)) if number > 0 else -float(_value(-number))
