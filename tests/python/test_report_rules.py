"""Rules on findings and curves that are given by hand."""

import math

import pytest

from report.records import CurvePoint
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


def finding(verdict, low=-0.5, high=0.5, p=0.5, p_support=0.5):
    values = {"test": "tost", "p_support": p_support}
    return Finding(
        verdict, "", values, effect=(low + high) / 2, low=low, high=high, margin=1.0, n=10, p=p
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
    clear = everything(finding(SUPPORTED), finding(CONTRADICTED, 2, 3, p=0.001), finding(SUPPORTED))
    assert clear.verdict == CONTRADICTED and clear.values["failed"] == "b"
    weak = everything(finding(SUPPORTED), finding(CONTRADICTED, 1.1, 3, p=0.03), finding(SUPPORTED))
    assert weak.verdict == UNDECIDED


def test_what_cannot_speak_has_no_say():
    silent = finding(NOT_TESTABLE)
    assert everything(silent, finding(SUPPORTED), finding(SUPPORTED)).verdict == SUPPORTED
    assert everything(silent, silent, silent).verdict == NOT_TESTABLE


def some(*found):
    return any_of.decide(PART, None, dict(zip("abc", found)))


def test_some_hold_after_holm_and_none_only_if_all_fail():
    good = finding(SUPPORTED, p_support=0.01)
    bad = finding(CONTRADICTED)
    assert some(good, bad, bad).verdict == SUPPORTED
    assert some(finding(SUPPORTED, p_support=0.04), bad, bad).verdict == UNDECIDED
    assert some(bad, bad, bad).verdict == CONTRADICTED
    assert some(bad, finding(UNDECIDED), bad).values["open"] == "b"


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
    assert (contrast.p_against("better", found, 1.0) < 0.05) == (verdict == CONTRADICTED)
