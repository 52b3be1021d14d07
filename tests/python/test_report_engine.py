"""The engine's tables, charts and goals from made-up records, and what is refused."""

import csv
import io
import math
import tomllib

import conftest
import made_up_engine
import numpy as np
import pytest

from report import claims, cost, engine, figures, goals, load
from report import peers as peers_command
from report.errors import ReportError
from report.figures.engine import largest
from report.statistics import ratio_of_sums
from report.tables import Context, make_tables
from report.tables.engine import encoder_parts

SIZES = [{}, {"hidden": 256, "layers": 4}, {"precision": "bf16"}, {"batch": 1}]


def fill(writer, processes=3):
    for process in range(processes):
        for kind in ("forward", "train"):
            for size in SIZES:
                record = made_up_engine.engine_record(kind, process, **size)
                writer.add("encoder_cost", *record)
        for work in made_up_engine.WORKS:
            writer.add("peers", *made_up_engine.peer_record(process, work))


def run_of(folder, fill):
    writer = conftest.Writer(conftest.Truth())
    fill(writer)
    return writer.write(folder / "run")


def context_of(run):
    evidence = load.load([run])
    read = claims.read_claims()
    return Context(evidence, read, claims.decide(read, evidence))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("engine"), fill)


@pytest.fixture(scope="module")
def context(run):
    return context_of(run)


@pytest.fixture(scope="module")
def tables(context):
    return make_tables(context)


def rows_of(table, **wanted):
    rows = [dict(zip(table.columns, row)) for row in table.rows]
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def test_a_share_of_the_peak_is_arithmetic_by_time_by_peak(tables):
    rows = rows_of(tables["encoder_speed"])
    assert len(rows) == 2 * len(SIZES)
    for row in rows:
        assert row["peak_share"] == pytest.approx(80, rel=0.01)
        assert row["low"] < row["peak_share"] < row["high"]
        tokens = row["length"] * row["batch"]
        assert row["tokens_per_s"] == pytest.approx(1e3 * tokens / row["call_ms"])
    (one,) = rows_of(tables["encoder_speed"], hidden=256, **{"pass": "train, f32"})
    spec = made_up_engine.encoder_spec("train", 0, hidden=256, layers=4)
    assert one["call_ms"] == pytest.approx(made_up_engine.ns_of(spec) / 1e6, rel=0.01)
    assert (one["allocations"], one["library_allocations"]) == (0, 72)


def test_the_parts_of_a_pass(tables):
    shape = {"hidden": 256, "pass": "train"}
    found = {row["part"]: row for row in rows_of(tables["encoder_parts"], **shape)}
    for part, share in made_up_engine.SHARES.items():
        assert found[part]["part_share"] == pytest.approx(100 * share)
    assert found["position"]["part_share"] == pytest.approx(0.2, rel=0.05)
    assert not rows_of(tables["encoder_parts"], part="optimizer", **{"pass": "forward"})


def test_other_shapes_leave_the_position_claims_alone(tables, full_run):
    assert tables["encoder_share"].rows == []
    shapes = cost.shapes(load.load([full_run]))
    assert {shape.kind for shape in shapes} == {"forward", "train"}


def test_a_speed_up_is_taken_block_by_block_with_its_interval(tables):
    (row,) = rows_of(tables["peers"], work="train, d 128, 2 layers, L 128, B 32", engine="pytorch")
    assert row["times_ours"] == pytest.approx(2, rel=0.01)
    assert row["low"] < row["times_ours"] < row["high"] < 2.1  # the shared noise is 5 %
    assert row["memory_ratio"] == pytest.approx(0.2)
    (ours,) = rows_of(tables["peers"], work=row["work"], engine="posbench")
    assert ours["peak_share"] == pytest.approx(80, rel=0.01)
    assert row["peak_share"] == pytest.approx(40, rel=0.02)
    assert math.isnan(ours["times_ours"]) and math.isnan(ours["memory_ratio"])


def test_of_an_epoch_the_totals_count(tables):
    work = "epoch, d 128, 2 layers, 4,096 tokens a batch"
    (row,) = rows_of(tables["peers"], work=work, engine="pytorch")
    assert row["times_ours"] == pytest.approx(2, rel=0.02)
    assert row["accuracy"] == pytest.approx(90)
    (ours,) = rows_of(tables["peers"], work=work, engine="posbench")
    assert ours["peak_share"] == pytest.approx(80, rel=0.02)


def test_a_ratio_of_sums_is_not_the_ratio_of_a_typical_block():
    blocks = np.array([1.0, 1.0, 10.0])
    processes = 3 * [(blocks * [1, 1, 4], blocks)]
    found = ratio_of_sums(processes, "test")
    assert math.exp(found.effect) == pytest.approx(42 / 12)
    assert found.se > 0.1


def test_a_peer_that_took_no_part_says_why(tables):
    train = "train, d 128, 2 layers, L 128, B 32"
    (row,) = rows_of(tables["peers"], work=train, engine="onnxruntime")
    assert row["skipped"] == "runs forward passes only" and row["processes"] == 0
    assert math.isnan(row["call_ms"])


def test_settings_are_one_row_for_equal_processes(tables):
    (row,) = rows_of(
        tables["peer_tuning"], work="train, d 128, 2 layers, L 128, B 32", engine="pytorch"
    )
    assert row["processes"] == 3 and row["tuning"] == "threads 1, way: (b c)"
    assert row["version"] == "pytorch 1.0"


@pytest.mark.parametrize("chart", ["encoder_parts", "peer_speed"])
def test_charts_are_drawn_from_records_alone(chart, context):
    once, again = (figures.draw(chart, context, "x") for _ in range(2))
    assert once == again and [svg[:4] for svg in once] == ["<svg"]


def test_a_chart_has_the_largest_batch_of_each_size(context):
    bars = largest(encoder_parts(context))
    assert [bar[:3] for bar in bars] == [
        (kind, *size)
        for kind in ("forward", "train")
        for size in ((128, "f32"), (256, "f32"), (128, "bf16"))
    ]
    assert {bar[-1] for bar in bars} == {8}


def test_without_records_the_tables_say_so(tmp_path):
    empty = context_of(run_of(tmp_path, lambda writer: None))
    for name in ("encoder_speed", "encoder_parts", "peers", "peer_tuning"):
        assert make_tables(empty)[name].rows == []
    assert figures.draw("encoder_parts", empty, "x") == figures.draw("peer_speed", empty, "x") == []


def test_the_page_has_the_section_with_and_without_records(small_report):
    page = (small_report / "index.html").read_text()
    assert 'id="engine"' in page and "ci/peers" in page and "not measured" in page.lower()


def test_records_from_before_the_parts_keep_their_positions(tmp_path):
    def old(writer):
        arm = {"block": [0, 1], "ns": [1e6, 1e6], "position_ns": [1e4, 1e4]}
        spec = made_up_engine.encoder_spec("forward", 0) | {"arms": ["learned", "none"]}
        del spec["precision"]
        writer.add("encoder_cost", spec, {"arms": {"learned": arm, "none": arm}, "timer_ns": 20.0})

    context = context_of(run_of(tmp_path, old))
    found = make_tables(context)
    (learned, _) = rows_of(found["encoder_share"])
    assert learned["share"] == pytest.approx(1)
    assert found["encoder_speed"].rows == found["encoder_parts"].rows == []


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda r: r["arms"]["learned"]["parts"].pop("position"), "lacks 'position'"),
        (lambda r: r["arms"]["learned"].pop("parts"), "lacks 'parts'"),
        (lambda r: r["arms"]["learned"]["parts"]["norm"].pop(), "lists of different length"),
        (lambda r: r["f32_peak_gflops"].pop(), "fewer entries in 'f32_peak_gflops'"),
        (lambda r: r["allocations_per_call"]["learned"].pop("own"), "lacks 'own'"),
    ],
)
def test_a_damaged_record_is_named(tmp_path, change, said):
    def one(writer):
        spec, result = made_up_engine.engine_record("forward", 0)
        change(result)
        writer.add("encoder_cost", spec, result)

    with pytest.raises(ReportError, match=said):
        load.load([run_of(tmp_path, one)])


def outcome(evidence, text, folder):
    """The row of a goals file with this one goal."""
    (folder / "one.toml").write_text('[[goal]]\nid = "a"\narm = "b"\n' + text)
    (row,) = goals.rows(goals.read_goals(folder / "one.toml"), evidence)
    return dict(zip(goals.HEADER, row))


LATENCY = 'where = { work = "forward", hidden = 128, batch = 1, length = 32 }\n'
TRAIN = 'where = { work = "train", precision = "f32", hidden = 128 }\n'


@pytest.mark.parametrize(
    "goal, measure, rest, measured",
    [
        (">=1.9", "speed_up", 'peers = ["pytorch"]\n' + TRAIN, 2.0),
        (">=1.4", "speed_up", 'peers = ["pytorch", "onnxruntime"]\n' + LATENCY, 1.5),  # the faster
        (">=79", "share_of_peak", TRAIN, 80.0),
        ("<=0.21", "memory_ratio", 'peers = ["pytorch"]\n' + TRAIN, 0.2),
        ("<=0.7", "memory_ratio", 'peers = ["pytorch", "onnxruntime"]\n' + LATENCY, 2 / 3),
    ],
)
def test_goals_against_peers_and_peak(context, tmp_path, goal, measure, rest, measured):
    text = f'goal = "{goal}"\nstudy = "peers"\nmeasure = "{measure}"\n{rest}'
    row = outcome(context.evidence, text, tmp_path)
    assert float(row["measured"]) == pytest.approx(measured, rel=0.01) and row["met"] == "yes"
    assert float(row["low"]) <= float(row["measured"]) <= float(row["high"])


@pytest.mark.parametrize(
    "where", [TRAIN.replace("128", "512"), TRAIN]  # no such work; a peer that took no part
)
def test_a_goal_without_its_work_or_peer_is_not_met(context, tmp_path, where):
    text = 'goal = ">=1"\nstudy = "peers"\nmeasure = "speed_up"\n'
    text += 'peers = ["pytorch", "onnxruntime"]\n' + where
    row = outcome(context.evidence, text, tmp_path)
    assert (row["measured"], row["met"]) == ("", "no")


@pytest.mark.parametrize(
    "where, said",
    [
        ('where = { work = "train" }', "does not say which"),
        ('where = { wrk = "train" }', "asks where wrk"),
    ],
)
def test_a_goal_that_names_no_one_work_is_refused(context, tmp_path, where, said):
    text = 'goal = ">=1"\nstudy = "peers"\nmeasure = "share_of_peak"\n' + where + "\n"
    with pytest.raises(ReportError, match=said):
        outcome(context.evidence, text, tmp_path)


def test_the_most_allocations_of_any_record_count(tmp_path):
    def two(writer):
        for process, own in enumerate((0, 2)):
            spec, result = made_up_engine.engine_record("train", process)
            result["allocations_per_call"]["learned"]["own"] = own
            writer.add("engine_goals", spec, result)

    text = 'goal = "<=0"\nstudy = "engine_goals"\nmeasure = "allocations"\n'
    row = outcome(load.load([run_of(tmp_path, two)]), text, tmp_path)
    assert (row["measured"], row["low"], row["high"], row["met"]) == ("2", "2", "2", "no")


def test_every_goal_names_a_work_that_its_study_holds():
    """The study's settings as they stand, expanded by hand as far as the goals look."""
    file = goals.FOLDER.parent.parent / "bench" / "studies" / "peers.toml"
    study = tomllib.loads(file.read_text())
    defaults = {"hidden": 128, "layers": 2, "precision": "f32", "batch_by": "tokens"}
    kept = study["profile"]["standard"]["settings"]
    planned = []
    for setting in (s for s in study["setting"] if s["setting"] in kept):
        for length in setting.get("grid", {}).get("length", [study["base"]["length"]]):
            planned.append(defaults | study["base"] | {"length": length} | setting)
    for goal in goals.read_goals(goals.FOLDER / "engine.toml").goals:
        if goal.study == "peers":
            where = goal.how["where"].items()
            assert sum(where <= spec_items(spec) for spec in planned) == 1, goal.id


def spec_items(spec):
    return {key: value for key, value in spec.items() if not isinstance(value, dict)}.items()


def test_the_command_prints_every_work_and_engine(run, capsys):
    assert peers_command.main([str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 * len(made_up_engine.WORKS)
    assert any("runs forward passes only" in line for line in lines)
    assert peers_command.main([]) == 2 and peers_command.main([str(run / "trials")]) == 2


OTHER_WORKS = {
    "forward, rope:halves, d 128, 2 layers, L 128, B 32": {
        "encoding": "rope",
        "convention": "halves",
    },
    "forward, gpt/learned, d 128, 2 layers, L 128, B 32": {"system": "gpt"},
    "forward, longformer/none, d 128, 2 layers, window 8, 2 global, L 128, B 32": {
        "system": "longformer",
        "encoding": "none",
        "window": 8,
        "globals": 2,
    },
}


def test_works_of_other_systems_and_encodings_are_kept_apart_by_name(tmp_path, capsys):
    def others(writer):
        for other in ({}, *OTHER_WORKS.values()):
            spec = made_up_engine.peer_spec(0, **other)
            writer.add("encoding_peers", spec, made_up_engine.peer_result(spec, {"pytorch": 2}, {}))

    run = run_of(tmp_path, others)
    works = engine.works(load.load([run]))
    plain = "forward, d 128, 2 layers, L 128, B 32"
    assert [str(work) for work in works][0] == plain
    assert {str(work) for work in works} == {plain, *OTHER_WORKS}
    assert all(len(processes) == 1 for processes in works.values())
    assert peers_command.main([str(run)]) == 0
    printed = capsys.readouterr().out
    assert all(f"{work}  " in printed for work in works)


def test_the_csv_of_goals_names_every_goal(run, capsys):
    assert goals.main(["engine", str(run)]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["id"] for row in rows if row["met"] == "yes"} >= {"train_d128", "memory_d128"}
