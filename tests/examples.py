"""How much of what property tests try is tried each time: two fifths with `make test`, all with `make thorough`.

For tests whose examples take a tenth of a second or more each, as those that store events. Examples are random: another
run tries others.
"""

import os
from collections.abc import Sequence
from typing import Any

IS_THOROUGH = bool(os.environ.get("ALL_EXAMPLES"))


def examples(count: int) -> int:
    """How many examples of `count` a test tries now, at least three."""
    return count if IS_THOROUGH else min(count, max(3, count * 2 // 5))


def some(values: Sequence[Any], turn: int) -> Sequence[Any]:
    """A third of the values, another one each turn; all with `make thorough`."""
    return values if IS_THOROUGH else values[turn % 3 :: 3]
