"""Statistics of experiments: the difference of two proportions, and the sample ratio.

experiments.py calls it. The formulas are closed, so the standard library has all they need; the tests compare them with
statsmodels and SciPy, which would take 135 MB of each web process (docs/decisions/0013).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

# A smaller p-value is a sample ratio mismatch. Strict, as the test is repeated often: Fabijan et al., Diagnosing Sample
# Ratio Mismatch in Online Controlled Experiments, KDD 2019.
SRM_P_VALUE_THRESHOLD = 0.0005
CONFIDENCE_LEVEL = 0.95
CRITICAL_VALUE = NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2)


class Proportion(NamedTuple):
    """How many of how many."""

    converted_users: int
    users: int

    @property
    def rate(self) -> float:
        return self.converted_users / self.users


class Difference(NamedTuple):
    """Of two rates, with its interval. `p_value`: None when no user or every user converted."""

    absolute: float
    low: float
    high: float
    p_value: float | None


def compare(variant: Proportion, control: Proportion) -> Difference:
    """The variant's rate minus the control's. Both must have users.

    The 95 % interval is Newcombe's hybrid score interval without continuity correction (Statistics in Medicine 17,
    1998, method 10).
    """
    absolute = variant.rate - control.rate
    variant_low, variant_high = wilson_interval(variant)
    control_low, control_high = wilson_interval(control)
    below = math.hypot(variant.rate - variant_low, control_high - control.rate)
    above = math.hypot(variant_high - variant.rate, control.rate - control_low)
    return Difference(absolute, absolute - below, absolute + above, pooled_p_value(variant, control))


def wilson_interval(proportion: Proportion) -> tuple[float, float]:
    """Low and high of Wilson's score interval (Journal of the American Statistical Association 22, 1927)."""
    z_squared = CRITICAL_VALUE**2
    converted, users = proportion
    centre = converted + z_squared / 2
    spread = CRITICAL_VALUE * math.sqrt(converted * (users - converted) / users + z_squared / 4)
    return (centre - spread) / (users + z_squared), (centre + spread) / (users + z_squared)


def pooled_p_value(variant: Proportion, control: Proportion) -> float | None:
    """Of the two-sided z-test of two proportions with pooled variance. None when no user or every user converted."""
    users = variant.users + control.users
    pooled = (variant.converted_users + control.converted_users) / users
    if pooled in (0, 1):
        return None
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / variant.users + 1 / control.users))
    # The tail of the normal distribution, without the cancellation of 1 - cdf.
    return math.erfc(abs(variant.rate - control.rate) / deviation / math.sqrt(2))


def sample_ratio_p_value(users: Sequence[int], weights: Sequence[float]) -> float | None:
    """The p-value of Pearson's chi-square test against the weights. None: only one variant."""
    if len(users) < 2:
        return None
    expected = [sum(users) * weight / sum(weights) for weight in weights]
    chi_squared = sum((count - mean) ** 2 / mean for count, mean in zip(users, expected, strict=True))
    return chi_square_tail(chi_squared, len(users) - 1)


def chi_square_tail(chi_squared: float, degrees: int) -> float:
    """The probability of a larger value, for whole degrees of freedom: the finite sums 26.4.4 and 26.4.5 of Abramowitz
    and Stegun, Handbook of Mathematical Functions."""
    half = chi_squared / 2
    is_odd = degrees % 2
    tail = math.erfc(math.sqrt(half)) if is_odd else 0.0
    # Terms exp(-x/2) * (x/2)^k / gamma(k + 1) for k = 0, 1, ... of even, 1/2, 3/2, ... of odd degrees.
    k = 0.5 if is_odd else 0.0
    term = math.exp(-half) * half**k / math.gamma(k + 1)
    while k < degrees / 2 - 0.1:
        tail += term
        k += 1
        term *= half / k
    return tail
