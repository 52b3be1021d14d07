"""Rules on findings and curves that are given by hand."""

import math

import pytest

from report.records.accuracy import CurvePoint
from report.rules import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Finding,
    all_of,
    any_of,
    contrast,
    steps,
)
from report.statistics import Estimate

PART = {"of": ["a", "b", "c"], "alpha": 0.05, "min_seeds": 5}


def finding(verdict, low=-0.5, high=0.5, p=0.5, **more):
    return Finding(
        verdict,
        "",
        {"test": "tost"},
        effect=(low + high) / 2,
        low=low,
        high=high,
        level=0.9,
        margin=1.0,
        n=10,
        p=p,
        **more,
    )


def everything(*found):
    return all_of.decide(PART, None, dict(zip("abc", found)))


def test_all_hold_only_if_each_does():
    held = everything(
        finding(SUPPORTED), finding(SUPPORTED, high=0.9), finding(SUPPORTED, low=-0.8)
    )
    assert held.verdict == SUPPORTED and held.values["weakest"] == "b"
    left = everything(finding(SUPPORTED), finding(UNDECIDED, high=1.2), finding(SUPPORTED))
    assert left.verdict == UNDECIDED and left.values["open"] == "b"


def test_one_clear_failure_is_enough_after_holm():
    clear = everything(
        finding(UNDECIDED, -9, 1), finding(CONTRADICTED, 2, 3, p=0.001), finding(SUPPORTED)
    )
    assert clear.verdict == CONTRADICTED and clear.values["failed"] == "b"
    assert (clear.low, clear.high) == (2, 3), "shown with the numbers of the part that fails"
    weak = everything(finding(SUPPORTED), finding(CONTRADICTED, 1.1, 3, p=0.03), finding(SUPPORTED))
    assert weak.verdict == UNDECIDED


def test_what_cannot_speak_has_no_say():
    silent = finding(NOT_TESTABLE)
    assert everything(silent, finding(SUPPORTED), finding(SUPPORTED)).verdict == SUPPORTED
    assert everything(silent, silent, silent).verdict == NOT_TESTABLE


def some(*found):
    return any_of.decide(PART, None, dict(zip("abc", found)))


def test_some_hold_after_holm_and_none_only_if_all_fail():
    good = finding(SUPPORTED, p=0.01)
    bad = finding(CONTRADICTED)
    assert some(good, bad, bad).verdict == SUPPORTED
    assert some(finding(SUPPORTED, p=0.04), bad, bad).verdict == UNDECIDED
    assert some(bad, bad, bad).verdict == CONTRADICTED
    assert some(bad, finding(UNDECIDED), bad).values["open"] == "b"


def test_the_clearest_of_several_has_a_wider_interval():
    chosen = Estimate(-0.4, 0.1, 9, 10)
    low, high = chosen.interval(1 - 0.1 / 3)
    found = some(
        finding(SUPPORTED, p=0.001, estimate=chosen), finding(UNDECIDED), finding(UNDECIDED)
    )
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert found.level == pytest.approx(1 - 0.1 / 3)


def test_what_is_not_better_contradicts_all_of():
    lacking = finding(CONTRADICTED, -0.5, 0.1, p=0.999, superior=True)
    better = finding(SUPPORTED, 2.0, 3.0, p=0.001, superior=True)
    assert everything(better, lacking, better).verdict == CONTRADICTED
    assert everything(better, better, better).verdict == SUPPORTED


def curve(*losses):
    return [CurvePoint(100 * (i + 1), 0, loss, loss, 0.0) for i, loss in enumerate(losses)]


def test_steps_are_read_between_points():
    assert steps.steps_to(curve(6.0, 5.0, 4.0), 5.0) == 200
    assert steps.steps_to(curve(6.0, 5.0, 4.0), 4.25) == pytest.approx(275)
    assert steps.steps_to(curve(4.0, 5.0), 4.5) == 100
    assert math.isinf(steps.steps_to(curve(6.0, 5.5), 5.0))


@pytest.mark.parametrize(
    "effect, verdict", [(3.0, SUPPORTED), (1.0, UNDECIDED), (-3.0, CONTRADICTED)]
)
def test_better_by_a_margin(effect, verdict):
    found = Estimate(effect, 0.5, 9, 10)
    low, high = found.interval(0.90)
    part = {"test": "better", "min_seeds": 5}
    assert contrast.verdict_of(part, found, low, high, 1.0)[0] == verdict
    assert (contrast.p_of_difference("better", found, 1.0) < 0.05) == (verdict == SUPPORTED)


@pytest.mark.parametrize(
    "ratio, arm_never, reference_never, verdict",
    [
        (0.8, 0, 0, SUPPORTED),
        (0.8, 0, 2, SUPPORTED),
        (0.8, 1, 0, UNDECIDED),  # the missing one might be twice as slow
        (1.0, 0, 0, CONTRADICTED),
        (1.3, 2, 0, CONTRADICTED),
        (1.0, 0, 5, UNDECIDED),  # the reference never arrived, how much later nobody knows
    ],
)
def test_what_never_arrived_decides_nothing_in_its_favour(
    ratio, arm_never, reference_never, verdict
):
    found = steps.Arrivals([], arm_never, reference_never)
    part = {"min_seeds": 5, "level": 0.9}
    estimate = Estimate(math.log(ratio), 0.01, 9, 10)
    assert steps.verdict_of(part, estimate, found, math.log(0.95))[0] == verdict


def test_a_ratio_with_missing_arrivals_is_a_bound():
    assert [steps.Arrivals([], *never).bound for never in ((0, 0), (2, 0), (0, 1), (1, 1))] == (
        ["", "≥", "≤", "≈"]
    )
    part, estimate = {"min_seeds": 5, "level": 0.9}, Estimate(0.0, 0.01, 9, 10)
    reasons = [
        steps.verdict_of(part, estimate, steps.Arrivals([], never, 0), math.log(0.95))[1]
        for never in (0, 1)
    ]
    assert reasons == ["as_fast", "not_faster"], "who never arrived was not as fast"
