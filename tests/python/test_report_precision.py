"""bf16 against f32: equal where they are, different where they differ, nothing where few seeds say so."""

import pytest
from conftest import Truth, Writer, accuracy_result, accuracy_spec

from report import claims
from report.load import load
from report.tables import Context
from report.tables.precision import precision_parity


def run_of(folder, bf16, seeds=10, encodings=("learned", "sinusoid")):
    """Trainings in both precisions; `bf16` is what the second scores, 88 the first."""
    truth = Truth(tasks=("tagging",), seeds=seeds)
    writer = Writer(truth)
    for seed in range(100, 100 + seeds):
        for encoding in encodings:
            for precision, score in (("f32", 88.0), ("bf16", bf16)):
                spec = accuracy_spec("tagging", encoding, seed, 0.1) | {"precision": precision}
                if precision == "bf16":
                    spec["arm"] = f"{encoding}_bf16"
                result = accuracy_result(truth, "tagging", spec["arm"], seed, score)
                writer.add("precision", spec, result)
    return writer.write(folder)


def rows_of(run):
    read = claims.read_claims()
    return precision_parity(Context(load([run]), read, []))


def test_equal_precisions_are_equal(tmp_path):
    rows = rows_of(run_of(tmp_path / "run", 88.0))
    assert [row[:3] for row in rows] == [["tagging", "learned", 10], ["tagging", "sinusoid", 10]]
    for *_, effect, low, high, margin, reachable, verdict in rows:
        assert verdict == "SUPPORTED" and margin == 1.0
        assert -margin < low < effect < high < margin
        assert 0 < reachable < margin


@pytest.mark.parametrize("bf16", [84.0, 92.0])
def test_a_precision_that_scores_otherwise_is_not_equal(tmp_path, bf16):
    for *_, effect, low, high, margin, _, verdict in rows_of(run_of(tmp_path / "run", bf16)):
        assert verdict == "CONTRADICTED"
        assert (effect < 0) == (bf16 < 88)


def test_few_seeds_decide_nothing(tmp_path):
    assert {row[-1] for row in rows_of(run_of(tmp_path / "run", 88.0, seeds=3))} == {"UNDECIDED"}


def test_a_machine_without_bf16_has_no_row(tmp_path):
    truth = Truth(tasks=("tagging",))
    writer = Writer(truth)
    spec = accuracy_spec("tagging", "learned", 100, 0.1) | {"precision": "f32"}
    writer.add("precision", spec, accuracy_result(truth, "tagging", "learned", 100, 88.0))
    assert rows_of(writer.write(tmp_path / "run")) == []
