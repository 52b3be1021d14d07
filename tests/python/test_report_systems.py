"""Tables, charts and goals of encodings, systems and growth, from records whose truth is known."""

import csv
import io
import math

import conftest
import made_up_engine
import made_up_growth
import pytest

from report import claims, figures, goals, growth, load
from report.errors import ReportError
from report.tables import Context, make_tables

LENGTHS = (1024, 2048, 4096)


def fill(writer):
    for process in range(3):
        for length in LENGTHS:
            arms = ("encoder/learned", "longformer/learned")
            writer.add("growth", *made_up_growth.growth_record(length, process, arms))
        for length in (8192, 16384):
            arms = ("longformer/learned",)
            writer.add("growth", *made_up_growth.growth_record(length, process, arms))
        for study in ("encodings", "systems"):
            writer.add(study, *made_up_growth.encodings_record(process))
        sizes = {"hidden": 256, "layers": 4, "length": 512, "batch": 8}
        for encoding, times in (("rope", 1.5), ("learned", 1.2)):
            spec = made_up_engine.peer_spec(process, encoding=encoding, **sizes)
            writer.add(
                "encoding_peers", spec, made_up_engine.peer_result(spec, {"pytorch": times}, {})
            )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    writer = conftest.Writer(conftest.Truth())
    fill(writer)
    return writer.write(tmp_path_factory.mktemp("systems") / "run")


@pytest.fixture(scope="module")
def context(run):
    evidence = load.load([run])
    read = claims.read_claims()
    return Context(evidence, read, claims.decide(read, evidence))


@pytest.fixture(scope="module")
def tables(context):
    return make_tables(context)


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row)) for row in table.rows]
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def test_an_encoding_is_compared_with_its_own_system_without_one(tables):
    for arm, times in (("rope", 1.04), ("gpt/rope", 0.84 / 0.8)):
        (row,) = rows_of(tables["encodings_cost"], arm=arm)
        assert row["ratio"] == pytest.approx(times)  # the noise is shared and cancels
        assert row["share"] == pytest.approx(2)
        assert row["working_bytes"] == 1 << 20
    (none,) = rows_of(tables["encodings_cost"], arm="gpt/none")
    assert math.isnan(none["ratio"]) and none["call_ms"] == pytest.approx(80, rel=0.1)


def test_an_encoding_stands_beside_pytorchs(tables):
    (rope,) = rows_of(tables["encodings_cost"], arm="rope")
    assert rope["pytorch"] == pytest.approx(1.5, rel=0.02)
    (other,) = rows_of(tables["encodings_cost"], arm="gpt/rope")
    assert math.isnan(other["pytorch"])
    works = {row["work"] for row in rows_of(tables["peers"], engine="pytorch")}
    assert works == {f"forward, {rope}d 256, 4 layers, L 512, B 8" for rope in ("rope, ", "")}


def test_exponents_are_those_of_the_records(tables):
    (windowed,) = rows_of(tables["growth_exponents"], arm="longformer/learned")
    assert (windowed["from"], windowed["to"]) == (1024, 16384)
    for name in ("exponent", "scores_exponent"):
        assert windowed[name] == pytest.approx(1, abs=0.02)
    assert windowed["low"] < windowed["exponent"] < windowed["high"]
    assert windowed["memory_exponent"] == pytest.approx(1, abs=1e-4)
    (full,) = rows_of(tables["growth_exponents"], arm="encoder/learned")
    assert full["scores_exponent"] == pytest.approx(2, abs=0.03)
    assert 1.5 < full["exponent"] < 2


def test_two_lengths_fit_any_power_and_give_none(tables):
    points = {0: {64: 1.0, 128: 2.0}}
    assert growth.exponent(points, 0, "two") is None
    assert growth.exponent({0: {64: 1.0, 128: 2.0, 256: 4.0}}, 128, "two") is None


def test_a_length_that_one_process_lacks_is_left_out():
    points = {0: {64: 1.0, 128: 2.0, 256: 4.0, 512: 8.0}, 1: {64: 3.0, 128: 6.0, 512: 24.0}}
    assert growth.lengths(points) == [64, 128, 512]
    fitted = growth.exponent(points, 0, "gap")
    assert fitted.effect == pytest.approx(1) and fitted.n == 2


@pytest.mark.parametrize("chart", ["encodings_cost", "growth_by_length"])
def test_charts_are_drawn_or_left_out(chart, context, tmp_path):
    drawn = figures.draw(chart, context, "x")
    assert drawn and drawn == figures.draw(chart, context, "x")
    writer = conftest.Writer(conftest.Truth())
    writer.add("growth", *made_up_growth.growth_record(64, 0, ("encoder/learned",)))
    evidence = load.load([writer.write(tmp_path / "run")])
    assert figures.draw(chart, Context(evidence, [], []), "x") == []


def test_the_goals_are_measured(run, capsys):
    assert goals.main(["encodings", str(run)]) == 1  # not all arms are there
    found = {row["id"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert float(found["rope.forward"]["measured"]) == pytest.approx(1.04)
    assert found["rope.forward"]["met"] == "yes"
    assert (found["alibi.forward"]["measured"], found["alibi.forward"]["met"]) == ("", "no")
    scores = 40 * 4096**2 / (40 * 1024 * 4096)
    assert float(found["longformer.attention"]["measured"]) == pytest.approx(scores, rel=1e-4)
    whole = (40 * 4096 + made_up_growth.REST) / (40 * 1024 + made_up_growth.REST)
    assert float(found["longformer.forward"]["measured"]) == pytest.approx(whole, rel=1e-4)
    for goal in ("longformer.time_growth", "longformer.scores_growth", "longformer.memory_growth"):
        assert float(found[goal]["measured"]) == pytest.approx(1, abs=0.02)
        assert found[goal]["met"] == "yes"


def test_a_goal_that_means_several_shapes_is_refused(context):
    how = {"id": "x", "study": "growth", "where": {"kind": "forward"}, "quantity": "time"}
    how |= {"timed": "encoder/learned", "baseline": "longformer/learned", "least_length": 0}
    for measure in (goals.pass_ratio, goals.growth_exponent):
        with pytest.raises(ReportError, match="'x' does not say which"):
            measure(context.evidence, how)


def test_records_name_the_arithmetic_of_every_arm(tmp_path):
    writer = conftest.Writer(conftest.Truth())
    spec, result = made_up_growth.encodings_record(0)
    del result["gflop"]["rope"]
    writer.add("encodings", spec, result)
    with pytest.raises(ReportError, match="has no 'gflop' of 'rope'"):
        load.load([writer.write(tmp_path / "run")])
