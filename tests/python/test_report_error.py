"""The table and the chart of errors, from made-up records."""

import conftest
import made_up_error
import pytest

from report import claims, figures, load
from report.errors import ReportError
from report.tables import Context, make_tables
from report.text import Locale
from report.view import grid

FAR = [10.0**-k for k in (6, 5, 5, 4, 3, 2)]  # one f32 angle: the error grows with the position
NEAR = 6 * [1.2e-7]
FARTHEST = ("libm", "tensor2tensor", 1_000_000)


def run_of(folder, fill):
    writer = conftest.Writer(conftest.Truth())
    fill(writer)
    return writer.write(folder / "run")


def add(writer, arm, largest, hidden=128, seed=0, **more):
    spec = made_up_error.spec_of(arm, hidden, seed)
    writer.add("encoding_error", spec, made_up_error.result_of(largest, **more))


def context_of(run):
    evidence = load.load([run])
    read = claims.read_claims()
    return Context(evidence, read, claims.decide(read, evidence))


def table_of(run):
    return make_tables(context_of(run))["encoding_error"]


def two_ways(writer):
    for arm, largest in (("libm", FAR), ("simd", NEAR)):
        for suffix in ("", "_t2t"):
            add(writer, arm + suffix, largest)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("errors"), two_ways)


def test_a_row_is_one_range_of_one_way_in_one_convention(run):
    table = table_of(run)
    assert len(table.rows) == 2 * 2 * len(made_up_error.RANGES)
    rows = [dict(zip(table.columns, row)) for row in table.rows]
    (row,) = [r for r in rows if (r["producer"], r["convention"], r["to"]) == FARTHEST]
    assert (row["from"], row["rows"]) == (100_000, 2048)
    assert (row["max_abs_error"], row["declared"]) == (1e-2, 2e-2)
    assert row["mean_abs_error"] == pytest.approx(1e-3)
    assert (row["worst_t"], row["worst_column"]) == (999_999, 3)


def test_samples_of_one_range_are_one_row(tmp_path):
    def fill(writer):
        add(writer, "simd", NEAR, seed=0)
        add(writer, "simd", 6 * [1.8e-7], seed=1, rows=6 * (1024,))

    table = table_of(run_of(tmp_path, fill))
    assert table.column("max_abs_error") == 6 * [1.8e-7]
    assert table.column("rows") == 6 * [3072]
    assert table.column("mean_abs_error") == pytest.approx(6 * [(2 * 1.2e-8 + 1.8e-8) / 3])


def test_the_page_shows_a_column_for_each_range(run):
    (part,) = grid(table_of(run), Locale("en")).parts
    heads = [cell.text for cell in part.head]
    assert heads[-6:] == ["127", "511", "2047", "9999", "99999", "1000000"]
    assert len(part.rows) == 4
    far = next(row for row in part.rows if "libm" in [cell.text for cell in row])[-1]
    assert (far.text, far.below) == ("1.0e-02", "1.0e-03 mean\n2.0e-02 declared")


def test_the_chart_is_drawn_from_records_alone(run, small_run):
    once, again = (figures.draw("error_by_position", context_of(run), "x") for _ in range(2))
    assert once == again and [svg[:4] for svg in once] == ["<svg"]
    assert figures.draw("error_by_position", context_of(small_run), "x") == []
    assert table_of(small_run).rows == []


def test_the_claim_shows_both():
    (claim,) = [c for c in claims.read_claims() if c.id == "C2"]
    assert "error_by_position" in claim.charts and "encoding_error" in claim.tables


def test_a_range_without_its_error_is_refused_by_name(tmp_path):
    def fill(writer):
        add(writer, "simd", NEAR)
        del writer.records[0]["result"]["ranges"][2]["max_abs_error"]

    with pytest.raises(ReportError, match="max_abs_error"):
        load.load([run_of(tmp_path, fill)])
