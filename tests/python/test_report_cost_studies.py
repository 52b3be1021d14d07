"""Tables and charts of limits, crossover, variants, tiers, threads and fused embedding.

The made-up machine (made_up_cost.py) says what each must come out as.
"""

import math
import re

import made_up_cost
import pytest
from conftest import COST_ARMS, SMALL, Truth, edit_run, write

from report import claims, cost, figures, load
from report.arms import parse
from report.limits import limits
from report.tables import Context, make_tables
from report.text import Locale

CHARTS = ("crossover", "roofline", "share_of_limit", "tier_ratios")
WORLD = {"processes": 3, "blocks": 7, "hidden": (128,), "lengths": (128,)}


def context_of(run):
    evidence = load.load([run])
    read = claims.read_claims()
    return Context(evidence, read, claims.decide(read, evidence))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    truth = Truth(**WORLD, studies=("encoding_cost", *made_up_cost.ARMS))
    return write(tmp_path_factory.mktemp("studies") / "run", truth)


@pytest.fixture(scope="module")
def context(run):
    return context_of(run)


@pytest.fixture(scope="module")
def tables(context):
    return make_tables(context)


def rows_of(table, **wanted):
    """Rows as dictionaries, those that hold the wanted values."""
    rows = [dict(zip(table.columns, row)) for row in table.rows]
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def test_a_share_is_bytes_by_time_over_those_of_the_arms_own_stream(tables):
    cell = made_up_cost.Cell(768, 2048)
    for row in rows_of(tables["cost_share_of_limit"], study="encoding_variants", hidden=768):
        arm, stream = row["arm"], made_up_cost.stream_of(row["arm"])
        assert row["stream"] == stream
        pace = [made_up_cost.bytes_of(a, cell) / made_up_cost.ns_of(a, cell) for a in (arm, stream)]
        assert row["share_of_limit"] == pytest.approx(100 * pace[0] / pace[1], rel=0.03)
        assert row["low"] < row["share_of_limit"] < row["high"]
        assert row["gb_per_s"] == pytest.approx(pace[0], rel=0.03)


def test_streams_and_none_have_no_share(tables):
    shown = set(tables["cost_share_of_limit"].column("arm"))
    assert "learned_slice" in shown and not shown & {*made_up_cost.STREAMS, "none"}


def test_levels_come_from_the_hosts_caches(tables):
    by_shape = {
        (row["hidden"], row["length"]): row["memory_level"]
        for row in rows_of(tables["cost_share_of_limit"], study="encoding_variants")
    }
    assert by_shape == {(128, 16): "L1", (128, 512): "L2", (768, 2048): "L3", (1024, 16384): "DRAM"}
    shown = rows_of(tables["cost_roofline"])
    assert {row["memory_level"] for row in shown} == {"L1", "L2", "L3", "DRAM"}
    for row in shown:
        assert row["memory_level"] == made_up_cost.level_of(row["working_set_bytes"])


def test_the_roofline_gives_bandwidth_with_its_interval(tables):
    (row,) = rows_of(tables["cost_roofline"], arm="copy", length=65536)
    assert row["gb_per_s"] == pytest.approx(made_up_cost.COPY["DRAM"], rel=0.02)
    assert row["low"] < row["gb_per_s"] < row["high"]


def test_the_crossover_names_winners_by_interval(tables):
    table = tables["crossover"]
    assert len(table.rows) == 3 * 6 * 13
    for row in rows_of(table):
        sides = {"computing": row["high"] < 1, "lookup": row["low"] > 1}
        sides["neither"] = row["low"] <= 1 <= row["high"]
        assert sides[row["winner"]]
    (short,) = rows_of(table, state="hot", hidden=64, length=16)
    (long,) = rows_of(table, state="dram_cold", hidden=1024, length=65536)
    assert (short["winner"], long["winner"]) == ("lookup", "computing")
    assert (long["computed_kernel"], long["lookup_kernel"]) == ("recurrence", "learned_slice_nt")


def test_the_crossover_summary_counts_lengths(tables):
    (row,) = rows_of(tables["crossover_summary"], state="hot", hidden=64)
    assert row["lengths"] == 13 == row["computing_wins"] + row["neither_wins"] + row["lookup_wins"]
    assert row["lookup_wins"] == 2 and row["always_from"] == 64


def test_regret_is_the_time_lost_against_the_fastest_of_the_kind(tables):
    (computed,) = rows_of(tables["best_rule"], arm="best_computed_in_place")
    assert computed["cells"] == 4 and computed["chose"] == "recurrence_in_place 4"
    assert computed["rule"] == made_up_cost.RULES["best_computed"]
    for row in rows_of(tables["best_choices"], arm="best_computed_in_place"):
        cell = made_up_cost.Cell(row["hidden"], row["length"])
        own, fastest = (
            made_up_cost.ns_of(arm, cell)
            for arm in ("best_computed_in_place", "recurrence_in_place")
        )
        assert row["regret"] == pytest.approx(own / fastest, rel=0.03)
    (lookup,) = rows_of(tables["best_rule"], arm="best_lookup_in_place")
    assert lookup["regret"] == pytest.approx(1, abs=0.02)


def test_variants_are_compared_with_the_lookup_that_does_the_same(tables):
    for row in rows_of(tables["cost_variants"]):
        arm, baseline = parse(row["arm"]), parse(row["baseline"])
        assert baseline.source == "learned_slice"
        assert baseline.variant == arm.variant or arm.source == "learned_slice"
    (nt,) = rows_of(tables["cost_variants"], arm="learned_slice_nt", memory_level="DRAM")
    assert nt["baseline"] == "learned_slice" and nt["ratio"] == pytest.approx(1 / 1.5, rel=0.02)


def test_a_limited_tier_is_never_called_another_cpu(tables, context):
    names = ["this CPU, AVX-512", "this CPU limited to AVX2", "this CPU limited to SSE4"]
    assert list(dict.fromkeys(tables["cost_tiers"].column("tier"))) == names
    page_words = " ".join(names + limits(context, Locale("en")))
    assert "This CPU limited to AVX2, this CPU limited to SSE4: limits set by hand" in page_words
    (libm,) = rows_of(tables["cost_tiers"], arm="libm", tier=names[1])
    assert libm["native_ratio"] == pytest.approx(1.6, rel=0.02)
    (native,) = rows_of(tables["cost_tiers"], arm="libm", tier=names[0])
    assert math.isnan(native["native_ratio"])


def test_threads_speed_up(tables):
    rows = rows_of(tables["cost_threads"], arm="learned_slice", memory_level="DRAM")
    (row,) = rows
    assert row["threads"] == 2 and row["speed_up"] == pytest.approx(2**0.9, rel=0.02)
    assert row["ns_one"] / row["ns_all"] == pytest.approx(row["speed_up"], rel=0.02)


def test_the_marginal_cost_is_paired_with_the_pass_without_positions(tables):
    (row,) = rows_of(tables["embedding_cost"], arm="embed_simd", hidden=768)
    cell = made_up_cost.Cell(768, 2048)
    own, bare = (made_up_cost.ns_of(a, cell) for a in ("embed_simd", "embed_none"))
    assert row["marginal_ns"] == pytest.approx((own - bare) / (768 * 2048), rel=0.15)
    assert row["marginal_percent"] == pytest.approx(100 * (own - bare) / own, rel=0.15)
    (segments,) = rows_of(tables["embedding_cost"], arm="embed_none_segments", hidden=768)
    assert math.isnan(segments["marginal_ns"])
    (same,) = rows_of(tables["embedding_summary"], arm="embed_learned_segments")
    assert same["ratio"] == 1


def test_limits_name_what_the_machine_cannot_show(run, tmp_path):
    entry = {"what": "avx512", "study": "encoding_tiers", "trials": 6, "reason": "has avx2"}
    edited = tmp_path / "run"
    edited.mkdir()
    (edited / "trials").symlink_to(run / "trials")
    (edited / "run.json").write_text((run / "run.json").read_text())
    edit_run(edited, lambda r: r["unavailable"].append(entry))
    said = " ".join(limits(context_of(edited), Locale("en")))
    assert "avx512 (encoding_tiers)" in said and "One NUMA node" in said
    assert "planned trials have no record" not in said
    assert re.search("crossover 3.*encoding_tiers 3", said)


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_are_drawn_from_records_alone(chart, context):
    once, again = (figures.draw(chart, context, "x") for _ in range(2))
    assert once == again and [svg[:4] for svg in once] == ["<svg"]


def test_without_these_studies_there_are_no_charts_and_empty_tables(small_run):
    context = context_of(small_run)
    for chart in ("crossover", "roofline", "tier_ratios"):
        assert figures.draw(chart, context, "x") == []
    found = make_tables(context)
    for table in "crossover cost_variants cost_tiers cost_threads embedding_cost".split():
        assert found[table].rows == []


def test_one_process_gives_tables_and_charts_without_intervals(tmp_path):
    truth = Truth(**{**SMALL, "processes": 1}, studies=tuple(made_up_cost.ARMS))
    context = context_of(write(tmp_path / "run", truth))
    assert all(figures.draw(chart, context, "x") for chart in CHARTS)
    crossover = make_tables(context)["crossover"]
    assert set(crossover.column("winner")) == {"neither"}


def test_the_same_shape_in_two_studies_is_two_cells(context):
    """Each ratio comes from its own study's processes."""
    found = {}
    for study in ("encoding_cost", "encoding_tiers"):
        cells = cost.cells(context.evidence, study)
        cell = cost.Cell(study, "hot", "avx512", 1, 128, 128, 1)
        found[study] = cost.ratio(context.evidence, cell, cells[cell], "simd", cost.BASELINE)
    assert math.exp(found["encoding_cost"].effect) == pytest.approx(COST_ARMS["simd"], rel=0.02)
    cell = made_up_cost.Cell(128, 128)
    expected = made_up_cost.ns_of("simd", cell) / made_up_cost.ns_of("learned_slice", cell)
    assert math.exp(found["encoding_tiers"].effect) == pytest.approx(expected, rel=0.02)
