"""Published figures beside our own."""

import math

import pytest
from conftest import Truth, write

from report import claims
from report.load import load
from report.statistics import Estimate
from report.tables import Context
from report.tables.published import direction, literature, published


@pytest.mark.parametrize(
    "expected, effect, said",
    [
        (1, 3.0, "same"),
        (1, -3.0, "opposite"),
        (-1, -3.0, "same"),
        (1, 0.5, "cannot_tell"),
        (0, 0.0, "same"),
        (0, 5.0, "opposite"),
        (0, 1.5, "cannot_tell"),
    ],
)
def test_directions_need_the_whole_interval(expected, effect, said):
    assert direction(expected, Estimate(effect, 0.5, 9, 10), 2.0) == said


def test_one_seed_tells_no_direction():
    assert direction(1, Estimate(5.0, math.nan, 0, 1), 1.0) == "cannot_tell"


def test_every_figure_names_its_paper_and_what_was_read():
    for figure in published()["figure"]:
        assert figure["paper"] and figure["what"] and figure["expected"] in (-1, 0, 1)
        assert sum(figure["terms"].values()) == 0, figure["id"]


def test_what_is_not_measured_says_so(tmp_path):
    run = write(tmp_path / "run", Truth(studies=("parity",)))
    rows = literature(Context(load([run]), claims.read_claims(), []))
    assert len(rows) == len(published()["figure"])
    assert {row[-1] for row in rows} == {"not_measured"}
