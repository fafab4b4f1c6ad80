"""Statistics against published examples, numbers worked by hand, and statsmodels and SciPy."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from analytics.insights import proportions
from analytics.insights.proportions import Proportion

# Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17 (1998),
# table II, method 10: the cases (a) to (h).
NEWCOMBE = [
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0)),
    ((10, 10), (0, 10), (0.6075, 1.0)),
]


@pytest.mark.parametrize(("variant", "control", "interval"), NEWCOMBE)
def test_intervals_equal_newcombe_s_table(
    variant: tuple[int, int], control: tuple[int, int], interval: tuple[float, float]
) -> None:
    difference = proportions.compare(Proportion(*variant), Proportion(*control))
    assert (difference.low, difference.high) == pytest.approx(interval, abs=0.00006)
    assert difference.absolute == pytest.approx(variant[0] / variant[1] - control[0] / control[1])


def test_the_p_value_is_of_the_pooled_z_test() -> None:
    # 104 of 150 in all: z = 0.2 / sqrt(104/150 * 46/150 * (1/70 + 1/80)) = 2.6502; 2 * (1 - Phi(2.6502)) = 0.00805.
    assert proportions.compare(Proportion(56, 70), Proportion(48, 80)).p_value == pytest.approx(0.00805, abs=0.00001)
    assert proportions.compare(Proportion(5, 10), Proportion(10, 20)).p_value == pytest.approx(1.0)


@pytest.mark.parametrize("converted", [0, 1])
def test_equal_outcomes_of_all_users_have_no_p_value(converted: int) -> None:
    assert proportions.compare(Proportion(converted * 5, 5), Proportion(converted * 9, 9)).p_value is None


def test_the_sample_ratio_is_a_chi_square_test() -> None:
    # chi2 = (60-50)^2/50 + (40-50)^2/50 = 4, with one degree of freedom: p = 0.0455. Weights 3:2 expect just that.
    assert proportions.sample_ratio_p_value([60, 40], [1, 1]) == pytest.approx(0.0455, abs=0.00005)
    assert proportions.sample_ratio_p_value([60, 40], [3, 2]) == pytest.approx(1.0)
    assert proportions.sample_ratio_p_value([7], [1]) is None


def test_kohavi_s_example_is_a_mismatch() -> None:
    # Kohavi, Tang, Xu: Trustworthy Online Controlled Experiments (2020), chapter 3: 821,588 and 815,482, p = 1.8e-6.
    p_value = proportions.sample_ratio_p_value([821_588, 815_482], [1, 1])
    assert p_value == pytest.approx(1.8e-6, rel=0.02)
    assert p_value < proportions.SRM_P_VALUE_THRESHOLD


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_intervals_and_p_values_are_those_of_statsmodels(data: st.DataObject) -> None:
    pairs = [(data.draw(st.integers(0, users)), users) for users in data.draw(st.tuples(*[st.integers(1, 10**7)] * 2))]
    difference = proportions.compare(*(Proportion(*pair) for pair in pairs))
    interval = confint_proportions_2indep(*pairs[0], *pairs[1], method="newcomb", compare="diff")
    assert (difference.low, difference.high) == pytest.approx(interval, abs=1e-12)
    if difference.p_value is not None:
        converted, users = zip(*pairs, strict=True)
        assert difference.p_value == pytest.approx(proportions_ztest(converted, users)[1], rel=1e-6, abs=1e-300)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0.01, 100)), min_size=2, max_size=30))
@settings(max_examples=200, deadline=None)
def test_the_sample_ratio_is_that_of_scipy(variants: list[tuple[int, float]]) -> None:
    users, weights = zip(*variants, strict=True)
    assume(sum(users))
    expected = [sum(users) * weight / sum(weights) for weight in weights]
    p_value = proportions.sample_ratio_p_value(users, weights)
    assert p_value == pytest.approx(chisquare(users, expected).pvalue, rel=1e-6, abs=1e-300)
