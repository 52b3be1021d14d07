"""Statistics: published values where there are any, simulation with a known truth where not."""

import math

import numpy as np
import pytest
from scipy import stats

from report.statistics import (
    Quotients,
    contrast,
    Estimate,
    exact_interval,
    holm,
    improvement_probability,
    interquartile_mean,
    mean_of,
    median_of_blocks,
    sign_flips,
    stratified_interval,
    stream,
    tost_margin,
    tost_power,
    two_level,
)

# Student's sleep data (1908): paired differences, mean 1.58, t = 4.0621, 95 % interval 0.70 .. 2.46.
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])


def paired_estimate(differences: np.ndarray) -> Estimate:
    n = len(differences)
    return Estimate(differences.mean(), differences.std(ddof=1) / math.sqrt(n), n - 1, n)


def test_interval_of_student_s_sleep_data():
    low, high = paired_estimate(SLEEP).interval(0.95)
    assert (low, high) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)


def test_p_value_of_student_s_sleep_data():
    estimate = paired_estimate(SLEEP)
    assert 2 * estimate.p_above(0) == pytest.approx(0.002833, abs=1e-6)
    assert estimate.p_below(0) == pytest.approx(1 - estimate.p_above(0))


def p_equal(estimate, margin):
    """TOST (Lakens 2017): the larger of the one-sided p against either margin."""
    return max(estimate.p_above(-margin), estimate.p_below(margin))


def test_tost_agrees_with_the_90_percent_interval():
    for margin in (1.0, 2.0, 2.3, 2.4, 3.0):
        estimate = paired_estimate(SLEEP)
        low, high = estimate.interval(0.90)
        assert (p_equal(estimate, margin) < 0.05) == (-margin < low and high < margin)


def test_holm_of_r_s_p_adjust():
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, 0.01]) == pytest.approx([0.04, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(  # Newcombe (1998), table I, method 5
    "k, n, low, high",
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_exact_interval_of_newcombe(k, n, low, high):
    assert exact_interval(k, n) == pytest.approx((low, high), abs=5e-5)


def test_exact_interval_of_everything():
    assert exact_interval(20, 20)[1] == 1.0


@pytest.mark.parametrize(
    "n, power80, power90",
    [
        (3, 2.66, 3.11),
        (5, 1.60, 1.81),
        (8, 1.15, 1.30),
        (10, 1.01, 1.13),
        (15, 0.79, 0.89),
        (20, 0.68, 0.76),
        (29, 0.56, 0.63),
    ],
)
def test_margin_that_pairs_can_confirm(n, power80, power90):
    assert tost_margin(n, 0.8) == pytest.approx(power80, abs=0.006)
    assert tost_margin(n, 0.9) == pytest.approx(power90, abs=0.006)


def test_one_pair_confirms_nothing():
    assert tost_margin(1) == math.inf


def test_power_by_simulation():
    rng = np.random.default_rng(1)
    n, margin, trials = 8, 1.15, 4000
    sample = rng.normal(size=(trials, n))
    reach = stats.t.ppf(0.95, n - 1) * sample.std(axis=1, ddof=1) / math.sqrt(n)
    equal = int(np.sum(np.abs(sample.mean(axis=1)) + reach < margin))
    low, high = exact_interval(equal, trials, 0.999)
    assert low <= tost_power(n, margin) <= high


def test_one_group_has_no_interval():
    alone = two_level(np.array([0.3]), np.full((1, 10), 0.3), stream("alone"))
    assert not alone.known and math.isnan(alone.interval(0.95)[0])
    assert math.isnan(alone.p_above(1.0))


def test_without_noise_inside_the_error_is_that_of_the_mean():
    center = np.arange(5.0)
    found = two_level(center, np.repeat(center[:, None], 20000, axis=1), stream("outer"))
    assert found.se == pytest.approx(center.std(ddof=1) / math.sqrt(5), rel=0.03)


def test_noise_inside_is_not_counted_twice():
    """Groups that differ by their members' noise alone: the error is that noise, once."""
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(200):
        center = rng.normal(size=6)
        inner = center[:, None] + rng.normal(size=(6, 400))
        errors.append(two_level(center, inner, rng).se ** 2)
    assert np.mean(errors) == pytest.approx(1 / 6, rel=0.35)


@pytest.mark.parametrize("process_sd", [0.0, 0.02, 0.1])
def test_coverage_of_the_interval_over_processes_and_blocks(process_sd):
    rng = np.random.default_rng(3)
    trials, hits = 300, 0
    for i in range(trials):
        processes = [rng.normal(rng.normal(0, process_sd), 0.05, 15) for _ in range(5)]
        low, high = median_of_blocks(processes, f"coverage {i}").interval(0.95)
        hits += low <= 0 <= high
    assert exact_interval(hits, trials)[1] >= 0.95
    assert hits < trials or process_sd == 0  # without process effects it may err to be too wide


def simulated_pairs(rng, true_effect, seeds=6, documents=40):
    """Gain and units (S, D): noise of seeds, of documents that seeds share, and of both."""
    hard = rng.normal(0, 0.8, documents)
    units = np.where(rng.random((seeds, documents)) < 0.5, 100.0, 0.0)
    noise = rng.normal(0, 0.6, (seeds, 1)) + hard + rng.normal(0, 1.0, (seeds, documents))
    return (true_effect + noise) * units, units


def test_false_equal_at_the_margin_is_rare():
    """A truth of exactly the margin is called equal in at most 5 % of experiments."""
    rng = np.random.default_rng(4)
    margin, trials = 1.5, 300
    false = 0
    for i in range(trials):
        gain, units = simulated_pairs(rng, margin * (-1) ** i)
        estimate = contrast([Quotients(1.0, gain, units)], f"false {i}")
        false += p_equal(estimate, margin) <= 0.05
    assert exact_interval(false, trials)[0] <= 0.05


def test_documents_beyond_the_limit_are_bundled_without_changing_the_rate():
    rng = np.random.default_rng(5)
    units = np.ones((4, 5000))
    gain = rng.choice([-1.0, 0.0, 1.0], (4, 5000))
    found = contrast([Quotients(1.0, gain, units)], "bundled")
    assert found.effect == pytest.approx(gain.mean())
    assert found.se == pytest.approx(gain.std() / math.sqrt(20000), rel=0.5)


def test_a_contrast_of_quotients_weighs_each_by_its_own_counts():
    """F1 adds up over documents by its own denominators, which differ between the arms."""
    rng = np.random.default_rng(8)
    counts = rng.integers(10, 30, (2, 5, 60)).astype(float)
    sums = np.floor(counts * rng.uniform(0.5, 0.9, counts.shape))
    terms = [Quotients(w, s, c) for w, s, c in zip((1.0, -1.0), sums, counts)]
    found = contrast(terms, "quotients")
    each = sums.sum(axis=2) / counts.sum(axis=2)
    assert found.effect == pytest.approx((each[0] - each[1]).mean())
    twice = [Quotients(2 * t.weight, t.sums, t.counts) for t in terms]
    assert contrast(twice, "quotients").se == pytest.approx(2 * found.se)


def test_mean_over_cells_pools_degrees_of_freedom():
    alike = [Estimate(0.1, 0.02, 4, 5)] * 3
    pooled = mean_of(alike)
    assert pooled.df == pytest.approx(12)
    assert pooled.se == pytest.approx(0.02 / math.sqrt(3))
    assert pooled.n == 5


def test_mean_over_cells_without_error_is_unknown():
    assert not mean_of([Estimate(0.1, 0.02, 4, 5), Estimate(0.1, math.nan, 0, 1)]).known


def test_sign_flips_find_chance_verdicts_rare():
    difference = np.random.default_rng(6).normal(0.3, 0.4, 12)
    different, equal, flips = sign_flips(difference, 0.5, 0.90)
    assert flips == 2**12
    assert exact_interval(different, flips)[0] <= 0.06
    assert exact_interval(equal, flips)[0] <= 0.06


def test_sign_flips_of_few_pairs_are_all_patterns():
    """Of five equal differences only all pluses and all minuses have no spread."""
    assert sign_flips(np.ones(5), 1.0, 0.90)[::2] == (2, 32)
    assert sign_flips(np.arange(20.0), 1.0, 0.90)[2] == 10_000


def test_streams_depend_on_their_label_alone():
    assert stream("a").random() == stream("a").random() != stream("b").random()


def test_interquartile_mean_leaves_out_the_quarters():
    """scipy's trimmed mean of the worked example in its documentation: 0 … 19 less a quarter each."""
    assert interquartile_mean(np.arange(20.0)) == pytest.approx(9.5)
    assert interquartile_mean(np.array([-1000.0, 1.0, 2.0, 1000.0])) == pytest.approx(1.5)


def test_improvement_counts_pairs_and_not_how_hard_a_split_is():
    """Student's sleep data: nine of ten patients slept longer on the second drug, one as long."""
    hard = np.arange(10) * 100.0
    assert improvement_probability([SLEEP + hard], [hard]) == pytest.approx(0.95)
    assert improvement_probability([SLEEP, hard], [0 * SLEEP, SLEEP + hard]) == pytest.approx(0.5)


def test_a_detectable_effect_is_detected_that_often():
    n, effect = 6, Estimate(0.0, 1 / math.sqrt(6), 5, 6).detectable(0.8, 0.05)
    sample = np.random.default_rng(4).normal(effect, 1, (20000, n))
    t = sample.mean(axis=1) / sample.std(axis=1, ddof=1) * math.sqrt(n)
    assert np.mean(t > stats.t.ppf(0.95, n - 1)) == pytest.approx(0.8, abs=0.01)


def test_a_minimum_effect_test_keeps_its_level_on_the_margin():
    """With a margin of 0 it is the t test of Student's sleep data: p = 0.00283."""
    assert paired_estimate(SLEEP).p_different(0.0) == pytest.approx(0.00283, abs=1e-5)
    rng = np.random.default_rng(8)
    draws = rng.normal(0.2, 1, (4000, 10))
    wrong = np.mean([paired_estimate(d).p_different(0.2) <= 0.05 for d in draws])
    assert wrong == pytest.approx(0.05, abs=0.012)


def test_stratified_intervals_redraw_inside_each_task():
    """Tasks that differ by far add nothing to the width: no redraw mixes them."""
    rng = np.random.default_rng(9)
    near = [rng.normal(0, 1, 40), rng.normal(0, 1, 40)]
    far = [near[0], near[1] + 1000]

    def mean(tasks):
        return float(np.mean([np.mean(t) for t in tasks]))

    low, high = stratified_interval(near, mean, 0.95, "strata")
    assert (high - low) == pytest.approx(2 * 1.96 / np.sqrt(80), rel=0.2)
    far_low, far_high = stratified_interval(far, mean, 0.95, "strata")
    assert far_high - far_low == pytest.approx(high - low)
