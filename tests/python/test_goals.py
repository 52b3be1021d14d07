"""Goals from made-up records: met, missed, not measurable, and which cells count."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import conftest
import made_up_cost
import made_up_error
import numpy as np
import pytest
from made_up_cost import Cell

from report import goals, load
from report.errors import ReportError

ROOT = Path(__file__).parent.parent.parent
TRUTH = {  # time relative to learned_slice
    "copy": 0.7,
    "learned_slice": 1.0,
    "learned_slice_nt": 0.75,
    "learned_slice_intrinsics": 0.99,
    "best_lookup": 0.9,
    "best_lookup_in_place": 0.8,
    "best_computed": 0.63,
    "best_computed_in_place": 0.56,
    "simd": 1.5,
    "vector_library": 3.0,
    "libm": 45.0,
    "recurrence": 1.0,
    "recurrence_intrinsics": 0.98,
}
L1, L2, L3, DRAM = Cell(64, 32), Cell(128, 512), Cell(768, 2048), Cell(1024, 8192)
COLD = Cell(128, 512, 1, "dram_cold")


def working_set(arm, cell):
    """As the harness counts it: in place x is y; lookups touch the rows as well."""
    tokens = 4 * cell.hidden * cell.length * cell.batch
    rows = 0 if "computed" in arm or arm in ("copy", "simd") else 4 * cell.hidden * cell.length
    return (1 if arm.endswith("_in_place") else 2) * tokens + rows


def add(writer, cell, truth, chosen=None, processes=5, noise=0.002):
    """One cell, whose processes take what `truth` says, but for the noise."""
    rng = np.random.default_rng([cell.hidden, cell.length, cell.batch])
    for process in range(processes):
        times = {
            arm: conftest.timings(rng, writer.truth, 1000 * r, noise) for arm, r in truth.items()
        }
        result = made_up_cost.result_of(cell, times)
        result["working_set_bytes"] = {arm: working_set(arm, cell) for arm in truth}
        if chosen:
            result["chosen"] |= chosen
        spec = made_up_cost.spec_of(cell, list(truth), writer.truth.blocks, process)
        writer.add("kernel_goals", spec, result)


NT = {"best_lookup": "learned_slice_nt", "best_computed": "simd_nt"}


def add_world(writer):
    for cell in (L1, L2, L3):
        add(writer, cell, TRUTH)
    add(writer, DRAM, TRUTH, NT)
    add(writer, COLD, {**TRUTH, "best_computed": 0.27, "best_computed_in_place": 0.24})


def run_of(folder, fill):
    writer = conftest.Writer(conftest.Truth())
    fill(writer)
    return writer.write(folder / "run")


def outcome(run):
    """Rows of the kernels' goals by id, as dictionaries."""
    read = goals.read_goals(goals.FOLDER / "kernels.toml")
    found = goals.rows(read, load.load([run]))
    return {row[0]: dict(zip(goals.HEADER, row)) for row in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("goals"), add_world)


@pytest.fixture(scope="module")
def found(world):
    return outcome(world)


@pytest.mark.parametrize(
    "goal, expected",
    [
        ("lookup_copy", 0.9 / 0.7),
        ("lookup_nt", 0.75),
        ("best_hot", 0.7),
        ("best_dram", 0.7),
        ("best_cold", 0.3),
        ("simd_libm", 30),
        ("simd_vector_library", 2),
        ("highway", 1 / 0.98),  # of the two, the worse
    ],
)
def test_a_mean_of_ratios_has_its_interval_and_is_met(found, goal, expected):
    row = found[goal]
    assert float(row["measured"]) == pytest.approx(expected, rel=0.005)
    assert float(row["low"]) < float(row["measured"]) < float(row["high"])
    assert row["met"] == "yes"


def test_a_share_of_cells_has_an_exact_interval(tmp_path):
    def fill(writer):
        add(writer, L2, TRUTH)
        add(writer, L3, {**TRUTH, "best_computed": 1.2})

    row = outcome(run_of(tmp_path, fill))["best_hot_cells"]
    assert (row["measured"], row["met"]) == ("0.75", "no")  # 3 of 4: out of place and in place
    assert [float(row[k]) for k in ("low", "high")] == pytest.approx([0.1941, 0.9937], abs=1e-4)


def test_met_is_said_by_measured_alone(tmp_path):
    noisy = run_of(tmp_path, lambda w: add(w, L2, {**TRUTH, "copy": 0.65}, noise=0.1))
    row = outcome(noisy)["lookup_copy"]
    assert float(row["measured"]) <= 1.45 < float(row["high"]) and row["met"] == "yes"
    far = outcome(run_of(tmp_path / "far", lambda w: add(w, L2, {**TRUTH, "copy": 0.5})))
    assert far["lookup_copy"]["met"] == "no"


def test_what_no_record_measures_is_not_met(tmp_path):
    truth = {arm: r for arm, r in TRUTH.items() if arm != "libm"}
    empty = ("", "", "", "no")
    found = outcome(run_of(tmp_path, lambda w: add(w, L2, truth)))
    for goal in ("simd_libm", "lookup_nt", "best_dram", "best_cold"):
        row = found[goal]
        assert (row["measured"], row["low"], row["high"], row["met"]) == empty
    assert found["simd_vector_library"]["met"] == "yes"


def test_every_pair_of_a_goal_has_to_be_there(tmp_path):
    truth = {a: r for a, r in TRUTH.items() if a not in ("recurrence", "best_lookup_in_place")}
    found = outcome(run_of(tmp_path, lambda w: add(w, L2, truth)))
    assert [found[g]["measured"] for g in ("highway", "best_hot", "best_hot_cells")] == 3 * [""]


def test_one_process_gives_no_interval(tmp_path):
    row = outcome(run_of(tmp_path, lambda w: add(w, L2, TRUTH, processes=1)))["best_hot"]
    assert (row["low"], row["high"], row["met"]) == ("", "", "yes") and row["measured"]


def test_levels_are_those_of_the_pairs_own_baseline(tmp_path):
    """In place 24 MiB, which L3 holds; out of place 36 MiB, which it does not."""
    between = Cell(768, 4096)
    assert working_set("best_lookup_in_place", between) <= 1 << 25
    assert working_set("best_lookup", between) > 1 << 25
    truth = {**TRUTH, "best_computed": 9.0, "best_computed_in_place": 0.4}

    def fill(writer):
        add(writer, L2, TRUTH)
        add(writer, between, truth)

    expected = (0.7 * 0.7 * 0.5) ** (1 / 3)
    row = outcome(run_of(tmp_path, fill))["best_hot"]
    assert float(row["measured"]) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("one", NT)
def test_at_dram_sizes_both_store_past_the_caches_or_the_cell_is_left_out(tmp_path, one):
    plain = {one: NT[one].removesuffix("_nt")}

    def fill(writer):
        add(writer, DRAM, TRUTH, NT)
        add(writer, Cell(512, 65536), {**TRUTH, "best_computed": 5.0}, {**NT, **plain})

    row = outcome(run_of(tmp_path, fill))["best_dram"]
    assert float(row["measured"]) == pytest.approx(0.7, rel=0.005)


def test_short_texts_and_other_states_stay_out(tmp_path):
    slow = {**TRUTH, "best_computed": 5.0, "best_computed_in_place": 5.0}

    def fill(writer):
        add(writer, L2, TRUTH)
        add(writer, COLD._replace(batch=8), slow)
        add(writer, Cell(1024, 64), slow)

    row = outcome(run_of(tmp_path, fill))["best_hot"]
    assert float(row["measured"]) == pytest.approx(0.7, rel=0.005)


def command(*words):
    call = [sys.executable, "-m", "report.goals", *map(str, words)]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_prints_csv_and_then_where_computing_loses(tmp_path):
    def fill(writer):
        add(writer, L2, {**TRUTH, "best_computed": 1.2})
        add(writer, COLD, {**TRUTH, "best_computed": 1.8})

    done = command("kernels", run_of(tmp_path, fill))
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "id,arm,goal,measured,low,high,met"
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    names = [goal.id for goal in goals.read_goals(goals.FOLDER / "kernels.toml").goals]
    assert [row["id"] for row in rows] == names
    assert {row["met"] for row in rows} == {"yes", "no"}
    title, worst, other = done.stderr.splitlines()
    assert title == "cells in which computing loses to looking up: 2 of 4"
    assert (
        float(worst.split()[0]) == pytest.approx(2, rel=0.01)
        and "dram_cold L2, d 128, L 512, B 1" in worst
    )
    assert (
        float(other.split()[0]) == pytest.approx(4 / 3, rel=0.01)
        and "recurrence against learned_slice" in other
    )


def test_all_goals_met_is_exit_0_and_one_missed_is_exit_1(world, tmp_path, monkeypatch, capsys):
    text = '[[goal]]\nid = "a"\narm = "x, y"\ngoal = "%s"\nstudy = "kernel_goals"\n'
    text += 'measure = "mean_ratio"\npairs = [["learned_slice_nt", "learned_slice"]]\n'
    monkeypatch.setattr(goals, "FOLDER", tmp_path)
    for bound, code in (("<=0.80", 0), ("<=0.70", 1), (">=0.70", 0), (">=0.80", 1)):
        (tmp_path / "few.toml").write_text(text % bound)
        assert goals.main(["few", str(world)]) == code
        (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
        assert (row["arm"], row["goal"], row["met"]) == ("x, y", bound, "no" if code else "yes")


@pytest.mark.parametrize(
    "errors, measured",
    [
        ([("simd", 1e-7), ("simd_t2t", 1.5e-7), ("simd", 1.9e-7), ("libm", 1e-2)], "1.9e-07"),
        ([("simd", 1e-7)], ""),  # the other convention is not measured
        ([("simd", 1e-7), ("simd_t2t", None), ("simd_t2t", 1e-7)], ""),  # not finite
    ],
)
def test_the_largest_error_is_that_of_the_worst_range_of_any_record(tmp_path, errors, measured):
    def fill(writer):
        for seed, (arm, worst) in enumerate(errors):
            result = made_up_error.result_of([1e-8, 1e-8, 1e-8, worst, 1e-8, 1e-8])
            writer.add("encoding_error", made_up_error.spec_of(arm, seed=seed), result)

    how = {"study": "encoding_error", "arms": ["simd", "simd_t2t"]}
    found = goals.largest_error(load.load([run_of(tmp_path, fill)]), how)
    assert (goals.number(found.value) if found else "") == measured
    assert measured == "" or found.low == found.value == found.high


def test_absent_records_are_said(tmp_path):
    run = run_of(tmp_path, lambda w: add(w, L2, TRUTH))
    next((run / "trials").glob("*.json")).unlink()
    assert (
        "warning: kernel_goals lacks 1 of its records (no record)" in command("kernels", run).stderr
    )


def test_bad_use_is_exit_2_and_names_what_exists(tmp_path):
    assert (
        "choose from 'encodings', 'engine', 'kernels'"
        in (wrong := command("kernls", tmp_path)).stderr
    )
    assert wrong.returncode == 2
    assert (none := command("kernels", tmp_path)).returncode == 2
    assert "it holds no run.json" in none.stderr
    assert command("kernels").returncode == 2


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('"<=1.45"', '"<1.45"', "'<1.45' as a goal"),
        ('"mean_ratio"', '"mean"', "no measure 'mean'"),
        ('id = "lookup_copy"', "", "lacks 'id'"),
        ("pairs = ", "pair = ", "lacks 'pairs'"),
        ('goal = "<=1.45"', "goal = ", "not valid TOML"),
    ],
)
def test_a_bad_goals_file_is_named_with_its_key(world, tmp_path, old, new, said):
    text = (goals.FOLDER / "kernels.toml").read_text()
    assert old in text
    (tmp_path / "bad.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ReportError, match=said) as refused:
        goals.rows(goals.read_goals(tmp_path / "bad.toml"), load.load([world]))
    assert "bad.toml" in str(refused.value)


def test_ci_goals_answers_bad_use_with_what_exists():
    for words, said in (
        (["kernls"], "there are: encodings engine kernels"),
        ([], "There are: encodings engine kernels"),
        (["kernels", "--uot", "x"], "--out"),
        (["kernels", "--out"], "needs a folder"),
        (["../claims/C1"], "there are: encodings engine kernels"),
    ):
        done = subprocess.run(["ci/goals", *words], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
    assert (
        "0 all goals met"
        in subprocess.run(
            ["ci/goals", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    )


def test_the_goals_studies_are_there():
    for name in goals.names():
        for study in goals.read_goals(goals.FOLDER / f"{name}.toml").studies:
            assert (ROOT / "bench" / "studies" / f"{study}.toml").is_file()
