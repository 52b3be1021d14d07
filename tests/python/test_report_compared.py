"""All encodings together."""

from conftest import Truth, write

from report import claims
from report.load import load
from report.tables import Context
from report.tables.compared import encodings_compared


def rows_of(tmp_path, score):
    run = write(tmp_path / "run", Truth(studies=("parity",), score=score))
    return encodings_compared(Context(load([run]), claims.read_claims(), []))


def test_scores_run_from_none_to_the_best(tmp_path):
    rows = rows_of(tmp_path, {"learned": 90.0, "sinusoid": 80.0, "none": 70.0})
    assert [row[0] for row in rows] == ["learned", "sinusoid", "none"]
    learned, sinusoid, none = (row[3] for row in rows)
    assert (learned, none) == (100, 0) and 45 < sinusoid < 55


def test_where_nothing_beats_none_there_is_no_scale(tmp_path):
    assert rows_of(tmp_path, {"learned": 70.0, "sinusoid": 70.0, "none": 90.0}) == []
