"""Statistics of experiments: two shares compared, and how people were divided. All of it is statsmodels' and SciPy's.

They are loaded by the first question that needs them: 135 MB of memory (docs/decisions/0013).
"""

from collections.abc import Sequence
from typing import NamedTuple

# Below this a division of people is no accident. Strict, since it is looked at again and again: Fabijan et al.,
# Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD 2019.
MISMATCH_BELOW = 0.0005
CONFIDENCE = 0.95


class Share(NamedTuple):
    """So many of so many."""

    converted: int
    users: int


class Difference(NamedTuple):
    """Of two rates; `p_value`: how often chance alone divides them so far; None: nobody or everybody converted."""

    absolute: float
    low: float
    high: float
    p_value: float | None


def compare(one: Share, base: Share) -> Difference:
    """The rate of `one` less that of `base`. Neither may be of nobody.

    The 95 % interval is Newcombe's hybrid score interval without correction for continuity (Statistics in Medicine 17,
    1998, method 10), the p-value that of the two-sided z-test of two proportions with pooled variance.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    low, high = confint_proportions_2indep(*one, *base, method="newcomb", compare="diff", alpha=1 - CONFIDENCE)
    p_value = None
    if 0 < one.converted + base.converted < one.users + base.users:
        p_value = float(proportions_ztest([one.converted, base.converted], [one.users, base.users])[1])
    return Difference(one.converted / one.users - base.converted / base.users, float(low), float(high), p_value)


def sample_ratio(users: Sequence[int], weights: Sequence[float]) -> float | None:
    """How often chance alone divides people so unevenly: Pearson's chi-square test. None: one variant only."""
    from scipy.stats import chisquare

    if len(users) < 2:
        return None
    expected = [sum(users) * weight / sum(weights) for weight in weights]
    return float(chisquare(users, expected).pvalue)
