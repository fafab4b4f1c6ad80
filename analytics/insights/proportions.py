"""Statistics of experiments: the difference of two proportions, and the sample ratio.

experiments.py calls it; statsmodels and SciPy compute. The first call imports them: 135 MB (docs/decisions/0013).
"""

from collections.abc import Sequence
from typing import NamedTuple

# A smaller p-value is a sample ratio mismatch. Strict, as the test is repeated often: Fabijan et al., Diagnosing Sample
# Ratio Mismatch in Online Controlled Experiments, KDD 2019.
SRM_P_VALUE_THRESHOLD = 0.0005
CONFIDENCE_LEVEL = 0.95


class Proportion(NamedTuple):
    """How many of how many."""

    converted_users: int
    users: int


class Difference(NamedTuple):
    """Of two rates, with its interval. `p_value`: None when no user or every user converted."""

    absolute: float
    low: float
    high: float
    p_value: float | None


def compare(variant: Proportion, control: Proportion) -> Difference:
    """The variant's rate minus the control's. Both must have users.

    The 95 % interval is Newcombe's hybrid score interval without continuity correction (Statistics in Medicine 17,
    1998, method 10); the p-value is that of the two-sided z-test of two proportions with pooled variance.
    """
    # SciPy and pandas: too much memory for processes that report on no experiment.
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    alpha = 1 - CONFIDENCE_LEVEL
    low, high = confint_proportions_2indep(*variant, *control, method="newcomb", compare="diff", alpha=alpha)
    converted, users = zip(variant, control, strict=True)
    p_value = float(proportions_ztest(converted, users)[1]) if 0 < sum(converted) < sum(users) else None
    absolute = variant.converted_users / variant.users - control.converted_users / control.users
    return Difference(absolute, float(low), float(high), p_value)


def sample_ratio_p_value(users: Sequence[int], weights: Sequence[float]) -> float | None:
    """The p-value of Pearson's chi-square test against the weights. None: only one variant."""
    # As above.
    from scipy.stats import chisquare

    if len(users) < 2:
        return None
    expected = [sum(users) * weight / sum(weights) for weight in weights]
    return float(chisquare(users, expected).pvalue)
